"""A worker's lists keep to the rules, and to what they say later."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from flowcoll.config import Options, defaults
from flowcoll.enrich.locality import parse
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.threat.matching import feeds
from flowcoll.threat.matching.lists import Lists
from flowcoll.threat.matching.rules import Rules
from flowcoll.threat.matching.ruling import Ruling, rule
from flowcoll.threat.reading.unwrap import at_once
from making import PREFIX

ONE = parse("67.43.156.20")
NOW = 1_800_000_000.0
FALSE = "- {address: 67.43.156.20, reason: ours, until: 2027-01-15T08:00:10Z}\n"


class Site:
    """A list that names an address, and a file of false positives."""

    def __init__(self, folder: Path, text: str = "[]\n") -> None:
        self.rules, self.now = folder / "false.yml", NOW
        self.rules.write_text(text)
        (folder / "mine.txt").write_text("67.43.156.20\n")
        self.options = options(folder)
        self.lists, self.stream = Lists({}), io.StringIO()
        feeds.use(self.options, self.lists, Log(io.StringIO()))
        self.forgotten: list[int] = []
        self.lists.on_change(lambda: self.forgotten.append(1) or [])

    def ruling(self, *, tell: bool = True) -> Ruling:
        rules = Rules.load(self.options, self.now)
        ruling = Ruling(rules, self.lists, Log(self.stream, level="info"), lambda: self.now, tell=tell)
        ruling.look(at_once)
        self.forgotten.clear()
        return ruling

    def told(self) -> list[str]:
        return [json.loads(line)["msg"] for line in self.stream.getvalue().splitlines()]


def options(folder: Path, **more: Any) -> Options:
    said = {"THREAT_MINE_ENABLE": True, "THREAT_MINE_PATH": folder / "mine.txt"}
    said |= {"FALSE_POSITIVES_PATH": folder / "false.yml"} | more
    return defaults(EF_STATE_PATH=folder / "state", **{PREFIX + name: value for name, value in said.items()})


def test_what_is_ruled_out_does_not_match(tmp_path: Path) -> None:
    """The rules count from the start; caches forget when a reload finds others, and not otherwise."""
    site = Site(tmp_path, FALSE)
    ruling = site.ruling()
    assert not site.lists.listed(ONE)
    ruling.look(at_once, all_files=True)
    assert site.forgotten == []
    site.rules.write_text("[]\n# none any more\n")
    ruling.look(at_once)
    assert (site.lists.listed(ONE), site.forgotten) == (False, []), "its time has not come"
    ruling.look(at_once, all_files=True)
    assert (site.lists.listed(ONE), site.forgotten) == (True, [1])


def test_a_false_positive_expires(tmp_path: Path) -> None:
    """When its time is over the address matches again, without a signal."""
    site = Site(tmp_path, FALSE)
    ruling = site.ruling()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        site.now += seconds
        if len(slept) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ruling.run(sleep, at_once)
    assert site.now > NOW + 10
    assert (site.lists.listed(ONE), site.forgotten) == (True, [1])


@pytest.mark.parametrize(("tell", "lines"), [(True, 1), (False, 0)])
def test_a_file_of_no_use_is_told_by_one_worker(tmp_path: Path, *, tell: bool, lines: int) -> None:
    """What it said before counts on, and the state says what is wrong."""
    site = Site(tmp_path, FALSE)
    ruling = site.ruling(tell=tell)
    site.rules.write_text("- {adress: 1.1.1.1}\n")
    ruling.look(at_once, all_files=True)
    ruling.look(at_once, all_files=True)
    assert not site.lists.listed(ONE)
    assert ruling.state()["state"] == "failed"
    assert len(site.told()) == lines
    assert all(told.startswith(f"{PREFIX}FALSE_POSITIVES_PATH: ") for told in site.told())
    assert all(told.endswith("; what it said before counts on") for told in site.told())


def test_a_start_with_a_file_of_no_use(tmp_path: Path) -> None:
    """It stops the first start; a worker that takes the place of another one tells it and goes on."""
    site = Site(tmp_path, "nonsense: [\n")
    with pytest.raises(ConfigError, match=f"^{PREFIX}FALSE_POSITIVES_PATH: "):
        rule(site.options, site.lists, Log(site.stream))
    assert rule(site.options, site.lists, Log(site.stream), strict=False)
    assert len(site.told()) == 1


def test_without_a_list_there_is_no_rule(tmp_path: Path) -> None:
    """Who matches nothing is not troubled with what might match."""
    (tmp_path / "false.yml").write_text("nonsense: [\n")
    assert rule(options(tmp_path, THREAT_MINE_ENABLE=False), Lists({}), Log(io.StringIO())) is None
