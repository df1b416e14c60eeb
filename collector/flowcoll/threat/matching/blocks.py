"""Sets of addresses that are asked whether one is in them: sorted edges, so that an answer is one search."""

from bisect import bisect_right
from collections.abc import Iterable

from flowcoll.enrich.locality import Address, network, parse

Span = tuple[Address, Address]
"""First and last address, of one family."""


class Blocks:
    """Addresses, whatever spans they came in."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        families: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        for first, last in spans:
            families[isinstance(first, bytes)].append((_number(first), _number(last)))
        self._edges4, self._edges6 = map(_edges, families)

    def __contains__(self, address: Address) -> bool:
        """Tell whether an address, not IPv4-mapped, is among them."""
        if isinstance(address, int):
            return bisect_right(self._edges4, address) % 2 == 1
        return bisect_right(self._edges6, int.from_bytes(address, "big")) % 2 == 1

    def __bool__(self) -> bool:
        return bool(self._edges4 or self._edges6)


def span(text: str) -> Span:
    """Give first and last address of `address`, `network/length` or `first-last`; ValueError, which quotes the text."""
    begin, dash, end = text.partition("-")
    if not dash:
        return network(text.strip())
    first, last = parse(begin.strip()), parse(end.strip())
    if isinstance(first, int) is not isinstance(last, int) or _number(first) > _number(last):
        raise ValueError(f"{text!r} does not go from a lower to a higher address")
    return first, last


def _number(address: Address) -> int:
    return address if isinstance(address, int) else int.from_bytes(address, "big")


def _edges(spans: list[tuple[int, int]]) -> list[int]:
    """Give where addresses begin to be among them, and where they end to be, in turns."""
    edges: list[int] = []
    for first, last in sorted(spans):
        if edges and first <= edges[-1]:
            edges[-1] = max(edges[-1], last + 1)
        else:
            edges += (first, last + 1)
    return edges
