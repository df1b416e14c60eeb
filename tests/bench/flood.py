"""Ten thousand different templates: how much memory they take, and whether all that came with them is documented."""

import random
import socket
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

from bench.endtoend import drain
from bench.process import Collector
from bench.streams import COMMON, NETFLOW9, data_set, netflow9_message, template, template_set

RECORDS = 4
LIMIT_OCTETS = 200_000_000
SEED = 9
KEPT = {"src", "dst", "packets", "octets", "protocol", "src_port", "dst_port"}
FIRST_ID = 256


class Verdict(NamedTuple):
    """What a flood left behind."""

    templates: int
    source_ports: int
    flows: int
    documents: int
    peak_octets: int
    cpu_s: float

    @property
    def kept(self) -> bool:
        """Whether the memory stayed within the limit and every flow became a document."""
        return self.peak_octets < LIMIT_OCTETS and self.documents == self.flows


def bodies(count: int) -> Iterator[list[tuple[int, int, str]]]:
    """Different field lists, each a subset of the bench's own template, with counters of four or eight octets."""
    rng = random.Random(SEED)
    optional = [field for field in NETFLOW9 if field[2] not in KEPT]
    seen: set[int] = set()
    while len(seen) < count:
        bits = rng.getrandbits(len(optional) + 2)
        if bits in seen:
            continue
        seen.add(bits)
        wide = {"packets": bits & 1, "octets": bits >> 1 & 1}
        kept = [(element, 8 if wide.get(name) else octets, name) for element, octets, name in COMMON if name in KEPT]
        yield kept + [field for index, field in enumerate(optional) if bits >> (index + 2) & 1]


def datagrams(count: int, *, one_exporter: bool) -> Iterator[bytes]:
    """NetFlow v9 packets that each bring a new template and RECORDS records of it."""
    rng = random.Random(SEED)
    clock = (int(time.time()), 86_400_000)
    for index, fields in enumerate(bodies(count)):
        template_id = FIRST_ID + index if one_exporter else FIRST_ID
        size = sum(octets for _, octets, _ in fields)
        records = b"".join(
            struct.pack(">II", 0x0A00_0001 + index, 0x0808_0808) + rng.randbytes(size - 8) for _ in range(RECORDS)
        )
        sets = template_set("netflow9", template(template_id, fields)) + data_set(template_id, records)
        yield netflow9_message(sets, 1 + RECORDS, clock, index)


def flood(collector: Collector, count: int, per_s: float, *, one_exporter: bool) -> Verdict:
    """Send `count` templates with data for each, from one source port or each from a port of its own."""
    before, cpu_s = collector.flows(), collector.cpu_s()
    begin = time.monotonic()
    sock = _sender(collector.port)
    for index, octets in enumerate(datagrams(count, one_exporter=one_exporter)):
        if index and not one_exporter:
            sock.close()
            sock = _sender(collector.port)
        sock.send(octets)
        ahead_s = index / per_s - (time.monotonic() - begin)
        if ahead_s > 0:
            time.sleep(ahead_s)
    sock.close()
    documents = drain(collector, before + count * RECORDS) - before
    return Verdict(
        count,
        1 if one_exporter else count,
        count * RECORDS,
        documents,
        collector.peak_octets(),
        collector.cpu_s() - cpu_s,
    )


def _sender(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.connect(("127.0.0.1", port))
    return sock
