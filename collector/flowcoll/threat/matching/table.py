"""The match table as it is looked up: a file of `sections`, mapped by whoever needs it.

Whoever maps a table touches few of its pages, and all who map it share them. What a damaged file says is wrong or nothing,
but no look-up fails; `check` reads everything and tells.
"""

import mmap
import sys
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from flowcoll.enrich.locality import Address
from flowcoll.errors import ListError
from flowcoll.threat.matching.sections import FIGURES, MAGIC, MOST_TOPS, PRELUDE, SECTIONS, checksum
from flowcoll.threat.reading.unwrap import Pause, at_once

_HALF = 0xFFFF_FFFF_FFFF_FFFF
_OCTETS = {"Q": 8, "I": 4, "B": 1}


class Table:
    """Address -> what is said of it, as octets; `about` is what its maker says of it, `entries` how many spans it has.

    ListError, worded to follow its name, for octets that are no table of this version, or not all of one.
    """

    def __init__(self, memory: bytes | mmap.mmap) -> None:
        head, start = _head(memory)
        self.about: Mapping[str, Any] = head["about"]
        self.entries, self.networks, self.private = (head[name] for name in FIGURES)
        self._octets: dict[str, memoryview] = {}
        self._checksums: dict[str, int] = {}
        view = memoryview(memory)
        for name, octets, right in head["sections"]:
            self._octets[name] = view[start : start + octets]
            self._checksums[name] = right
            start += octets
        self._hosts6_high, self._hosts6_low, self._starts6_high, self._starts6_low, *four_octets, self._said = (
            self._octets[name].cast(kind) for name, kind in SECTIONS.items()
        )
        self._hosts6_which, self._starts6_which, self._hosts4, self._hosts4_tops, *four_octets = four_octets
        self._hosts4_which, self._starts4, self._starts4_tops, self._starts4_which, self._said_starts = four_octets
        self._hosts4_shift, self._starts4_shift = map(_shift, (self._hosts4_tops, self._starts4_tops))

    @classmethod
    def open(cls, path: Path) -> "Table":
        """Map a file; no more than its head is read. OSError, ListError."""
        with path.open("rb") as file:
            try:
                memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:  # of an empty file
                raise ListError("is empty, and no table") from None
        return cls(memory)

    def find(self, address: Address) -> bytes:
        """Give what is said of an address, be it private or not, or b""; an IPv4-mapped address is given as int."""
        try:
            if isinstance(address, int):
                place, found = self._host4(address)
                which = self._hosts4_which[place] if found else self._starts4_which[self._stretch4(address)]
            else:
                number = int.from_bytes(address, "big")
                place, found = self._host6(number)
                which = self._hosts6_which[place] if found else self._starts6_which[self._stretch6(number)]
            return self._text(which)
        except IndexError:  # of a damaged file
            return b""

    def block(self, address: Address) -> tuple[bytes, int]:
        """Give what `find` gives, and the prefix length of a block round the address for all of which it is said."""
        hosts: Sequence[int]
        starts: Sequence[int]
        if isinstance(address, int):
            number, bits, hosts, starts = address, 32, self._hosts4, self._starts4
            host, stretch = self._host4, self._stretch4
        else:
            number, bits = int.from_bytes(address, "big"), 128
            hosts, starts = _Halves(self._hosts6_high, self._hosts6_low), _Halves(self._starts6_high, self._starts6_low)
            host, stretch = self._host6, self._stretch6
        try:
            place, found = host(number)
            return self.find(address), bits if found else _prefix(number, bits, hosts, place, starts, stretch(number))
        except IndexError:
            return b"", bits

    def check(self, pause: Pause = at_once) -> None:
        """Read everything; ListError when it is not what was written."""
        for name, right in self._checksums.items():
            if checksum(self._octets[name], pause) != right:
                raise ListError(f"is damaged: the checksum of {name} does not hold", "damaged")

    def _host4(self, number: int) -> tuple[int, bool]:
        """Give the place of a host, or where it would be, and whether it is there."""
        hosts, tops, top = self._hosts4, self._hosts4_tops, number >> self._hosts4_shift
        place = bisect_left(hosts, number, tops[top], tops[top + 1])
        return place, place < len(hosts) and hosts[place] == number

    def _stretch4(self, number: int) -> int:
        tops, top = self._starts4_tops, number >> self._starts4_shift
        return bisect_right(self._starts4, number, tops[top], tops[top + 1]) - 1

    def _host6(self, number: int) -> tuple[int, bool]:
        highs, lows, high, low = self._hosts6_high, self._hosts6_low, number >> 64, number & _HALF
        place = bisect_left(highs, high)
        if place == len(highs) or highs[place] != high:
            return place, False
        place = bisect_left(lows, low, place, bisect_right(highs, high, place))
        return place, place < len(highs) and highs[place] == high and lows[place] == low

    def _stretch6(self, number: int) -> int:
        highs, high = self._starts6_high, number >> 64
        place = bisect_left(highs, high)
        if place == len(highs) or highs[place] != high:
            return place - 1
        return bisect_right(self._starts6_low, number & _HALF, place, bisect_right(highs, high, place)) - 1

    def _text(self, number: int) -> bytes:
        starts = self._said_starts
        return bytes(self._said[starts[number] : starts[number + 1]]) if 0 < number < len(starts) - 1 else b""


def _shift(tops: memoryview) -> int:
    return 32 - (len(tops) - 1).bit_length() + 1


class _Halves(Sequence[int]):
    """Numbers that are in two halves."""

    def __init__(self, highs: Sequence[int], lows: Sequence[int]) -> None:
        self._highs = highs
        self._lows = lows

    def __len__(self) -> int:
        return len(self._highs)

    def __getitem__(self, place: Any) -> Any:
        return self._highs[place] << 64 | self._lows[place]


def _prefix(  # noqa: PLR0913, PLR0917  two arrays, a place in each
    number: int, bits: int, hosts: Sequence[int], place: int, starts: Sequence[int], stretch: int
) -> int:
    """Give the length of the shortest prefix of a number under which there is no host, and no stretch but its own.

    A block of 2**n round a number is clear of another one when the two differ in bit n or above.
    """
    others = [hosts[each] for each in (place - 1, place) if 0 <= each < len(hosts)]
    if stretch > 0:
        others.append(starts[stretch] - 1)
    if stretch + 1 < len(starts):
        others.append(starts[stretch + 1])
    clear = min(((number ^ other).bit_length() - 1 for other in others), default=bits)
    return bits - min(max(clear, 0), bits)


def _head(memory: bytes | mmap.mmap) -> tuple[Mapping[str, Any], int]:
    """Give the head, and where it ends; ListError when it or the size of the whole is not as it has to be."""
    if len(memory) < PRELUDE.size:
        raise ListError("is no table: it is too short", "damaged")
    magic, octets, right = PRELUDE.unpack(memory[: PRELUDE.size])
    if magic != MAGIC:
        raise ListError("is no table of this version", "other_version")
    end = PRELUDE.size + octets
    text = bytes(memory[PRELUDE.size : end]) if end <= len(memory) else b""
    if zlib.crc32(text) != right or not text:
        raise ListError("is damaged: the checksum of its head does not hold", "damaged")
    try:
        head = orjson.loads(text)
        sections = {name: (octets, checksum) for name, octets, checksum in head["sections"]}
        sizes = {name: octets for name, (octets, _) in sections.items()}
        fits = (
            list(sections) == list(SECTIONS)
            and all(type(each) is int and each >= 0 for pair in sections.values() for each in pair)
            and all(type(head[name]) is int for name in FIGURES)
            and isinstance(head["about"], dict)
            and isinstance(head["order"], str)
            and all(sizes[name] % _OCTETS[kind] == 0 for name, kind in SECTIONS.items())
            and sizes["hosts6_high"] == sizes["hosts6_low"] == sizes["hosts6_which"] * 2
            and sizes["starts6_high"] == sizes["starts6_low"] == sizes["starts6_which"] * 2 > 0
            and sizes["hosts4"] == sizes["hosts4_which"]
            and sizes["starts4"] == sizes["starts4_which"] > 0
            and all(_is_tops(sizes[name] // 4) for name in ("hosts4_tops", "starts4_tops"))
            and sizes["said_starts"] > 0
        )
    except (ValueError, TypeError, KeyError):
        fits = False
    if not fits:
        raise ListError("is no table: its head makes no sense", "damaged")
    if head["order"] != sys.byteorder:
        raise ListError("is a table of a host with another byte order", "other_version")
    if end + sum(sizes.values()) != len(memory):
        raise ListError(f"is not whole: it has {len(memory)} of {end + sum(sizes.values())} octets", "damaged")
    return head, end


def _is_tops(numbers: int) -> bool:
    return 1 < numbers <= MOST_TOPS + 1 and (numbers - 1).bit_count() == 1
