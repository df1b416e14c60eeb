"""Hypothesis strategies for what exporters send, sound and odd: NetFlow v5 and v9, IPFIX, sFlow version 5.

Values come from small pools (addresses that databases and lists know, ports of services, times about the present), so
that what depends on a value is met often; now and then any octets stand in their place. FLOWCOLL_EXAMPLES=20 in the
environment makes each test try twenty times as many examples as `make check` does.
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

from hypothesis import Phase, settings
from hypothesis import strategies as st

from oracle import Datagram
from oracle_wire import REVERSE, VARIABLE, elements

NOW = 1_700_000_000_000
MORE = int(os.environ.get("FLOWCOLL_EXAMPLES", "1"))


def examples(number: int) -> settings:
    """Settings of a test that tries this many examples by default."""
    return settings(max_examples=number * MORE, report_multiple_bugs=False, phases=set(Phase) - {Phase.explain})


# -- values ------------------------------------------------------------------------------------------------------------

_PUBLIC4 = (
    "89.160.20.112",
    "216.160.83.56",
    "1.128.0.1",
    "64.235.151.76",
    "208.100.17.187",
    "208.100.17.186",
    "8.8.8.8",
)
_PRIVATE4 = ("10.1.2.3", "192.168.7.9", "127.0.0.1", "224.0.0.5", "0.0.0.0", "255.255.255.255")
_PUBLIC6 = (
    "2001:218::1",
    "2001:220::1",
    "2a02:a90:4007:31::69",
    "2002:5911:1470::1",
    "::ffff:208.100.17.187",
    "2600:6000::7",
    "::1.2.3.4",
)
_PRIVATE6 = ("::", "::1", "fe80::1", "2001:db8::5", "ff02::1", "::ffff:10.1.2.3")

ADDRESSES4 = [ip_address(text).packed for text in _PUBLIC4 * 2 + _PRIVATE4]
ADDRESSES6 = [ip_address(text).packed for text in _PUBLIC6 * 2 + _PRIVATE6]

_NUMBERS = {
    "protocolIdentifier": (6, 6, 17, 17, 1, 58, 132, 33, 136, 47, 0, 2, 255),
    "nextHeaderIPv6": (6, 17, 58, 44, 0, 255),
    "ports": (0, 53, 68, 80, 443, 546, 2048, 769, 32768, 34560, 1024, 40_000, 65_535),
    "tcpControlBits": (0, 2, 16, 18, 24, 255, 0x0FFF, 0xF002),
    "milliseconds": (NOW, NOW - 1, NOW - 60_000, NOW + 1500, 0, 2**64 - 1, 253_402_300_800_000),
    "seconds": (NOW // 1000, NOW // 1000 - 60, 0, 2**32 - 1, 2**63),
    "uptime": (0, 1, 990_000, 1_000_000, 1_000_001, 2**31, 2**31 + 1_000_000, 2**32 - 1),
    "counts": (0, 1, 40, 1500, 2**32 - 1, 2**63, 2**64 - 1),
    "small": (0, 1, 2, 3, 5, 30, 64, 255),
    "rate": (0, 1, 2, 1000, 2**32 - 1),
    **dict.fromkeys(("samplerId", "selectorId", "selectionSequenceId", "observationDomainId", ""), (0, 1, 2, 257)),
}


_SAMPLERS = ("samplerId", "selectorId", "selectionSequenceId")
_RATES = (
    *("samplingInterval", "samplerRandomInterval", "samplingPopulation", "samplingSize"),
    *("samplingPacketInterval", "samplingPacketSpace", "samplingProbability"),
)
_OWN_RATES = ("samplingInterval", "samplerRandomInterval", "samplingPacketInterval", "samplingPacketSpace")
_ABOUT = (
    *("exportingProcessId", "observationDomainId", "exporterIPv4Address", "templateId", "lineCardId"),
    *("ingressInterface", "egressInterface", "portId", "observationPointId", "meteringProcessId"),
)


def _pool(name: str, kind: str) -> tuple[int, ...]:
    if name in _NUMBERS:
        return _NUMBERS[name]
    if "Port" in name or name.startswith("icmp"):
        return _NUMBERS["ports"]
    if "SysUpTime" in name:
        return _NUMBERS["uptime"]
    if kind.startswith("dateTime"):
        return _NUMBERS["seconds" if kind == "dateTimeSeconds" else "milliseconds"]
    if "Count" in name or "duration" in name.lower():
        return _NUMBERS["counts"]
    return _NUMBERS["rate" if name in _RATES else "small"]


def _octets(name: str, kind: str, width: int) -> st.SearchStrategy[bytes]:
    """Octets of a field, its length before it where the width is VARIABLE."""
    if width == VARIABLE:
        short = st.binary(max_size=9).map(lambda body: bytes([len(body)]) + body)
        long = st.binary(max_size=9).map(lambda body: b"\xff" + len(body).to_bytes(2, "big") + body)
        return st.one_of(short, long)
    if (kind, width) in {("ipv4Address", 4), ("ipv6Address", 16)}:
        return st.sampled_from(ADDRESSES4 if width == 4 else ADDRESSES6)
    if kind in {"dateTimeMicroseconds", "dateTimeNanoseconds"} and width == 8:
        stamps = [(NOW // 1000 + 2_208_988_800 - back) << 32 | 0x80000000 for back in (0, 1, 30)]
        return st.sampled_from([stamp.to_bytes(8, "big") for stamp in (*stamps, 0, 2**64 - 1)])
    if name == "samplingProbability" and width in {4, 8}:
        shares = (0.0, 1.0, 0.001, 1 / 3, 1e-12, 2.0, -1.0, float("nan"))
        return st.sampled_from([struct.pack("!f" if width == 4 else "!d", share) for share in shares])
    if kind.startswith(("unsigned", "dateTime")) and width <= 8:
        values = {number & (1 << 8 * width) - 1 for number in _pool(name, kind)}
        return st.sampled_from([value.to_bytes(width, "big") for value in sorted(values)])
    return st.binary(min_size=width, max_size=width) if width <= 40 else st.just(bytes(width))


# -- templates ---------------------------------------------------------------------------------------------------------

_NATURAL = {
    "unsigned8": 1,
    "unsigned16": 2,
    "unsigned32": 4,
    "unsigned64": 8,
    "dateTimeSeconds": 4,
    "dateTimeMilliseconds": 8,
    "dateTimeMicroseconds": 8,
    "dateTimeNanoseconds": 8,
    "ipv4Address": 4,
    "ipv6Address": 16,
    "macAddress": 6,
    "boolean": 1,
    "float32": 4,
    "float64": 8,
    "string": 12,
    "octetArray": 7,
}

_NUMBER = {row["name"]: int(row["id"]) for row in elements().values() if row["pen"] == "0"}
_FOUR = ("sourceIPv4Address", "destinationIPv4Address")
_SIX = ("sourceIPv6Address", "destinationIPv6Address")
_PORTS = ("sourceTransportPort", "destinationTransportPort")
_CORES = (
    (*_FOUR, "protocolIdentifier", *_PORTS, "tcpControlBits"),
    (*_SIX, "protocolIdentifier", *_PORTS),
    (*_FOUR, *_SIX, "protocolIdentifier", *_PORTS, "sourceIPv4PrefixLength", "sourceIPv6PrefixLength"),
    (*_FOUR, *_SIX, "protocolIdentifier", "icmpTypeCodeIPv4", "icmpTypeCodeIPv6"),
    (*_FOUR, "protocolIdentifier"),
    (*_SIX, "nextHeaderIPv6"),
    (),
)
_TIMES = tuple(
    f"flow{which}{unit}"
    for which in ("Start", "End")
    for unit in ("SysUpTime", "Seconds", "Milliseconds", "Microseconds", "Nanoseconds", "DeltaMicroseconds")
)
_USED = (
    *_FOUR,
    *_SIX,
    *_PORTS,
    *_TIMES,
    *("protocolIdentifier", "nextHeaderIPv6", "ipVersion", "tcpControlBits", "ipClassOfService", "ipDiffServCodePoint"),
    *("udpSourcePort", "udpDestinationPort", "tcpSourcePort", "tcpDestinationPort", "ipTTL"),
    *("icmpTypeCodeIPv4", "icmpTypeCodeIPv6", "icmpTypeIPv4", "icmpCodeIPv4", "icmpTypeIPv6", "icmpCodeIPv6"),
    *("octetDeltaCount", "packetDeltaCount", "layer2OctetDeltaCount", "layer2FrameDeltaCount", "postOctetDeltaCount"),
    *("postPacketDeltaCount", "initiatorOctets", "responderOctets", "initiatorPackets", "responderPackets"),
    *("dataLinkFrameSize", "observationTimeMilliseconds", *_OWN_RATES, *_SAMPLERS),
    *("systemInitTimeMilliseconds", "flowDurationMilliseconds", "flowDurationMicroseconds", "flowEndReason"),
    *("ingressInterface", "egressInterface", "vlanId", "dot1qVlanId", "postVlanId", "flowDirection"),
    *("sourceMacAddress", "destinationMacAddress", "bgpSourceAsNumber", "bgpDestinationAsNumber"),
    *("sourceIPv4PrefixLength", "destinationIPv4PrefixLength", "sourceIPv6PrefixLength", "destinationIPv6PrefixLength"),
    *("ipNextHopIPv4Address", "ipNextHopIPv6Address", "postNATSourceIPv4Address", "postNATDestinationIPv4Address"),
    *("postNATSourceIPv6Address", "postNATDestinationIPv6Address", "postNAPTSourceTransportPort"),
    "postNAPTDestinationTransportPort",
)
_ROWS = sorted(elements().values(), key=lambda row: (row["pen"], int(row["id"])))
_NOBODYS = 4_242_424  # an enterprise number that the table does not have


@dataclass(frozen=True)
class Spec:
    """A field of a template: enterprise, id and width as announced, and what the table has of it."""

    pen: int
    number: int
    width: int
    name: str = ""
    type: str = ""

    def announced(self) -> bytes:
        start = self.number.to_bytes(2, "big") + self.width.to_bytes(2, "big")
        if not self.pen:
            return start
        return bytes([start[0] | 0x80]) + start[1:] + self.pen.to_bytes(4, "big")


def _spec(row: Mapping[str, str], width: int = -1) -> Spec:
    """A field of the element in this row of the table, by default in the width that is natural for its type."""
    pen = int(row["pen"]) if row["pen"] != "netflow9" else 0
    return Spec(pen, int(row["id"]), _NATURAL.get(row["type"], 4) if width < 0 else width, row["name"], row["type"])


def _odd(row: Mapping[str, str]) -> list[Spec]:
    """The same in widths that its type does not have: reduced, too wide, none, variable."""
    natural = _NATURAL.get(row["type"], 4)
    widths = {0, 1, 2, 3, 5, 8, max(natural - 1, 0), natural + 1, 2 * natural, 60, VARIABLE}
    return [_spec(row, width) for width in sorted(widths - {natural})]


_CORE_ROWS = [[elements()["0", _NUMBER[name]] for name in core] for core in _CORES]
_USED_ROWS = [elements()["0", _NUMBER[name]] for name in _USED]
_UNKNOWN = [
    Spec(pen, number, width) for pen in (0, _NOBODYS) for number in (600, 0x7FFF) for width in (0, 1, 9, VARIABLE)
]


def _fields(version: int) -> st.SearchStrategy[Spec]:
    """A field: mostly of an element that documents use, as it should be, else of any width, or of any element."""
    pens = {"0", "netflow9"} if version == 9 else {row["pen"] for row in _ROWS} - {"netflow9"}
    usual = [_spec(row) for row in _USED_ROWS]
    if version == 10:  # counters of the other direction
        usual += [replace(_spec(elements()["0", number]), pen=REVERSE) for number in (1, 2, 1, 2, 4, 8)]
    odd = [spec for row in _USED_ROWS for spec in _odd(row)]
    other = [spec for row in _ROWS if row["pen"] in pens for spec in (_spec(row), _spec(row, VARIABLE))]
    other += [spec for spec in _UNKNOWN if version == 10 or not spec.pen]
    kinds = [st.sampled_from(specs) for specs in (usual, odd, other)]
    return st.integers(0, 9).flatmap(lambda kind: kinds[max(kind - 7, 0)])


_FIELDS = {version: st.lists(_fields(version), min_size=1, max_size=10) for version in (9, 10)}


@st.composite
def templates(draw: st.DrawFn, version: int) -> tuple[Spec, ...]:
    """The fields of a template: a usual set of keys or none among some others."""
    core = [_spec(row) for row in draw(st.sampled_from(_CORE_ROWS))]
    fields = draw(_FIELDS[version])
    cut = draw(st.integers(0, len(fields)))
    core = core[::-1] if cut % 2 else core
    return (*fields[:cut], *core, *fields[cut:])


def _records(template: tuple[Spec, ...]) -> st.SearchStrategy[bytes]:
    record = st.tuples(*(_octets(spec.name, spec.type, spec.width) for spec in template)).map(b"".join)
    return st.lists(record, min_size=1, max_size=3).map(b"".join)


# -- NetFlow v9 and IPFIX ----------------------------------------------------------------------------------------------

Known = dict[tuple[int, int, int, int], tuple[Spec, ...]]  # version, port, domain, template id


def block(number: int, body: bytes) -> bytes:
    """A set with its header."""
    return number.to_bytes(2, "big") + (4 + len(body)).to_bytes(2, "big") + body


def announcement(number: int, template: tuple[Spec, ...]) -> bytes:
    """A template record as a template set holds it."""
    fields = b"".join(spec.announced() for spec in template)
    return number.to_bytes(2, "big") + len(template).to_bytes(2, "big") + fields


def export(version: int, sets: bytes, *, domain: int = 0, uptime: int = 1_000_000) -> bytes:
    """A NetFlow v9 datagram or an IPFIX message round these sets."""
    seconds = (NOW // 1000).to_bytes(4, "big")
    tail = (7).to_bytes(4, "big") + domain.to_bytes(4, "big")
    if version == 9:
        return bytes([0, 9, 0, 1]) + uptime.to_bytes(4, "big") + seconds + tail + sets
    return bytes([0, 10]) + (16 + len(sets)).to_bytes(2, "big") + seconds + tail + sets


@st.composite
def _announced(draw: st.DrawFn, session: tuple[int, int, int], known: Known) -> bytes:
    """A set that announces templates, one of them perhaps an options template."""
    body = b""
    for number in draw(st.lists(st.integers(256, 258), min_size=1, max_size=2)):
        template = draw(templates(session[0]))
        known[(*session, number)] = template
        body += announcement(number, template)
    return block(2 if session[0] == 10 else 0, body + draw(st.sampled_from((b"", b"", b"\0\0\0", bytes(8)))))


@st.composite
def _options_announced(draw: st.DrawFn, session: tuple[int, int, int], known: Known) -> bytes:
    ipfix = session[0] == 10
    number = draw(st.integers(256, 258))
    template = draw(templates(session[0]))
    known[(*session, number)] = template
    fields = b"".join(spec.announced() for spec in template)
    scopes = draw(st.integers(0, len(template)))
    counts = (len(template), scopes) if ipfix else (4 * scopes, 4 * (len(template) - scopes))
    body = b"".join(value.to_bytes(2, "big") for value in (number, *counts)) + fields
    return block(3 if ipfix else 1, body)


@st.composite
def _sampling_announced(draw: st.DrawFn, session: tuple[int, int, int], known: Known) -> bytes:
    """An options template that tells of sampling, with data for it."""
    ipfix = session[0] == 10
    if ipfix:
        names = draw(st.lists(st.sampled_from((*_ABOUT, *_SAMPLERS)), max_size=2))
        scope = tuple(_spec(elements()["0", _NUMBER[name]]) for name in names)
    else:
        kinds = draw(st.lists(st.integers(0, 6), max_size=2))
        scope = tuple(Spec(0, kind, 4, "", "unsigned32") for kind in kinds)
    names = draw(st.lists(st.sampled_from((*_SAMPLERS, *_RATES, *_RATES)), min_size=1, max_size=5))
    natural = [_spec(elements()["0", _NUMBER[name]]) for name in names]
    odd = [draw(st.sampled_from((spec, spec, spec, *_odd(elements()["0", spec.number])))) for spec in natural]
    template = (*scope, *(spec for spec in odd if ipfix or spec.width != VARIABLE))
    if not any(spec.width for spec in template):
        template = (*template, _spec(elements()["0", _NUMBER["samplingInterval"]]))
    number = draw(st.integers(259, 261))
    known[(*session, number)] = template
    fields = b"".join(spec.announced() for spec in template)
    counts = (len(template), len(scope)) if ipfix else (4 * len(scope), 4 * (len(template) - len(scope)))
    body = b"".join(value.to_bytes(2, "big") for value in (number, *counts)) + fields
    return block(3 if ipfix else 1, body) + block(number, draw(_records(template)))


@st.composite
def _data(draw: st.DrawFn, session: tuple[int, int, int], known: Known) -> bytes:
    """A data set: of a template of this session, or of one that another session announced, or of none."""
    ids = sorted({key[3] for key in known})
    number = draw(st.sampled_from([*ids, *ids, *ids, 262]))
    like = [template for key, template in known.items() if key[3] == number]
    template = known.get((*session, number)) or (like or [()])[-1]
    body = draw(_records(template) if template else st.binary(max_size=9))
    return block(number, body + draw(st.sampled_from((b"", b"", b"\0", bytes(3), b"\1\2\3\4\5", bytes(64)))))


@st.composite
def _oddity(draw: st.DrawFn, session: tuple[int, int, int], known: Known) -> bytes:
    """A withdrawal, a reserved set, a template cut off, a lie about a length."""
    kind = draw(st.sampled_from(("withdraw", "withdraw all", "reserved", "cut", "lie", "empty")))
    own = 2 if session[0] == 10 else 0
    if kind == "withdraw":
        number = draw(st.integers(256, 258))
        return block(own + draw(st.integers(0, 1)), announcement(number, ()))
    if kind == "withdraw all":
        both = draw(st.integers(0, 1))
        return block(own + both, announcement(own + both, ()))
    if kind == "reserved":
        return block(draw(st.integers(4, 255)), draw(st.binary(max_size=20)))
    if kind == "cut":
        template = draw(templates(session[0]))
        body = announcement(draw(st.integers(256, 258)), template)
        return block(own, body[: draw(st.integers(0, len(body) - 1))])
    number = draw(st.sampled_from([0, 2, 256, *(key[3] for key in known)]))
    return number.to_bytes(2, "big") + draw(st.sampled_from((0, 3, 4, 5, 9, 60_000))).to_bytes(2, "big")


@st.composite
def exports(draw: st.DrawFn) -> list[Datagram]:
    """What one exporter sends by NetFlow v9 or IPFIX, now and then by both, from one or two ports."""
    known: Known = {}
    main = draw(st.sampled_from((9, 10)))
    datagrams: list[Datagram] = []
    for _ in range(draw(st.integers(1, 3))):
        version = main if draw(st.integers(0, 5)) else 19 - main
        session = (version, draw(st.sampled_from((4000, 4000, 4001))), draw(st.sampled_from((0, 0, 1))))
        sets = b"" if any(key[:3] == session for key in known) else draw(_announced(session, known))
        for _ in range(draw(st.integers(1, 3))):
            others = (_announced, _oddity, _options_announced, _sampling_announced, _sampling_announced)
            kind = draw(st.sampled_from((_data,) * 8 + others))
            sets += draw(kind(session, known))
        uptime = draw(st.sampled_from((1_000_000, 1_000_000, 5, 2**31 + 1_000_000, 2**32 - 1)))
        octets = export(version, sets, domain=session[2], uptime=uptime)
        datagrams.append(Datagram(session[1], NOW + draw(st.sampled_from((0, 1, 999, 60_000))), octets))
    return datagrams


@st.composite
def sampled(draw: st.DrawFn) -> list[Datagram]:
    """What one exporter of several domains sends that says of its sampling what it can, mostly in options data."""
    known: Known = {}
    main = draw(st.sampled_from((9, 10)))
    datagrams: list[Datagram] = []
    others = (*_SAMPLERS, *_OWN_RATES, "ingressInterface", "ingressInterface")
    names = (*_FOUR, "octetDeltaCount", *draw(st.lists(st.sampled_from(others), max_size=3)))
    template = tuple(_spec(elements()["0", _NUMBER[name]]) for name in names)
    for _ in range(draw(st.integers(1, 6))):
        version = main if draw(st.integers(0, 8)) else 19 - main
        session = (version, draw(st.sampled_from((4000, 4000, 4001))), draw(st.sampled_from((0, 1, 2))))
        sets = b""
        for _ in range(draw(st.integers(0, 2))):
            sets += draw(_sampling_announced(session, known))
        sets += block(2 if version == 10 else 0, announcement(256, template)) + block(256, draw(_records(template)))
        datagrams.append(Datagram(session[1], NOW, export(version, sets, domain=session[2])))
    return datagrams


# -- NetFlow v5 --------------------------------------------------------------------------------------------------------

_FIXED = (
    *[("", "ipv4Address", 4)] * 3,
    *[("ingressInterface", "unsigned16", 2)] * 2,
    *[("octetDeltaCount", "unsigned32", 4)] * 2,
    *[("flowStartSysUpTime", "unsigned32", 4)] * 2,
    *[("sourceTransportPort", "unsigned16", 2)] * 2,
    ("", "octetArray", 1),
    ("tcpControlBits", "unsigned8", 1),
    ("protocolIdentifier", "unsigned8", 1),
    ("ipClassOfService", "unsigned8", 1),
    *[("bgpSourceAsNumber", "unsigned16", 2)] * 2,
    *[("sourceIPv4PrefixLength", "unsigned8", 1)] * 2,
    ("", "octetArray", 2),
)


@st.composite
def fixed_exports(draw: st.DrawFn) -> list[Datagram]:
    """A NetFlow v5 datagram; its count may be a lie, its last record may be cut off."""
    record = st.tuples(*(_octets(*field) for field in _FIXED)).map(b"".join)
    records = draw(st.lists(record, max_size=4))
    body = b"".join(records)
    count = len(records) if draw(st.integers(0, 4)) else draw(st.sampled_from((0, 1, 30, 1364, 1365, 65_535)))
    body = body if draw(st.integers(0, 5)) else body[:-7]
    uptime = draw(st.sampled_from(_NUMBERS["uptime"]))
    nanoseconds = draw(st.sampled_from((0, 999_999_999, 2**32 - 1, 5_000_000)))
    sampling = draw(st.sampled_from((0, 1, 0x4001, 0x4064, 0x3FFF, 0xFFFF, 100)))
    header = b"".join(
        value.to_bytes(size, "big")
        for value, size in (
            *((5, 2), (count, 2), (uptime, 4), (NOW // 1000, 4), (nanoseconds, 4)),
            *((7, 4), (0, 1), (0, 1), (sampling, 2)),
        )
    )
    return [Datagram(4000, NOW, header + body)]
