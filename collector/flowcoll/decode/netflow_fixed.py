"""NetFlow v5: one fixed layout, read by the same generated code as a template's records."""

from collections.abc import Iterator
from struct import Struct

from flowcoll.counters import Counts
from flowcoll.decode.context import Budget, Contexts
from flowcoll.decode.domains import Domains
from flowcoll.decode.sets import Set
from flowcoll.decode.templates import Column, Template
from flowcoll.document.compiler import Compiler
from flowcoll.errors import DecodeError

_HEADER = Struct("!HHIIIIBBH").unpack_from
HEADER = 24
RECORD = 48
_MOST = (65_535 - HEADER) // RECORD  # a UDP datagram holds no more

FIELDS = (
    # Cisco, "NetFlow Export Datagram Format", table B-4; names of the elements that RFC 3954 gave the same fields
    ("sourceIPv4Address", "I", 4),
    ("destinationIPv4Address", "I", 4),
    ("ipNextHopIPv4Address", "I", 4),
    ("ingressInterface", "H", 2),
    ("egressInterface", "H", 2),
    ("packetDeltaCount", "I", 4),
    ("octetDeltaCount", "I", 4),
    ("flowStartSysUpTime", "I", 4),
    ("flowEndSysUpTime", "I", 4),
    ("sourceTransportPort", "H", 2),
    ("destinationTransportPort", "H", 2),
    ("", "x", 1),
    ("tcpControlBits", "B", 1),
    ("protocolIdentifier", "B", 1),
    ("ipClassOfService", "B", 1),
    ("bgpSourceAsNumber", "H", 2),
    ("bgpDestinationAsNumber", "H", 2),
    ("sourceIPv4PrefixLength", "B", 1),
    ("destinationIPv4PrefixLength", "B", 1),
    ("", "2x", 2),
)


class NetFlow5:
    """Reads NetFlow v5 datagrams."""

    def __init__(self, compiler: Compiler, contexts: Contexts, domains: Domains, counts: Counts) -> None:
        self._template = Template("netflow5", [Column(*column) for column in FIELDS])
        self._compiler = compiler
        self._contexts = contexts
        self._domains = domains
        self._counts = counts

    def sets(self, octets: bytes, exporter: tuple[str, int], now_ms: int, budget: Budget) -> Iterator[Set]:
        """Give the records of a datagram; raises DecodeError when the header is wrong."""
        if len(octets) < HEADER:
            raise DecodeError("short_header")
        _, said, uptime, seconds, nanos, number, kind, slot, sampling = _HEADER(octets)
        if said == 0 or said > _MOST:
            raise DecodeError("count")
        self._counts.add("datagrams.decoded.netflow5")
        context = self._contexts.get(exporter[0], 5)
        context.protocol, context.version = "netflow", 5
        context.at(now_ms, seconds * 1000 + min(nanos // 1_000_000, 999), uptime)
        interval = sampling & 0x3FFF  # the two bits before it are the mode; many exporters leave them 0
        context.rate, context.rate_source = (interval, "header") if interval > 1 else (1, "none")
        held = (len(octets) - HEADER) // RECORD
        if held < said:
            self._counts.add("records.refused.truncated", said - held)
        records = min(held, said)
        taken = min(records, budget.left)
        engine = kind << 8 | slot
        heard = self._domains.heard("netflow5", exporter, engine, number, said, taken, len(octets), context)
        heard.rate = interval
        if taken < records:
            self._counts.add("records.refused.over_limit", records - taken)
        if taken:
            self._counts.add("records.flow.netflow5", taken)
            compiled = self._compiler.of(self._template)
            yield Set(compiled.read(octets[HEADER : HEADER + taken * RECORD]), compiled, context)
