"""The match table: spans of addresses, flattened so that a look-up is one bisection.

A span and what is said of it is one integer until the table is made: first address, how far the last one is from the
highest, number of what is said; so wider spans come before those within them. Of one list the smallest span over an
address counts, of two that are as small the lower one.

Nothing here is an object that Python's garbage collector walks over, and what many rows say is kept once.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush, merge
from typing import Any

from flowcoll.enrich.locality import Address, wholly_private
from flowcoll.threat.unwrap import Pause

_RUN = 4096  # sorted at once
_OFTEN = 64  # spans between two pauses
_MOST_SAID = 16  # of one span: documents show all of it
_NUMBER = 0xFFFF_FFFF

_Span = tuple[int, int, int]
"""First address, last address, number of what is said."""


class Table:
    """Address -> what is said of it, as octets, or b"" for nothing; `entries` says how many spans it holds."""

    def __init__(self, flat4: "_Flat", flat6: "_Flat", said: Sequence[bytes]) -> None:
        self._starts4, self._which4 = flat4.starts, flat4.which
        self._starts6, self._which6 = flat6.starts, flat6.which
        self._said = said
        self.entries = flat4.entries + flat6.entries
        self.networks = flat4.networks + flat6.networks
        self.private = flat4.private + flat6.private

    def find(self, address: Address) -> bytes:
        """Give what is said of an address, be it private or not; an IPv4-mapped address is given as int."""
        if isinstance(address, int):
            return self._said[self._which4[bisect_right(self._starts4, address) - 1]]
        return self._said[self._which6[bisect_right(self._starts6, address) - 1]]


class Spans:
    """Collects spans for a table."""

    def __init__(self) -> None:
        self._said = [b""]
        self._numbers = {b"": 0}
        self._runs: dict[int, list[list[int]]] = {32: [[]], 128: [[]]}

    def add(self, first: Address, last: Address, said: bytes) -> None:
        """Add a span; what rows say of one and the same is joined, line by line."""
        if isinstance(first, int) and isinstance(last, int):
            self._put(32, first, last, self._number(said))
        elif isinstance(first, bytes) and isinstance(last, bytes):
            self._put(128, int.from_bytes(first, "big"), int.from_bytes(last, "big"), self._number(said))

    def table(self, pause: Pause) -> Table:
        """Make the table; the spans are gone then."""
        four = _Flat(array("I", [0]), int, 32).fill(self._distinct(32), pause)
        six = _Flat([bytes(16)], lambda place: place.to_bytes(16, "big"), 128).fill(self._distinct(128), pause)
        return Table(four, six, self._said)

    def _put(self, bits: int, first: int, last: int, number: int) -> None:
        runs = self._runs[bits]
        if len(runs[-1]) >= _RUN:
            runs[-1].sort(reverse=True)
            runs.append([])
        runs[-1].append(first << bits + 32 | ((1 << bits) - 1 - last) << 32 | number)

    def _number(self, said: bytes) -> int:
        number = self._numbers.setdefault(said, len(self._said))
        if number == len(self._said):
            self._said.append(said)
        return number

    def _distinct(self, bits: int) -> Iterator[_Span]:
        """Give each span once, in order, with all that is said of it."""
        highest = (1 << bits) - 1
        runs = self._runs.pop(bits)
        runs[-1].sort(reverse=True)
        span, numbers = -1, [0]
        for packed in merge(*map(_rising, runs)):
            number = packed & _NUMBER
            if packed >> 32 != span:
                if span >= 0:
                    yield span >> bits, highest - (span & highest), self._joined(numbers)
                span, numbers = packed >> 32, [number]
            elif number != numbers[-1] and len(numbers) < _MOST_SAID:
                numbers.append(number)
        if span >= 0:
            yield span >> bits, highest - (span & highest), self._joined(numbers)

    def _joined(self, numbers: Sequence[int]) -> int:
        return numbers[0] if len(numbers) == 1 else self._number(b"\n".join(self._said[each] for each in numbers))


def _rising(run: list[int]) -> Iterator[int]:
    """Give the numbers of a falling run from its end on; each is gone then, so that they do not all go at once."""
    run.insert(0, -1)
    return iter(run.pop, -1)


class _Flat:
    """Where each stretch of addresses begins, and the number of what counts in it."""

    def __init__(self, starts: Any, shown: Callable[[int], Any], bits: int) -> None:
        self.starts = starts
        self.which = array("I", [0])
        self.entries = self.networks = self.private = 0
        self._shown = shown
        self._bits = bits
        self._open: list[tuple[int, int, int, int]] = []  # size, first, last, number: a heap
        self._ends: list[int] = []  # a heap

    def fill(self, spans: Iterator[_Span], pause: Pause) -> "_Flat":
        """Take all spans."""
        ends = self._ends
        for first, last, number in spans:
            while ends and ends[0] < first:
                self._close()
            heappush(ends, last)
            heappush(self._open, (last - first, first, last, number))
            self._mark(first)
            self._count(first, last)
            if self.entries % _OFTEN == 0:
                pause()
        while ends:
            self._close()
            if len(ends) % _OFTEN == 0:
                pause()
        return self

    def _close(self) -> None:
        """End the span that ends first; those that have ended lie deeper in the other heap, and go when they come up."""
        last = heappop(self._ends)
        while self._open and self._open[0][2] <= last:
            heappop(self._open)
        if last < (1 << self._bits) - 1:
            self._mark(last + 1)

    def _mark(self, place: int) -> None:
        number = self._open[0][3] if self._open else 0
        shown = self._shown(place)
        if self.starts[-1] == shown:
            self.which[-1] = number
        elif self.which[-1] != number:
            self.starts.append(shown)
            self.which.append(number)

    def _count(self, first: int, last: int) -> None:
        self.entries += 1
        self.networks += first != last
        self.private += wholly_private(self._shown(first), self._shown(last))
