"""A worker follows the copy that another process keeps."""

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
from flowcoll.threat.following import Follower, Rest, follow
from flowcoll.threat.last_good import LastGood, Meta
from flowcoll.threat.lists import Lists
from flowcoll.threat.source import Source
from netflow5 import EXPORTER, datagram

URL = "https://x.example/list"
NOW = 1_800_000_000.0
OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
ONE, OTHER = parse("67.43.156.20"), parse("67.43.156.21")


class Disk:
    """The copy, as the one who downloads keeps it."""

    def __init__(self, folder: Path) -> None:
        self.copy = LastGood(folder / "threat", "riskiq")
        self.lists = self.copy.folder / "riskiq.list"
        self.metas = self.copy.folder / "riskiq.json"
        self._came = NOW - 1000

    def keep(self, octets: bytes, url: str = URL) -> Meta:
        self._came += 1
        meta = Meta(url, len(octets), self._came, self._came, "", "", 1)
        with self.copy.part() as part:
            part.write(octets)
            part.flush()
            self.copy.keep(meta)
        return meta


class Site:
    """A worker's list, and the disk; `between` runs at each pause of a reading, `later` between two looks."""

    def __init__(self, folder: Path, lists: Lists | None = None) -> None:
        self.disk = Disk(folder)
        self.lists = lists or Lists({})
        self.counts = Counts()
        self.between: Callable[[], object] = lambda: None
        self.later: list[Callable[[], object]] = []
        self.now = NOW
        self.stream = io.StringIO()
        rest = Rest(lambda: self.now, self._sleep, self._pause)
        source = Source(URL, "user@example.org", "k", 5, 60)
        log = Log(self.stream, level="info")
        self.follower = Follower(source, self.disk.copy, self.lists, self.counts, log, rest)

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


def test_it_waits_for_the_first_copy(site: Site) -> None:
    """Without a copy nothing is listed, and the state says so; the first one is used when it is there."""
    assert site.look(2) == {"state": "waiting", "entries": 0}
    site.disk.keep(b"67.43.156.20\n")
    found = site.look()
    assert site.lists.listed(ONE)
    assert (found["state"], found["entries"]) == ("on", 1)
    assert found["received"] == "2027-01-15T07:43:21.000Z"
    assert found["age_s"] == 999
    assert site.counts == {"threats.copies.used": 1}


def test_it_uses_each_new_copy(site: Site) -> None:
    """What is kept anew takes the place of the list before it at the next look, without a word in the log."""
    site.disk.keep(b"67.43.156.20\n")
    site.look()
    site.disk.keep(b"67.43.156.21\n67.43.156.22\n")
    assert site.look(3)["entries"] == 2
    assert [site.lists.listed(each) for each in (ONE, OTHER)] == [False, True]
    assert site.counts == {"threats.copies.used": 2}
    assert site.stream.getvalue() == ""


def test_what_was_confirmed_is_not_read_again(site: Site) -> None:
    """A copy of which the server says that it is still the newest is younger then, and costs nothing."""
    meta = site.disk.keep(b"67.43.156.20\n")
    site.look()
    site.between = lambda: pytest.fail("the list was read")
    site.disk.lists.write_bytes(b"")
    site.disk.copy.confirm(meta._replace(confirmed=NOW - 5))
    assert site.look()["age_s"] == 5
    assert site.state["entries"] == 1


def test_looking_is_cheap(site: Site) -> None:
    """As long as nothing was kept no file is opened."""
    site.disk.keep(b"67.43.156.20\n")
    site.look()
    kept = site.disk.metas.stat()
    site.disk.metas.write_bytes(b"x" * kept.st_size)
    os.utime(site.disk.metas, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert site.look(2)["state"] == "on"


@pytest.mark.parametrize("there", [True, False])
def test_a_copy_from_elsewhere_is_not_used(site: Site, there: bool) -> None:
    """Another address has another list."""
    site.disk.keep(b"67.43.156.20\n", "https://y.example/list")
    if not there:
        site.disk.lists.unlink()
    assert site.look(2) == {"state": "waiting", "entries": 0}
    site.disk.keep(b"67.43.156.20\n")
    assert site.look()["state"] == "on"


def test_a_copy_that_is_being_replaced(site: Site) -> None:
    """Whichever of its two files is there first: the next look finds a whole copy, and nothing was wrong."""
    site.disk.keep(b"67.43.156.20\n")
    old = site.disk.metas.read_bytes()
    site.disk.keep(b"67.43.156.21\n67.43.156.22\n")
    new = site.disk.metas.read_bytes()
    site.disk.metas.write_bytes(old)
    assert site.look() == {"state": "waiting", "entries": 0}
    beside = site.disk.metas.with_suffix(".new")
    beside.write_bytes(new)
    beside.replace(site.disk.metas)
    assert site.look()["entries"] == 2
    assert site.counts == {"threats.copies.used": 1}


def test_a_copy_that_is_replaced_while_it_is_read(site: Site) -> None:
    """It is read to its end, and the newer one at the next look."""
    site.disk.keep(b"".join(b"67.43.156.%d\n" % number for number in range(200)))
    replaced: list[Meta] = []

    def once() -> None:
        if not replaced:
            replaced.append(site.disk.keep(b"67.43.157.1\n"))

    site.between = once
    assert site.look()["entries"] == 200
    assert site.look()["entries"] == 1


@pytest.mark.parametrize(
    ("spoil", "reason", "words"),
    [
        (lambda disk: disk.lists.write_bytes(b"67"), "unusable", "is not whole: it has 2 of 26 bytes"),
        (lambda disk: disk.lists.write_bytes(b"\0" * 26), "unusable", "holds no address"),
        (lambda disk: disk.lists.unlink(), "unusable", "is not whole: one of its two files is missing"),
        (lambda disk: disk.metas.write_bytes(b"{}"), "unusable", "is not whole: riskiq.json makes no sense"),
        (
            lambda disk: (disk.lists.unlink(), disk.lists.mkdir()),
            "unreadable",
            "cannot be read (Is a directory)",
        ),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_copy_that_cannot_be_used(
    site: Site, spoil: Callable[[Disk], object], reason: str, words: str, *, before: bool
) -> None:
    """It is counted once and its fault is in the state; the list before it serves on; the next good one mends it."""
    if before:
        site.disk.keep(b"67.43.156.20\n")
        site.look()
    site.disk.keep(b"67.43.156.21\n67.43.156.22\n")
    spoil(site.disk)
    found = site.look(5)
    assert (found["state"], found["entries"]) == ("failed", int(before))
    assert found["last_error"].startswith(f"the copy in {site.disk.copy.folder} {words}")
    assert site.lists.listed(ONE) is before
    assert site.counts == {f"threats.copies.{reason}": 1, **({"threats.copies.used": 1} if before else {})}
    assert site.stream.getvalue() == ""
    if site.disk.lists.is_dir():
        site.disk.lists.rmdir()
    site.disk.keep(b"67.43.156.21\n")
    assert (site.look()["state"], site.lists.listed(OTHER)) == ("on", True)
    assert "last_error" not in site.state


def test_a_copy_that_was_set_aside_serves_on(site: Site) -> None:
    """What a worker has in memory does not depend on the disk."""
    site.disk.keep(b"67.43.156.20\n")
    site.look()
    site.disk.copy.set_aside()
    assert site.look(3)["state"] == "on"
    assert site.lists.listed(ONE)


def test_it_looks_on_and_on(site: Site) -> None:
    """It looks every second until it is ended, which the state would tell."""
    site.later = [lambda: site.disk.keep(b"67.43.156.20\n"), lambda: None, lambda: site.disk.keep(b"67.43.156.21\n")]
    with pytest.raises(KeyboardInterrupt):
        site.follower.run()
    assert site.lists.listed(OTHER)
    assert (site.state["state"], site.counts["threats.copies.used"]) == ("stopped", 2)


def test_others_may_work_while_a_copy_is_read(site: Site) -> None:
    """A long list is read and built with many pauses, while the one before it serves; then it serves whole."""
    site.disk.keep(b"67.43.156.20\n")
    site.look()
    states: list[tuple[Any, ...]] = []
    site.between = lambda: states.append((site.state["state"], site.state["entries"], site.lists.listed(OTHER)))
    site.disk.keep(b"".join(b"67.43.%d.%d\n" % divmod(number, 256) for number in range(40_000)))
    site.look()
    assert len(states) >= 2 * (40_000 // 64)
    assert set(states) == {("on", 1, False)}
    assert site.lists.listed(OTHER)


def test_documents_follow_the_copy(tmp_path: Path) -> None:
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
        site.disk.keep(json.dumps(rows).encode())
        assert marked() == names


def options(folder: Path, *, on: bool) -> Any:
    said: dict[str, Any] = {OPTION + "THREAT_ENABLE": on, OPTION + "THREAT_ENDPOINT": URL}
    return defaults(**said, EF_STATE_PATH=folder, **{OPTION + "API_USER": "user@example.org", OPTION + "API_KEY": "k"})


def test_what_is_off_is_said_to_be_off(tmp_path: Path) -> None:
    """A list that is not asked for is not followed, and its state says so."""
    Disk(tmp_path).keep(b"67.43.156.20\n")
    lists = Lists({})
    assert follow(options(tmp_path, on=False), lists, Counts(), Log(io.StringIO())) == []
    assert lists.states() == {"threat_riskiq": {"state": "off"}}


def test_what_is_on_is_followed(tmp_path: Path) -> None:
    """A greenlet looks at the copy that the options name until it is killed."""
    Disk(tmp_path).keep(b"67.43.156.20\n")
    lists, counts = Lists({}), Counts()
    (greenlet,) = follow(options(tmp_path, on=True), lists, counts, Log(io.StringIO()))
    while not counts:
        gevent.sleep(0)
    assert lists.listed(ONE)
    greenlet.kill()
    assert lists.states()["threat_riskiq"]["state"] == "stopped"
