"""How the refresher lives with the receive loop in one hub."""

import time

import gevent
import pytest

from flowcoll.threat.passivetotal import TimeUpError
from flowcoll.threat.surroundings import GiveWay, within


def test_others_run_after_a_little_work() -> None:
    """Called often, it lets others run after each few milliseconds of work; called sooner it costs next to nothing."""
    turns: list[float] = []

    def other() -> None:
        while True:
            turns.append(time.perf_counter())
            gevent.sleep(0)

    greenlet = gevent.spawn(other)
    pause = GiveWay()
    started = time.perf_counter()
    before = len(turns)
    for _ in range(3):
        pause()
    quick = len(turns) - before
    while time.perf_counter() - started < 0.3:
        pause()
    greenlet.kill()
    assert quick == 0
    assert len(turns) > 20


def test_a_block_that_takes_too_long_is_ended() -> None:
    """A block ends with TimeUpError after so many seconds, whatever greenlet-aware call it waits in."""
    with pytest.raises(TimeUpError), within(0.01):
        gevent.sleep(30)
    with within(30):
        gevent.sleep(0)


def test_another_limit_is_not_taken_for_ours() -> None:
    """A limit that somebody else put round passes through."""
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01), within(30):
        gevent.sleep(30)
