"""Flow records as the RiskIQ output sends them: the public side of a flow, packed into octets.

All numbers are big-endian: start and end in ms since 1970, octets and packets as observed, both ports, TCP flags, protocol,
which addresses follow, version and SHA-1 of the Community ID, then these addresses, 4 or 16 octets each. An address that is
not public is left out, and its port is 0. What a record does not tell is 0: times, ports, flags, the Community ID.
"""

from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from struct import Struct, error
from typing import Any, NamedTuple

from flowcoll.config import Options
from flowcoll.document.derive import portless_community_id
from flowcoll.document.values import Values
from flowcoll.enrich.address import PRIVATE
from flowcoll.enrich.community_id import VERSION as COMMUNITY_ID
from flowcoll.enrich.locality import Address, is_private, packed

SOURCE, DESTINATION, SOURCE6, DESTINATION6 = 1, 2, 4, 8
"""Bits that say which addresses follow, and which of them have 16 octets."""

_TCP, _FLAGS = 6, 0x0FFF  # the four bits above are the header's length (RFC 9565 section 4)
_MOST, _PORT = 2**64 - 1, 0xFFFF
_FIXED = "!QQQQHHHBBB20s"
_HEAD = Struct(_FIXED)
SMALLEST = _HEAD.size + 4
"""Octets of a record with one IPv4 address."""

_head, _one4, _two4 = _HEAD.pack, Struct(_FIXED + "I").pack, Struct(_FIXED + "II").pack
_one6, _two6 = Struct(_FIXED + "16s").pack, Struct(_FIXED + "16s16s").pack

_NAT64 = bytes.fromhex("0064ff9b") + bytes(8)  # RFC 6052 section 2.1; the IPv4 address is the last four octets
_6TO4 = bytes.fromhex("2002")  # RFC 3056 section 2; the IPv4 address follows
_TEREDO = bytes.fromhex(
    "20010000"
)  # RFC 4380 section 4: the server's, and at the end the client's with all bits inverted
_ISATAP = bytes.fromhex(
    "5efe"
)  # RFC 5214 section 6.1: in the middle of the interface identifier, before the IPv4 address
_ODD = (b"\0", _6TO4, _TEREDO)  # what may have an IPv4 address in it, the IPv4-mapped addresses among it


class RecordsError(ValueError):
    """Octets that are no records."""


def record(  # noqa: PLR0913, PLR0917  generated code passes its locals
    start: int,
    end: int,
    octets: int,
    packets: int,
    src: Address,
    src_flags: int,
    src_port: int,
    dst: Address,
    dst_flags: int,
    dst_port: int,
    flags: int,
    protocol: int,
    community: bytes,
) -> bytes:
    """Give a record of a flow, b"" for one without a public address; never raises."""
    if src_flags & dst_flags & PRIVATE:
        return b""
    flags = flags & _FLAGS if protocol == _TCP else 0
    version = COMMUNITY_ID if community else 0
    try:
        if src.__class__ is int is dst.__class__:
            one, two, which = _one4, _two4, SOURCE
        elif src.__class__ is bytes is dst.__class__ and not (
            src.startswith(_ODD) or dst.startswith(_ODD) or src[10:12] == _ISATAP or dst[10:12] == _ISATAP
        ):
            one, two, which = _one6, _two6, SOURCE | SOURCE6
        else:
            sender, receiver = _public(src, src_flags), _public(dst, dst_flags)
            ports = src_port if sender else 0, dst_port if receiver else 0
            which = _bits(sender, SOURCE, SOURCE6) | _bits(receiver, DESTINATION, DESTINATION6)
            head = _head(start, end, octets, packets, *ports, flags, protocol, which, version, community)
            return head + sender + receiver if which else b""
        if src_flags & PRIVATE:
            which <<= 1
            return one(start, end, octets, packets, 0, dst_port, flags, protocol, which, version, community, dst)
        if dst_flags & PRIVATE:
            return one(start, end, octets, packets, src_port, 0, flags, protocol, which, version, community, src)
        which |= which << 1
        return two(
            start, end, octets, packets, src_port, dst_port, flags, protocol, which, version, community, src, dst
        )
    except error:  # a number that its field cannot hold: the nearest that it can
        start, end, octets, packets = (min(max(each, 0), _MOST) for each in (start, end, octets, packets))
        ports = src_port & _PORT, dst_port & _PORT
        return record(
            start, end, octets, packets, src, src_flags, ports[0], dst, dst_flags, ports[1], flags, protocol, community
        )


def _public(address: Address, flags: int) -> bytes:
    """Give the octets of an address, none if it is private or has a private IPv4 address in it."""
    octets = b"" if flags & PRIVATE else packed(address)
    return b"" if any(map(is_private, _within(octets))) else octets


def _within(octets: bytes) -> Iterator[int]:
    """Give the IPv4 addresses that stand in an IPv6 address of a transition mechanism; they ought to be public."""
    if len(octets) == 16:
        if octets.startswith(_NAT64) or octets[10:12] == _ISATAP:
            yield int.from_bytes(octets[12:], "big")
        if octets.startswith(_6TO4):
            yield int.from_bytes(octets[2:6], "big")
        elif octets.startswith(_TEREDO):
            yield int.from_bytes(octets[4:8], "big")
            yield int.from_bytes(octets[12:], "big") ^ 0xFFFFFFFF


def _bits(octets: bytes, here: int, long: int) -> int:
    return here | long if len(octets) == 16 else here if octets else 0


class Record(NamedTuple):
    """A record that was sent: addresses that are there have their port, the others 0; no Community ID is b""."""

    start_ms: int
    end_ms: int
    octets: int
    packets: int
    source: IPv4Address | IPv6Address | None
    source_port: int
    destination: IPv4Address | IPv6Address | None
    destination_port: int
    tcp_flags: int
    protocol: int
    community_id: bytes


def records(octets: bytes, count: int) -> list[Record]:
    """Give so many records that fill octets; raises RecordsError for any other octets."""
    found, here = [], 0
    try:
        for _ in range(count):
            start, end, volume, packets, sport, dport, flags, protocol, which, version, cid = _HEAD.unpack_from(
                octets, here
            )
            here += _HEAD.size
            source, here = _address(octets, here, which & SOURCE, which & SOURCE6)
            destination, here = _address(octets, here, which & DESTINATION, which & DESTINATION6)
            if which >> 4 or (sport and source is None) or (dport and destination is None):
                raise RecordsError("a record with bits nobody knows, or a port without its address")
            found.append(
                Record(
                    *(start, end, volume, packets, source, sport, destination, dport, flags, protocol),
                    cid if version == COMMUNITY_ID else b"",
                )
            )
    except error:
        raise RecordsError("records that end too early") from None
    if here != len(octets):
        raise RecordsError("octets behind the last record")
    return found


def _address(octets: bytes, here: int, there: int, long: int) -> tuple[IPv4Address | IPv6Address | None, int]:
    if not there:
        if long:
            raise RecordsError("an address that is long and not there")
        return None, here
    end = here + (16 if long else 4)
    if end > len(octets):
        raise RecordsError("records that end too early")
    return (IPv6Address if long else IPv4Address)(octets[here:end]), end


class RecordShape:
    """The call of `record` that generated code makes for a template."""

    def __init__(self, options: Options, *, community_id: bool) -> None:
        known = community_id and options["EF_PROCESSOR_ENRICH_COMMUNITYID_ENABLE"]
        # ready-made where documents have it, too
        community = ["CID_OCTETS_(community_id)", *portless_community_id("CID_OCTETS_", 'b""')] if known else []
        self._arguments: Sequence[Sequence[str]] = (
            ("start", "0"),
            ("end", "0"),
            ("octets + reverse_octets", "octets", "0"),
            ("frames + reverse_frames", "frames", "0"),
            *(("src", "0"), ("src_flags", f"{PRIVATE}"), ("src_port", "0")),
            *(("dst", "0"), ("dst_flags", f"{PRIVATE}"), ("dst_port", "0")),
            ("tcpControlBits", "0"),
            ("protocol", "0"),
            (*community, 'b""'),
        )

    def call(self, values: Values) -> str:
        """Give an expression: octets of a record, or b"" for a flow without a public address."""
        flags = [name for name in ("src_flags", "dst_flags") if values.has("{" + name + "}")]
        if not flags:
            return 'b""'
        private = " & ".join(_filled(values, name) for name in flags)
        arguments = ", ".join(next(_had(values, alternatives)) for alternatives in self._arguments)
        return f'b"" if {private} & {PRIVATE} else RECORD_({arguments})'


def _had(values: Values, alternatives: Sequence[str]) -> Iterator[str]:
    """Give the alternatives that the template has the values for."""
    for alternative in alternatives:
        code, _, given = alternative.partition(" given ")
        if all(map(values.get, given.split())) and values.has("{" + code + "}"):
            yield _filled(values, code)


def _filled(values: Values, code: str) -> str:
    return values.fill("{" + code + "}")[1:-1]


def names() -> dict[str, Any]:
    """Give what the call refers to."""
    return {"RECORD_": record, "CID_OCTETS_": a2b_base64}
