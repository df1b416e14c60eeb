"""CPU per flow of whole collectors on the same datagrams, their runs interleaved so that noise meets all alike."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.process import Collector
from bench.streams import Stream
from flowcoll.errors import SetupError

POLL_S = 0.2
SILENT_POLLS = 10  # a counter that stood still so often will not move any more


class Offer(NamedTuple):
    """What a sender sent: flows, datagrams, how long it took, by how much it was ever late."""

    flows: int
    datagrams: int
    seconds: float
    late_s: float


class Run(NamedTuple):
    """One measured run: CPU microseconds per flow, and what was offered and lost."""

    us_per_flow: float
    offer: Offer
    lost: int
    kernel_drops: int


class Subject(NamedTuple):
    """A collector and what it is fed with: the stream of each run, how often it is sent, how fast to begin with."""

    collector: Collector
    text: str
    next_stream: Callable[[], Stream]
    passes: int
    flows_per_s: float


class Result(NamedTuple):
    """All runs of one subject."""

    name: str
    text: str
    runs: list[Run]

    @property
    def us_per_flow(self) -> list[float]:
        return [run.us_per_flow for run in self.runs]


class Sender:
    """A sender process that has read its file and waits for the word."""

    def __init__(self, stream: Stream, file: Path, port: int, flows_per_s: float, passes: int = 1) -> None:
        count = len(stream.datagrams) * passes
        self._flows = stream.flows * passes
        rate = flows_per_s * len(stream.datagrams) / stream.flows
        command = [sys.executable, "-m", "bench.sender", str(stream.write(file)), str(port), str(rate), str(count)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        if self._process.stdout.readline() != "ready\n":
            raise SetupError("the bench's sender did not start; its message is above")

    def go(self) -> Offer:
        """Send everything, and return when it is sent."""
        told, _ = self._process.communicate("go\n")
        if self._process.returncode:
            raise SetupError(
                f"the bench's sender failed with exit code {self._process.returncode}; its message is above"
            )
        sent = json.loads(told)
        return Offer(self._flows, sent["sent"], sent["seconds"], sent["late_s"])


def drain(collector: Collector, wanted: int) -> int:
    """Wait until a collector has carried so many flows, or does not come on; give how many it has."""
    seen, silent = collector.flows(), 0
    while seen < wanted and silent < SILENT_POLLS:
        time.sleep(POLL_S)
        now = collector.flows()
        silent = silent + 1 if now == seen else 0
        seen = now
    return seen


def run_once(subject: Subject, flows_per_s: float, file: Path) -> Run:
    """Offer one stream and account for the CPU it took."""
    collector = subject.collector
    sender = Sender(subject.next_stream(), file, collector.port, flows_per_s, subject.passes)
    flows, drops, cpu_s = collector.flows(), collector.kernel_drops(), collector.cpu_s()
    offer = sender.go()
    carried = drain(collector, flows + offer.flows) - flows
    cpu_s = collector.cpu_s() - cpu_s
    return Run(cpu_s / max(carried, 1) * 1e6, offer, offer.flows - carried, collector.kernel_drops() - drops)


def interleaved(subjects: Sequence[Subject], rounds: int, folder: Path) -> list[Result]:
    """Measure every subject once a round; a run that lost flows does not count and is repeated, in the end more slowly."""
    rates = {subject.collector.name: subject.flows_per_s for subject in subjects}
    runs: dict[str, list[Run]] = {name: [] for name in rates}
    file = folder / "offered.datagrams"
    for subject in subjects:  # what a process does only once, and what makes it warm, belongs to no round
        run_once(subject, subject.flows_per_s, file)
    for _ in range(rounds):
        for subject in subjects:
            runs[subject.collector.name].append(_without_loss(subject, rates, file))
    return [Result(subject.collector.name, subject.text, runs[subject.collector.name]) for subject in subjects]


def _without_loss(subject: Subject, rates: dict[str, float], file: Path) -> Run:
    """Run until nothing is lost; the last try is kept as it is, and its loss is shown."""
    name = subject.collector.name
    for slower in (1, 1, 2, 2):
        rates[name] /= slower
        run = run_once(subject, rates[name], file)
        if not run.lost:
            break
    return run
