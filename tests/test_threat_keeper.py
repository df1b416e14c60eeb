"""The process that keeps lists, run in this one."""

import io
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event

from fakes.passivetotal import KEY, USER, PassiveTotal
from flowcoll.config import Options, defaults
from flowcoll.counters import Counts
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.threat.keeping import refresher
from flowcoll.threat.keeping.desk import Desk, states
from flowcoll.threat.keeping.keeper import Contact, run
from flowcoll.threat.keeping.shelf import Shelf
from making import PREFIX

PATIENCE_S = 30


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


def options(folder: Path | None, url: str = "", *, mine: Path | None = None, **more: Any) -> Options:
    said: dict[str, Any] = {"RISKIQ_API_USER": USER, "RISKIQ_API_KEY": KEY} | more
    if url:
        said |= {"RISKIQ_THREAT_ENABLE": True, "RISKIQ_THREAT_ENDPOINT": url}
    if mine is not None:
        said |= {"THREAT_MINE_ENABLE": True, "THREAT_MINE_PATH": mine}
    return defaults(EF_STATE_PATH=folder, **{PREFIX + name: value for name, value in said.items()})


class Process:
    """What it publishes, in order, and what it is told."""

    def __init__(self, options: Options, *, again: bool = False, log: Log | None = None) -> None:
        self.published: list[dict[str, Any]] = []
        self.counts, self.stream, self.ready = Counts(), io.StringIO(), Event()
        self.at_ready: list[dict[str, Any]] = []
        self.contact = Contact(self._publish, self._ready, again)
        self._running = gevent.spawn(run, options, self.counts, log or Log(self.stream), self.contact)

    def _publish(self, told: Any) -> None:
        self.published.append(json.loads(json.dumps(told)))

    def _ready(self) -> None:
        self.at_ready.append(self.published[-1]["report"]["enrichers"])
        self.ready.set()

    def state(self, name: str = "threat_riskiq") -> dict[str, Any]:
        if not self.published:
            return {}
        found: dict[str, Any] = self.published[-1]["report"]["enrichers"][name]
        return found

    def until(self, seen: Callable[[], object]) -> None:
        with gevent.Timeout(PATIENCE_S):
            while not seen():
                if self._running.ready():
                    self._running.get()
                    pytest.fail("it has ended")
                gevent.sleep(0.01)

    def end(self) -> None:
        self.contact.ending.set()
        self._running.get(timeout=PATIENCE_S)

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.mark.parametrize(("enough", "fault", "entries"), [("on", "", 5), ("failed", "503", 0)])
def test_it_downloads_and_tells(tmp_path: Path, fake: PassiveTotal, enough: str, fault: str, entries: int) -> None:
    """A table is made, each step is published with what was counted, and a wish to end ends it at once."""
    fake.fail(fault)
    process = Process(options(tmp_path, fake.blocklist_url))
    process.until(lambda: process.state().get("state") == enough)
    process.end()
    doing = [each["report"]["enrichers"]["threat_riskiq"]["doing"] for each in process.published]
    assert list(dict.fromkeys(doing))[:2] == ["loading", "downloading"]
    assert (process.state()["state"], process.state()["entries"]) == (enough, entries)
    assert process.state()["doing"] == "stopped"
    assert process.published[-1]["counts"] == process.counts != {}
    assert process.published[-1]["gauges"] == {}
    assert (Shelf(tmp_path / "threat").find("riskiq") is None) is (entries == 0)
    assert len(fake.requests) == 1
    assert all(line["msg"].startswith("RiskIQ Threats: ") for line in process.told())
    assert KEY not in process.stream.getvalue() + json.dumps(process.published)


def test_it_is_ready_before_it_downloads(tmp_path: Path, fake: PassiveTotal) -> None:
    """Workers wait for what lies on this host, and for no server."""
    mine = tmp_path / "mine.txt"
    mine.write_text("8.8.8.8\n")
    process = Process(options(tmp_path, fake.blocklist_url, mine=mine))
    process.until(lambda: process.state().get("state") == "on")
    process.end()
    (lists,) = process.at_ready
    assert lists["threat_mine"]["state"] == "on"
    assert lists["threat_riskiq"]["state"] == "loading"


def test_a_local_list_of_no_use_ends_the_first_start_alone(tmp_path: Path) -> None:
    """The first process of a service ends with ConfigError; the next one tells it and goes on."""
    mine = tmp_path / "mine.txt"
    mine.write_text("<html>")
    with pytest.raises(ConfigError, match="is an HTML or XML page, not a list"):
        Process(options(tmp_path, mine=mine)).until(lambda: False)
    process = Process(options(tmp_path, mine=mine), again=True)
    process.until(process.ready.is_set)
    assert process.state("threat_mine")["state"] == "failed"
    process.end()


def test_it_ends_on_sigterm(tmp_path: Path, fake: PassiveTotal) -> None:
    """A signal ends it too."""
    before = signal.getsignal(signal.SIGTERM)
    process = Process(options(tmp_path, fake.blocklist_url))
    process.until(process.ready.is_set)
    os.kill(os.getpid(), signal.SIGTERM)
    with gevent.Timeout(PATIENCE_S):
        while not process.contact.ending.is_set():
            gevent.sleep(0.01)
    process.end()
    signal.signal(signal.SIGTERM, before)


def test_what_nobody_expected_ends_it(tmp_path: Path, fake: PassiveTotal) -> None:
    """An error that is no refusal ends it and is for its caller, so that another process is started."""

    class BrokenLog(Log):
        def info(self, msg: str, /, **_: Any) -> None:
            raise LookupError(msg)

    process = Process(options(tmp_path, fake.blocklist_url), log=BrokenLog(io.StringIO()))
    with pytest.raises(LookupError):
        process.until(lambda: False)


def test_files_are_read_again_when_that_is_wanted(tmp_path: Path) -> None:
    """A reload has changed files read at once, and one line tells which."""
    mine = tmp_path / "mine.txt"
    mine.write_text("8.8.8.8\n")
    process = Process(options(tmp_path, mine=mine))
    process.until(process.ready.is_set)
    for text, did in (("8.8.8.8\n9.9.9.9\n", "reloaded"), ("", "refused")):
        mine.write_text(text)
        process.contact.reloading.set()
        process.until(lambda did=did: [line for line in process.told() if line.get(did) == ["threat_mine"]])
    assert process.state("threat_mine")["entries"] == 2
    process.end()


def test_somebody_asks_for_lists(tmp_path: Path, fake: PassiveTotal) -> None:
    """A command on this host has a list fetched by the process that runs, all of them when it names none."""
    given = options(tmp_path, fake.blocklist_url)
    process = Process(given)
    process.until(lambda: process.state().get("state") == "on")
    refresher.request(given, ["riskiq"])
    process.until(lambda: len(fake.requests) == 2)
    refresher.request(given, [])
    process.until(lambda: len(fake.requests) == 3)
    refresher.request(given, ["nobody"])
    process.until(lambda: not (tmp_path / "threat" / "refresh").exists())
    process.until(lambda: process.state()["doing"] == "waiting")
    process.end()
    assert len(fake.requests) == 3


def test_its_states_are_written_down(tmp_path: Path, fake: PassiveTotal) -> None:
    """Commands read how the lists are, while it runs and after its end; nothing of it is secret."""
    process = Process(options(tmp_path, fake.blocklist_url))
    process.until(lambda: process.state().get("state") == "on")
    assert states(tmp_path / "threat")["threat_riskiq"]["entries"] == 5
    assert refresher.running(tmp_path / "threat")
    process.end()
    assert not refresher.running(tmp_path / "threat")
    assert states(tmp_path / "threat")["threat_riskiq"]["doing"] == "stopped"
    assert KEY not in (tmp_path / "threat" / "state.json").read_text()


def test_two_of_them_do_not_share_a_folder(tmp_path: Path, fake: PassiveTotal) -> None:
    """The second says so, lets its workers begin, and takes over when the first is gone."""
    desk = Desk(tmp_path / "threat")
    assert desk.locked()
    process = Process(options(tmp_path, fake.blocklist_url))
    process.until(process.ready.is_set)
    (line,) = process.told()
    assert line["level"] == "warn"
    assert line["msg"].startswith(f"another collector keeps lists in {tmp_path}/threat")
    assert not (tmp_path / "threat" / "state.json").exists()
    assert not fake.requests
    desk.close()
    process.until(lambda: process.state().get("state") == "on")
    process.end()


def test_what_was_half_written_is_removed(tmp_path: Path, fake: PassiveTotal) -> None:
    """Files of a process that was killed in the midst of them do not stay."""
    folder = tmp_path / "threat"
    folder.mkdir()
    for name in ("riskiq.part", "riskiq.table.new", "state.json.new", "refresh.taken"):
        (folder / name).write_bytes(b"half")
    process = Process(options(tmp_path, fake.blocklist_url))
    process.until(lambda: process.state().get("state") == "on")
    process.end()
    assert {path.name for path in folder.iterdir()} == {
        *("riskiq.table", "riskiq.list", "riskiq.json", "state.json", "lock"),
    }
