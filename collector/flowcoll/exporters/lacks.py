"""What templates can lack: which information elements say it, and what flows lose without them.

An alternative holds the names of all elements that it needs; one alternative of each part suffices. Where a datagram's
header says how long the exporter runs, that stands for `systemInitTimeMilliseconds`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_UPTIME = "systemInitTimeMilliseconds"
_WITH_UPTIME = frozenset({"netflow5", "netflow9"})
_MOMENTS = ("observationTimeMilliseconds", "dataLinkFrameSize")


class Part(NamedTuple):
    """A field of documents, and the alternatives that give it."""

    field: str
    alternatives: Sequence[str]


class Lack(NamedTuple):
    """What is missing, in a name for scripts and in words; the line mends it on a Cisco router (Flexible NetFlow)."""

    name: str
    words: str
    parts: Sequence[Part]
    cost: str
    cisco: str

    def as_dict(self) -> dict[str, object]:
        """Give it as JSON can hold it."""
        elements = [list(part.alternatives) for part in self.parts]
        return {"what": self.words, "elements": elements, "cost": self.cost, "cisco": self.cisco}


def _both(field: str, *alternatives: str) -> tuple[Part, Part]:
    """Give a part for the source, and the same for the destination."""
    return (
        Part(field.format("source"), [each.format("source", "Source") for each in alternatives]),
        Part(field.format("destination"), [each.format("destination", "Destination") for each in alternatives]),
    )


def _time(which: str, *more: str) -> Part:
    units = ("Milliseconds", "Microseconds", "Nanoseconds", "Seconds", "DeltaMicroseconds")
    names = [f"flow{which}{unit}" for unit in units]
    return Part(f"event.{which.lower()}", [*names, f"flow{which}SysUpTime {_UPTIME}", *more, *_MOMENTS])


SAMPLING = "sampling"

LACKS = (
    Lack(
        "addresses",
        "addresses",
        _both("{}.ip", "{}IPv4Address", "{}IPv6Address"),
        "flows have no ends: no places, no networks, no match with lists of threats",
        "match ipv4 source address, match ipv4 destination address",
    ),
    Lack(
        "protocol",
        "protocol",
        [Part("network.iana_number", ["protocolIdentifier", "nextHeaderIPv6"])],
        "TCP and UDP look alike: no service, no TCP flags, no Community ID",
        "match ipv4 protocol",
    ),
    Lack(
        "ports",
        "ports",
        _both("{}.port", "{}TransportPort", "udp{1}Port", "tcp{1}Port"),
        "no service is known, who is client and who is server is a guess, no Community ID for TCP and UDP",
        "match transport source-port, match transport destination-port",
    ),
    Lack(
        "bytes",
        "bytes",
        [
            Part(
                "network.bytes",
                (
                    "octetDeltaCount",
                    "initiatorOctets",
                    "layer2OctetDeltaCount",
                    "dataLinkFrameSize",
                    "postOctetDeltaCount",
                ),
            )
        ],
        "flows have no volume: they do not count in totals of bytes",
        "collect counter bytes long",
    ),
    Lack(
        "packets",
        "packets",
        [
            Part(
                "network.packets",
                (
                    "packetDeltaCount",
                    "initiatorPackets",
                    "layer2FrameDeltaCount",
                    "dataLinkFrameSize",
                    "postPacketDeltaCount",
                ),
            )
        ],
        "flows do not count in totals of packets",
        "collect counter packets long",
    ),
    Lack(
        "times",
        "times",
        [_time("Start"), _time("End", "flowStartMilliseconds flowDurationMilliseconds")],
        "no start, end or duration: a long flow stands as a whole at the time of its export",
        "collect timestamp absolute first, collect timestamp absolute last (NetFlow v9: sys-uptime will do)",
    ),
    Lack(
        "interfaces",
        "interfaces",
        [
            Part("observer.ingress.interface.id", ["ingressInterface"]),
            Part("observer.egress.interface.id", ["egressInterface"]),
        ],
        "traffic cannot be told by interface, nor by where it enters and leaves",
        "collect interface input, collect interface output",
    ),
    Lack(
        "tcp_flags",
        "TCP flags",
        [Part("tcp.flags.bits", ["tcpControlBits"])],
        "scans and refused connections look like others; client and server are told by port numbers alone",
        "collect transport tcp flags",
    ),
    Lack(
        "as_numbers",
        "AS numbers",
        _both("{}.as.number", "bgp{1}AsNumber"),
        "autonomous systems are known only where a database of them is switched on",
        "collect routing source as, collect routing destination as",
    ),
    Lack(
        "direction",
        "direction",
        [Part("flow.direction.name", ["flowDirection"])],
        "flows counted when they enter and again when they leave cannot be told apart",
        "collect flow direction",
    ),
    Lack(
        "type_of_service",
        "type of service",
        [Part("ip.dscp.name", ["ipClassOfService", "ipDiffServCodePoint"])],
        "traffic cannot be told by its class of service",
        "match ipv4 tos",
    ),
    Lack(
        SAMPLING,
        "sampling",
        [Part("flow.sampling.rate", ["samplingInterval"])],
        "if it samples, bytes and packets are too few by its rate; headers and options data can say the rate, too",
        "option sampler-table (in the flow exporter)",
    ),
)

LEGEND: Mapping[str, Mapping[str, object]] = {lack.name: lack.as_dict() for lack in LACKS}
"""Name of what is missing -> what it is called, which elements would say it, and what it costs."""


def lacking(protocol: str, elements: Iterable[str]) -> frozenset[str]:
    """Give the names of what a template with these elements lacks."""
    have = set(elements)
    if protocol in _WITH_UPTIME:
        have.add(_UPTIME)
    return frozenset(
        lack.name
        for lack in LACKS
        if not all(any(have.issuperset(each.split()) for each in part.alternatives) for part in lack.parts)
    )
