"""How long work lives with the receive loop in one hub."""

import time

import gevent

from flowcoll.threat.giveway import GiveWay


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
