"""A list kept fresh: what serves, what is told, when it is tried again."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from fakes.passivetotal import FAULTS, FORMS, KEY, USER, PassiveTotal, Row
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.enrich.locality import parse
from flowcoll.logs import Log
from flowcoll.threat.keeping.download import Answer, Validators, fetch, session
from flowcoll.threat.keeping.jobs import Job, jobs_of, stamp_of
from flowcoll.threat.keeping.last_good import LastGood
from flowcoll.threat.keeping.refresh import Refresher
from flowcoll.threat.keeping.refusals import DownloadError
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.keeping.source import Source
from flowcoll.threat.keeping.surroundings import Surroundings
from flowcoll.threat.matching.following import Follower, Rest
from flowcoll.threat.matching.lists import Lists
from flowcoll.threat.reading.unwrap import at_once
from making import downloaded as own

DAY_S = 86_400
LISTED, NOT_LISTED = parse("67.43.156.20"), parse("67.43.156.21")
SAYS = "RiskIQ Threats: "
OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"


def passivetotal(url: str) -> Job:
    said: dict[str, Any] = {"THREAT_ENABLE": True, "THREAT_ENDPOINT": url, "API_USER": USER, "API_KEY": KEY}
    (job,) = jobs_of(defaults(**{OPTION + name: value for name, value in said.items()}))
    return job


class Site:
    """A refresher with a clock of its own, a log that can be read, and a folder; who follows that; states."""

    def __init__(self, folder: Path, job: Job, *, lists: Lists | None = None, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.counts = Counts()
        self.copy = LastGood(folder, job.feed.name)
        self.pauses = 0
        self.states: list[str] = []
        self._stream = io.StringIO()
        self._fetch: Callable[[Source, Validators, BinaryIO], Answer] = _fetched
        world = Surroundings(lambda: self.now, self._wait, self._pause, self._download, lambda: 0.5, self._changed)
        self.tables = Shelf(folder)
        self.refresher = Refresher(job, self.tables, self.counts, Log(self._stream), world)
        self._lists = lists or Lists({})
        rest = Rest(lambda _: None, at_once)
        self._follower = Follower(folder, [job], self._lists, Counts(), Log(io.StringIO()), rest, {})
        self.slept: list[float] = []
        self._rest_with: Callable[[Any, float], object] = self._sleep

    def rest_with(self, wait: Callable[[Any, float], object]) -> None:
        self._rest_with = wait

    def answer_with(self, download: Callable[[Source, Validators, BinaryIO], Answer]) -> None:
        self._fetch = download

    def _download(self, source: Source, known: Validators, target: BinaryIO) -> Answer:
        return self._fetch(source, known, target)

    def _pause(self) -> None:
        self.pauses += 1

    def _wait(self, event: object, seconds: float) -> None:
        self._rest_with(event, seconds)

    def _sleep(self, _: object, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 3:
            raise KeyboardInterrupt
        self.now += seconds

    def _changed(self) -> None:
        self.states.append(self.state["doing"])

    @property
    def lists(self) -> Lists:
        """The lists of somebody who follows the copy."""
        self._follower.look()
        return self._lists

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def told(self) -> list[tuple[str, str]]:
        """Levels and messages since the last time."""
        lines = [(line["level"], line["msg"].removeprefix(SAYS)) for line in self.lines]
        self._stream.seek(0)
        self._stream.truncate()
        return lines

    @property
    def state(self) -> dict[str, Any]:
        return self.refresher.state()


def _fetched(source: Source, known: Validators, target: BinaryIO) -> Answer:
    with session(source) as asking:
        return fetch(source, known, target, asking, lambda _: nullcontext())


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


@pytest.fixture
def make(tmp_path: Path, fake: PassiveTotal) -> Callable[..., Site]:
    def make(url: str = fake.blocklist_url, job: Job | None = None, **said: Any) -> Site:
        return Site(tmp_path / "threat", job or passivetotal(url), **said)

    return make


def rows(count: int) -> list[Row]:
    return [{"ip": f"67.43.{number >> 8}.{number & 255}"} for number in range(count)]


# success


def test_the_three_lines(make: Any, fake: PassiveTotal) -> None:
    """A download that succeeds is told in three lines, word for word; then the list serves."""
    site = make()
    assert site.state["state"] == "starting"
    assert site.refresher.refresh() == DAY_S
    size = len(FORMS["object"](fake.rows))
    lines = site.lines
    assert [(line["level"], line["msg"]) for line in lines] == [
        ("info", f"RiskIQ Threats: Fetching Threat DB from enrichment API at {fake.blocklist_url}"),
        ("info", f"RiskIQ Threats: received enrichment API response: {size} bytes"),
        ("info", "RiskIQ Threats: DB successfully populated."),
    ]
    assert all(line["caller"].startswith("threat/keeping/refresh.py:") for line in lines)
    assert (lines[2]["entries"], lines[2]["networks"], lines[2]["private"], lines[2]["refused"]) == (5, 0, 1, 0)
    assert site.lists.listed(LISTED)
    assert not site.lists.listed(NOT_LISTED)
    (threat,) = site.lists.match(LISTED)
    assert (threat.name, threat.feed, threat.confidence) == ("Command and control", "riskiq", "High")
    assert threat.listed == "2025-06-15T00:00:00.000Z", "as the server says"
    assert site.counts == {"threats.refreshes.riskiq.populated": 1}


@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_of_the_list(make: Any, fake: PassiveTotal, form: str) -> None:
    """Whichever form the service has, the same addresses are listed."""
    fake.form = form
    site = make()
    site.refresher.refresh()
    assert site.state["entries"] == 5
    assert site.lists.listed(LISTED)
    if form != "plain":
        assert site.lists.match(LISTED)[0].first_seen == "2025-05-02T08:00:00.000Z"


def test_the_state_tells_all(make: Any) -> None:
    """State, entries, age, when it came and when it will come again."""
    site = make()
    site.refresher.refresh()
    site.now += 60
    assert site.state == {
        "state": "on",
        "doing": "waiting",
        "entries": 5,
        "networks": 0,
        "private": 1,
        "refused": 0,
        "listed": "2025-06-15T00:00:00.000Z",
        "received": "2027-01-15T08:00:00.000Z",
        "confirmed": "2027-01-15T08:00:00.000Z",
        "age_s": 60,
        "next_refresh": "2027-01-16T08:00:00.000Z",
    }


def test_a_list_that_did_not_change_is_not_sent_again(make: Any) -> None:
    """The server is told what is here; when nothing is new the list goes on serving, confirmed."""
    site = make()
    site.refresher.refresh()
    site.told()
    site.now += DAY_S
    site.refresher.refresh()
    assert [msg for _, msg in site.told()][1:] == [
        "received enrichment API response: 0 bytes",
        "DB successfully populated.",
    ]
    assert (site.state["entries"], site.state["age_s"], site.counts["threats.refreshes.riskiq.not_modified"]) == (
        5,
        0,
        1,
    )
    found = site.copy.load()
    assert found
    assert (found[1].received, found[1].confirmed) == (site.now - DAY_S, site.now)


def test_a_refresh_replaces_the_list(make: Any, fake: PassiveTotal) -> None:
    """What the new list does not name matches no more."""
    site = make()
    site.refresher.refresh()
    fake.rows = [{"ip": "67.43.156.21"}]
    site.refresher.refresh()
    assert not site.lists.listed(LISTED)
    assert site.lists.listed(NOT_LISTED)


def test_it_goes_on_and_on(make: Any, fake: PassiveTotal) -> None:
    """It downloads at the start and after every interval, sooner after a failure."""
    fake.fail("", "500", "")
    site = make()
    with pytest.raises(KeyboardInterrupt):
        site.refresher.run()
    assert site.slept == [DAY_S, 4.5, DAY_S]
    assert site.state["doing"] == "stopped"


def test_others_may_work_while_a_list_is_read(make: Any, fake: PassiveTotal) -> None:
    """A long list is read with many pauses."""
    fake.rows = rows(9_000)
    site = make()
    site.refresher.refresh()
    assert site.pauses >= 2 * (9_000 // 64)


# failure


@pytest.mark.parametrize("fault", ["cut-body", "cut-chunked", "bad-gzip"])
def test_the_two_lines_of_an_answer_that_is_not_whole(make: Any, fake: PassiveTotal, fault: str) -> None:
    """Half an answer is told in two lines whose beginnings are word for word, with the same cause."""
    fake.fail(fault)
    site = make()
    site.refresher.refresh()
    _, one, two = site.lines
    assert one["level"] == two["level"] == "error"
    read = "RiskIQ Threats: failed to read the complete enrichment API response: "
    use = "RiskIQ Threats: failed to initialize DB: "
    assert one["msg"].startswith(read)
    assert two["msg"] == use + one["msg"].removeprefix(read)
    assert two["retry_in_s"] == 4
    assert site.state["state"] == "failed"


@pytest.mark.parametrize(
    ("fault", "result", "words"),
    [
        ("401", "unauthorized", "API_KEY: the key is the one shown under API Access"),
        ("429", "too_many_requests", "asks for fewer requests"),
        ("502", "server_error", "the server has a fault (502 Bad Gateway)"),
        (
            "html",
            "html",
            "the answer is an HTML or XML page, not a list; check EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_",
        ),
        ("empty", "empty", "the answer holds no address; check EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_ENDPOINT"),
        ("no-json", "unusable", "the answer is broken or cut JSON (unexpected end of data); check EF_"),
        ("success-false", "quota", "quota_exceeded: come back tomorrow; check the account's licence and quota"),
        ("error", "message", "the answer is a message, not a list: invalid query"),
    ],
)
def test_the_line_of_a_failure(make: Any, fake: PassiveTotal, fault: str, result: str, words: str) -> None:
    """A refusal, or an answer that is no list, is told in one line with what to do, counted, and in the state."""
    fake.fail(fault)
    site = make()
    site.refresher.refresh()
    ((level, told),) = [line for line in site.told() if line[0] != "info"]
    assert level == "error"
    assert told.startswith("failed to initialize DB: ")
    assert words in told
    assert site.counts == {f"threats.refreshes.riskiq.{result}": 1}
    assert site.state["state"] == "failed"
    assert site.state["failed_since"] == "2027-01-15T08:00:00.000Z"
    assert site.state["last_error"] == told.removeprefix("failed to initialize DB: ")
    assert site.state["entries"] == 0
    assert not site.lists.listed(LISTED)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if not fault.startswith("slow") and fault != "many"])
def test_after_a_failure_the_old_list_serves(make: Any, fake: PassiveTotal, fault: str) -> None:
    """Whatever goes wrong at a refresh, the list before it goes on serving, in memory and on disk."""
    fake.rows = rows(2_000) + fake.rows[:1]
    site = make()
    site.refresher.refresh()
    before = site.copy.load()
    site.told()
    site.now += DAY_S
    fake.rows = [*fake.rows, {"ip": "9.9.9.9"}]
    fake.moved_to = "http://127.0.0.1:9/list"
    fake.fail(fault)
    assert site.refresher.refresh() < DAY_S
    assert site.lists.listed(LISTED)
    assert (site.state["state"], site.state["entries"], site.state["age_s"]) == ("failed", 2_001, DAY_S)
    assert site.lines[-1]["serving"] == 2_001
    assert site.copy.load() == before
    assert KEY not in json.dumps([site.lines, site.state])
    site.refresher.refresh()
    assert site.state["state"] == "on"
    assert "last_error" not in site.state


def test_it_is_tried_again_ever_later(make: Any, fake: PassiveTotal) -> None:
    """The waits double from 5 s on up to half an hour, each shortened by up to a fifth; success starts anew."""
    fake.fail(*["500"] * 12)
    site = make()
    waits = [site.refresher.refresh() for _ in range(12)]
    assert waits == [0.9 * min(5 * 2**n, 1800) for n in range(12)]
    assert site.refresher.refresh() == DAY_S
    fake.fail("500")
    assert site.refresher.refresh() == 4.5


def test_it_is_tried_again_sooner_than_the_interval(make: Any, fake: PassiveTotal) -> None:
    """However short the interval, a failure is tried again before it is over."""
    fake.fault = "500"
    job = passivetotal(fake.blocklist_url)
    site = make(job=job.of(replace(job.feed, interval_s=600)))
    assert max(site.refresher.refresh() for _ in range(12)) == 270


@pytest.mark.parametrize(("asked", "waited"), [(1, 4.5), (120, 120), (10**9, DAY_S)])
def test_the_server_may_ask_for_more_time(make: Any, asked: int, waited: float) -> None:
    """Retry-After makes the wait longer, never shorter, and not longer than the interval."""

    def later(*_: object) -> Answer:
        raise DownloadError("later", "too_many_requests", retry_after_s=asked)

    site = make()
    site.answer_with(later)
    assert site.refresher.refresh() == waited


def test_a_list_that_has_shrunk_is_doubted_once(make: Any, fake: PassiveTotal) -> None:
    """A list that lost more than half its entries is used only if the next download says the same."""
    fake.rows = rows(3_000)
    site = make()
    site.refresher.refresh()
    fake.rows = fake.rows[:1_400]
    site.told()
    site.refresher.refresh()
    why = "the answer has only 1400 entries, and the list before it had 3000; it is used if the next one says the same"
    assert site.told()[-1] == ("error", f"failed to initialize DB: {why}")
    assert site.state["entries"] == 3_000
    site.refresher.refresh()
    assert (site.state["state"], site.state["entries"]) == ("on", 1_400)
    fake.rows = fake.rows[:800]
    site.refresher.refresh()
    assert site.state["entries"] == 800, "half is not less than half"


def test_a_folder_that_cannot_be_written(make: Any, tmp_path: Path) -> None:
    """Without a place for the copy nothing is downloaded; the line says what to change."""
    (tmp_path / "threat").write_text("a file")
    site = make()
    site.refresher.refresh()
    why = f"{tmp_path}/threat cannot be written (File exists); let the service write there, or set EF_STATE_PATH"
    assert site.told()[-1] == ("error", f"failed to initialize DB: {why}")
    assert site.counts == {"threats.refreshes.riskiq.state_path": 1}


def test_a_key_in_clear_is_told(make: Any, fake: PassiveTotal) -> None:
    """A key that would cross a network unencrypted is worth a warning at the start."""
    site = make(fake.blocklist_url.replace("127.0.0.1", "127.1"))  # the same for this machine, but not by its looks
    fake.fault = "500"
    with pytest.raises(KeyboardInterrupt):
        site.refresher.run()
    assert site.told()[0] == ("warn", "the key goes over the network unencrypted; use https in the endpoint")


# the last good copy


def test_the_copy_serves_while_the_server_does_not(make: Any, fake: PassiveTotal) -> None:
    """At the start the last good copy is used and its age told; a download that fails does not change that."""
    make().refresher.refresh()
    site = make()
    site.now += 3 * DAY_S
    site.refresher.start()
    assert site.told() == [("info", "the last good copy serves at first")]
    assert site.lists.listed(LISTED)
    assert (site.state["state"], site.state["age_s"]) == ("on", 3 * DAY_S)
    fake.fail("503")
    site.refresher.refresh()
    assert (site.state["state"], site.state["entries"]) == ("failed", 5)
    assert site.lists.match(LISTED)[0].listed == "2025-06-15T00:00:00.000Z"
    site.refresher.refresh()
    assert fake.requests[-1].headers["If-None-Match"]
    assert site.state["state"] == "on"


def test_a_corrupt_copy_is_set_aside(make: Any) -> None:
    """A copy that cannot be used is told, put aside, and never fatal; the download takes its place."""
    make().refresher.refresh()
    site = make()
    site.tables.path("riskiq").unlink()
    octets = (site.copy.load() or (b"",))[0]
    (site.copy.folder / "riskiq.list").write_bytes(b"\0" * len(octets))
    site.refresher.start()
    ((level, told),) = site.told()
    assert level == "warn"
    assert told.startswith("the last good copy holds no address")
    assert told.endswith(f"; it is set aside as {site.copy.folder}/riskiq.corrupt")
    assert site.state["state"] == "loading"
    site.refresher.refresh()
    assert site.state["state"] == "on"
    assert (site.copy.load() or ())[0] == octets


def test_a_copy_that_may_not_be_read(make: Any) -> None:
    """A copy that cannot be opened stays where it is."""
    make().refresher.refresh()
    site = make()
    site.tables.path("riskiq").unlink()
    (site.copy.folder / "riskiq.list").unlink()
    (site.copy.folder / "riskiq.list").mkdir()
    site.refresher.start()
    ((level, told),) = site.told()
    assert (level, told) == ("warn", f"the last good copy in {site.copy.folder} cannot be read (Is a directory)")


def test_a_copy_from_elsewhere_is_not_used(make: Any) -> None:
    """Another address has another list."""
    make().refresher.refresh()
    site = make("http://127.0.0.1:9/other")
    site.refresher.start()
    assert not site.lists.listed(LISTED)
    assert site.told() == []


def test_a_copy_that_is_gone_is_downloaded_whole(make: Any, fake: PassiveTotal) -> None:
    """When somebody has removed or cut the copy, the server is not told that its list is here."""
    site = make()
    site.refresher.refresh()
    for spoil in (lambda path: path.unlink(), lambda path: path.write_bytes(b"")):
        spoil(site.copy.folder / "riskiq.list")
        site.refresher.refresh()
        assert "If-None-Match" not in fake.requests[-1].headers
        assert (site.copy.load() or ())[0] == FORMS["object"](fake.rows)
    site.refresher.refresh()
    assert "If-None-Match" in fake.requests[-1].headers


def test_whatever_it_does_is_told_at_once(make: Any, fake: PassiveTotal) -> None:
    """Who shows its state is called at each change of what it does."""
    fake.fail("", "500")
    site = make()
    with pytest.raises(KeyboardInterrupt):
        site.refresher.run()
    first = ["downloading", "reading", "waiting"]
    assert site.states == [*first, "downloading", "waiting", "downloading", "waiting", "stopped"]


# the table


def test_a_table_that_fits_serves_at_once(make: Any) -> None:
    """At the start the table of the last download serves as it lies there: nothing is read or made."""
    make().refresher.refresh()
    site = make()
    before = stamp_of(site.tables.path("riskiq"))
    site.refresher.start()
    assert site.pauses == 0
    assert stamp_of(site.tables.path("riskiq")) == before
    assert site.told() == [("info", "the last good copy serves at first")]
    assert site.state["entries"] == 5


def test_a_table_without_its_copy_serves(make: Any, fake: PassiveTotal) -> None:
    """Without the copy the table serves; the next download is asked for whole."""
    site = make()
    site.refresher.refresh()
    (site.copy.folder / "riskiq.list").unlink()
    (site.copy.folder / "riskiq.json").unlink()
    site = make()
    site.refresher.start()
    assert (site.state["state"], site.state["entries"]) == ("on", 5)
    site.refresher.refresh()
    assert "If-None-Match" not in fake.requests[-1].headers


@pytest.mark.parametrize("octets", [b"", b"FC", b"\0" * 4096])
def test_a_damaged_table_is_set_aside_and_made_anew(make: Any, octets: bytes) -> None:
    """A table that is no table is told and put aside; the last good copy gives another one."""
    make().refresher.refresh()
    site = make()
    site.tables.path("riskiq").write_bytes(octets)
    site.refresher.start()
    assert site.lists.listed(LISTED)
    *warnings, (_, last) = site.told()
    assert last == "the last good copy serves at first"
    for level, told in warnings:  # one that another release may have made is just made anew
        assert level == "warn"
        assert told.startswith("the table of the list is ")
        assert told.endswith(f"; it is set aside as {site.copy.folder}/riskiq.table.corrupt")


def test_a_bit_that_has_turned_is_found_at_the_start(make: Any) -> None:
    """Every octet of a table is checked before it serves."""
    make().refresher.refresh()
    site = make()
    path = site.tables.path("riskiq")
    octets = bytearray(path.read_bytes())
    octets[-1] ^= 1
    path.write_bytes(octets)
    site.refresher.start()
    (level, told), _ = site.told()
    assert (level, "the checksum of said does not hold" in told) == ("warn", True)
    assert site.lists.match(LISTED)[0].name == "Command and control"


def test_a_table_of_another_release_is_made_anew(make: Any) -> None:
    """What another release has made of the copy serves only until this one has made its own."""
    make().refresher.refresh()
    site = make()
    job = passivetotal((site.copy.meta() or ()).url)
    of = {**(site.tables.find("riskiq") or ()).about["of"], "version": "0"}
    site.tables.put("riskiq", lambda file: job.compile(job.feed, [b"67.43.156.21"], "", of, file, at_once))
    site.refresher.start()
    assert site.lists.listed(LISTED)
    assert not site.lists.listed(NOT_LISTED)


@pytest.mark.parametrize("said", [{"LABEL": "bad"}, {"CONFIDENCE": 10}, {"TYPE": "json"}])
def test_options_that_count_make_it_anew(make: Any, said: dict[str, Any]) -> None:
    """A table made under other options is not used: the last good copy gives one under these."""
    site = make(job=own("https://x.example/"))
    site.answer_with(answering(b'[{"ip": "67.43.156.20"}]'))
    site.refresher.refresh()
    site = make(job=own("https://x.example/", **said))
    site.refresher.start()
    assert site.pauses
    (threat,) = site.lists.match(LISTED)
    assert (threat.name, threat.confidence) == (said.get("LABEL", "own"), "Low" if "CONFIDENCE" in said else "")


def test_who_is_killed_between_table_and_copy(make: Any, fake: PassiveTotal) -> None:
    """A table that is newer than the copy serves, and the server is not told that its list is here."""
    site = make()
    site.refresher.refresh()
    kept = {path: path.read_bytes() for path in site.copy.folder.glob("riskiq.[lj]*")}
    fake.rows = [{"ip": "67.43.156.21"}]
    site.now += DAY_S
    site.refresher.refresh()
    for path, octets in kept.items():
        path.write_bytes(octets)
    site = make()
    site.refresher.start()
    assert site.lists.listed(NOT_LISTED)
    site.refresher.refresh()
    assert "If-None-Match" not in fake.requests[-1].headers


def test_a_full_disk(make: Any) -> None:
    """What cannot be written down is refused as a whole; the old table, its copy and no half file are there."""
    site = make()
    site.refresher.refresh()
    before = {path.name: path.read_bytes() for path in site.copy.folder.iterdir()}

    def full(_: Source, __: Validators, target: BinaryIO) -> Answer:
        target.write(b"67.43")
        raise OSError(28, "No space left on device")

    site.answer_with(full)
    site.refresher.refresh()
    assert "cannot be written (No space left on device)" in site.state["last_error"]
    assert {path.name: path.read_bytes() for path in site.copy.folder.iterdir()} == before
    assert site.lists.listed(LISTED)


# several sources


class Two:
    """Two addresses, the octets they have, and which of them answers with what."""

    def __init__(self, site: Site) -> None:
        self.octets = {"/one": b"67.43.156.20", "/two": b"2001:db9::1"}
        self.asked: list[tuple[str, str]] = []
        self.fails = ""
        site.answer_with(self)

    def __call__(self, source: Source, known: Validators, target: BinaryIO) -> Answer:
        place = source.url.removeprefix("https://x.example")
        self.asked.append((place, known.etag))
        if place == self.fails:
            raise DownloadError("down", "server_error")
        octets = self.octets[place]
        if known.etag == octets.decode():
            return Answer(0, known, not_modified=True)
        target.write(octets)
        target.flush()
        return Answer(len(octets), Validators(octets.decode(), ""))


def test_two_sources_are_one_list(make: Any) -> None:
    """Both are downloaded and kept, each with what its server calls it; one table has what either says."""
    job = own("https://x.example/one", "https://x.example/two")
    site = make(job=job)
    two = Two(site)
    site.refresher.refresh()
    assert [site.lists.listed(parse(each)) for each in ("67.43.156.20", "2001:db9::1")] == [True, True]
    assert site.state["entries"] == 2
    assert {path.name for path in site.copy.folder.iterdir()} == {
        *("own.table", "own.list", "own.json", "own-2.list", "own-2.json"),
    }
    site.refresher.refresh()
    assert two.asked[2:] == [("/one", "67.43.156.20"), ("/two", "2001:db9::1")]
    assert site.counts["threats.refreshes.own.not_modified"] == 1
    two.octets["/two"] = b"2001:db9::2"
    site.refresher.refresh()
    found = [site.lists.listed(parse(each)) for each in ("67.43.156.20", "2001:db9::1", "2001:db9::2")]
    assert found == [True, False, True], "what is new of the one, and the copy of the other"
    again = make(job=job)
    again.tables.path("own").unlink()
    again.refresher.start()
    assert again.state["entries"] == 2


def test_one_of_two_sources_fails(make: Any) -> None:
    """Half a list is none: what was in use of both serves on, and nothing of the half is kept."""
    site = make(job=own("https://x.example/one", "https://x.example/two"))
    two = Two(site)
    site.refresher.refresh()
    before = {path.name: path.read_bytes() for path in site.copy.folder.iterdir()}
    two.octets["/one"], two.fails = b"67.43.156.21", "/two"
    site.refresher.refresh()
    assert site.state["state"] == "failed"
    assert site.lists.listed(LISTED)
    assert {path.name: path.read_bytes() for path in site.copy.folder.iterdir()} == before


# the owner's rule, and those who ask

DROP = "https://www.spamhaus.org/drop/drop_v4.json"


def answering(octets: bytes = b"67.43.156.20\n") -> Callable[..., Answer]:
    def answer(_: Source, __: Validators, target: BinaryIO) -> Answer:
        target.write(octets)
        target.flush()
        return Answer(len(octets), Validators())

    return answer


def test_an_owner_is_not_asked_more_often_over_a_restart(make: Any) -> None:
    """The first download after a start waits until the owner of the list allows it."""
    site = make(job=own(DROP))
    site.answer_with(answering())
    site.refresher.refresh()
    site = make(job=own(DROP), now=site.now + 600)
    site.answer_with(answering())
    site.refresher.start()
    with pytest.raises(KeyboardInterrupt):
        site.refresher.run()
    assert site.slept == [3000, DAY_S, DAY_S]


@pytest.mark.parametrize(("octets", "waited"), [(b"<html>", 3600), (b"", 3600)])
def test_an_owner_is_not_asked_more_often_after_an_answer(make: Any, octets: bytes, waited: float) -> None:
    """A list that is of no use came from there all the same."""
    site = make(job=own(DROP))
    site.answer_with(answering(octets))
    assert site.refresher.refresh() == waited


def test_a_network_that_is_down_is_tried_again_soon(make: Any) -> None:
    """Where no request was seen, no rule was used up."""

    def down(*_: object) -> Answer:
        raise DownloadError("no name", "dns")

    site = make(job=own(DROP))
    site.answer_with(down)
    assert site.refresher.refresh() == 4.5


def test_somebody_asks_for_the_list(make: Any) -> None:
    """It is fetched at once, as far as the owner of the list allows it; log and state tell which."""
    site = make()
    site.refresher.refresh()
    site.told()
    site.refresher.ask()
    assert site.told() == [("info", "somebody asks for the list: it is fetched now")]
    assert site.state["asked"] == "2027-01-15T08:00:00.000Z: it is fetched now"
    site = make(job=own(DROP))
    site.answer_with(answering())
    site.refresher.refresh()
    site.told()
    site.now += 60
    site.refresher.ask()
    why = "it may not be fetched before 2027-01-15T09:00:00.000Z: its owner, or its server, asks for that"
    assert site.lines[-1]["msg"] == f"Threats own: somebody asks for the list: {why}"
    assert site.state["asked"] == f"2027-01-15T08:01:00.000Z: {why}"


def test_who_asks_wakes_it(make: Any) -> None:
    """The wait for the next refresh ends."""
    site = make()
    woken: list[bool] = []

    def wait(event: Any, _: float) -> None:
        site.refresher.ask()
        woken.append(event.is_set())
        if len(woken) == 2:
            raise KeyboardInterrupt

    site.rest_with(wait)
    with pytest.raises(KeyboardInterrupt):
        site.refresher.run()
    assert woken == [True, True]


def test_a_server_that_asks_for_time_is_not_asked_before(make: Any) -> None:
    """Retry-After counts for those who ask too."""

    def later(*_: object) -> Answer:
        raise DownloadError("later", "too_many_requests", retry_after_s=120)

    site = make()
    site.answer_with(later)
    site.refresher.refresh()
    site.refresher.ask()
    assert "may not be fetched before 2027-01-15T08:02:00.000Z" in site.state["asked"]
