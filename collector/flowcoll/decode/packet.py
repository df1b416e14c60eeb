"""The head of a sampled packet: link, network and transport fields, named as information elements are.

What a header holds varies from packet to packet, so a parse gives its values and a signature; packets of one
signature have the same columns, and the generated code of that synthetic template writes them all.
"""

from struct import Struct

from flowcoll.decode.templates import Column

ETHERNET, VLAN, IP4, IP6, PORTS, TCP, ICMP4, ICMP6 = (1 << bit for bit in range(8))

COLUMNS = {
    ETHERNET: (
        Column("destinationMacAddress", "6s", 6, "MAC[destinationMacAddress]"),
        Column("sourceMacAddress", "6s", 6, "MAC[sourceMacAddress]"),
    ),
    VLAN: (Column("vlanId", "H", 2),),
    IP4: (
        Column("ipClassOfService", "B", 1),
        Column("ipTTL", "B", 1),
        Column("protocolIdentifier", "B", 1),
        Column("sourceIPv4Address", "I", 4),
        Column("destinationIPv4Address", "I", 4),
    ),
    IP6: (
        Column("ipClassOfService", "B", 1),
        Column("ipTTL", "B", 1),
        Column("protocolIdentifier", "B", 1),
        Column("sourceIPv6Address", "16s", 16),
        Column("destinationIPv6Address", "16s", 16),
    ),
    PORTS: (Column("sourceTransportPort", "H", 2), Column("destinationTransportPort", "H", 2)),
    TCP: (Column("tcpControlBits", "B", 1),),
    ICMP4: (Column("icmpTypeCodeIPv4", "H", 2),),
    ICMP6: (Column("icmpTypeCodeIPv6", "H", 2),),
}
"""Signature bit -> the columns it stands for, in the order of the values."""

_ETHERNET = Struct("!6s6sH").unpack_from
_TAG = Struct("!HH").unpack_from
_IP4 = Struct("!BBHHHBBHII").unpack_from
_IP6 = Struct("!IHBB16s16s").unpack_from
_PORTS = Struct("!HH").unpack_from
_ETHERNET_IP4 = Struct("!6s6sHBBHHHBBHIIHH").unpack_from

_TAGS = frozenset({0x8100, 0x88A8, 0x9100})
_WITH_PORTS = frozenset({6, 17, 33, 132, 136})  # TCP, UDP, DCCP, SCTP, UDP-Lite
_EXTENSIONS = frozenset({0, 43, 60, 135})  # RFC 8200 section 4: next header, length in 8 octets less one

Parsed = tuple[int, tuple[object, ...]]
"""Signature, and the values of its columns."""


def ethernet(head: bytes) -> Parsed:
    """Parse a frame from its Ethernet header on; what is cut off is left out."""
    size = len(head)
    if size >= 38:  # nearly every sample: untagged IPv4 without options, not a later fragment
        to, by, kind, version, tos, _, _, part, ttl, protocol, _, src, dst, sport, dport = _ETHERNET_IP4(head)
        if kind == 0x0800 and version == 0x45 and not part & 0x1FFF:
            if protocol == 6 and size >= 48:
                return (
                    ETHERNET | IP4 | PORTS | TCP,
                    (to, by, tos, ttl, protocol, src, dst, sport, dport, head[47]),
                )
            if protocol == 17:
                return ETHERNET | IP4 | PORTS, (to, by, tos, ttl, protocol, src, dst, sport, dport)
    if size < 14:
        return 0, ()
    to, by, kind = _ETHERNET(head)
    signature = ETHERNET
    values: tuple[object, ...] = (to, by)
    here = 14
    tag = 0
    while kind in _TAGS and size >= here + 4:
        inner, kind = _TAG(head, here)
        tag = tag or inner & 0x0FFF  # the outer tag is the one the switch port sees
        here += 4
    if tag:
        signature |= VLAN
        values += (tag,)
    if kind in (0x0800, 0x86DD):
        below, more = ip(head[here:])
        return signature | below, values + more
    return signature, values


def ip(head: bytes) -> Parsed:
    """Parse a packet from its IPv4 or IPv6 header on (RFC 791, RFC 8200)."""
    if not head:
        return 0, ()
    version = head[0] >> 4
    if version == 4 and len(head) >= 20:
        first, tos, _, _, part, ttl, protocol, _, src, dst = _IP4(head)
        values = (tos, ttl, protocol, src, dst)
        start = (first & 15) * 4
        if start < 20 or part & 0x1FFF:
            return IP4, values
        signature, more = _transport(protocol, head, start, ICMP4 if protocol == 1 else 0)
        return IP4 | signature, values + more
    if version == 6 and len(head) >= 40:
        first, _, following, hops, src6, dst6 = _IP6(head)
        protocol, start = _extensions(head, following)
        signature, more = _transport(protocol, head, start, ICMP6 if following == 58 else 0) if start else (0, ())
        # element 4 is the Next Header field; only where ports lie behind extension headers is it their protocol
        shown = protocol if signature & PORTS else following
        return IP6 | signature, (first >> 20 & 255, hops, shown, src6, dst6, *more)
    return 0, ()


def _extensions(head: bytes, protocol: int) -> tuple[int, int]:
    """Walk the extension headers: gives the transport protocol and where it starts, 0 when it is not there."""
    start = 40
    for _ in range(8):
        if len(head) < start + 8:
            return protocol, start if protocol not in _EXTENSIONS and protocol not in (44, 51) else 0
        if protocol in _EXTENSIONS:
            protocol, start = head[start], start + (head[start + 1] + 1) * 8
        elif protocol == 44:
            later = (head[start + 2] << 8 | head[start + 3]) >> 3
            protocol, start = head[start], start + 8
            if later:
                return protocol, 0
        elif protocol == 51:
            protocol, start = head[start], start + (head[start + 1] + 2) * 4
        else:
            return protocol, start
    return protocol, 0


def _transport(protocol: int, head: bytes, start: int, icmp: int) -> Parsed:
    if len(head) < start + 4:
        return 0, ()
    first, second = _PORTS(head, start)
    if icmp:
        return icmp, (first,)
    if protocol not in _WITH_PORTS:
        return 0, ()
    if protocol == 6 and len(head) >= start + 14:
        return PORTS | TCP, (first, second, head[start + 13])
    return PORTS, (first, second)
