"""CPU time of stages on a busy machine: short slices, rounds in turn, and of each slice the quietest round."""

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from bench.report import Figure

T = TypeVar("T")

Slices = list[int]
"""Nanoseconds of CPU that each slice of a round took; slice by slice the rounds do the same work."""


class Stage(NamedTuple):
    """Something to measure; `measure` does it once for all flows."""

    name: str
    text: str
    measure: Callable[[], Slices]


def sliced(work: Callable[[T], object], slices: Iterable[T]) -> Slices:
    """Time some work on one slice after the other."""
    return [cpu_ns(work, each) for each in slices]


def cpu_ns(work: Callable[[T], object], on: T) -> int:
    """Give the nanoseconds of CPU that some work takes."""
    begin = time.process_time_ns()
    work(on)
    return time.process_time_ns() - begin


def interleaved(stages: Sequence[Stage], flows: int, rounds: int) -> list[Figure]:
    """Time each stage once a round, so that a noisy moment does not fall on one of them alone.

    The quiet figure adds up each slice's best round: what the stage costs when nothing disturbs it.
    """
    gc.collect()
    gc.freeze()  # as `flowcoll run` does before it receives
    runs: dict[str, list[Slices]] = {stage.name: [] for stage in stages}
    for _ in range(rounds):
        for stage in stages:
            runs[stage.name].append(stage.measure())
    gc.unfreeze()
    return [
        Figure(
            stage.name,
            stage.text,
            [sum(slices) / flows / 1_000 for slices in runs[stage.name]],
            sum(map(min, zip(*runs[stage.name], strict=True))) / flows / 1_000,
        )
        for stage in stages
    ]
