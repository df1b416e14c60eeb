"""Documents into a real Elasticsearch: how fast, at whose cost, and how much room they take there."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from elasticsearch import helpers

from bench import ours, traffic
from bench.endtoend import Sender
from bench.feeder import WAYS
from bench.process import Collector, cpu_s
from bench.report import Fed, Room, Way
from bench.stages import Bench, dated_documents
from bench.streams import Stream, stream
from elastic_node import Node
from flowcoll.errors import SetupError
from flowcoll.streams import FLOW

STREAM = FLOW.name("default")  # the namespace that the documents name
SERVICE = "flowcoll run"
OURS = "flowcoll"
_DYNAMIC = "bench-dynamic"
_PREFIX = "EF_OUTPUT_ELASTICSEARCH_"
_MERGE_S = 60.0
_TAKEN_S = 120.0
_LOOK_S = 0.2


class Size(NamedTuple):
    """How many documents are written, how fast the whole collector gets its flows, how often all is repeated."""

    flows: int = 60_000
    flows_per_s: int = 10_000
    rounds: int = 5


def output(node: Node, **more: str) -> dict[str, str]:
    """Options of an output to a node."""
    options = {"ENABLE": "true", "ADDRESSES": node.address, "USERNAME": node.user, "PASSWORD": node.password}
    return {_PREFIX + name: value for name, value in (options | more).items()}


def measure(bench: Bench, size: Size) -> tuple[list[Way], list[Room]]:
    """Start a node, and measure speed and room on it."""
    bench = bench._replace(flows=size.flows)
    lines = dated_documents("ipfix", bench, size.flows_per_s)
    file = bench.folder / "documents.ndjson"
    file.write_text("".join(line + "\n" for line in lines))
    with Node(lasting=True) as node:
        node.start()
        field = Field(bench, size, node, file)
        try:
            return field.speed(), field.room(lines)
        finally:
            (bench.folder / "elasticsearch.log").write_text(node.log())


class Field:
    """Where writers meet: the node, and the documents in a file."""

    def __init__(self, bench: Bench, size: Size, node: Node, file: Path) -> None:
        self._bench, self._size, self._node, self._file = bench, size, node, file

    def speed(self) -> list[Way]:
        """Write the same documents in every way, each in a process of its own, the runs interleaved."""
        warm = stream("ipfix", traffic.warm(self._bench.world), self._size.flows, self._bench.now_s)
        ways = [Way(name, text, []) for name, (text, _) in WAYS.items()]
        text = f"the whole collector, {self._size.flows_per_s} flows/s over UDP, with geo, AS and threat list"
        service = Way(SERVICE, text, [])
        for number in range(1 + self._size.rounds):
            runs = [*((way, self._feed(way.name)) for way in ways), (service, self._serve(warm))]
            for way, run in runs if number else ():  # in the first round the node compiles what it runs often
                way.runs.append(run)
        return [*ways, service]

    def room(self, lines: Sequence[str]) -> list[Room]:
        """Write the same documents by our template, in both index modes, and by dynamic mapping with the default codec."""
        es, rooms = self._node.es, []
        for mode in ("standard", "logsdb"):
            self._feed(OURS, INDEX_MODE=mode)
            rooms.append(
                Room(f"our template, {mode}", "best_compression, ids of ours", self._merged(STREAM) / len(lines))
            )
        settings = {"number_of_replicas": 0}
        es.options(ignore_status=404).indices.delete(index=_DYNAMIC)
        es.indices.create(index=_DYNAMIC, settings=settings)
        actions = ({"_index": _DYNAMIC, "_source": orjson.loads(line)} for line in lines)
        helpers.bulk(es, actions, chunk_size=2_000)
        text = "default codec, ids of Elasticsearch's, text and keyword for every string"
        rooms.append(Room("dynamic mapping", text, self._merged(_DYNAMIC) / len(lines)))
        return rooms

    def _merged(self, index: str) -> int:
        """Merge into one segment, and give the octets on disk."""
        es = self._node.es
        es.options(request_timeout=600).indices.forcemerge(index=index, max_num_segments=1)
        es.indices.flush(index=index, force=True)
        es.indices.refresh(index=index)
        end = time.monotonic() + _MERGE_S
        while True:
            stats = es.indices.stats(index=index, metric="segments,store,merge")["_all"]["primaries"]
            if stats["segments"]["count"] == 1 and not stats["merges"]["current"]:
                return int(stats["store"]["size_in_bytes"])
            if time.monotonic() > end:
                raise SetupError(f"{index} is still in {stats['segments']['count']} segments after a merge into one")
            time.sleep(_LOOK_S)

    def _feed(self, way: str, **more: str) -> Fed:
        """Let a feeder write the documents of the file into an empty data stream."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("EF_")}
        environ |= output(self._node, **more) | {"EF_STATE_PATH": str(self._bench.folder / "state")}
        self._empty()
        command = [sys.executable, "-m", "bench.feeder", way, str(self._file)]
        feeder = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert feeder.stdout
        ready = feeder.stdout.readline() == "ready\n"
        node_s = cpu_s(self._node.pid)
        told, _ = feeder.communicate("go\n" if ready else "")
        if feeder.returncode or not ready:
            raise SetupError(
                f"the bench's feeder ({way}) failed with exit code {feeder.returncode}; its message is above"
            )
        found: Mapping[str, Any] = json.loads(told)
        return self._fed(found["seconds"], found["cpu_s"], cpu_s(self._node.pid) - node_s, self._size.flows)

    def _serve(self, warm: Stream) -> Fed:
        """Let a whole collector write what it is sent."""
        options = ours.settings(self._bench.files, self._bench.folder) | output(self._node)
        options |= {"EF_OUTPUT_FILE_ENABLE": "false"}
        launch = ours.flowcoll(SERVICE, options, self._bench.folder)
        self._empty()
        with Collector(launch, self._bench.folder / "indexing.log") as collector:
            file = self._bench.folder / "offered.datagrams"
            sender = Sender(warm, file, collector.port, self._size.flows_per_s)
            node_s, own_s, begin = cpu_s(self._node.pid), collector.cpu_s(), time.monotonic()
            sender.go()
            end = begin + _TAKEN_S
            while collector.flows() < warm.flows and time.monotonic() < end:
                time.sleep(_LOOK_S)
            seconds = time.monotonic() - begin
            own_s, node_s = collector.cpu_s() - own_s, cpu_s(self._node.pid) - node_s
            return self._fed(seconds, own_s, node_s, collector.flows())

    def _empty(self) -> None:
        self._node.es.options(ignore_status=404).indices.delete_data_stream(name=STREAM)

    def _fed(self, seconds: float, writer_s: float, node_s: float, count: int) -> Fed:
        """Give the figures of a run; SetupError when Elasticsearch does not have what was handed over."""
        self._node.es.indices.refresh(index=STREAM)
        found = self._node.es.count(index=STREAM)["count"]
        if found != count or count < self._size.flows:
            raise SetupError(
                f"{self._size.flows} documents were to be written, {count} were, Elasticsearch has {found}"
            )
        return Fed(count / seconds, writer_s / count * 1e6, node_s / count * 1e6)
