"""The file of a match table: made once, never changed, in the form in which it is mapped and searched.

    8 octets   magic, its last one the version
    4          octets of the head, little-endian
    4          CRC-32 of the head, little-endian
    head       JSON: what the table is about, its figures, and of each section how many octets it has and their CRC-32;
               blanks fill it up to a multiple of 8
    sections   arrays of unsigned integers, one behind the other, in the order and of the size that SECTIONS has

Addresses of single hosts lie sorted beside numbers of what is said of them. Networks and ranges are flattened: where each
stretch of addresses begins, and the number of what counts in it; 0 is nothing. Of one list the smallest span over an
address counts, so a host comes before any network. IPv6 addresses are in two halves, since then everything is searched by
`bisect` in C. For IPv4 a search begins between two places that the topmost bits of the address tell: `tops` has, for each
value of these bits, how many addresses lie below, and how many there are; it has 2**n + 1 numbers for n bits.
"""

import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from struct import Struct
from typing import Any, BinaryIO, Literal, NamedTuple

import orjson

from flowcoll.threat.reading.unwrap import Pause

MAGIC = b"FCTABLE\x01"
PRELUDE = Struct("<8sII")
MOST_TOPS = 1 << 16
_STEP = 262_144  # octets between two pauses
_OFTEN = 64  # numbers between two pauses

SECTIONS: Mapping[str, Literal["Q", "I", "B"]] = {
    "hosts6_high": "Q",
    "hosts6_low": "Q",
    "starts6_high": "Q",
    "starts6_low": "Q",
    "hosts6_which": "I",
    "starts6_which": "I",
    "hosts4": "I",
    "hosts4_tops": "I",
    "hosts4_which": "I",
    "starts4": "I",
    "starts4_tops": "I",
    "starts4_which": "I",
    "said_starts": "I",  # and where the last one ends
    "said": "B",
}
"""Name of a section -> type of its numbers; in the byte order of the host, which the head tells."""

FIGURES = ("entries", "networks", "private")


class Section(NamedTuple):
    """What is to be written: pieces of octets, and how many octets with which CRC-32 they are together."""

    pieces: Callable[[], Iterable[Any]]
    octets: int
    checksum: int


def write(
    file: BinaryIO,
    about: Mapping[str, Any],
    figures: Mapping[str, int],
    sections: Mapping[str, Section],
    pause: Pause,
) -> None:
    """Write a table: what it is about, `entries`, `networks` and `private`, and all of SECTIONS. OSError."""
    layout = [[name, sections[name].octets, sections[name].checksum] for name in SECTIONS]
    head = orjson.dumps({"about": about, **figures, "order": sys.byteorder, "sections": layout})
    head += b" " * (-len(head) % 8)
    file.write(PRELUDE.pack(MAGIC, len(head), zlib.crc32(head)) + head)
    for name in SECTIONS:
        for piece in sections[name].pieces():
            file.write(piece)
            pause()


def pieces(octets: Any) -> Iterable[memoryview]:
    """Give octets, or an array, a piece at a time."""
    view = memoryview(octets).cast("B")
    return (view[start : start + _STEP] for start in range(0, len(view), _STEP))


def checksum(octets: Any, pause: Pause) -> int:
    """Give the CRC-32 of octets, or of an array."""
    found = 0
    for piece in pieces(octets):
        found = zlib.crc32(piece, found)
        pause()
    return found


def tops(numbers: "array[int]", pause: Pause) -> "array[int]":
    """Give where to search IPv4 addresses that are in order: about ten of them share the topmost bits."""
    bits = min(max(len(numbers).bit_length() - 4, 0), MOST_TOPS.bit_length() - 1)
    found = array("I")
    for top in range(1 << bits):
        found.append(bisect_left(numbers, top << 32 - bits, found[-1] if found else 0))
        if top % _OFTEN == 0:
            pause()
    found.append(len(numbers))
    return found
