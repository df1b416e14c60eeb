"""A worker follows the tables that another process leaves."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import pytest

from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.enrich.locality import parse
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.matching.following import Follower, Rest, follow
from flowcoll.threat.matching.lists import Lists
from flowcoll.threat.matching.table import Table
from making import PREFIX, downloaded, riskiq, table
from netflow5 import EXPORTER, datagram

ONE, OTHER = parse("67.43.156.20"), parse("67.43.156.21")


class Site:
    """A worker's lists and the folder; `between` runs at each pause, `later` between two looks."""

    def __init__(self, folder: Path, lists: Lists | None = None) -> None:
        self.folder = folder / "threat"
        self.lists = lists or Lists({})
        self.counts = Counts()
        self.between: Callable[[], object] = lambda: None
        self.later: list[Callable[[], object]] = []
        self.stream = io.StringIO()
        self.jobs = [riskiq(), downloaded("https://x.example/own")]
        log = Log(self.stream, level="info")
        rest = Rest(self._sleep, self._pause)
        self.follower = Follower(self.folder, self.jobs, self.lists, self.counts, log, rest, {})

    def keep(self, octets: bytes, number: int = 0) -> Path:
        table(self.folder, self.jobs[number], octets)
        return Shelf(self.folder).path(self.jobs[number].feed.name)

    def _pause(self) -> None:
        self.between()

    def _sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 1
        if not self.later:
            raise KeyboardInterrupt
        self.later.pop(0)()

    def look(self, times: int = 1) -> dict[str, Any]:
        """Give the state after some looks."""
        for _ in range(times):
            self.follower.look()
        return self.state

    @property
    def state(self) -> dict[str, Any]:
        return self.lists.states()["threat_riskiq"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_it_waits_for_the_first_table(site: Site) -> None:
    """Without a table nothing is listed, and the state says so; the first one is used when it is there."""
    assert site.look(2) == {"state": "waiting", "entries": 0}
    site.keep(b"67.43.156.20\n")
    found = site.look()
    assert site.lists.listed(ONE)
    assert (found["state"], found["entries"], found["listed"]) == ("on", 1, "2025-06-15T00:00:00.000Z")
    assert site.counts == {"threats.tables.riskiq.used": 1}


def test_it_uses_each_new_table(site: Site) -> None:
    """What is kept anew takes the place of the table before it at the next look, without a word in the log."""
    site.keep(b"67.43.156.20\n")
    site.look()
    site.keep(b"67.43.156.21\n67.43.156.22\n")
    assert site.look(3)["entries"] == 2
    assert [site.lists.listed(each) for each in (ONE, OTHER)] == [False, True]
    assert site.counts == {"threats.tables.riskiq.used": 2}
    assert site.stream.getvalue() == ""
    assert not site.counts.undeclared()


def test_each_list_by_itself(site: Site) -> None:
    """Every list of the folder is followed, and only the one that is new is mapped; both have their say."""
    site.keep(b"67.43.156.20\n")
    site.look()
    site.keep(b"67.43.156.20\n", 1)
    site.look()
    assert site.lists.naming(ONE) == ("own", "riskiq")
    assert site.counts == {"threats.tables.riskiq.used": 1, "threats.tables.own.used": 1}


def test_two_new_tables_are_one_swap(site: Site) -> None:
    """What matches have said is forgotten once, however many lists are new."""
    forgotten: list[int] = []
    site.lists.on_change(lambda: forgotten.append(1) or [])
    site.keep(b"67.43.156.20\n")
    site.keep(b"67.43.156.20\n", 1)
    site.look(3)
    assert forgotten == [1]


def test_looking_is_cheap(site: Site) -> None:
    """As long as nothing is new no file is opened."""
    path = site.keep(b"67.43.156.20\n")
    site.look()
    kept = path.stat()
    path.write_bytes(b"x" * kept.st_size)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert site.look(2)["state"] == "on"


def test_a_table_from_elsewhere_is_not_used(site: Site) -> None:
    """Another address has another list; so it is with other options that count."""
    table(site.folder, riskiq("https://y.example/list"), b"67.43.156.20\n")
    assert site.look(2) == {"state": "waiting", "entries": 0}
    table(site.folder, downloaded("https://x.example/own", LABEL="else"), b"67.43.156.20\n")
    site.look()
    assert not site.lists.listed(ONE)
    assert site.counts == {}
    site.keep(b"67.43.156.20\n")
    assert site.look()["state"] == "on"


@pytest.mark.parametrize(
    ("spoil", "reason", "words"),
    [
        (lambda path: _instead(path, b"FC"), "unusable", "is no table: it is too short"),
        (lambda path: _instead(path, b""), "unusable", "is empty, and no table"),
        (lambda path: _instead(path, path.read_bytes()[:-9]), "unusable", "is not whole: it has "),
        (lambda path: _instead(path, b"FCTABLE\0" + path.read_bytes()[8:]), "unusable", "is no table of this version"),
        (lambda path: (path.unlink(), path.mkdir()), "unreadable", "cannot be read (Is a directory)"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_table_that_cannot_be_used(
    site: Site, spoil: Callable[[Path], object], reason: str, words: str, *, before: bool
) -> None:
    """It is counted once and its fault is in the state; the table before it serves on; the next good one mends it."""
    if before:
        site.keep(b"67.43.156.20\n")
        site.look()
    path = site.keep(b"67.43.156.21\n67.43.156.22\n")
    spoil(path)
    found = site.look(5)
    assert (found["state"], found["entries"]) == ("failed", int(before))
    assert found["last_error"].startswith(f"the table riskiq.table in {site.folder} {words}")
    assert site.lists.listed(ONE) is before
    assert site.counts == {
        f"threats.tables.riskiq.{reason}": 1,
        **({"threats.tables.riskiq.used": 1} if before else {}),
    }
    assert site.stream.getvalue() == ""
    if path.is_dir():
        path.rmdir()
    site.keep(b"67.43.156.21\n")
    assert (site.look()["state"], site.lists.listed(OTHER)) == ("on", True)
    assert "last_error" not in site.state


def _instead(path: Path, octets: bytes) -> None:
    path.with_suffix(".other").write_bytes(octets)
    path.with_suffix(".other").replace(path)


def test_a_table_that_is_gone_serves_on(site: Site) -> None:
    """What a worker has mapped does not depend on the folder."""
    site.keep(b"67.43.156.20\n").unlink()
    site.keep(b"67.43.156.20\n")
    site.look()
    Shelf(site.folder).set_aside("riskiq")
    assert site.look(3)["state"] == "on"
    assert site.lists.listed(ONE)


def test_it_looks_on_and_on(site: Site) -> None:
    """It looks twice a second until it is ended, which the state would tell."""
    site.later = [lambda: site.keep(b"67.43.156.20\n"), lambda: None, lambda: site.keep(b"67.43.156.21\n")]
    with pytest.raises(KeyboardInterrupt):
        site.follower.run()
    assert site.lists.listed(OTHER)
    assert (site.state["state"], site.counts["threats.tables.riskiq.used"]) == ("stopped", 2)


def test_what_is_remembered_is_forgotten_in_small_pieces(site: Site) -> None:
    """A swap lets others work while it takes apart what was known; the new list counts from the first moment on."""
    known = {number: number for number in range(10_000)}
    site.lists.on_change(lambda: [known])
    seen: list[tuple[bool, int]] = []
    site.between = lambda: seen.append((site.lists.listed(ONE), len(known)))
    site.keep(b"67.43.156.20\n")
    site.look()
    assert len(seen) >= 10_000 // 64
    assert {listed for listed, _ in seen} == {True}
    assert not known


def test_documents_follow_the_table(tmp_path: Path) -> None:
    """Flows are marked from the moment a list is there, as the newest one says, and no longer when it says nothing."""
    pipeline = Pipeline(defaults(), Counts(), Log(io.StringIO()))
    site = Site(tmp_path, pipeline.lists)

    def marked() -> list[str]:
        site.look()
        pipeline.handle(datagram(("10.0.0.1", "67.43.156.20")), EXPORTER, 1_800_000_000_000)
        (document,) = map(json.loads, pipeline.take())
        names: list[str] = document.get("sec", {}).get("threat", {}).get("name", [])
        return names

    assert marked() == []
    for rows, names in (
        ([{"ip": "67.43.156.20", "threat": "Botnet"}], ["Botnet"]),
        ([{"ip": "67.43.156.0/24", "threat": "Network"}], ["Network"]),
        ([{"ip": "8.8.8.8"}], []),
    ):
        site.keep(json.dumps(rows).encode())
        assert marked() == names


class Other:
    """Who uses a table that is no list of threats."""

    def __init__(self) -> None:
        self.tables: list[Table] = []
        self.state: Callable[[], Any] = dict

    def use(self, table: Table) -> None:
        self.tables.append(table)

    def watch(self, state: Callable[[], Any]) -> None:
        self.state = state


def test_a_table_may_be_for_somebody_else(site: Site) -> None:
    """What is no list of threats goes to whoever uses it, who is told how it is; caches forget all the same."""
    other, forgotten = Other(), []
    site.lists.on_change(lambda: forgotten.append(1) or [])
    rest = Rest(lambda _: None, lambda: None)
    log = Log(io.StringIO())
    follower = Follower(site.folder, site.jobs, site.lists, site.counts, log, rest, {"own": other})
    site.keep(b"67.43.156.20\n", 1)
    follower.look()
    (used,) = other.tables
    assert used.find(ONE)
    assert not site.lists.listed(ONE)
    assert other.state()["entries"] == 1
    assert forgotten


def options(folder: Path, *, on: bool) -> Any:
    said: dict[str, Any] = {"THREAT_ENABLE": on, "THREAT_ENDPOINT": "https://x.example/list"}
    said |= {"API_USER": "user@example.org", "API_KEY": "k"}
    return defaults(**{f"{PREFIX}RISKIQ_{name}": value for name, value in said.items()}, EF_STATE_PATH=folder)


def test_what_is_off_is_said_to_be_off(tmp_path: Path) -> None:
    """A list that is not asked for is not followed, and its state says so."""
    table(tmp_path / "threat", riskiq(), b"67.43.156.20\n")
    lists = Lists({})
    assert follow(options(tmp_path, on=False), lists, Counts(), Log(io.StringIO())) == []
    assert lists.states() == {"threat_riskiq": {"state": "off"}}


def test_what_is_on_is_followed(tmp_path: Path) -> None:
    """The table that lies there is used at once, and a greenlet looks for the next one until it is killed."""
    table(tmp_path / "threat", riskiq(), b"67.43.156.20\n")
    lists, counts = Lists({}), Counts()
    (greenlet,) = follow(options(tmp_path, on=True), lists, counts, Log(io.StringIO()))
    assert lists.listed(ONE)
    table(tmp_path / "threat", riskiq(), b"67.43.156.21\n")
    with gevent.Timeout(30):
        while not lists.listed(OTHER):
            gevent.sleep(0.01)
    greenlet.kill()
    assert lists.states()["threat_riskiq"]["state"] == "stopped"
