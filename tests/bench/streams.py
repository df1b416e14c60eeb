"""The same traffic as datagrams of NetFlow v5, NetFlow v9, IPFIX and sFlow v5, for the bench and its senders."""

import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bench.traffic import ICMP, SAMPLING, TCP, UDP, Flow

RECORDS = 24  # per datagram of NetFlow and IPFIX
SAMPLES = 6  # what fits about 1,400 octets of sFlow
DATAGRAMS_PER_SECOND = 4_000  # of the exporter; says how fast the times in the headers move
TEMPLATE_EVERY = 500  # datagrams; a datagram of its own, so that data datagrams all hold RECORDS records
UPTIME_MS = 86_400_000
DOMAIN = 256
TEMPLATE_ID, OPTIONS_ID = 260, 261

# NetFlow v9 (RFC 3954 section 8) and IPFIX: element, octets, what of a flow it carries.
COMMON: list[tuple[int, int, str]] = [
    (8, 4, "src"),
    (12, 4, "dst"),
    (15, 4, "next_hop"),
    (10, 2, "input"),
    (14, 2, "output"),
    (2, 4, "packets"),
    (1, 4, "octets"),
    (7, 2, "src_port"),
    (11, 2, "dst_port"),
    (4, 1, "protocol"),
    (5, 1, "tos"),
    (6, 1, "tcp_flags"),
    (16, 4, "src_as"),
    (17, 4, "dst_as"),
    (9, 1, "src_mask"),
    (13, 1, "dst_mask"),
    (61, 1, "direction"),
]
NETFLOW9 = [*COMMON, (22, 4, "first_up"), (21, 4, "last_up"), (48, 1, "sampler")]
IPFIX = [*COMMON, (152, 8, "start_ms"), (153, 8, "end_ms"), (136, 1, "end_reason")]


class Stream(NamedTuple):
    """Datagrams in the order of sending, and how many flows they hold."""

    protocol: str
    datagrams: list[bytes]
    flows: int

    def write(self, path: Path) -> Path:
        """Write the datagrams to a file, each after its length in two octets, for a sender in another process."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(struct.pack(">H", len(octets)) + octets for octets in self.datagrams))
        return path


def read(path: Path) -> list[bytes]:
    """Give the datagrams of a file that `Stream.write` wrote."""
    octets = path.read_bytes()
    datagrams = []
    at = 0
    while at < len(octets):
        (length,) = struct.unpack_from(">H", octets, at)
        datagrams.append(octets[at + 2 : at + 2 + length])
        at += 2 + length
    return datagrams


def stream(protocol: str, source: Iterator[Flow], flow_count: int, now_s: int) -> Stream:
    """Encode the next flows of a source, at least `flow_count` of them, with the templates they need."""
    per_datagram = SAMPLES if protocol == "sflow" else RECORDS
    count = -(-flow_count // per_datagram)
    datagrams = list(ENCODERS[protocol](source, count, now_s))
    return Stream(protocol, datagrams, count * per_datagram)


def _clock(index: int, now_s: int) -> tuple[int, int]:
    """Export time of a datagram: seconds since the epoch and milliseconds since the exporter started."""
    seconds = index // DATAGRAMS_PER_SECOND
    return now_s + seconds, UPTIME_MS + seconds * 1_000


def _netflow5(source: Iterator[Flow], count: int, now_s: int) -> Iterator[bytes]:
    header = struct.Struct(">HHIIIIBBH")
    record = struct.Struct(">IIIHHIIIIHHBBBBHHBBH")
    for index in range(count):
        seconds, uptime = _clock(index, now_s)
        body = b"".join(
            record.pack(
                flow.src,
                flow.dst,
                flow.next_hop,
                flow.input,
                flow.output,
                flow.packets,
                flow.octets,
                uptime - flow.start_age,
                uptime - flow.end_age,
                flow.src_port,
                flow.dst_port,
                0,
                flow.tcp_flags,
                flow.protocol,
                flow.tos,
                flow.src_as & 0xFFFF,
                flow.dst_as & 0xFFFF,
                flow.src_mask,
                flow.dst_mask,
                0,
            )
            for flow in islice(source, RECORDS)
        )
        # The two highest bits say how it samples: 1 is every n-th packet.
        yield header.pack(5, RECORDS, uptime, seconds, 0, index * RECORDS, 0, 1, 1 << 14 | SAMPLING) + body


def _packed(fields: Sequence[tuple[int, int, str]], uptime: int, now_ms: int) -> Callable[[Flow], bytes]:
    record = struct.Struct(">" + "".join({1: "B", 2: "H", 4: "I", 8: "Q"}[octets] for _, octets, _ in fields))
    own = set(Flow._fields)
    getters: list[Callable[[Flow], int]] = []
    made: dict[str, Callable[[Flow], int]] = {
        "direction": lambda flow: flow.input & 1,
        "sampler": lambda _: 1,
        "end_reason": lambda flow: 3 if flow.tcp_flags & 1 else 1,
        "first_up": lambda flow: uptime - flow.start_age,
        "last_up": lambda flow: uptime - flow.end_age,
        "start_ms": lambda flow: now_ms - flow.start_age,
        "end_ms": lambda flow: now_ms - flow.end_age,
    }
    for _, _, name in fields:
        getters.append(_attribute(name) if name in own else made[name])
    return lambda flow: record.pack(*[get(flow) for get in getters])


def _attribute(name: str) -> Callable[[Flow], int]:
    index = Flow._fields.index(name)
    return lambda flow: flow[index]


def _set(set_id: int, body: bytes) -> bytes:
    """A set or FlowSet, padded to four octets."""
    body += bytes(-len(body) % 4)
    return struct.pack(">HH", set_id, 4 + len(body)) + body


def template(template_id: int, fields: Sequence[tuple[int, int, str]]) -> bytes:
    """One template record, the same in NetFlow v9 (RFC 3954 section 5.2) and IPFIX (RFC 7011 section 3.4.1)."""
    specifiers = b"".join(struct.pack(">HH", element, octets) for element, octets, _ in fields)
    return struct.pack(">HH", template_id, len(fields)) + specifiers


def netflow9_message(sets: bytes, records: int, clock: tuple[int, int], sequence: int) -> bytes:
    """A NetFlow v9 export packet (RFC 3954 section 5.1)."""
    seconds, uptime = clock
    return struct.pack(">HHIIII", 9, records, uptime, seconds, sequence, DOMAIN) + sets


def ipfix_message(sets: bytes, seconds: int, sequence: int) -> bytes:
    """An IPFIX message (RFC 7011 section 3.1)."""
    return struct.pack(">HHIII", 10, 16 + len(sets), seconds, sequence, DOMAIN) + sets


def data_set(template_id: int, records: bytes) -> bytes:
    """A data set of records that are already packed."""
    return _set(template_id, records)


def template_set(protocol: str, template_record: bytes) -> bytes:
    """A set that announces a template."""
    return _set(0 if protocol == "netflow9" else 2, template_record)


def _netflow9(source: Iterator[Flow], count: int, now_s: int) -> Iterator[bytes]:
    # The options template tells that sampler 1 takes one packet in SAMPLING: scope 1 is the system (section 6.1).
    options = struct.pack(">HHH" + "HH" * 4, OPTIONS_ID, 4, 12, 1, 4, 48, 1, 49, 1, 50, 4)
    told = (
        template_set("netflow9", template(TEMPLATE_ID, NETFLOW9))
        + _set(1, options)
        + data_set(OPTIONS_ID, struct.pack(">IBBI", 1, 1, 2, SAMPLING))
    )
    sequence = 0
    for index in range(count):
        clock = _clock(index, now_s)
        if index % TEMPLATE_EVERY == 0:
            yield netflow9_message(told, 3, clock, sequence)
            sequence += 1
        pack = _packed(NETFLOW9, clock[1], 0)
        body = b"".join(map(pack, islice(source, RECORDS)))
        yield netflow9_message(data_set(TEMPLATE_ID, body), RECORDS, clock, sequence)
        sequence += 1


def _ipfix(source: Iterator[Flow], count: int, now_s: int) -> Iterator[bytes]:
    # The options template gives the sampling interval of the observation domain (element 149 is its scope).
    options = struct.pack(">HHH" + "HH" * 3, OPTIONS_ID, 3, 1, 149, 4, 34, 4, 35, 1)
    told = (
        template_set("ipfix", template(TEMPLATE_ID, IPFIX))
        + _set(3, options)
        + data_set(OPTIONS_ID, struct.pack(">IIB", DOMAIN, SAMPLING, 2))
    )
    sequence = 0
    for index in range(count):
        seconds, uptime = _clock(index, now_s)
        if index % TEMPLATE_EVERY == 0:
            yield ipfix_message(told, seconds, sequence)
            sequence += 1
        pack = _packed(IPFIX, uptime, seconds * 1_000)
        body = b"".join(map(pack, islice(source, RECORDS)))
        yield ipfix_message(data_set(TEMPLATE_ID, body), seconds, sequence)
        sequence += RECORDS


def _sflow(source: Iterator[Flow], count: int, now_s: int) -> Iterator[bytes]:
    """The sFlow datagram and flow sample of sflow_version_5.txt: a sampled header and the VLANs of the switch."""
    header = struct.Struct(">IIIIIII")
    sample = struct.Struct(">IIIIIIIIII")
    raw = struct.Struct(">IIIIII")
    switch = struct.Struct(">IIIIII")
    taken = 0
    for index in range(count):
        _, uptime = _clock(index, now_s)
        samples = []
        for flow in islice(source, SAMPLES):
            taken += 1
            sampled, frame_length = sampled_header(flow)
            records = raw.pack(1, 16 + len(sampled), 1, frame_length, 4, len(sampled)) + sampled
            records += switch.pack(1001, 16, 100 + flow.input % 8, 0, 100 + flow.output % 8, 0)
            samples.append(
                sample.pack(
                    1,
                    32 + len(records),
                    taken,
                    flow.input,
                    SAMPLING,
                    taken * SAMPLING,
                    0,
                    flow.input,
                    flow.output,
                    2,
                )
                + records
            )
        yield header.pack(5, 1, 0x7F00_0009, 0, index + 1, uptime, SAMPLES) + b"".join(samples)


def sampled_header(flow: Flow) -> tuple[bytes, int]:
    """The first 128 octets of a frame of this flow, and the frame's full length with its check sequence."""
    size = 1_400 if flow.octets > 600 * flow.packets else 128
    if flow.protocol == TCP:
        layer4 = struct.pack(
            ">HHIIBBHHH", flow.src_port, flow.dst_port, flow.start_age, flow.end_age, 0x50, flow.tcp_flags, 501, 0, 0
        )
    elif flow.protocol == UDP:
        layer4 = struct.pack(">HHHH", flow.src_port, flow.dst_port, size - 34, 0)
    elif flow.protocol == ICMP:
        layer4 = struct.pack(">BBHHH", 8, 0, 0, flow.input, flow.packets & 0xFFFF)
    else:
        layer4 = struct.pack(">HH", 0, 0x0800)
    layer3 = struct.pack(
        ">BBHHHBBHII", 0x45, flow.tos, size - 14, flow.end_age, 0x4000, 57, flow.protocol, 0, flow.src, flow.dst
    )
    layer2 = struct.pack(">HIHIH", 0x0200, flow.next_hop, 0x0200, flow.input, 0x0800)
    frame = layer2 + layer3 + layer4
    return frame + bytes(128 - len(frame)), size + 4


ENCODERS: dict[str, Callable[[Iterator[Flow], int, int], Iterator[bytes]]] = {
    "netflow5": _netflow5,
    "netflow9": _netflow9,
    "ipfix": _ipfix,
    "sflow": _sflow,
}
PROTOCOLS = tuple(ENCODERS)
