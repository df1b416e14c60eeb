"""What the supervisor keeps and tells of matches."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from flowcoll.collect.matched import TELL_S, Answer, Matched
from flowcoll.counters import Counts
from flowcoll.errors import SetupError
from flowcoll.logs import Log
from flowcoll.threat.hits.blocklist import Allowed
from flowcoll.threat.showing.words import Summary, summary

NOW = 1_800_000_000.0
ROWS = [["67.43.156.20", 1_799_999_000_000, 1_800_000_000_000, 7, ["one"]]]
ON = {"threat_one": {"state": "on", "entries": 5, "listed": "then"}}
FAILED = {"threat_one": {"state": "failed", "reason": "timeout", "entries": 0}}


def everybody() -> Allowed:
    return lambda *_: True


class World:
    """A supervisor's part, its log and its counts."""

    def __init__(self, path: Path | None) -> None:
        self.out = io.StringIO()
        self.counts = Counts()
        self.matched = Matched(path, everybody, self.counts, Log(self.out), lambda: NOW)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


def test_what_workers_tell(tmp_path: Path) -> None:
    """It is put together, told as a block-list, kept, and there again after a restart."""
    path = tmp_path / "hits.json"
    world = World(path)
    world.matched.load()
    world.matched.heard({"ready": True})
    for _ in range(2):
        world.matched.heard({"hits": ROWS})
    assert world.matched.blocklist("") == ("text/plain", b"67.43.156.20\n")
    world.matched.save()
    again = World(path)
    again.matched.load()
    kind, body = again.matched.blocklist("format=json&min-flows=14")
    assert kind == "application/json"
    assert json.loads(body)["addresses"][0]["flows"] == 14
    with pytest.raises(SetupError):
        again.matched.blocklist("since=never")
    assert not world.lines() + again.lines()


def test_only_what_is_new_is_written(tmp_path: Path) -> None:
    """A file is not written again for nothing."""
    path = tmp_path / "hits.json"
    world = World(path)
    world.matched.save()
    assert not path.exists()
    world.matched.heard({"hits": ROWS})
    world.matched.save()
    path.unlink()
    world.matched.save()
    assert not path.exists()


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """With one line and a counter; the service goes on."""
    path = tmp_path / "hits.json"
    path.write_text("{")
    world = World(path)
    world.matched.load()
    (line,) = world.lines()
    assert line["level"] == "warn"
    assert line["msg"].startswith(f"{path} is not whole; it is set aside as {tmp_path / 'hits.corrupt'}")
    assert world.counts == {"kept.refused.hits": 1}


def test_a_file_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    """With one line for each; what is in memory is told all the same."""
    path = tmp_path / "hits.json"
    path.mkdir()
    world = World(path)
    world.matched.load()
    world.matched.heard({"hits": ROWS})
    world.matched.save()
    world.matched.save()
    assert [line["msg"].partition(" (")[0] for line in world.lines()] == [
        f"{path} cannot be read",
        f"{path} cannot be written",
    ]
    assert world.matched.blocklist("").body


def test_no_state_path() -> None:
    """Nothing is kept, and nothing is told."""
    world = World(None)
    world.matched.load()
    world.matched.heard({"hits": ROWS})
    world.matched.save()
    assert world.matched.blocklist("").body
    assert not world.lines()


def test_rules_are_asked_each_time(tmp_path: Path) -> None:
    """What they exclude now is no longer in a block-list."""
    allows = [True]
    matched = Matched(tmp_path / "x", lambda: lambda *_: allows[0], Counts(), Log(io.StringIO()), lambda: NOW)
    matched.heard({"hits": ROWS})
    assert matched.blocklist("").body
    allows[0] = False
    assert not matched.blocklist("").body


class Telling:
    """The line of the log, at times that a test chooses."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.now = 1000.0
        self.answer = Answer(Log(self.out), lambda: self.now)

    def look(self, found: Summary) -> list[tuple[str, str]]:
        """Look, and give what was told of it."""
        self.answer.look(found)
        lines = [json.loads(line) for line in self.out.getvalue().splitlines()]
        self.out.seek(0)
        self.out.truncate()
        return [(line["level"], line["msg"]) for line in lines]


def test_the_answer_is_told_when_it_changes() -> None:
    """At the start, when a state changes, at the first match, when it is off again; and once an hour."""
    telling = Telling()
    fine = [("info", "threats: one 5 entries loaded then, 0 flows matched so far")]
    assert telling.look(summary(ON, {})) == fine
    assert telling.look(summary(ON, {})) == []
    telling.now += TELL_S - 1
    assert telling.look(summary(ON, {})) == []
    telling.now += 1
    assert telling.look(summary(ON, {})) == fine
    assert telling.look(summary(FAILED, {})) == [("warn", "threats: one timeout, nothing is matched")]
    matches = {"threats.matches": 2, "threats.list_matches.one": 2}
    assert telling.look(summary(ON, matches)) == [
        ("info", "threats: one 5 entries loaded then, 2 flows matched so far")
    ]
    assert telling.look(summary({}, matches))[0][1].startswith("threats: off")


def test_without_lists_nothing_is_told() -> None:
    """Who has switched none on knows it."""
    telling = Telling()
    assert telling.look(summary({}, {})) == []
    assert telling.look(summary({"threat_riskiq": {"state": "off"}}, {})) == []
