"""The pipeline as a whole: shapes of several outputs, and what does not depend on a protocol."""

import io
import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from corpus import Collector
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.decode.capture import Payload, payloads
from flowcoll.document.fields import EVERYTHING, Wanted
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline

DEMO = Path(__file__).parents[1] / "demo" / "captures"
EXPORTER = ("192.0.2.1", 40_000)
NOW = 1_750_000_000_123
UPTIME = 3_600_000


def netflow5(*, first: int = UPTIME - 5_000, last: int = UPTIME - 1_000, uptime: int = UPTIME) -> bytes:
    """One TCP flow from 10.1.2.3 port 51000 to 198.51.100.7 port 443, exported 123 ms before NOW."""
    header = struct.pack("!HHIIIIBBH", 5, 1, uptime, NOW // 1000, 0, 7, 0, 0, 0)
    addresses = bytes((10, 1, 2, 3, 198, 51, 100, 7, 10, 9, 9, 9))
    ports = struct.pack("!HHxBBB", 51_000, 443, 0x1B, 6, 0)
    return (
        header
        + addresses
        + struct.pack("!HHIIII", 3, 4, 10, 4_000, first, last)
        + ports
        + struct.pack("!HHBBH", 0, 0, 24, 24, 0)
    )


def carry(octets: bytes, *wanted: Wanted, **overrides: Any) -> tuple[Pipeline, Counts]:
    counts = Counts()
    pipeline = Pipeline(defaults(**overrides), counts, Log(io.StringIO()), wanted or (EVERYTHING,))
    pipeline.handle(octets, EXPORTER, NOW)
    return pipeline, counts


def document(octets: bytes, **overrides: Any) -> dict[str, Any]:
    pipeline, _ = carry(octets, **overrides)
    (only,) = pipeline.take()
    found: dict[str, Any] = orjson.loads(only)
    return found


def test_each_output_has_its_own_shape() -> None:
    """Fields dropped for one output, and the time it asks for, are not the other's; a flow counts once."""
    lean = Wanted(("source", "flow.dst.ip.addr", "related"), "end", "EF_LEAN_OUTPUT_FILE_DROP_FIELDS")
    pipeline, counts = carry(netflow5(), EVERYTHING, lean)
    (whole,), (left,) = (list(map(orjson.loads, pipeline.take(each))) for each in (EVERYTHING, lean))
    assert "source" not in left
    assert left["destination"] == {"port": 443}
    assert left["@timestamp"] == whole["event"]["end"] == left["event"]["end"]
    assert whole["@timestamp"] == whole["event"]["ingested"]
    assert {
        key: value for key, value in whole.items() if key not in {"source", "destination", "related", "@timestamp"}
    } == {key: value for key, value in left.items() if key not in {"destination", "@timestamp"}}
    assert counts["documents.written"] == 1
    assert pipeline.take(EVERYTHING) == pipeline.take(lean) == []


def test_shapes_alone_and_together() -> None:
    """A shape beside another gives what it gives alone, whichever comes first."""
    shapes = [EVERYTHING, Wanted(("client.ip", "destination.ip", "tcp"), "start"), Wanted(("server",), "export")]
    alone = [carry(netflow5(), shape)[0].take() for shape in shapes]
    for order in (shapes, shapes[::-1], shapes[1:] + shapes[:1]):
        pipeline, _ = carry(netflow5(), *order)
        assert [pipeline.take(shape) for shape in shapes] == alone


def test_a_wrong_field_names_its_option() -> None:
    """An unknown field of one output stops the start with the name of that output's option."""
    with pytest.raises(ConfigError, match=re.escape("EF_EDGE_OUTPUT_FILE_DROP_FIELDS: unknown field 'source.pot'")):
        carry(netflow5(), Wanted(("source.pot",), "collect", "EF_EDGE_OUTPUT_FILE_DROP_FIELDS"))


@pytest.mark.parametrize(
    ("uptime", "first", "before_ms"),
    [
        (UPTIME, UPTIME - 5_000, 5_000),
        (5_000, 2**32 - 1_000, 6_000),  # the uptime wrapped between the flow and its export
        (UPTIME, UPTIME + 40, -40),  # the flow ended while the datagram was made
        (2**32 - 10, 30, -40),  # the same, over the wrap
        (2**31 + 7, 2**31 - 7, 14),
        (2**31 - 7, 2**31 + 7, -14),
    ],
)
def test_uptime(uptime: int, first: int, before_ms: int) -> None:
    """A time in ms of uptime is the one of its readings that is nearer to the export."""
    found = document(netflow5(first=first, last=first, uptime=uptime))
    export = NOW // 1000 * 1000
    assert found["event"]["start"] == found["event"]["end"] == iso(export - before_ms)


def iso(ms: int) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "too_short"),
        (b"\0\x05\0", "too_short"),
        (b"\0\x04\0\1" + bytes(40), "unknown_version"),
        (b"\0\x05\0\1" + bytes(10), "short_header"),
        (b"\0\x05\0\0" + bytes(60), "count"),
        (b"\0\x0a\0\xff" + bytes(60), "length"),
        (b"\0\0\0\4" + bytes(60), "sflow_version"),
    ],
)
def test_refusals(octets: bytes, reason: str) -> None:
    """A datagram whose header is wrong is refused and counted by its reason."""
    pipeline, counts = carry(octets)
    assert counts[f"datagrams.refused.{reason}"] == counts["datagrams.received"] == 1
    assert pipeline.take() == []


def test_a_protocol_switched_off() -> None:
    """A protocol that is switched off is refused and counted."""
    _, counts = carry(netflow5(), EF_PROCESSOR_DECODE_NETFLOW5_ENABLE=False)
    assert counts["datagrams.refused.protocol_off"] == 1


def counted(sent: Iterable[Payload]) -> Counts:
    """What a collector counts that receives these datagrams."""
    collector = Collector(defaults())
    collector.carry(sent)
    return collector.counts


def net_loss(counts: Counts) -> int:
    return sum(
        count * (1 if key.startswith("sequence.lost.") else -1)
        for key, count in counts.items()
        if key.startswith(("sequence.lost.", "sequence.found."))
    )


@pytest.mark.parametrize(
    "name", ["office-softflowd-v5", "branch-softflowd-v9", "data-centre-softflowd-ipfix", "storage-pmacct-sflow"]
)
def test_what_never_arrived_is_counted(name: str) -> None:
    """A real exporter's stream that arrives whole has lost nothing; a datagram that is missing is counted by what it held."""
    sent = list(payloads(DEMO / f"{name}.pcap"))
    counts = [counted(sent[: place + 1]) for place in range(len(sent))]
    assert net_loss(counts[-1]) == 0
    missing = len(sent) // 2
    before, after = counts[missing - 1], counts[missing]
    held = sum(after[key] - before[key] for key in after if key.startswith(("records.flow.", "records.option.")))
    per_datagram = {"datagrams.decoded.netflow9", "datagrams.decoded.sflow5"} & after.keys()
    assert net_loss(counted([*sent[:missing], *sent[missing + 1 :]])) == (1 if per_datagram else held)
