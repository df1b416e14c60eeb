"""Spoils datagrams in the ways of broken exporters and of people who want to break a collector."""

import random
import struct


def pieces(octets: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Header, and kind and octets of each set or sample as far as their lengths can be followed."""
    version = int.from_bytes(octets[:2], "big")
    at, head = {9: (20, ">HH"), 10: (16, ">HH"), 0: (28, ">II")}.get(version, (len(octets), ">HH"))
    header, found = octets[:at], []
    while at + struct.calcsize(head) <= len(octets):
        kind, length = struct.unpack_from(head, octets, at)
        length = length + 8 if version == 0 else max(length, 4)
        found.append((kind, octets[at : at + length]))
        at += length
    return header, found


class Mutator:
    """Spoils datagrams, the same ones for a seed; `others` are datagrams of which tails are taken."""

    def __init__(self, seed: str, others: list[bytes]) -> None:
        self._random = random.Random(seed)
        self._others = others

    def spoil(self, octets: bytes) -> bytes:
        """The datagram after one to three changes."""
        ways = (self._flip, self._word, self._length, self._insert, self._delete, self._reorder, self._splice)
        for _ in range(self._random.randint(1, 3)):
            octets = self._random.choice(ways)(octets)
        return octets[:65_507]

    def _at(self, octets: bytes, size: int = 1, step: int = 1) -> int:
        return self._random.randrange(0, max(1, len(octets) - size + 1), step)

    def _put(self, octets: bytes, at: int, new: bytes) -> bytes:
        return octets[:at] + new + octets[at + len(new) :]

    def _flip(self, octets: bytes) -> bytes:
        spoilt = bytearray(octets or b"\0")
        for _ in range(self._random.randint(1, 8)):
            spoilt[self._random.randrange(len(spoilt))] ^= 1 << self._random.randrange(8)
        return bytes(spoilt)

    def _word(self, octets: bytes) -> bytes:
        """A number somewhere becomes one that is easily handled wrong."""
        form = self._random.choice([">B", ">H", ">I", ">Q"])
        size = struct.calcsize(form)
        most = (1 << 8 * size) - 1
        value = self._random.choice([0, 1, 2, 3, 4, 5, most // 2, most // 2 + 1, most - 1, most, len(octets) & most])
        return self._put(octets, self._at(octets, size), struct.pack(form, value))

    def _length(self, octets: bytes) -> bytes:
        """The length or count in a header, of the datagram, of a set or of a template, is a lie."""
        header, found = pieces(octets)
        starts = [2, *(len(header) + sum(len(body) for _, body in found[:n]) + 2 for n in range(len(found)))]
        at = self._random.choice(starts) + self._random.choice([0, 0, 2, 4, 6])
        true = int.from_bytes(octets[at : at + 2], "big")
        lie = self._random.choice([0, 1, 3, 4, 5, true - 1, true + 1, true + 4, true * 2, 0x7FFF, 0xFFFF]) & 0xFFFF
        return self._put(octets, at, struct.pack(">H", lie))

    def _insert(self, octets: bytes) -> bytes:
        at = self._at(octets)
        new = self._random.choice([bytes(self._random.randint(1, 40)), self._random.randbytes(4), octets[at : at + 48]])
        return octets[:at] + new + octets[at:]

    def _delete(self, octets: bytes) -> bytes:
        at = self._at(octets)
        return octets[:at] + octets[at + self._random.choice([1, 2, 4, 48, 1000]) :]

    def _reorder(self, octets: bytes) -> bytes:
        """Sets and samples in another order, some twice, some not at all."""
        header, found = pieces(octets)
        bodies = [body for _, body in found]
        return (
            header + b"".join(self._random.choices(bodies, k=self._random.randint(1, 2 * len(bodies))))
            if bodies
            else header
        )

    def _splice(self, octets: bytes) -> bytes:
        """The head of this datagram and the tail of another, perhaps of another protocol."""
        other = self._random.choice(self._others)
        return octets[: self._at(octets)] + other[self._at(other) :]
