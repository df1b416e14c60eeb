"""The process that downloads, run in this one."""

import io
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gevent.event import Event

from fakes.passivetotal import KEY, USER, PassiveTotal
from flowcoll.config import Options, defaults
from flowcoll.counters import Counts
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.threat.last_good import LastGood
from flowcoll.threat.refresher import needed, run

OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


def options(folder: Path | None, url: str = "https://x.example/list", *, on: bool = True) -> Options:
    said: dict[str, Any] = {"THREAT_ENABLE": on, "THREAT_ENDPOINT": url, "API_USER": USER, "API_KEY": KEY}
    return defaults(EF_STATE_PATH=folder, **{OPTION + name: value for name, value in said.items()})


class Board:
    """What was published, in order; `enough` ends it by how the list is then."""

    def __init__(self, ending: Event, enough: str) -> None:
        self.published: list[dict[str, Any]] = []
        self._ending, self._enough = ending, enough

    def publish(self, told: Any) -> None:
        self.published.append(json.loads(json.dumps(told)))
        if self.lists[-1]["state"] == self._enough:
            self._ending.set()

    @property
    def lists(self) -> list[dict[str, Any]]:
        return [each["report"]["enrichers"]["threat_riskiq"] for each in self.published]


@pytest.mark.parametrize(("enough", "fault", "entries"), [("on", "", 5), ("failed", "503", 0)])
def test_it_downloads_and_tells(tmp_path: Path, fake: PassiveTotal, enough: str, fault: str, entries: int) -> None:
    """The list is kept, each step is published with what was counted, and a wish to end ends it at once."""
    fake.fail(fault)
    ending, counts, stream = Event(), Counts(), io.StringIO()
    board = Board(ending, enough)
    run(options(tmp_path, fake.blocklist_url), counts, Log(stream), board.publish, ending)
    assert [each["doing"] for each in board.lists][:2] == ["loading", "downloading"]
    assert (board.lists[-2]["state"], board.lists[-2]["entries"]) == (enough, entries)
    assert board.lists[-1]["doing"] == "stopped"
    assert board.published[-1]["counts"] == counts != {}
    assert board.published[-1]["gauges"] == {}
    assert (LastGood(tmp_path / "threat", "riskiq").load() is None) is (entries == 0)
    assert len(fake.requests) == 1
    assert all(json.loads(line)["msg"].startswith("RiskIQ Threats: ") for line in stream.getvalue().splitlines())
    assert KEY not in stream.getvalue() + json.dumps(board.published)


def test_it_ends_on_sigterm(tmp_path: Path, fake: PassiveTotal) -> None:
    """A signal ends it too."""
    told: list[Any] = []

    def publish(each: Any) -> None:
        told.append(each)
        if len(told) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    run(options(tmp_path, fake.blocklist_url), Counts(), Log(io.StringIO()), publish)
    signal.signal(signal.SIGTERM, before)
    assert told


def test_what_nobody_expected_ends_it(tmp_path: Path, fake: PassiveTotal, capsys: pytest.CaptureFixture[str]) -> None:
    """An error that is no refusal ends it and is told by its caller alone, so that another process is started."""

    class BrokenLog(Log):
        def info(self, msg: str, /, **_: Any) -> None:
            raise LookupError(msg)

    with pytest.raises(LookupError):
        run(options(tmp_path, fake.blocklist_url), Counts(), BrokenLog(io.StringIO()), lambda _: None)
    assert capsys.readouterr().err == ""


def test_it_tells_while_nothing_happens(tmp_path: Path, fake: PassiveTotal) -> None:
    """What it publishes is never older than a few seconds, so that a silent one is a dead one."""
    ending, states = Event(), []

    def publish(told: Any) -> None:
        states.append(told["report"]["enrichers"]["threat_riskiq"]["doing"])
        if states[-2:] == ["waiting", "waiting"]:
            ending.set()

    run(options(tmp_path, fake.blocklist_url), Counts(), Log(io.StringIO()), publish, ending)


def test_it_is_needed_when_there_is_something_to_download(tmp_path: Path) -> None:
    """No process is started for nothing, nor where the list could not be kept."""
    assert needed(options(tmp_path))
    assert not needed(options(tmp_path, on=False))
    assert not needed(options(None, on=False))
    with pytest.raises(ConfigError, match="EF_STATE_PATH is empty"):
        needed(options(None))
    run(options(tmp_path, on=False), Counts(), Log(io.StringIO()), lambda _: pytest.fail("nothing to tell"))
