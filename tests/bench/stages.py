"""What each stage costs by itself, in this process: receive, decode, document, output, and parts of the document."""

import cProfile
import io
import pstats
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from bench import ours, traffic
from bench.report import Figure
from bench.streams import RECORDS, Stream, stream
from bench.timing import Slices, Stage, cpu_ns, interleaved, sliced
from bench.world import Files, World
from flowcoll.config import load
from flowcoll.counters import Counts
from flowcoll.document.fields import EVERYTHING, Asked, Records
from flowcoll.errors import SetupError
from flowcoll.logs import Log
from flowcoll.output import open_outputs
from flowcoll.output.file import LineOutput
from flowcoll.output.target import file_target
from flowcoll.pipeline import Pipeline
from flowcoll.threat.matching import feeds

T = TypeVar("T")
Burst = list[bytes]

BURST = 16  # datagrams that the worker reads at once, and hands over in one batch
EXPORTER = ("127.0.0.1", 40_000)
PROFILE_LINES = 30

PARTS = {
    "community ID": {"EF_PROCESSOR_ENRICH_COMMUNITYID_ENABLE": "false"},
    "conversation id": {"EF_PROCESSOR_ENRICH_CONVERSATIONID_ENABLE": "false"},
    "client and server": {"EF_PROCESSOR_EXPAND_CLISRV": "false"},
    "related": {"EF_PROCESSOR_DROP_FIELDS": "related"},
    "flow times": {"EF_PROCESSOR_DROP_FIELDS": "event.start,event.end,event.duration"},
    "sampling": {"EF_PROCESSOR_SAMPLING_CORRECT": "false", "EF_PROCESSOR_DROP_FIELDS": "flow.sampling"},
    "threat match": {"EF_PROCESSOR_ENRICH_IPADDR_THREAT_BENCH_ENABLE": "false"},
    "place and AS": {
        "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_GEOIP_ENABLE": "false",
        "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_ASN_ENABLE": "false",
    },
}
"""Part of the document -> options that leave it out."""


class Bench(NamedTuple):
    """What the stages are measured on."""

    world: World
    files: Files
    folder: Path
    now_s: int
    flows: int
    rounds: int


def stages(protocol: str, bench: Bench) -> list[Figure]:
    """Measure every stage of one protocol, their rounds interleaved."""
    warm = _warm(protocol, bench)
    fresh = _fresh(protocol, bench)
    options = ours.settings(bench.files, bench.folder)
    default, lean, anew = (_pipeline(each, bench) for each in (options, options | ours.LEAN, options))
    documents = _carry(default, warm)
    _carry(lean, warm)
    null = LineOutput(file_target("bench", Path("/dev/null")), Counts(), Log(io.StringIO()))
    sending = options | ours.RISKIQ
    both = _pipeline(sending, bench, (EVERYTHING, Records()))
    _carry(both, warm)
    both.take(Records())
    size = sum(map(len, documents)) / len(documents)
    bursts, batches = _bursts(warm.datagrams, BURST), _bursts(documents, BURST * RECORDS)
    figures = interleaved(
        [
            Stage("receive", "recvfrom of datagrams that wait at a socket", partial(_receive, bursts)),
            Stage("decode", "headers and sets to rows, nothing written", partial(sliced, _decode(default), bursts)),
            Stage(
                "pipeline",
                f"decode and write {size:.0f} octets, addresses known",
                partial(sliced, _spend(default), bursts),
            ),
            Stage("pipeline, lean", "without client.*, server.*, related.*", partial(sliced, _spend(lean), bursts)),
            Stage("pipeline, new", "as pipeline, every address new", lambda: sliced(_spend(anew), next(fresh))),
            Stage(
                "pipeline, RiskIQ",
                "as pipeline, and the public side of flows packed, encrypted, sent over loopback",
                partial(_to_riskiq, both, sending, bench, bursts),
            ),
            Stage("output", "documents joined, encoded, written to /dev/null", partial(sliced, null.write, batches)),
        ],
        warm.flows,
        bench.rounds,
    )
    known, new = (next(f for f in figures if f.name == name) for name in ("pipeline", "pipeline, new"))
    misses = [(b - a) / 2 for a, b in zip(known.us_per_flow, new.us_per_flow, strict=True)]
    text = "looked up for the first time: half of what new ones add to a flow"
    return [*figures, Figure("an address", text, misses, (new.quiet_us - known.quiet_us) / 2)]


def parts(protocol: str, bench: Bench) -> list[Figure]:
    """Measure the pipeline without this or that; what a part costs is the difference to the first line."""
    warm = _warm(protocol, bench)
    bursts = _bursts(warm.datagrams, BURST)
    options = ours.settings(bench.files, bench.folder)

    def stage(name: str, without: Mapping[str, str]) -> Stage:
        pipeline = _pipeline({**options, **without}, bench)
        documents = _carry(pipeline, warm)
        text = f"{sum(map(len, documents)) / len(documents):.0f} octets a document"
        return Stage(name, text, partial(sliced, _spend(pipeline), bursts))

    all_of_it = stage("everything", {})
    return interleaved(
        [all_of_it, *(stage(f"without {name}", without) for name, without in PARTS.items())], warm.flows, bench.rounds
    )


def profile(protocol: str, bench: Bench) -> str:
    """Run the pipeline under the interpreter's profiler and give its table, and the source of the generated code."""
    pipeline, warm = carried(protocol, bench)
    profiler = cProfile.Profile()
    profiler.runcall(sliced, _spend(pipeline), _bursts(warm.datagrams, BURST))
    told = io.StringIO()
    pstats.Stats(profiler, stream=told).sort_stats("tottime").print_stats(PROFILE_LINES)
    return told.getvalue() + "".join(f"# {title}\n{source}\n" for title, source in pipeline.explain())


def carried(protocol: str, bench: Bench) -> tuple[Pipeline, Stream]:
    """Give a warm stream and a pipeline that has carried it, so that it knows all addresses and templates."""
    warm = _warm(protocol, bench)
    pipeline = _pipeline(ours.settings(bench.files, bench.folder), bench)
    _carry(pipeline, warm)
    return pipeline, warm


def dated_documents(protocol: str, bench: Bench, flows_per_s: float) -> list[str]:
    """Give the documents of a warm stream that came at a steady rate and ended just now."""
    pipeline, warm = carried(protocol, bench)
    begin_ms = time.time_ns() // 1_000_000 - round(warm.flows / flows_per_s * 1_000)
    for number, octets in enumerate(warm.datagrams):
        pipeline.handle(octets, EXPORTER, begin_ms + round(number * RECORDS / flows_per_s * 1_000))
    return pipeline.take()


def _warm(protocol: str, bench: Bench) -> Stream:
    return stream(protocol, traffic.warm(bench.world), bench.flows, bench.now_s)


def _fresh(protocol: str, bench: Bench) -> Iterator[list[Burst]]:
    flows = traffic.fresh(bench.world)
    while True:
        yield _bursts(stream(protocol, flows, bench.flows, bench.now_s).datagrams, BURST)


def _pipeline(options: Mapping[str, str], bench: Bench, wanted: Sequence[Asked] = (EVERYTHING,)) -> Pipeline:
    loaded, log = load(ours.no_file(bench.folder), options, ()), Log(io.StringIO())
    pipeline = Pipeline(loaded, Counts(), log, wanted)
    feeds.use(loaded, pipeline.lists, log)
    return pipeline


def _carry(pipeline: Pipeline, stream: Stream) -> list[str]:
    """Carry a whole stream and give its documents."""
    documents: list[str] = []
    sliced(_spend(pipeline, documents.extend), _bursts(stream.datagrams, BURST))
    if len(documents) != stream.flows:
        raise SetupError(
            f"{len(documents)} documents came of {stream.flows} flows of {stream.protocol}: mend the pipeline"
        )
    return documents


def _spend(pipeline: Pipeline, keep: Callable[[list[str]], object] = len) -> Callable[[Burst], None]:
    """Carry a burst as the worker does, then take the documents away."""
    handle, take, now_ms = pipeline.handle, pipeline.take, time.time_ns() // 1_000_000

    def carry(burst: Burst) -> None:
        for octets in burst:
            handle(octets, EXPORTER, now_ms)
        keep(take())

    return carry


def _to_riskiq(pipeline: Pipeline, options: Mapping[str, str], bench: Bench, bursts: Sequence[Burst]) -> Slices:
    """Carry bursts with the RiskIQ output beside documents; nobody reads what is sent, which costs the sender the same."""
    handle, take, now_ms = pipeline.handle, pipeline.take, time.time_ns() // 1_000_000
    with _udp() as to:
        place = {"EF_OUTPUT_RISKIQ_PORT": str(to.getsockname()[1])}
        made = load(ours.no_file(bench.folder), {**options, **place, "EF_OUTPUT_FILE_ENABLE": "false"}, ())
        counts = Counts()
        (output,) = open_outputs(made, counts, Log(io.StringIO()), lambda _fd, _s: True)

        def carry(burst: Burst) -> None:
            for octets in burst:
                handle(octets, EXPORTER, now_ms)
            len(take())
            output.write(take(output.wanted))

        slices = sliced(carry, bursts)
        output.close()
    if counts["documents.dropped.riskiq"] or not counts["documents.delivered.riskiq"]:
        raise SetupError("the RiskIQ output did not send all; its figure says nothing")
    return slices


def _decode(pipeline: Pipeline) -> Callable[[Burst], None]:
    """Read headers, sets and records of a burst; the rows go nowhere."""
    sets, now_ms = pipeline._sets, time.time_ns() // 1_000_000

    def decode(burst: Burst) -> None:
        for octets in burst:
            for rows, _, _ in sets(octets, EXPORTER, now_ms):
                deque(rows, maxlen=0)

    return decode


def _receive(bursts: Sequence[Burst]) -> Slices:
    """Read burst after burst, as the worker does; only the reading is timed, not the sending."""
    slices = []
    with _udp() as to, _udp() as by:
        by.connect(to.getsockname())
        for burst in bursts:
            for octets in burst:
                by.send(octets)
            slices.append(cpu_ns(_drain, to))
    return slices


def _drain(sock: socket.socket) -> None:
    recvfrom = sock.recvfrom
    try:
        for _ in range(BURST):
            recvfrom(65_535)
    except BlockingIOError:
        pass


def _udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return sock


def _bursts(items: list[T], size: int) -> list[list[T]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
