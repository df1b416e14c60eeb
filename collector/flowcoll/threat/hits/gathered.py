"""What matched lately: each listed address with the flows it was in, bounded.

A worker counts matches in `Gathered`, which gives what is new every few seconds; the supervisor puts this together in
`Hits`. Where there is no room the address that was seen longest ago goes, and is counted.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from flowcoll.counters import Counts
from flowcoll.document.fragment import Fragments
from flowcoll.enrich.address import LISTED
from flowcoll.enrich.locality import Address, text, unmapped
from flowcoll.threat.reading.unwrap import Pause, at_once

KEPT_MS = 30 * 86_400_000
"""How long an address is remembered after its last flow."""

_MOST_GATHERED = 65_536
_MOST_KEPT = 50_000
_MOST_LISTS = 64  # of one address: what comes over a channel or from a file is bounded too
_OFTEN = 256  # rows between two pauses
_FORGOTTEN = "threats.hits_forgotten"


class Hit(NamedTuple):
    """A listed address: its first and last flow as ms since 1970, how many there were, and the lists that named it."""

    address: str
    first_ms: int
    last_ms: int
    flows: int
    lists: tuple[str, ...]

    @classmethod
    def of(cls, row: Any) -> "Hit":
        """Take a row as JSON has it. ValueError, TypeError."""
        address, first_ms, last_ms, flows, lists = row
        numbers = first_ms, last_ms, flows
        names = tuple(lists)[:_MOST_LISTS]
        if not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
            raise ValueError("no such numbers")
        if not all(isinstance(name, str) for name in (address, *names)):
            raise TypeError("no names")
        return cls(address, first_ms, last_ms, flows, names)

    def and_(self, other: "Hit") -> "Hit":
        """Give both as one."""
        return Hit(
            self.address,
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
            self.flows + other.flows,
            tuple(dict.fromkeys(self.lists + other.lists))[:_MOST_LISTS],
        )


_Seen = list[Any]
"""First and last time, flows, the counters that count them, the names of the lists."""


class Gathered:
    """Counts matches in one worker, and gathers what matched until it is taken.

    naming: gives the names of the lists that match an address.
    """

    def __init__(
        self, naming: Callable[[Address], tuple[str, ...]], counts: Counts, most: int = _MOST_GATHERED
    ) -> None:
        self._counts = counts
        self._most = most
        self._names: Fragments[Address, tuple[str, ...]] = Fragments(lambda address: naming(unmapped(address)), 16_384)
        self._seen: OrderedDict[Address, _Seen] = OrderedDict()
        self._before: deque[tuple[Address, _Seen]] = deque()  # those seen before lists have changed

    def match(self, src: Address | None, src_flags: int, dst: Address | None, dst_flags: int, now_ms: int) -> None:
        """Count a flow; the generated code calls this once for each record with a listed address."""
        if not src_flags & LISTED:
            keys: Iterable[str] = self._note(dst, now_ms)
        elif dst_flags & LISTED and dst != src:
            keys = {*self._note(src, now_ms), *self._note(dst, now_ms)}
        else:
            keys = self._note(src, now_ms)
        counts = self._counts
        for key in keys:
            counts[key] += 1

    def forget(self) -> list[dict[Any, Any]]:
        """Ask anew which lists name an address, since lists have changed; give what was known, to be taken apart in time."""
        known = dict(self._names)
        self._names.clear()
        self._before.extend(self._seen.items())
        self._seen = OrderedDict()
        return [known]

    def take(self, pause: Pause = at_once) -> list[list[Any]]:
        """Give what is new since the last time, as rows that JSON can hold; an address may have two."""
        taken = self._before, self._seen.items()
        self._before, self._seen = deque(), OrderedDict()
        rows: list[list[Any]] = []
        for each in taken:
            for address, (first_ms, last_ms, flows, _, names) in each:
                rows.append([text(address), first_ms, last_ms, flows, names])
                if len(rows) % _OFTEN == 0:
                    pause()
        return rows

    def _note(self, address: Address | None, now_ms: int) -> Iterable[str]:
        """Note a flow of an address, and give the counters that count it."""
        seen = self._seen.get(address)  # type: ignore[arg-type]
        if seen is None:
            return self._first(address, now_ms) if address is not None else ()
        seen[1] = now_ms
        seen[2] += 1
        keys: Iterable[str] = seen[3]
        return keys

    def _first(self, address: Address, now_ms: int) -> Iterable[str]:
        names = self._names[address]
        if not names:
            return ()
        if len(self._seen) + len(self._before) >= self._most:
            self._before.popleft() if self._before else self._seen.popitem(last=False)
            self._counts.add(_FORGOTTEN)
        keys = ("threats.matches", *("threats.list_matches." + name for name in names))
        self._seen[address] = [now_ms, now_ms, 1, keys, names]
        return keys


class Hits:
    """What all workers have gathered, the longest ago first."""

    def __init__(self, counts: Counts, most: int = _MOST_KEPT) -> None:
        self._counts = counts
        self._most = most
        self._hits: OrderedDict[str, Hit] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hits)

    def __iter__(self) -> Iterator[Hit]:
        """Give every address."""
        return iter(list(self._hits.values()))

    def add(self, rows: Iterable[Any], pause: Pause = at_once) -> None:
        """Add rows; one that makes no sense counts for nothing."""
        for number, row in enumerate(rows, 1):
            try:
                hit = Hit.of(row)
            except (ValueError, TypeError):
                continue
            known = self._hits.pop(hit.address, None)
            self._hits[hit.address] = known.and_(hit) if known else hit
            if len(self._hits) > self._most:
                self._hits.popitem(last=False)
                self._counts.add(_FORGOTTEN)
            if number % _OFTEN == 0:
                pause()

    def expire(self, now_ms: int) -> None:
        """Forget addresses that had no flow for 30 days."""
        for address, hit in list(self._hits.items()):
            if hit.last_ms < now_ms - KEPT_MS:
                del self._hits[address]
