"""Spans of addresses, and what is said of them, made a match table.

A span and what is said of it is one integer until then: first address, how far the last one is from the highest, number
of what is said; so wider spans come before those within them. A single host has no last address. Of two spans that are as
small the lower one counts.

Nothing here is an object that Python's garbage collector walks over, and what many rows say is kept once.
"""

import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from functools import partial
from heapq import heappop, heappush
from itertools import chain
from typing import Any, BinaryIO

from flowcoll.enrich.locality import Address, is_private, unmapped, wholly_private
from flowcoll.errors import ListError
from flowcoll.threat.matching.sections import Section, checksum, pieces, tops, write
from flowcoll.threat.reading.unwrap import Pause

_FEW = 2048  # sorted at once
_DIGIT = 12  # bits by which more than a few are parted
_OFTEN = 64  # spans between two pauses
_MOST_SAID = 16  # of one span: documents show all of it
_NUMBER = 0xFFFF_FFFF
_HALF = 0xFFFF_FFFF_FFFF_FFFF


class Spans:
    """Collects spans for a table."""

    def __init__(self) -> None:
        self._said = [b""]
        self._numbers = {b"": 0}
        self._hosts: dict[int, Any] = {32: array("Q"), 128: []}
        self._networks: dict[int, list[int]] = {32: [], 128: []}

    def add(self, first: Address, last: Address, said: bytes) -> None:
        """Add a span; what rows say of one and the same is joined, line by line. IPv4-mapped addresses are IPv4."""
        number = self._number(said)
        if not isinstance(first, int):
            four = unmapped(first), unmapped(last)
            first, last = four if isinstance(four[0], int) and isinstance(four[1], int) else (first, last)
        if isinstance(first, int) and isinstance(last, int):
            self._put(32, first, last, number)
        elif isinstance(first, bytes) and isinstance(last, bytes):
            self._put(128, int.from_bytes(first, "big"), int.from_bytes(last, "big"), number)

    def write(self, file: BinaryIO, about: Mapping[str, Any], pause: Pause) -> Mapping[str, int]:
        """Write the table, and give its figures: entries, networks, private; the spans are gone then. OSError, ListError."""
        arrays: dict[str, array[int]] = {}
        figures = dict.fromkeys(("entries", "networks", "private"), 0)
        for bits, version in ((32, 4), (128, 6)):
            for name, flat, values, width in (
                ("hosts", _Hosts(bits), self._hosts.pop(bits), bits + 32),
                ("starts", _Flat(bits), self._networks.pop(bits), bits * 2 + 32),
            ):
                flat.fill(self._distinct(_sorted(values, width, pause)), pause)
                arrays |= flat.places.arrays(f"{name}{version}", pause) | {f"{name}{version}_which": flat.which}
                figures["entries"] += flat.entries
                figures["private"] += flat.private
                figures["networks"] += flat.entries if name == "starts" else 0
        _drained(self._numbers, self._numbers.popitem, pause)
        sections = {name: _section(each, pause) for name, each in arrays.items()}
        write(file, about, figures, sections | _texts(self._said, pause), pause)
        _drained(self._said, self._said.pop, pause)
        return figures

    def _put(self, bits: int, first: int, last: int, number: int) -> None:
        if first == last:
            self._hosts[bits].append(first << 32 | number)
        else:
            self._networks[bits].append(first << bits + 32 | ((1 << bits) - 1 - last) << 32 | number)

    def _number(self, said: bytes) -> int:
        number = self._numbers.setdefault(said, len(self._said))
        if number == len(self._said):
            self._said.append(said)
        return number

    def _distinct(self, chunks: Iterable[Sequence[int]]) -> Iterator[tuple[int, int]]:
        """Give each span once, in order, with the number of all that is said of it."""
        span, number, more = -1, 0, [0]
        for packed in chain.from_iterable(chunks):
            if packed >> 32 != span:
                if span >= 0:
                    yield span, number if len(more) < 2 else self._joined(more)
                span, number = packed >> 32, packed & _NUMBER
                more = [number]
            elif packed & _NUMBER != more[-1] and len(more) < _MOST_SAID:
                more.append(packed & _NUMBER)
        if span >= 0:
            yield span, number if len(more) < 2 else self._joined(more)

    def _joined(self, numbers: Sequence[int]) -> int:
        return self._number(b"\n".join(self._said[each] for each in numbers))


def _sorted(values: Any, bits: int, pause: Pause) -> Iterator[Sequence[int]]:
    """Give numbers of so many bits in order, some at a time; they are gone then. Many are first parted by their digits."""
    if len(values) <= _FEW or bits <= 0:
        yield sorted(values)
        return
    shift = max(bits - _DIGIT, 0)
    parts = [values[:0] for _ in range(1 << _DIGIT)]
    for place, value in enumerate(values):
        parts[value >> shift & (1 << _DIGIT) - 1].append(value)
        if place % _OFTEN == 0:
            pause()
    del values[:]
    parts.reverse()
    while parts:
        yield from _sorted(parts.pop(), shift, pause)
        pause()


def _drained(collected: Sized, take: Callable[[], object], pause: Pause) -> None:
    """Empty something that is long step by step, since it would go in one long one."""
    while collected:
        take()
        if len(collected) % _OFTEN == 0:
            pause()


def _section(octets: Any, pause: Pause) -> Section:
    return Section(partial(pieces, octets), memoryview(octets).nbytes, checksum(octets, pause))


def _texts(said: Sequence[bytes], pause: Pause) -> dict[str, Section]:
    """Give the sections of what is said. ListError when it is too much."""
    starts, total, found = array("I"), 0, 0
    for text in said:
        if total > _NUMBER:
            break
        starts.append(total)
        total += len(text)
        found = zlib.crc32(text, found)
        if len(starts) % _OFTEN == 0:
            pause()
    if total > _NUMBER:
        raise ListError("says more than 4 GiB of its addresses", "too_large")
    starts.append(total)

    def some() -> Iterator[bytes]:
        return (b"".join(said[start : start + _OFTEN]) for start in range(0, len(said), _OFTEN))

    return {"said_starts": _section(starts, pause), "said": Section(some, total, found)}


class _Places:
    """Addresses of one family, as a table has them."""

    def __init__(self, bits: int) -> None:
        self._halves = bits > 64
        self._highs = array("Q" if self._halves else "I")
        self._lows = array("Q")

    def append(self, place: int) -> None:
        """Add one."""
        if self._halves:
            self._highs.append(place >> 64)
            self._lows.append(place & _HALF)
        else:
            self._highs.append(place)

    def arrays(self, name: str, pause: Pause) -> "dict[str, array[int]]":
        """Give the sections that have a name."""
        if self._halves:
            return {f"{name}_high": self._highs, f"{name}_low": self._lows}
        return {name: self._highs, f"{name}_tops": tops(self._highs, pause)}


class _Hosts:
    """Addresses of single hosts, and the number of what is said of each."""

    def __init__(self, bits: int) -> None:
        self.places = _Places(bits)
        self.which = array("I")
        self.entries = self.private = 0
        self._bits = bits

    def fill(self, hosts: Iterator[tuple[int, int]], pause: Pause) -> None:
        """Take all of them, in order."""
        for host, number in hosts:
            self.places.append(host)
            self.which.append(number)
            self.private += is_private(_key(host, self._bits))
            self.entries += 1
            if self.entries % _OFTEN == 0:
                pause()


class _Flat:
    """Where each stretch of addresses begins, and the number of what counts in it."""

    def __init__(self, bits: int) -> None:
        self.places = _Places(bits)
        self.which = array("I")
        self.entries = self.private = 0
        self._bits = bits
        self._last = -1  # place
        self._open: list[tuple[int, int, int, int]] = []  # size, first, last, number: a heap
        self._ends: list[int] = []  # a heap

    def fill(self, spans: Iterator[tuple[int, int]], pause: Pause) -> None:
        """Take all of them, in order."""
        bits, ends, highest = self._bits, self._ends, (1 << self._bits) - 1
        self._mark(0)
        for span, number in spans:
            first, last = span >> bits, highest - (span & highest)
            while ends and ends[0] < first:
                self._close()
            heappush(ends, last)
            heappush(self._open, (last - first, first, last, number))
            self._mark(first)
            self.entries += 1
            self.private += wholly_private(_key(first, bits), _key(last, bits))
            if self.entries % _OFTEN == 0:
                pause()
        while ends:
            self._close()
            if len(ends) % _OFTEN == 0:
                pause()

    def _close(self) -> None:
        """End the span that ends first; those that have ended lie deeper in the other heap, and go when they come up."""
        last = heappop(self._ends)
        while self._open and self._open[0][2] <= last:
            heappop(self._open)
        if last < (1 << self._bits) - 1:
            self._mark(last + 1)

    def _mark(self, place: int) -> None:
        number = self._open[0][3] if self._open else 0
        if self._last == place:
            self.which[-1] = number
        elif not self.which or self.which[-1] != number:
            self.places.append(place)
            self.which.append(number)
            self._last = place


def _key(number: int, bits: int) -> Address:
    return number if bits == 32 else number.to_bytes(16, "big")
