"""The oracle's own reading of sFlow version 5: one record a flow sample, values named as information elements are."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from oracle_facts import text
from oracle_wire import Header, Octets, Record, Short, Values

_NO_INTERFACE, _NO_INTERFACE_EXPANDED = 0x3FFFFFFF, 0xFFFFFFFF
_UNKNOWN = 0xFFFFFFFF


def sflow5(octets: bytes, source: str, now: int) -> Iterator[Record]:
    """The flow samples of a datagram."""
    wire = Octets(octets)
    if wire.number(4) != 5:
        return
    agent = _address(wire)
    wire.take(12)
    count = wire.number(4)
    observer = source if not agent or agent.is_unspecified else text(agent)
    header = Header("sflow", 5, source, observer, now, now)
    for _ in range(count):
        try:
            kind, sample = wire.number(4), Octets(wire.take(wire.number(4)))
            if kind in (1, 3):
                values = _sample(sample, expanded=kind == 3)
                if values:
                    yield Record(header, values)
        except Short:
            return


def _address(wire: Octets) -> IPv4Address | IPv6Address | None:
    kind = wire.number(4)
    if kind == 1:
        return IPv4Address(wire.take(4))
    if kind == 2:
        return IPv6Address(wire.take(16))
    if kind == 0:  # the agent does not say
        return None
    raise Short


def _sample(sample: Octets, *, expanded: bool) -> Values:
    """The values of one sample, or nothing when it is cut off or does not tell of a packet."""
    values: Values = {}
    try:
        sample.take(12 if expanded else 8)
        values["samplingInterval"] = sample.number(4)
        sample.take(8)
        for name in ("ingressInterface", "egressInterface"):
            if expanded:
                form, index = sample.number(4), sample.number(4)
                known = form == 0 and index != _NO_INTERFACE_EXPANDED
            else:
                form, index = divmod(sample.number(4), 1 << 30)
                known = form == 0 and index != _NO_INTERFACE
            if known:
                values[name] = index
        head: Values = {}
        flow: Values = {}
        for _ in range(sample.number(4)):
            kind, body = sample.number(4), Octets(sample.take(sample.number(4)))
            if kind == 1 and body.left >= 16:
                protocol, values["dataLinkFrameSize"], _, held = (body.number(4) for _ in range(4))
                octets = body.take(min(held, body.left))
                if protocol in (1, 11, 12):
                    head = _ethernet(octets) if protocol == 1 else _ip(octets)
            elif kind in (3, 4) and body.left >= (32 if kind == 3 else 56) and not (head or flow):
                values["dataLinkFrameSize"] = body.number(4)
                flow = _sampled_ip(body, 4 if kind == 3 else 6)
            elif kind == 1001 and body.left >= 16:
                into, _, out, _ = (body.number(4) for _ in range(4))
                values["dot1qVlanId"], values["postVlanId"] = (0 if vlan == _UNKNOWN else vlan for vlan in (into, out))
            elif kind == 1002 and body.left >= 16:
                values |= _router(body)
    except Short:
        return {}
    return values | (head or flow) if "dataLinkFrameSize" in values else {}


def _sampled_ip(body: Octets, version: int) -> Values:
    """Records "sampled IPv4" and "sampled IPv6": the fields of a packet without its header."""
    protocol = body.number(4)
    kind = IPv4Address if version == 4 else IPv6Address
    size = 4 if version == 4 else 16
    return {
        "protocolIdentifier": protocol & 0xFF,
        f"sourceIPv{version}Address": kind(body.take(size)),
        f"destinationIPv{version}Address": kind(body.take(size)),
        "sourceTransportPort": body.number(4) & 0xFFFF,
        "destinationTransportPort": body.number(4) & 0xFFFF,
        "tcpControlBits": body.number(4) & 0xFF,
        "ipClassOfService": body.number(4) & 0xFF,
    }


def _router(body: Octets) -> Values:
    family = body.number(4)
    if family == 1:
        values: Values = {"ipNextHopIPv4Address": IPv4Address(body.take(4))}
    elif family == 2 and body.left >= 24:
        values = {"ipNextHopIPv6Address": IPv6Address(body.take(16))}
    else:
        return {}
    version = 4 if family == 1 else 6
    values[f"sourceIPv{version}PrefixLength"] = body.number(4)
    values[f"destinationIPv{version}PrefixLength"] = body.number(4)
    return values


def _ethernet(head: bytes) -> Values:
    """A frame from its destination address on; of stacked tags, the outermost that names a VLAN counts."""
    wire = Octets(head)
    if wire.left < 14:
        return {}
    values: Values = {"destinationMacAddress": wire.take(6), "sourceMacAddress": wire.take(6)}
    kind = wire.number(2)
    while kind in (0x8100, 0x88A8, 0x9100) and wire.left >= 4:
        tag, kind = wire.number(2) & 0x0FFF, wire.number(2)
        if tag and "vlanId" not in values:
            values["vlanId"] = tag
    if kind in (0x0800, 0x86DD):
        values |= _ip(wire.take(wire.left))
    return values


def _ip(head: bytes) -> Values:
    version = head[0] >> 4 if head else 0
    if version == 4 and len(head) >= 20:
        protocol = head[9]
        values: Values = {
            "ipClassOfService": head[1],
            "ipTTL": head[8],
            "protocolIdentifier": protocol,
            "sourceIPv4Address": IPv4Address(head[12:16]),
            "destinationIPv4Address": IPv4Address(head[16:20]),
        }
        offset = int.from_bytes(head[6:8], "big") & 0x1FFF
        start = 4 * (head[0] & 0x0F)
        return values if offset or start < 20 else values | _transport(protocol, head[start:], icmp=1)
    if version == 6 and len(head) >= 40:
        # The protocol is what the fixed header says, but with ports from behind extension headers it is their protocol.
        protocol, inner = _behind_extensions(head[6], head[40:])
        known = _transport(protocol, inner, icmp=58 if protocol == head[6] else -1)
        return {
            "ipClassOfService": int.from_bytes(head[:2], "big") >> 4 & 0xFF,
            "ipTTL": head[7],
            "protocolIdentifier": protocol if "sourceTransportPort" in known else head[6],
            "sourceIPv6Address": IPv6Address(head[8:24]),
            "destinationIPv6Address": IPv6Address(head[24:40]),
            **known,
        }
    return {}


def _behind_extensions(following: int, rest: bytes) -> tuple[int, bytes]:
    """The protocol behind the extension headers of RFC 8200 section 4, and its octets; none in a later fragment."""
    while following in (0, 43, 44, 51, 60, 135):
        if len(rest) < 8:
            return following, b""
        if following == 44:
            if int.from_bytes(rest[2:4], "big") >> 3:
                return following, b""
            size = 8
        elif following == 51:
            size = 4 * (rest[1] + 2)
        else:
            size = 8 * (rest[1] + 1)
        following, rest = rest[0], rest[size:]
    return following, rest


def _transport(protocol: int, octets: bytes, *, icmp: int) -> Values:
    if len(octets) < 4:
        return {}
    if protocol == icmp:
        return {f"icmpTypeCodeIPv{4 if protocol == 1 else 6}": int.from_bytes(octets[:2], "big")}
    if protocol not in (6, 17, 33, 132, 136):
        return {}
    values: Values = {
        "sourceTransportPort": int.from_bytes(octets[:2], "big"),
        "destinationTransportPort": int.from_bytes(octets[2:4], "big"),
    }
    if protocol == 6 and len(octets) >= 14:
        values["tcpControlBits"] = octets[13]
    return values
