"""What a soak is to be, how it stands, and what came of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from soak.ledger import Equation, Page
from soak.watch import Sample, Trend, trend

_SHORT_MIN = 5.0

_RISE_OCTETS = 8 * 1024 * 1024
_RISE_YOUNG = 32 * 1024 * 1024  # a worker that is a minute old still fills its caches
_RISE_SHARE = 0.05
_RISE_COUNT = 4


class Plan(NamedTuple):
    """What one soak is. disk: a small file system for the state directory, or None."""

    seed: int
    minutes: float
    flows_per_s: int
    folder: Path
    disk: Path | None
    exporters: int = 24
    workers: int = 2

    @property
    def fault_every_s(self) -> float:
        """Seconds from a fault to the next."""
        return 2.0 if self.short else 15.0

    @property
    def away_s(self) -> tuple[float, float]:
        """How long Elasticsearch, or a disk, is away."""
        return (1.0, 4.0) if self.short else (5.0, 20.0)

    @property
    def rise_octets(self) -> int:
        """By how much memory may rise in the second half and is not called a leak; see docs/soak.md."""
        return _RISE_YOUNG if self.short else _RISE_OCTETS

    @property
    def short(self) -> bool:
        """Whether there is little time: faults follow each other quickly and are shorter."""
        return self.minutes < _SHORT_MIN


class Rise(NamedTuple):
    """What a figure of one process did in the second half, and by how much it might rise."""

    process: str
    figure: str
    trend: Trend
    limit: float

    @property
    def kept(self) -> bool:
        return self.trend.rise <= self.limit


class Outcome(NamedTuple):
    """All that is told at the end."""

    plan: Plan
    store: str
    seconds: float
    page: Page
    equations: list[Equation]
    rises: list[Rise]
    sent: dict[str, int]
    flows: int
    faults: dict[str, int]
    asked: dict[str, int]
    refused: dict[str, int]
    longest_ms: float
    twice: int
    missing: int
    troubles: list[str]

    @property
    def kept(self) -> bool:
        """Whether nothing was lost without a word, nothing grew, and it answered all the time."""
        return (
            all(each.holds for each in self.equations)
            and all(each.kept for each in self.rises)
            and not sum(self.refused.values())
            and not self.troubles
        )


class State(NamedTuple):
    """How things stand, for who looks on."""

    seconds: float
    fault: str
    page: Page
    memory: dict[str, int]


def rises(plan: Plan, samples: Mapping[str, Sequence[Sample]]) -> list[Rise]:
    """Judge the samples of each process."""
    found = []
    for name, taken in sorted(samples.items()):
        for figure in ("memory", "descriptors", "threads"):
            made = trend([(sample.at, getattr(sample, figure)) for sample in taken])
            limit = max(plan.rise_octets, made.median * _RISE_SHARE) if figure == "memory" else _RISE_COUNT
            found.append(Rise(name, figure, made, limit))
    return found
