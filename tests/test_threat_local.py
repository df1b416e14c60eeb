"""A list in a file, and the table that follows it."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowcoll.counters import Counts
from flowcoll.enrich.locality import parse
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.threat.keeping.local import Local
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.keeping.surroundings import Surroundings
from flowcoll.threat.matching.lists import ThreatList
from making import PREFIX, in_file

OPTION = f"{PREFIX}THREAT_MINE_PATH"
NOW = 1_800_000_000.0


class Site:
    """A list, its file, and the folder of tables."""

    def __init__(self, folder: Path, text: str = "", **said: Any) -> None:
        self.path = folder / "mine.txt"
        if text:
            self.path.write_text(text)
        self.shelf = Shelf(folder / "threat")
        self.counts = Counts()
        self.stream = io.StringIO()
        self.between: Callable[[], object] = lambda: None
        self.changes = 0
        world = Surroundings(clock=lambda: NOW, pause=self._pause, changed=self._changed)
        self.local = Local(in_file(self.path, **said), self.shelf, self.counts, Log(self.stream), world)

    def _pause(self) -> None:
        self.between()

    def _changed(self) -> None:
        self.changes += 1

    def write(self, text: str) -> None:
        """Put another file in its place."""
        self.path.with_suffix(".new").write_text(text)
        self.path.with_suffix(".new").replace(self.path)

    def entries(self) -> int:
        return (self.shelf.find("mine") or pytest.fail("no table")).entries

    def told(self) -> list[tuple[str, str]]:
        return [(line["level"], line["msg"]) for line in map(json.loads, self.stream.getvalue().splitlines())]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, "8.8.8.8\n")


def test_the_start_makes_a_table(site: Site) -> None:
    """The file is read once; state, log and counter tell of it."""
    site.local.start(strict=True)
    found = site.local.state()
    assert (found["state"], found["doing"], found["entries"]) == ("on", "waiting", 1)
    assert site.told() == [("info", f"Threats mine: the list of {site.path} is in use")]
    assert site.counts == {"threats.refreshes.mine.populated": 1}
    assert not site.counts.undeclared()
    assert site.changes


def test_what_has_not_changed_is_not_read_again(site: Site, tmp_path: Path) -> None:
    """At the next start the table of the same file serves without a word, under the same options."""
    site.local.start(strict=True)
    again = Site(tmp_path)
    again.between = lambda: pytest.fail("it was read")
    again.local.start(strict=True)
    assert again.local.state()["entries"] == 1
    assert again.told() == []
    for said in ({"LABEL": "bad"}, {"CONFIDENCE": 5}, {"TYPE": "plain"}):
        other = Site(tmp_path, **said)
        other.local.start(strict=True)
        assert other.counts == {"threats.refreshes.mine.populated": 1}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "cannot read {path} (No such file or directory); give the path of a list"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot read {path} (Is a directory); give the path of a list"),
        (lambda path: path.write_text(""), "{path} holds no address"),
        (lambda path: path.write_text("<html>"), "{path} is an HTML or XML page, not a list"),
        (
            lambda path: path.write_text("8.8.8.8\na\nb\n"),
            "{path} holds no address in 2 of its 3 rows (line 2: 'a' is no",
        ),
    ],
)
def test_a_list_of_no_use_stops_the_start(site: Site, spoil: Callable[[Path], object], words: str) -> None:
    """One line says option, file and why; when the service runs already it is told, counted, and the old one serves."""
    site.local.start(strict=True)
    spoil(site.path)
    with pytest.raises(ConfigError) as caught:
        Site(site.shelf.folder.parent).local.start(strict=True)
    assert str(caught.value).startswith(f"{OPTION}: {words.format(path=site.path)}")
    assert site.local.look(now=True) == "refused"
    state = site.local.state()
    assert (state["state"], state["entries"], state["last_error"]) == ("failed", 1, str(caught.value))
    assert state["failed_since"] == "2027-01-15T08:00:00.000Z"
    assert site.entries() == 1


def test_a_type_that_does_not_fit_is_named(tmp_path: Path) -> None:
    """Where the type was given, it may be what is wrong."""
    with pytest.raises(ConfigError, match=r"; is json its type\?$"):
        Site(tmp_path, "8.8.8.8\n", TYPE="json").local.start(strict=True)


def test_a_start_that_nothing_stops(site: Site) -> None:
    """In a service that runs, a list of no use is an error line, and its state says so."""
    site.write("")
    site.local.start(strict=False)
    assert site.local.state()["state"] == "failed"
    ((level, told),) = site.told()
    assert (level, told) == ("error", f"{OPTION}: {site.path} holds no address")
    assert site.counts == {"threats.refreshes.mine.empty": 1}
    assert site.local.state()["reason"] == "empty"
    assert not site.shelf.path("mine").exists()


def test_a_file_that_has_changed_is_read_once_it_is_left_alone(site: Site) -> None:
    """The first look after a change only takes note; who asks for it has it read at once."""
    site.local.start(strict=True)
    assert [site.local.look() for _ in range(3)] == ["unchanged"] * 3
    site.write("8.8.8.8\n9.9.9.9\n")
    assert site.local.look() == "unchanged"
    site.write("8.8.8.8\n9.9.9.9\n1.1.1.1\n")
    assert site.local.look() == "unchanged"
    assert (site.local.look(), site.entries()) == ("reloaded", 3)
    site.write("8.8.8.8\n")
    assert (site.local.look(now=True), site.entries()) == ("reloaded", 1)
    assert site.local.look(now=True) == "unchanged"


def test_what_cannot_be_used_is_told_once(site: Site) -> None:
    """The same fault is one line, however often it is looked at; a good file mends it."""
    site.local.start(strict=True)
    site.path.unlink()
    assert [site.local.look() for _ in range(4)] == ["unchanged", "refused", "refused", "refused"]
    (error,) = [told for level, told in site.told() if level == "error"]
    assert error.endswith("give the path of a list; what was read before serves on")
    site.write("9.9.9.9\n")
    assert site.local.look(now=True) == "reloaded"
    assert (site.local.state()["state"], "last_error" in site.local.state()) == ("on", False)


def test_a_file_that_changes_while_it_is_read(site: Site) -> None:
    """What came after the beginning is found at the next look."""
    site.local.start(strict=True)
    site.write("".join(f"9.9.{number >> 8}.{number & 255}\n" for number in range(500)))

    def once() -> None:
        site.between = lambda: None
        site.write("7.7.7.7\n")

    site.between = once
    assert site.local.look(now=True) == "reloaded"
    assert site.entries() == 500
    assert [site.local.look(), site.local.look()] == ["unchanged", "reloaded"]
    assert site.entries() == 1


def test_a_folder_that_cannot_be_written_does_not_stop_the_start(site: Site) -> None:
    """A full disk is no fault of the list: it is told, and tried again at the next look."""
    site.shelf.folder.write_text("a file in its place")
    site.local.start(strict=True)
    assert "cannot be written (File exists); let the service write there" in site.local.state()["last_error"]
    assert site.counts == {"threats.refreshes.mine.state_path": 1}
    site.shelf.folder.unlink()
    assert [site.local.look(), site.local.look()] == ["refused", "reloaded"]
    assert site.local.state()["state"] == "on"


def test_a_damaged_table_is_made_anew(site: Site) -> None:
    """What lies there and is no table is set aside."""
    site.local.start(strict=True)
    octets = bytearray(site.shelf.path("mine").read_bytes())
    octets[-1] ^= 1
    site.shelf.path("mine").write_bytes(octets)
    again = Site(site.shelf.folder.parent)
    again.local.start(strict=True)
    assert again.told()[0][1].startswith("Threats mine: the table of the list is damaged: ")
    assert again.entries() == 1


def test_the_list_is_as_old_as_its_file(site: Site) -> None:
    """When the list was made is when its file was changed."""
    os.utime(site.path, (NOW, NOW))
    site.local.start(strict=True)
    table = site.shelf.find("mine")
    assert table
    (threat,) = ThreatList(table).match(parse("8.8.8.8"))
    assert (threat.name, threat.listed) == ("mine", "2027-01-15T08:00:00.000Z")
    assert site.local.state()["listed"] == "2027-01-15T08:00:00.000Z"
