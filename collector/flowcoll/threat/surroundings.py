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


def _give_way() -> None:
    gevent.sleep(0)  # in a process of its own there is little else to do


@dataclass(frozen=True)
class Surroundings:
    """Time, rest, the processor, the network."""

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], object] = gevent.sleep
    pause: Callable[[], object] = _give_way
    fetch: Callable[[Source, Validators, BinaryIO], Answer] = field(
        default_factory=lambda: partial(fetch, asking=session(), limit=within)
    )
    chance: Callable[[], float] = random.random
    changed: Callable[[], object] = lambda: None
    """Called when the refresher's state has changed."""
