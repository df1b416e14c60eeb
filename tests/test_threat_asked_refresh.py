"""Somebody asks for lists now: what the running collector makes of it, and what is done where none runs."""

import os
import re
import time
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from flowcoll.config import defaults
from flowcoll.errors import SetupError
from flowcoll.logs import Log
from flowcoll.threat.keeping.desk import folder_of
from flowcoll.threat.keeping.feed import feeds_of
from flowcoll.threat.keeping.last_good import Meta, copies_of
from flowcoll.threat.showing.asked_refresh import Outcome, Waiting, as_owner, by_ourselves, longest_s, names_of

MINE = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_"
ON = {"state": "on", "doing": "waiting", "entries": 5, "listed": "then", "next_refresh": "later"}


class Collector:
    """States that a collector tells one after the other; a look takes a second."""

    def __init__(self, *states: dict[str, Any], heard: bool = True) -> None:
        self._states = iter(states)
        self._last: dict[str, Any] = {}
        self._heard = heard
        self.now = 0.0

    def read(self) -> dict[str, Any]:
        """Give the next state, and the last one over and over."""
        self._last = next(self._states, self._last)
        return {"threat_one": self._last}

    def outcomes(self, patience_s: float = 60) -> tuple[list[Outcome], list[str]]:
        """Wait, and give what came and what went on meanwhile."""

        def sleep(seconds: float) -> None:
            self.now += max(seconds, 1)

        went_on: list[str] = []
        waiting = Waiting(self.read, lambda: self._heard, lambda: self.now, sleep)
        return list(waiting.outcomes(["one"], patience_s, went_on.append)), went_on


def test_a_download() -> None:
    """It is asked for, downloaded, read; then comes the outcome."""
    asked = ON | {"asked": "now: it is fetched now"}
    collector = Collector(ON, ON, asked, asked | {"doing": "downloading"}, asked | {"next_refresh": "tomorrow"})
    outcomes, went_on = collector.outcomes()
    assert outcomes == [Outcome("one", failed=False, text="5 entries loaded then")]
    assert went_on == ["one: waiting", "one: downloading"]


def test_a_download_that_fails() -> None:
    """Its reason is the outcome."""
    failed = {"state": "failed", "reason": "timeout", "last_error": "why", "asked": "now: it is fetched now"}
    collector = Collector(ON, ON | failed | {"doing": "downloading"}, ON | failed | {"next_refresh": "tomorrow"})
    ((_, has_failed, text),), _ = collector.outcomes()
    assert (has_failed, text.startswith("timeout (why), 5 entries")) == (True, True)


def test_one_that_may_not_be_fetched_yet() -> None:
    """The owner's rule is the outcome."""
    collector = Collector(ON, ON | {"asked": "now: it may not be fetched before noon: its owner asks for that"})
    ((_, failed, text),), _ = collector.outcomes()
    assert (failed, text) == (True, "may not be fetched before noon: its owner asks for that")


def test_a_list_in_a_file() -> None:
    """It is read at once; nobody tells that it was asked for."""
    local = {key: value for key, value in ON.items() if key != "next_refresh"}
    collector = Collector(local, local, local | {"doing": "reading"}, local | {"entries": 7})
    outcomes, _ = collector.outcomes()
    assert outcomes == [Outcome("one", failed=False, text="7 entries loaded then")]
    assert collector.now < 5


def test_nobody_hears() -> None:
    """Patience has an end, and so has a download."""
    outcomes, _ = Collector(ON, heard=False).outcomes()
    assert outcomes == [Outcome("one", failed=False, text="5 entries loaded then")]
    outcomes, _ = Collector(ON, ON | {"doing": "downloading"}).outcomes(patience_s=20)
    assert outcomes == [Outcome("one", failed=True, text="has not ended in time; look at the log")]


def test_which_lists_are_meant(tmp_path: Path) -> None:
    """All that are switched on, or those named, whatever the case; another one is told with those there are."""
    options = defaults(**{f"{MINE}ENABLE": True, f"{MINE}PATH": tmp_path / "list"})
    assert names_of(options, []) == ["mine"]
    assert names_of(options, ["Mine", "MINE"]) == ["mine"]
    assert longest_s(options) == 0
    with pytest.raises(SetupError, match="'yours' is no list that is switched on; these are: mine"):
        names_of(options, ["yours"])
    with pytest.raises(SetupError, match="no list of threats is switched on"):
        names_of(defaults(), [])


def test_whose_files_they_are() -> None:
    """What root writes belongs to whom the folder belongs to; others write as themselves."""
    root = os.geteuid() == 0
    owner = (65_534, 65_534) if root else (os.geteuid(), os.getegid())
    with TemporaryDirectory() as folder:  # pytest's own folders are for one user alone
        state = Path(folder)
        os.chown(state, *owner)
        with as_owner(state / "threat"):
            (state / "threat").mkdir()
            (state / "threat" / "file").touch()
        for path in (state / "threat", state / "threat" / "file"):
            assert (path.stat().st_uid, path.stat().st_gid) == owner
    assert (os.geteuid(), os.getegid()) == (os.getuid(), os.getgid())


def test_an_owners_rule_holds_without_a_collector_too(tmp_path: Path) -> None:
    """Whoever has a list fetched again and again by hand is told when its owner allows it; nobody is asked for it."""
    of_drop = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_DROP_"
    options = defaults(EF_STATE_PATH=tmp_path, **{of_drop + "ENABLE": True, of_drop + "TYPE": "spamhaus_drop"})
    (feed,) = feeds_of(options)
    for source, copy in zip(feed.sources, copies_of(folder_of(options), feed), strict=True):
        octets = b'{"cidr":"198.51.100.0/24"}\n{"type":"metadata","records":1}\n'
        with copy.part() as part:
            part.write(octets)
            part.flush()
            copy.keep(Meta(source.shown, len(octets), time.time(), time.time(), "", "", 1))
    (outcome,) = by_ourselves(options, ["drop"], Log(StringIO()))
    assert outcome.failed
    assert re.fullmatch(r"may not be fetched before 20\S+Z: its owner, or its server, asks for that", outcome.text)
