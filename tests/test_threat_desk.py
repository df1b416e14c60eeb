"""The folder of lists between the process that keeps them and commands."""

import json
import stat
import time
from pathlib import Path

import pytest

from flowcoll.config import defaults
from flowcoll.errors import ConfigError, SetupError
from flowcoll.threat.keeping.desk import Desk, folder_of, request, running, states


def test_one_process_has_the_folder(tmp_path: Path) -> None:
    """The lock is for one, and free again when that one lets go of it."""
    folder = tmp_path / "threat"
    assert not running(folder)
    one, other = Desk(folder), Desk(folder)
    assert one.locked()
    assert one.locked()
    assert not other.locked()
    assert running(folder)
    one.close()
    assert not running(folder)
    assert other.locked()
    other.close()


def test_a_request_needs_somebody_who_hears_it(tmp_path: Path) -> None:
    """Without a running collector, or a place, there is one line that says what to do."""
    with pytest.raises(SetupError, match=r"^no collector keeps lists in .*/threat; start `flowcoll run`"):
        request(defaults(EF_STATE_PATH=tmp_path), [])
    with pytest.raises(ConfigError, match=r"^EF_STATE_PATH is empty"):
        request(defaults(EF_STATE_PATH=None), [])


def test_requests_are_taken_once(tmp_path: Path) -> None:
    """Names of several requests come together; an empty one stands for all; then they are forgotten."""
    options = defaults(EF_STATE_PATH=tmp_path)
    desk = Desk(folder_of(options))
    assert desk.locked()
    assert desk.wanted() == set()
    request(options, ["riskiq", "mine"])
    request(options, ["other"])
    assert desk.wanted() == {"riskiq", "mine", "other"}
    request(options, [])
    assert desk.wanted() == {""}
    assert desk.wanted() == set()
    desk.close()


def test_states_are_written_when_they_are_news(tmp_path: Path) -> None:
    """An age that grows is no news; whoever reads gives it as it is now."""
    desk = Desk(tmp_path)
    desk.tell({"threat_x": {"state": "on"}}, 1.0)
    assert not (tmp_path / "state.json").exists(), "the folder is not its own yet"
    assert desk.locked()
    desk.tell({"threat_x": {"state": "on", "age_s": 5}}, time.time() - 100)
    before = (tmp_path / "state.json").stat()
    desk.tell({"threat_x": {"state": "on", "age_s": 6}}, time.time() - 99)
    assert (tmp_path / "state.json").stat() == before
    assert stat.S_IMODE(before.st_mode) == 0o640
    assert states(tmp_path)["threat_x"]["age_s"] in range(105, 110)
    desk.tell({"threat_x": {"state": "failed"}}, time.time())
    assert states(tmp_path) == {"threat_x": {"state": "failed"}}
    desk.close()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"told": 1, "lists": []}', '{"told": "x", "lists": {}}', "\0"])
def test_states_that_make_no_sense_are_none(tmp_path: Path, text: str) -> None:
    """What cannot be read says nothing."""
    assert states(tmp_path) == {}
    (tmp_path / "state.json").write_text(text)
    assert states(tmp_path) == {}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """States are not told then; the lists themselves say why nothing is kept."""
    desk = Desk(tmp_path)
    assert desk.locked()
    (tmp_path / "state.json.new").mkdir()
    desk.tell({"threat_x": {"state": "on"}}, 1.0)
    assert states(tmp_path) == {}
    (tmp_path / "state.json.new").rmdir()
    desk.tell({"threat_x": {"state": "on"}}, 1.0)
    assert json.loads((tmp_path / "state.json").read_text())["lists"] == {"threat_x": {"state": "on"}}
    desk.close()
