import io
import json

import pytest

from flowcoll.logs import LEVELS, Log


class Clock:
    def __init__(self, now: float = 1619704514.940934):
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def written(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_has_four_keys_then_the_extras(clock):
    """A JSON line starts with level, ts, caller and msg in this order, and extras follow."""
    stream = io.StringIO()
    Log(stream, clock=clock).info("received", octets=28762468)
    line = stream.getvalue()
    assert line.startswith('{"level":"info","ts":1619704514.940934,"caller":"tests/test_logs.py:')
    assert line.endswith('","msg":"received","octets":28762468}\n')


def test_caller_is_the_line_that_logs(clock):
    """The caller is the module below the package and the line of the call, through `limited` too."""
    stream = io.StringIO()
    source = "\n" * 63 + "log.info('a')\nlog.limited('k', 1).warn('b')\n"
    module = compile(source, Log.__init__.__code__.co_filename.replace("logs.py", "threat/keeping/refresh.py"), "exec")
    exec(module, {"log": Log(stream, clock=clock)})
    assert [line["caller"] for line in written(stream)] == [
        "threat/keeping/refresh.py:64",
        "threat/keeping/refresh.py:65",
    ]


@pytest.mark.parametrize("level", LEVELS)
def test_levels_below_are_left_out(clock, level):
    """A log writes its own level and those above; panic and fatal leave nothing of ours."""
    stream = io.StringIO()
    log = Log(stream, level=level, clock=clock)
    for name in ("debug", "info", "warn", "error"):
        getattr(log, name)(name)
    assert [line["level"] for line in written(stream)] == [
        name for name in LEVELS[LEVELS.index(level) :][:4] if name in LEVELS[:4]
    ]


def test_console_is_five_columns(clock):
    """The console form is time, level, caller, message and the extras as JSON, separated by tabs."""
    stream = io.StringIO()
    Log(stream, encoding="console", clock=clock).warn("buffer too small", port=9995)
    when, level, caller, msg, extra = stream.getvalue().rstrip("\n").split("\t")
    assert (when, level, msg) == ("2021-04-29T13:55:14.940Z", "warn", "buffer too small")
    assert caller.startswith("tests/test_logs.py:")
    assert json.loads(extra) == {"port": 9995}


@pytest.mark.parametrize("encoding", ["json", "console"])
def test_a_line_is_one_line(clock, encoding):
    """Whatever stands in message and extras, a line ends where it ends, and it is ASCII."""
    stream = io.StringIO()
    Log(stream, encoding=encoding, clock=clock).error("first\nsecond", name="é\n", cause=OSError("x"))
    assert stream.getvalue().count("\n") == 1


def test_extras_take_no_key_of_the_line(clock):
    """An extra named like one of the four keys does not replace it."""
    stream = io.StringIO()
    Log(stream, clock=clock).info("kept", level="x", ts=0, caller="x")
    (line,) = written(stream)
    assert (line["level"], line["ts"], line["msg"]) == ("info", clock.now, "kept")


def test_limited_writes_once_per_interval_and_says_what_was_left_out(clock):
    """Within the interval a key writes once; the first line after it tells how many were left out."""
    stream = io.StringIO()
    log = Log(stream, clock=clock)
    for second in range(61):
        clock.now = 1000.0 + second
        log.limited("disk", 60).error("full", second=second)
        if second == 0:
            log.limited("other", 60).error("full", second="other")
    first, other, last = written(stream)
    assert (first["second"], other["second"], last["second"], last["left_out"]) == (0, "other", 60, 59)
    assert "left_out" not in first


def test_limited_survives_a_clock_set_back(clock):
    """After the clock was set back by an hour a key is not silent for an hour."""
    stream = io.StringIO()
    log = Log(stream, clock=clock)
    log.limited("disk", 60).error("before")
    clock.now -= 3600
    log.limited("disk", 60).error("after")
    assert [line["msg"] for line in written(stream)] == ["before", "after"]


def test_a_closed_stream_ends_nothing(clock):
    """A log whose stream is closed is silent and does not raise."""
    stream = io.StringIO()
    stream.close()
    Log(stream, clock=clock).error("nobody reads this")
