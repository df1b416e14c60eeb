"""What the oracle concludes from the values of one record alone: addresses, times, labels, ids."""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any

import xxhash

from flowcoll.enrich import locality, translate
from oracle_wire import Header, Value, Values

Address = IPv4Address | IPv6Address
Facts = dict[str, Any]

PORTED = {6: "TCP", 17: "UDP", 33: "DCCP", 132: "SCTP", 136: "UDPLITE"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
_ICMP_PAIRS = {
    1: ((0, 8), (9, 10), (13, 14), (15, 16), (17, 18)),
    58: ((128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)),
}


def first(values: Values, *names: str) -> Value | None:
    """The first of these elements that the record has."""
    return next((values[name] for name in names if name in values), None)


# -- addresses ---------------------------------------------------------------------------------------------------------


def addresses(values: Values) -> tuple[Address | None, Address | None]:
    """Source and destination.

    A record with both addresses of both families is of the one that is not all zeros. A family with both addresses
    comes before one that has only one of them.
    """
    four, six = ([values.get(f"{side}IPv{version}Address") for side in ("source", "destination")] for version in (4, 6))
    if None not in six and (None in four or any(int(address) for address in six)):
        return tuple(six)
    if None not in four:
        return tuple(four)
    return tuple(a if a is not None else b for a, b in zip(four, six, strict=True))


def plain(address: Address) -> Address:
    """An IPv4-mapped address is that IPv4 address."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def text(address: Address) -> str:
    """RFC 5952 text, as the system writes it."""
    address = plain(address)
    return inet_ntop(AF_INET if address.version == 4 else AF_INET6, address.packed)


def key(address: Address) -> locality.Address:
    """How the collector's tables name an address."""
    address = plain(address)
    return int(address) if isinstance(address, IPv4Address) else address.packed


def private(address: Address) -> bool:
    return locality.is_private(key(address))


# -- what else is in the packets ---------------------------------------------------------------------------------------


def protocol_of(values: Values) -> int | None:
    return first(values, "protocolIdentifier", "nextHeaderIPv6")


def ports(values: Values) -> tuple[int | None, int | None]:
    """Port of the source and of the destination."""
    src = first(values, "sourceTransportPort", "udpSourcePort", "tcpSourcePort")
    dst = first(values, "destinationTransportPort", "udpDestinationPort", "tcpDestinationPort")
    return src, dst


def icmp(values: Values) -> tuple[int, int] | None:
    """ICMP type and code; without elements of their own they stand where the destination port does."""
    versions = (6, 4) if protocol_of(values) == 58 else (4, 6)
    for version in versions:
        both = values.get(f"icmpTypeCodeIPv{version}")
        if both is not None:
            return divmod(both, 256)
        kind, code = values.get(f"icmpTypeIPv{version}"), values.get(f"icmpCodeIPv{version}")
        if kind is not None and code is not None:
            return kind, code
    port = ports(values)[1]
    return None if port is None else divmod(port, 256)


def labels(values: Values) -> Facts:
    """Numbers of a record that have a name, and some that have none."""
    facts: Facts = {}
    protocol = protocol_of(values)
    if "ipClassOfService" in values:
        facts["ip.dscp.name"] = dscp(values["ipClassOfService"] >> 2)
    elif "ipDiffServCodePoint" in values:
        facts["ip.dscp.name"] = dscp(values["ipDiffServCodePoint"] & 63)
    if "ipTTL" in values:
        facts["ip.ttl"] = values["ipTTL"]
    if protocol == 6 and "tcpControlBits" in values:
        bits = values["tcpControlBits"] & 0x0FFF  # the four above are the header's length (RFC 9565 section 4)
        facts["tcp.flags.bits"] = bits
        facts["tcp.flags.tags"] = [name for place, name in enumerate(_FLAGS) if bits >> place & 1]
    message = icmp(values)
    if protocol in (1, 58) and message is not None:
        kind, code = message
        names = translate.ICMP4_TYPE if protocol == 1 else translate.ICMP6_TYPE
        facts |= {"icmp.type.id": kind, "icmp.type.name": names[kind], "icmp.code.id": code}
    for side, element in (("ingress", "ingressInterface"), ("egress", "egressInterface")):
        if values.get(element):  # 0 stands for no interface
            facts[f"observer.{side}.interface.id"] = str(values[element])
    if "flowDirection" in values:
        direction = values["flowDirection"]
        facts["flow.direction.name"] = {0: "ingress", 1: "egress"}.get(direction, str(direction))
    if "flowEndReason" in values:
        facts["flow.end.reason.name"] = translate.FLOW_END_REASON[values["flowEndReason"]]
    for element in ("ipNextHopIPv6Address", "ipNextHopIPv4Address"):
        if element in values and int(values[element]):
            facts["flow.next_hop.ip.addr"] = text(values[element])
    return facts


def dscp(point: int) -> str:
    """Name of a code point: class selectors, assured forwarding (RFC 2597), and three of their own."""
    if point % 8 == 0:
        return f"CS{point // 8}"
    level, rest = divmod(point, 8)
    if 1 <= level <= 4 and rest in (2, 4, 6):
        return f"AF{level}{rest // 2}"
    return {1: "LE", 44: "VOICE-ADMIT", 46: "EF"}.get(point, str(point))


# -- times -------------------------------------------------------------------------------------------------------------


def iso(ms: int) -> str:
    """Milliseconds since 1970 as ISO 8601; a time that no calendar holds becomes the nearest second that one does."""
    seconds, rest = divmod(ms, 1000)
    if seconds < (_FIRST - _EPOCH).total_seconds():
        moment = _FIRST
    elif seconds > (_LAST - _EPOCH).total_seconds():
        moment = _LAST
    else:
        moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{rest:03d}Z"


def times(header: Header, values: Values) -> Facts:
    """Start, end and duration of the flow."""
    start = _moment(header, values, "Start")
    end = _moment(header, values, "End")
    if end is None and "flowStartMilliseconds" in values and "flowDurationMilliseconds" in values:
        end = values["flowStartMilliseconds"] + values["flowDurationMilliseconds"]
    if end is None:
        end = _observed(header, values)
    if start is None:
        start = _observed(header, values)
    facts: Facts = {}
    if start is not None:
        facts["event.start"] = iso(start)
    if end is not None:
        facts["event.end"] = iso(end)
    if start is not None and end is not None:
        facts["event.duration"] = max(end - start, 0) * 1_000_000
    elif "flowDurationMilliseconds" in values:
        facts["event.duration"] = values["flowDurationMilliseconds"] * 1_000_000
    elif "flowDurationMicroseconds" in values:
        facts["event.duration"] = values["flowDurationMicroseconds"] * 1000
    return facts


def _moment(header: Header, values: Values, which: str) -> int | None:
    """Start or end in ms since 1970, by the first element that tells it."""
    for unit in ("Milliseconds", "Microseconds", "Nanoseconds"):
        if f"flow{which}{unit}" in values:
            return values[f"flow{which}{unit}"]
    if f"flow{which}Seconds" in values:
        return values[f"flow{which}Seconds"] * 1000
    uptime = values.get(f"flow{which}SysUpTime")
    if uptime is not None and header.uptime is not None:
        ago = (header.uptime - uptime) % 2**32  # the uptime has 32 bits and wraps
        return header.export - (ago if ago <= 2**31 else ago - 2**32)
    if uptime is not None and "systemInitTimeMilliseconds" in values:
        return values["systemInitTimeMilliseconds"] + uptime
    if f"flow{which}DeltaMicroseconds" in values:
        return header.export - values[f"flow{which}DeltaMicroseconds"] // 1000
    return None


def _observed(header: Header, values: Values) -> int | None:
    """A packet by itself has one time: its observation, or the arrival of the datagram."""
    if "observationTimeMilliseconds" in values:
        return values["observationTimeMilliseconds"]
    return header.now if "dataLinkFrameSize" in values else None


# -- ids ---------------------------------------------------------------------------------------------------------------


def community_id(seed: int, src: Address, dst: Address, values: Values) -> str | None:
    """Community ID version 1; none where the flow's ports or ICMP type are not known, since it would match nothing."""
    pair = _of_one_family(src, dst)
    protocol = protocol_of(values)
    if pair is None or protocol is None:
        return None
    src, dst = pair
    one_way = False
    numbers: tuple[int | None, int | None] | None = None
    if protocol in (1, 58):
        message = icmp(values)
        if message is None:
            return None
        kind, code = message
        answers = {a: b for pair in _ICMP_PAIRS[protocol] for a, b in (pair, pair[::-1])}
        one_way = kind not in answers
        numbers = kind, code if one_way else answers[kind]
    elif protocol in (6, 17, 132):
        numbers = ports(values)
        if None in numbers:
            return None
    ends = [(src.packed, numbers[0] if numbers else 0), (dst.packed, numbers[1] if numbers else 0)]
    if not one_way:
        ends.sort()
    octets = seed.to_bytes(2, "big") + ends[0][0] + ends[1][0] + bytes([protocol, 0])
    if numbers:
        octets += ends[0][1].to_bytes(2, "big") + ends[1][1].to_bytes(2, "big")
    return "1:" + b64encode(hashlib.sha1(octets).digest()).decode()


def conversation_id(seed: int, protocol: int, ends: tuple[Address, Address], port: int, reason: str) -> str | None:
    """Id over protocol, client, server and the server's port; without a known server the lower address stands first."""
    pair = _of_one_family(*ends)
    if pair is None:
        return None
    if reason == "destination":
        pair = sorted(pair)
    octets = seed.to_bytes(2, "big") + bytes([protocol, 0])
    octets += pair[0].packed + pair[1].packed + port.to_bytes(2, "big")
    return xxhash.xxh3_64_hexdigest(octets)


def _of_one_family(src: Address, dst: Address) -> tuple[Address, Address] | None:
    """Two IPv4-mapped addresses count as IPv4."""
    pair = (plain(src), plain(dst))
    if {address.version for address in pair} == {4}:
        return pair if src.version == dst.version else None
    return (src, dst) if src.version == dst.version == 6 else None
