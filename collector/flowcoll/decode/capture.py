"""Captures of exports: every UDP payload of a pcap or pcapng file, as a socket would have handed it out.

Read as such files are met in the field: several sections, interfaces and link types in one pcapng file, time stamps of
any resolution, files cut while they were written, gzip around all of it.
"""

import gzip
import zlib
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from struct import Struct, unpack_from
from typing import NamedTuple, Protocol

from flowcoll.decode.udp import Reassembly, network_layer, segment
from flowcoll.errors import ConfigError


class Payload(NamedTuple):
    """One UDP payload: seconds since 1970, who sent it from which port to which port, and its octets."""

    time: float
    source: str
    source_port: int
    destination_port: int
    octets: bytes


class _Packet(NamedTuple):
    """One packet of a file: seconds since 1970, link type, captured octets."""

    time: float
    link: int
    octets: bytes


class _Interface(NamedTuple):
    """What a pcapng file says of an interface: link type, ticks per second and offset in seconds of its times."""

    link: int
    ticks: int
    offset: int


# magic number -> byte order, ticks per second, octets of a record header (24: the variant of old Linux tcpdumps)
_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1_000_000, 24),
    b"\xa1\xb2\xcd\x34": (">", 1_000_000, 24),
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_GZIP = b"\x1f\x8b"
_RECORD_MAX = 16 * 1024 * 1024  # longer than any snap length in use: the length field is damaged


def payloads(
    path: Path, ports: Container[int] | None = None, warn: Callable[[str], None] = lambda _: None
) -> Iterator[Payload]:
    """Every UDP payload of a capture in its order, or only those sent to `ports`; fragments are put together.

    A file that is no capture is a ConfigError; what is cut, damaged or not understood in one is said through `warn`.
    """
    reassembly = Reassembly()
    strange: set[int] = set()
    cut = 0
    for time, link, frame in _packets(path, warn):
        datagram = network_layer(link, frame)
        if datagram is None:
            strange.add(link)
            continue
        found = segment(datagram, reassembly)
        if found is None or len(found.octets) < 8:
            continue
        source_port, destination_port, length = unpack_from(">HHH", found.octets)  # RFC 768
        if ports is not None and destination_port not in ports:
            continue
        cut += length > len(found.octets)
        octets = found.octets[8:length] if length >= 8 else found.octets[8:]
        yield Payload(time, found.source, source_port, destination_port, octets)
    if strange:
        links = ", ".join(map(str, sorted(strange)))
        warn(
            f"{path}: packets of link type {links} passed over; read are Ethernet, raw IP, Linux cooked, null and loop"
        )
    if cut:
        warn(f"{path}: {cut} payloads are cut by the snap length of the capture")
    if reassembly.lost:
        warn(f"{path}: {reassembly.lost} payloads are lost because fragments are missing")


class _Cut(Exception):  # noqa: N818  (an end, not an error: it never leaves this module)
    """The file ends within a record, or a length in it cannot be right."""


class _File(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Octets:
    """A file read in exact pieces; `taken` says how far."""

    def __init__(self, file: _File) -> None:
        self._file = file
        self.taken = 0

    def take(self, length: int) -> bytes:
        """So many octets, or none at the end of the file; _Cut when it ends in between."""
        try:
            octets = self._file.read(length)
        except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
            raise _Cut from exc
        self.taken += len(octets)
        if octets and len(octets) < length:
            raise _Cut
        return octets

    def need(self, length: int) -> bytes:
        """So many octets, or _Cut."""
        octets = self.take(length)
        if len(octets) < length:
            raise _Cut
        return octets


def _packets(path: Path, warn: Callable[[str], None]) -> Iterator[_Packet]:
    try:
        with path.open("rb") as file:
            octets = _Octets(gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == _GZIP else file)
            try:
                magic = octets.take(4)
                if magic in _PCAP:
                    yield from _pcap(octets, magic)
                    return
                if magic == _PCAPNG:
                    yield from _pcapng(octets)
                    return
            except _Cut:
                if octets.taken > 4:
                    warn(f"{path}: the file is cut or damaged at its end; what stands before was read")
                    return
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror or exc}") from exc
    raise ConfigError(f"{path} is not a capture: expected a pcap or pcapng file, as tcpdump and Wireshark write them")


def _pcap(octets: _Octets, magic: bytes) -> Iterator[_Packet]:
    """Packets of a libpcap file (draft-ietf-opsawg-pcap)."""
    order, ticks, header_length = _PCAP[magic]
    link = Struct(order + "16xI").unpack(octets.need(20))[0] & 0xFFFF  # above: length of the frame check sequence
    record = Struct(f"{order}III{header_length - 12}x")
    while header := octets.take(header_length):
        seconds, fraction, length = record.unpack(header)
        if length > _RECORD_MAX:
            raise _Cut
        yield _Packet(seconds + fraction / ticks, link, octets.need(length))


def _pcapng(octets: _Octets) -> Iterator[_Packet]:
    """Packets of a pcapng file (draft-ietf-opsawg-pcapng): blocks, in sections that each name their interfaces."""
    kind, order = _PCAPNG, "<"
    interfaces: list[_Interface] = []
    time = 0.0
    while kind:
        length = octets.need(4)
        if kind == _PCAPNG:
            mark = octets.need(4)
            order = "<" if mark == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
            octets.need(_block_length(length, order) - 12)
        else:
            body = octets.need(_block_length(length, order) - 8)[:-4]
            number = unpack_from(order + "I", kind)[0]
            if number == 1 and len(body) >= 8:
                interfaces.append(_interface(body, order))
            elif number in (2, 3, 6):
                try:
                    packet = _block_packet(number, body, order, interfaces, time)
                except (IndexError, ValueError) as exc:  # an interface that was never described, a body too short
                    raise _Cut from exc
                time = packet.time
                yield packet
        kind = octets.take(4)


def _block_length(octets: bytes, order: str) -> int:
    length: int = unpack_from(order + "I", octets)[0]
    if not 12 <= length <= _RECORD_MAX or length % 4:
        raise _Cut
    return length


def _interface(body: bytes, order: str) -> _Interface:
    """What an interface description block says."""
    link: int = unpack_from(order + "H", body)[0]
    ticks, offset, at = 1_000_000, 0, 8
    while at + 4 <= len(body):
        code, length = unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + length]
        if code == 0:
            break
        if code == 9 and len(value) == 1:  # if_tsresol: a power of two when the top bit is set, else of ten
            ticks = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == 14 and len(value) == 8:  # if_tsoffset
            offset = unpack_from(order + "q", value)[0]
        at += 4 + (length + 3) // 4 * 4
    return _Interface(link, ticks, offset)


def _block_packet(number: int, body: bytes, order: str, interfaces: list[_Interface], time: float) -> _Packet:
    """The packet of an enhanced (6), obsolete (2) or simple (3) packet block; the last carries no time of its own."""
    if len(body) < (4 if number == 3 else 20):
        raise ValueError
    if number == 3:
        return _Packet(time, interfaces[0].link, body[4 : 4 + unpack_from(order + "I", body)[0]])
    which, high, low, length = unpack_from(order + ("I" if number == 6 else "H2x") + "III", body)
    link, ticks, offset = interfaces[which]
    return _Packet(offset + ((high << 32) + low) / ticks, link, body[20 : 20 + length])
