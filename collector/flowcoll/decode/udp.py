"""UDP out of captured packets: link layer, IPv4, IPv6, and the fragments of both put together."""

from socket import AF_INET, AF_INET6, inet_ntop
from struct import unpack_from
from typing import NamedTuple

_VLAN = (0x8100, 0x88A8, 0x9100)
_IP = (0x0800, 0x86DD)
_UDP = 17

_FRAGMENTED_MAX = 256  # datagrams that wait for fragments at one time
_FRAGMENTS_MAX = 128 * 1024  # octets kept of one datagram, which has 64 KiB: overlaps may repeat some


class Segment(NamedTuple):
    """Where a UDP segment came from, and the segment with its header."""

    source: str
    octets: bytes


def network_layer(link: int, octets: bytes) -> bytes | None:
    """The IP packet within a captured frame, empty when there is none; None for a link type that is not known."""
    if link == 1:  # Ethernet
        return _untagged(octets, 12, 14)
    if link == 113:  # Linux cooked
        return _untagged(octets, 14, 16)
    if link == 276:  # Linux cooked, version 2: the protocol stands first
        return _untagged(octets, 0, 20)
    if link in (0, 108):  # null, loop: four octets with a protocol family that differs by system
        return octets[4:]
    if link in (12, 14, 101, 228, 229):  # raw IP
        return octets
    return None


def _untagged(octets: bytes, ethertype_at: int, body_at: int) -> bytes:
    """What lies behind an ethertype and any VLAN tags (IEEE 802.1Q), if it is IP."""
    while body_at <= len(octets):
        ethertype = unpack_from(">H", octets, ethertype_at)[0]
        if ethertype in _IP:
            return octets[body_at:]
        if ethertype not in _VLAN:
            break
        ethertype_at, body_at = body_at + 2, body_at + 4
    return b""


def segment(octets: bytes, reassembly: "Reassembly") -> Segment | None:
    """The UDP segment of an IP packet; None when there is none, or not all of it yet."""
    version = octets[0] >> 4 if octets else 0
    if version == 4 and len(octets) >= 20:
        return _segment4(octets, reassembly)
    if version == 6 and len(octets) >= 40:
        return _segment6(octets, reassembly)
    return None


def _segment4(octets: bytes, reassembly: "Reassembly") -> Segment | None:
    """RFC 791 section 3.1."""
    if octets[9] != _UDP:
        return None
    total, identification, fragment = unpack_from(">HHH", octets, 2)
    body: bytes | None = octets[(octets[0] & 0x0F) * 4 : total or None]  # 0: the network card was to fill it in
    if fragment & 0x3FFF:
        key = (octets[12:20], identification)
        body = reassembly.add(key, (fragment & 0x1FFF) * 8, body or b"", more=bool(fragment & 0x2000))
    return None if body is None else Segment(inet_ntop(AF_INET, octets[12:16]), body)


def _segment6(octets: bytes, reassembly: "Reassembly") -> Segment | None:
    """RFC 8200 sections 3 and 4; the authentication header is RFC 4302 section 2."""
    header, at = octets[6], 40
    length = unpack_from(">H", octets, 4)[0]
    octets = octets[: 40 + length] if length else octets
    while header in (0, 43, 44, 51, 60) and at + 8 <= len(octets):
        following = octets[at]
        offset, identification = unpack_from(">HI", octets, at + 2) if header == 44 else (0, 0)
        if offset & 0xFFF9:
            if following != _UDP:
                return None
            key = (octets[8:40], identification)
            body = reassembly.add(key, offset & 0xFFF8, octets[at + 8 :], more=bool(offset & 1))
            return None if body is None else Segment(inet_ntop(AF_INET6, octets[8:24]), body)
        if header == 44:
            at += 8
        else:
            at += (octets[at + 1] + 2) * 4 if header == 51 else (octets[at + 1] + 1) * 8
        header = following
    return Segment(inet_ntop(AF_INET6, octets[8:24]), octets[at:]) if header == _UDP else None


class Reassembly:
    """Fragments on their way to whole datagrams; the oldest datagram is given up when too many wait."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[bytes, int], dict[int, bytes]] = {}
        self._ends: dict[tuple[bytes, int], int] = {}
        self._given_up = 0

    @property
    def lost(self) -> int:
        """Datagrams that were given up or still wait."""
        return self._given_up + len(self._waiting)

    def add(self, key: tuple[bytes, int], offset: int, octets: bytes, *, more: bool) -> bytes | None:
        """The whole datagram when this fragment was the last one missing."""
        parts = self._waiting.setdefault(key, {})
        parts[offset] = octets
        if not more:
            self._ends[key] = offset + len(octets)
        whole = _joined(parts, self._ends.get(key))
        if whole is not None:
            self._forget(key)
        elif sum(map(len, parts.values())) > _FRAGMENTS_MAX:
            self._forget(key)
            self._given_up += 1
        elif len(self._waiting) > _FRAGMENTED_MAX:
            self._forget(next(iter(self._waiting)))
            self._given_up += 1
        return whole

    def _forget(self, key: tuple[bytes, int]) -> None:
        del self._waiting[key]
        self._ends.pop(key, None)


def _joined(parts: dict[int, bytes], end: int | None) -> bytes | None:
    """The parts in one piece up to `end`; None while any of it is missing."""
    if end is None:
        return None
    whole = bytearray()
    for at in sorted(parts):
        if at > len(whole):
            return None
        whole[at : at + len(parts[at])] = parts[at]
    return bytes(whole[:end]) if len(whole) >= end else None
