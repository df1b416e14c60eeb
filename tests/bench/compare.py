"""The end-to-end table of one protocol: ours in three ways beside GoFlow2 in two, on the same flows."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench import ours, peers, traffic
from bench.endtoend import Result, Subject, interleaved
from bench.process import Collector, Launch
from bench.streams import Stream, stream
from bench.world import Files, World

DEFAULT, LEAN, NEW = "flowcoll", "flowcoll lean", "flowcoll new"
PROTOBUF, JSON = "goflow2 bin", "goflow2 json"


class Size(NamedTuple):
    """How much is measured: flows of a warm stream and how often it is sent in a run, flows of the two slower kinds."""

    warm_flows: int = 60_000
    passes: int = 3
    new_flows: int = 30_000
    slow_flows: int = 12_000
    rounds: int = 5
    warm_flows_per_s: int = 40_000
    new_flows_per_s: int = 10_000
    slow_flows_per_s: int = 4_000


QUICK = Size(warm_flows=12_000, passes=1, new_flows=3_000, slow_flows=2_400, rounds=2)


class Field(NamedTuple):
    """Where the collectors meet: the traffic, the files about its addresses, a folder to work in, the peer if any."""

    world: World
    files: Files
    folder: Path
    goflow2: Path | None
    now_s: int


def end_to_end(protocol: str, field: Field, size: Size) -> list[Result]:
    """Measure every collector on the flows of one protocol, their runs interleaved."""
    warm = stream(protocol, traffic.warm(field.world), size.warm_flows, field.now_s)
    slow = stream(protocol, traffic.warm(field.world), size.slow_flows, field.now_s)
    fresh = _fresh(protocol, field, size)
    options = ours.settings(field.files, field.folder)
    subjects: list[Subject] = []
    with ExitStack() as running:

        def enter(launch: Launch) -> Collector:
            log = field.folder / f"{launch.name.replace(' ', '-')}.log"
            return running.enter_context(Collector(launch, log))

        def warmed(launch: Launch, text: str) -> None:
            subjects.append(Subject(enter(launch), text, lambda: warm, size.passes, size.warm_flows_per_s))

        warmed(ours.flowcoll(DEFAULT, options, field.folder), "default document, addresses known")
        warmed(ours.flowcoll(LEAN, options | ours.LEAN, field.folder), "without client.*, server.*, related.*")
        if field.goflow2:
            warmed(peers.goflow2(field.goflow2, "bin", protocol), "protobuf, nothing enriched")
            slowly = enter(peers.goflow2(field.goflow2, "json", protocol))
            subjects.append(Subject(slowly, "JSON, nothing enriched", lambda: slow, 1, size.slow_flows_per_s))
        anew = enter(ours.flowcoll(NEW, options, field.folder))
        subjects.append(
            Subject(anew, "default document, every address new", lambda: next(fresh), 1, size.new_flows_per_s)
        )
        return interleaved(subjects, size.rounds, field.folder)


def _fresh(protocol: str, field: Field, size: Size) -> Iterator[Stream]:
    flows = traffic.fresh(field.world)
    while True:
        yield stream(protocol, flows, size.new_flows, field.now_s)
