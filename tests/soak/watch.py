"""Watches a collector from outside, each second: memory, descriptors and threads of its processes, and whether it answers."""

import os
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from service import Service

EVERY_S = 1.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MANY = 400  # samples of which every pair is compared
_SOME = 3  # samples


class Sample(NamedTuple):
    """One process at one time."""

    at: float
    memory: int
    descriptors: int
    threads: int


class Trend(NamedTuple):
    """What became of a figure: its median, and by how much it rose from the first sample to the last, without the peaks."""

    median: float
    rise: float


def trend(points: Sequence[tuple[float, float]]) -> Trend:
    """Give the median and the rise by Theil and Sen: the median of the slopes between all pairs of points."""
    if len(points) > _MANY:
        points = sorted(random.Random(1).sample(points, _MANY))
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0]]
    median = statistics.median(value for _, value in points)
    return Trend(median, statistics.median(slopes) * (points[-1][0] - points[0][0]) if slopes else 0.0)


class Watch(threading.Thread):
    """Samples what `service` gives, which is None while there is to be none."""

    def __init__(self, service: Callable[[], Service | None]) -> None:
        super().__init__(daemon=True)
        self.samples: dict[tuple[str, int], list[Sample]] = {}
        self.asked: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.longest_ms = 0.0
        self._service = service
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(EVERY_S):
            service = self._service()
            if service is None:
                continue
            for name, pid in [("supervisor", service.pid), *service.children().items()]:
                sample = _sample(pid)
                if sample is not None:
                    self.samples.setdefault((name, pid), []).append(sample)
            self._ask(service)

    def stop(self) -> None:
        """Watch no more."""
        self._done.set()
        self.join()

    def memory(self) -> dict[str, int]:
        """Give the memory that each process had last."""
        return {name: samples[-1].memory for (name, _), samples in list(self.samples.items())}

    def since(self, start: float) -> dict[str, list[Sample]]:
        """Give the samples of the processes that lived from then on to the end."""
        end = max((samples[-1].at for samples in self.samples.values()), default=0.0)
        return {
            name: [sample for sample in samples if sample.at >= start]
            for (name, _), samples in self.samples.items()
            if samples[0].at <= start + 2 * EVERY_S and samples[-1].at >= end - _SOME * EVERY_S
        }

    def _ask(self, service: Service) -> None:
        for page in ("/livez", "/readyz"):
            begin = time.monotonic()
            status = service.status(page)
            if self._service() is not service:
                return  # it was stopped meanwhile
            self.asked[page] += 1
            self.refused[page] += status != 200
            self.longest_ms = max(self.longest_ms, (time.monotonic() - begin) * 1000)


def _sample(pid: int) -> Sample | None:
    """Read /proc (proc_pid_stat(5)); None when the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    except OSError:
        return None
    return Sample(time.monotonic(), int(fields[21]) * _PAGE, descriptors, int(fields[17]))
