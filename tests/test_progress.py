import io
import json

from flowcoll.logs import Log
from flowcoll.output.progress import Progress


class Told:
    """A replay that is told of, at times that a test sets."""

    def __init__(self):
        self.now = 100.0
        self._stream = io.StringIO()
        self.progress = Progress("elasticsearch", Log(self._stream), lambda: self.now)

    def lines(self):
        keys = ("documents", "octets", "done", "left", "left_s", "after_s")
        lines = map(json.loads, self._stream.getvalue().splitlines())
        return [(line["msg"], {key: line[key] for key in keys if key in line}) for line in lines]


SENDING, NOTHING = "sending what waits on disk", "nothing waits on disk any more"


def test_a_long_replay():
    """It is told of when it begins, every ten seconds with what is left and how long that takes, and when it ends."""
    told = Told()
    told.progress.begin(10_000, 999)
    for second in range(1, 26):
        told.now += 1
        told.progress.did(100, 10_000 - 100 * second)
    told.progress.end()
    assert told.lines() == [
        (SENDING, {"documents": 10_000, "octets": 999}),
        (SENDING, {"done": 1000, "left": 9000, "left_s": 90}),
        (SENDING, {"done": 2000, "left": 8000, "left_s": 80}),
        (NOTHING, {"documents": 2500, "after_s": 25.0}),
    ]


def test_short_replays_are_told_of_once_a_minute():
    """Where a little goes to disk time and again, not each time is a line."""
    told = Told()
    for _ in range(10):
        told.progress.begin(100, 999)
        told.now += 1
        told.progress.did(100, 0)
        told.progress.end()
    assert [msg for msg, _ in told.lines()] == [SENDING, NOTHING]
    told.now += 60
    told.progress.begin(100, 999)
    assert len(told.lines()) == 3


def test_how_long_it_takes():
    """The estimate follows the speed, and there is none before anything was sent."""
    told = Told()
    told.progress.begin(1000, 999)
    assert told.progress.left_s(1000) is None
    told.now += 2
    told.progress.did(100, 900)
    assert told.progress.left_s(900) == 18
    told.now += 8
    told.progress.did(900, 500)
    assert told.progress.left_s(500) == 5
    told.progress.end()
    assert not told.progress.running
