"""sFlow version 5 (sflow.org, sFlow version 5, July 2004): flow samples become rows of synthetic templates."""

from collections.abc import Iterator
from socket import AF_INET6, inet_ntoa, inet_ntop
from struct import Struct
from typing import Any

from flowcoll.counters import Counts
from flowcoll.decode import packet
from flowcoll.decode.context import Budget, Contexts
from flowcoll.decode.domains import Domains
from flowcoll.decode.sets import Set
from flowcoll.decode.templates import Column, Template
from flowcoll.document.compiler import Compiler
from flowcoll.errors import DecodeError

DECODED4, DECODED6, SWITCH, ROUTER4, ROUTER6 = (1 << bit for bit in range(8, 13))
_UNKNOWN = 0xFFFFFFFF

COMMON = (
    Column("ingressInterface", "I", 4),
    Column("egressInterface", "I", 4),
    Column("samplingInterval", "I", 4),
    Column("dataLinkFrameSize", "I", 4),
)
COLUMNS = {
    **packet.COLUMNS,
    DECODED4: tuple(column for column in packet.COLUMNS[packet.IP4] if column.name != "ipTTL"),
    DECODED6: tuple(column for column in packet.COLUMNS[packet.IP6] if column.name != "ipTTL"),
    SWITCH: (Column("dot1qVlanId", "I", 4), Column("postVlanId", "I", 4)),
    ROUTER4: (
        Column("ipNextHopIPv4Address", "I", 4),
        Column("sourceIPv4PrefixLength", "I", 4),
        Column("destinationIPv4PrefixLength", "I", 4),
    ),
    ROUTER6: (
        Column("ipNextHopIPv6Address", "16s", 16),
        Column("sourceIPv6PrefixLength", "I", 4),
        Column("destinationIPv6PrefixLength", "I", 4),
    ),
}

_WORD = Struct("!I").unpack_from
_PAIR = Struct("!II").unpack_from
_TAIL = Struct("!IIII").unpack_from
_SAMPLE = Struct("!IIIIIIII").unpack_from
_EXPANDED = Struct("!IIIIIIIIIII").unpack_from
_HEADER = Struct("!IIII").unpack_from
_IP4 = Struct("!IIIIIIII").unpack_from
_IP6 = Struct("!II16s16sIIII").unpack_from

_RATE = 2  # where COMMON has the sampling rate
_FLOW_SAMPLES = frozenset({1, 3})
_OTHER_SAMPLES = {2: "counter_sample", 4: "counter_sample"}

Rows = list[tuple[Any, ...]]


class SFlow5:
    """Reads sFlow datagrams."""

    def __init__(
        self, compiler: Compiler, contexts: Contexts, domains: Domains, counts: Counts, *, flows: bool
    ) -> None:
        self._compiler = compiler
        self._contexts = contexts
        self._domains = domains
        self._counts = counts
        self._flows = flows
        self._templates: dict[int, Template] = {}

    def sets(self, octets: bytes, exporter: tuple[str, int], now_ms: int, budget: Budget) -> Iterator[Set]:
        """Give the flow samples of a datagram, grouped by what they hold; raises DecodeError for a wrong header."""
        if len(octets) < 24:
            raise DecodeError("short_header")
        version, family = _PAIR(octets)
        if version != 5:
            raise DecodeError("sflow_version")
        if family > 2:
            raise DecodeError("agent_address")
        here = (8, 12, 24)[family]
        if len(octets) < here + 16:
            raise DecodeError("short_header")
        agent = ""  # an agent need not say its address: the type "unknown" holds nothing
        if family:
            agent = inet_ntoa(octets[8:12]) if family == 1 else inet_ntop(AF_INET6, octets[8:24])
        part, number, _, samples = _TAIL(octets, here)
        self._counts.add("datagrams.decoded.sflow5")
        context = self._contexts.get(exporter[0], 0, agent)
        context.protocol, context.version = "sflow", 5
        context.at(now_ms, now_ms)
        groups = self._groups(octets, here + 16, samples, budget)
        flows = sum(map(len, groups.values()))
        self._counts.add("records.flow.sflow5", flows)
        heard = self._domains.heard("sflow5", exporter, (agent, part), number, None, flows, len(octets), context)
        for rows in groups.values():
            heard.rate = rows[-1][_RATE]
        return (Set(rows, self._compiler.of(self._template(signature)), context) for signature, rows in groups.items())

    def _groups(self, octets: bytes, here: int, samples: int, budget: Budget) -> dict[int, Rows]:
        """Give the flow samples by signature."""
        counts = self._counts
        groups: dict[int, Rows] = {}
        end = len(octets)
        for _ in range(samples):
            if end - here < 8:
                counts.add("sets.refused.truncated")
                break
            kind, length = _PAIR(octets, here)
            start, here = here + 8, here + 8 + length
            if here > end:
                counts.add("sets.refused.length")
                break
            if kind not in _FLOW_SAMPLES:
                counts.add(f"sets.skipped.{_OTHER_SAMPLES.get(kind, 'other_sample')}")
            elif not self._flows:
                counts.add("sets.skipped.flow_samples_off")
            elif budget.left <= 0:
                counts.add("records.refused.over_limit")
            else:
                try:
                    signature, values = _sample(octets[start:here], expanded=kind == 3)
                except _CannotReadError as problem:
                    counts.add(f"records.refused.{problem}")
                    continue
                budget.left -= 1
                groups.setdefault(signature, []).append(values)
        return groups

    def _template(self, signature: int) -> Template:
        """Give the synthetic template of a signature; there are at most some hundred."""
        found = self._templates.get(signature)
        if found is None:
            columns = [*COMMON, *(c for bit, some in COLUMNS.items() if signature & bit for c in some)]
            found = self._templates[signature] = Template("sflow5", columns, ready=True)
        return found


class _CannotReadError(ValueError):
    """A flow sample cannot be read; the text completes the counter `records.refused.<reason>`."""


def _sample(sample: bytes, *, expanded: bool) -> packet.Parsed:
    """Give signature and values of one flow sample (sFlow version 5, section 5.3)."""
    size = len(sample)
    if size < (44 if expanded else 32):
        raise _CannotReadError("truncated")
    if expanded:
        _, _, _, rate, _, _, in_kind, into, out_kind, out, records = _EXPANDED(sample)
        into = 0 if in_kind or into == _UNKNOWN else into
        out = 0 if out_kind or out == _UNKNOWN else out
    else:
        _, _, rate, _, _, into, out, records = _SAMPLE(sample)
        into, out = _index(into), _index(out)
    signature, length, values = _packet(sample, 44 if expanded else 32, records)
    return signature, (into, out, rate, length, *values)


def _packet(sample: bytes, here: int, records: int) -> tuple[int, int, tuple[object, ...]]:
    """Give what the flow records of a sample say of its packet: signature, frame length, and the other values."""
    size = len(sample)
    length = -1
    signature = 0
    values: tuple[object, ...] = ()
    extra: dict[int, tuple[object, ...]] | None = None
    for _ in range(records):
        if size - here < 8:
            raise _CannotReadError("truncated")
        kind, octets = _PAIR(sample, here)
        start, here = here + 8, here + 8 + octets
        if here > size:
            raise _CannotReadError("truncated")
        if kind == 1 and octets >= 16:
            protocol, length, _, held = _HEADER(sample, start)
            head = sample[start + 16 : min(start + 16 + held, here)]
            signature, values = _LINKS[protocol](head) if protocol in _LINKS else (0, ())
        elif kind in _DECODED and octets >= _DECODED[kind][0] and not signature:
            length, signature, values = _DECODED[kind][1](sample, start)
        elif kind in _EXTENDED and octets >= 16:
            extra = (extra or {}) | _EXTENDED[kind](sample, start, octets)
    if length < 0:
        raise _CannotReadError("no_packet")
    if extra:
        for bit in sorted(extra):
            signature |= bit
            values += extra[bit]
    return signature, length, values


def _index(port: int) -> int:
    """Give an interface index; "discarded", "several" and "internal" have none (sFlow version 5, section 5.3)."""
    return port if port < 0x3FFFFFFF else 0


def _ip4(sample: bytes, start: int) -> tuple[int, int, tuple[object, ...]]:
    """Read a packet that the agent decoded itself: sampled_ipv4."""
    length, protocol, src, dst, sport, dport, flags, tos = _IP4(sample, start)
    values = (sport & 65535, dport & 65535, flags & 255, tos & 255, protocol & 255, src, dst)
    return length, packet.PORTS | packet.TCP | DECODED4, values


def _ip6(sample: bytes, start: int) -> tuple[int, int, tuple[object, ...]]:
    """Read a packet that the agent decoded itself: sampled_ipv6."""
    length, protocol, src, dst, sport, dport, flags, priority = _IP6(sample, start)
    values = (sport & 65535, dport & 65535, flags & 255, priority & 255, protocol & 255, src, dst)
    return length, packet.PORTS | packet.TCP | DECODED6, values


def _switch(sample: bytes, start: int, _octets: int) -> dict[int, tuple[object, ...]]:
    """Give what extended_switch says: the VLAN a packet came in on and the one it left on."""
    vlan_in, _, vlan_out, _ = _HEADER(sample, start)
    return {SWITCH: tuple(0 if vlan == _UNKNOWN else vlan for vlan in (vlan_in, vlan_out))}


def _router(sample: bytes, start: int, octets: int) -> dict[int, tuple[object, ...]]:
    """Give what extended_router says: next hop and the two prefix lengths."""
    family = _WORD(sample, start)[0]
    if family == 1:
        address, mask_from, mask_to = (_WORD(sample, start + at)[0] for at in (4, 8, 12))
        return {ROUTER4: (address, mask_from & 255, mask_to & 255)}
    if family == 2 and octets >= 28:
        mask_from, mask_to = _PAIR(sample, start + 20)
        return {ROUTER6: (sample[start + 4 : start + 20], mask_from & 255, mask_to & 255)}
    return {}


_LINKS = {1: packet.ethernet, 11: packet.ip, 12: packet.ip}
"""Header protocol -> how a sampled header of it is read: ethernet_iso88023, IPv4, IPv6."""

_DECODED = {3: (32, _ip4), 4: (56, _ip6)}
"""Flow record -> octets it has, and how it is read."""

_EXTENDED = {1001: _switch, 1002: _router}
"""Flow record -> what it adds to the packet."""
