"""What the process that keeps lists needs of the world, each part to be had otherwise in a test."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

import gevent
from gevent.event import Event
from gevent.lock import Semaphore

from flowcoll.threat.giveway import GiveWay
from flowcoll.threat.keeping.download import Answer, TimeUpError, Validators, fetch, session
from flowcoll.threat.keeping.source import Source

_TURN_S = 0.05  # in a process of its own there is little else to do


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


def download(source: Source, known: Validators, target: BinaryIO) -> Answer:
    """Download a list over connections of its own, since each source has its own way and trust."""
    with session(source) as asking:
        return fetch(source, known, target, asking, within)


@dataclass(frozen=True)
class Surroundings:
    """Time, rest, the processor, the network."""

    clock: Callable[[], float] = time.time
    wait: Callable[[Event, float], object] = lambda woken, seconds: woken.wait(seconds)
    """Lets time pass, until the event is set at the latest."""
    pause: Callable[[], object] = field(default_factory=lambda: GiveWay(_TURN_S, 0.0))
    fetch: Callable[[Source, Validators, BinaryIO], Answer] = download
    chance: Callable[[], float] = random.random
    changed: Callable[[], object] = lambda: None
    """Called when the state of a list has changed."""
    turn: AbstractContextManager[object] = field(default_factory=Semaphore)
    """Whoever makes a table has it: two at once would take the memory of both, and be no sooner done."""
