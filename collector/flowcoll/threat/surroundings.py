"""What the refresher of a list needs of the world, each part to be had otherwise in a test."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

import gevent

from flowcoll.threat.passivetotal import Answer, TimeUpError, Validators, fetch, session
from flowcoll.threat.source import Source

_TURN_S = 0.002
_LONGEST_TURN_S = 0.02


class GiveWay:
    """Called often, lets other greenlets run after two milliseconds of work, for as long as was worked."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Give way if it is time."""
        worked = time.perf_counter() - self._since
        if worked >= _TURN_S:
            gevent.sleep(min(worked, _LONGEST_TURN_S))
            self._since = time.perf_counter()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """End a block with TimeUpError when it takes longer."""
    limit = gevent.Timeout(seconds)
    try:
        with limit:
            yield
    except gevent.Timeout as exc:
        if exc is not limit:
            raise
        raise TimeUpError from None


@dataclass(frozen=True)
class Surroundings:
    """Time, rest, the processor, the network."""

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], object] = gevent.sleep
    pause: Callable[[], object] = field(default_factory=GiveWay)
    fetch: Callable[[Source, Validators, BinaryIO], Answer] = field(
        default_factory=lambda: partial(fetch, asking=session(), limit=within)
    )
    chance: Callable[[], float] = random.random
