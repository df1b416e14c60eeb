"""Which addresses may match, as files say it now."""

import os
from pathlib import Path
from typing import Any

import pytest

from flowcoll.config import defaults
from flowcoll.enrich.locality import parse
from flowcoll.errors import ConfigError
from flowcoll.threat.matching.rules import Rules

RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_INCLEXCL_"
OWN = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_"
POSITIVES = "EF_PROCESSOR_ENRICH_IPADDR_FALSE_POSITIVES_"
NINE = parse("9.9.9.9")
EIGHT = parse("8.8.8.8")
DAY = 86_400


class Site:
    """Files of rules in a folder, and the options that name them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options: dict[str, Any] = {
            RISKIQ + "PATH": folder / "riskiq.yml",
            OWN + "MINE_INCLEXCL_PATH": folder / "mine.yml",
            POSITIVES + "PATH": folder / "positives.yml",
        }
        self.written = 0

    def write(self, name: str, text: str) -> None:
        path = self.folder / f"{name}.yml"
        path.write_text(text)
        self.written += 1
        os.utime(path, (self.written, self.written))  # a file written twice within a tick is another one all the same

    def write_all(self) -> None:
        for name in ("riskiq", "mine", "positives"):
            self.write(name, "")

    def rules(self, now: float = 0, *, strict: bool = False) -> Rules:
        return Rules.load(defaults(**self.options), now, strict=strict)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.write_all()
    return site


def test_without_files_everything_may_match(tmp_path: Path) -> None:
    """A file that is only there by default need not exist."""
    options = {
        name: value for name, value in Site(tmp_path).options.items() if not name.startswith(OWN)
    }  # its default is none
    rules = Rules.load(defaults(), 0, strict=True)
    assert rules.allowed("riskiq", NINE)
    assert rules.why_not("riskiq", NINE) == ""
    assert rules.state() == {"state": "off", "entries": 0, "expired": 0}
    assert rules.errors() == []
    assert Rules.load(defaults(**dict.fromkeys(options, "")), 0).look(9e9, all_files=True) is False


def test_each_list_has_its_own_scope(site: Site) -> None:
    """An include/exclude file counts for the list whose option names it."""
    site.write("riskiq", "exclude: [9.9.9.9]\n")
    site.write("mine", "include: [9.9.9.0/24]\n")
    rules = site.rules()
    assert [rules.allowed(name, NINE) for name in ("riskiq", "mine", "other")] == [False, True, True]
    assert [rules.allowed(name, EIGHT) for name in ("riskiq", "mine", "other")] == [True, False, True]
    assert not rules.allowed("riskiq", bytes(10) + b"\xff\xff\x09\x09\x09\x09")
    assert rules.why_not("riskiq", NINE) == f"excluded by {site.folder}/riskiq.yml, line 1"
    assert rules.why_not("mine", EIGHT) == f"not included by {site.folder}/mine.yml"
    assert rules.state() == {
        "state": "on",
        "entries": 0,
        "expired": 0,
        "scopes": {"riskiq": {"include": 0, "exclude": 1}, "mine": {"include": 1, "exclude": 0}},
    }


def test_false_positives(site: Site) -> None:
    """A false positive is one for all lists or for those that it names, and no more once it has expired."""
    site.write(
        "positives",
        "- {address: 9.9.9.9, reason: ours, until: 1970-01-01}\n- {address: 8.8.8.0/24, reason: dns, lists: [mine, gone]}\n"
        "- {address: '2a00::', reason: dns}\n",
    )
    rules = site.rules(5)
    assert [rules.allowed("riskiq", address) for address in (NINE, EIGHT, parse("2a00::"))] == [False, True, False]
    assert [rules.allowed("mine", address) for address in (NINE, EIGHT, parse("2a00::"))] == [False, False, False]
    assert rules.why_not("riskiq", NINE) == "a false positive until 1970-01-02T00:00:00.000Z: ours"
    assert rules.why_not("mine", EIGHT) == "a false positive: dns"
    assert rules.why_not("riskiq", EIGHT) == ""
    assert rules.state() == {
        "state": "on",
        "entries": 3,
        "expired": 0,
        "next_expiry": "1970-01-02T00:00:00.000Z",
        "unknown_lists": ["gone"],
    }
    assert not rules.look(DAY - 1)
    assert rules.look(DAY), "an expiry is a change"
    assert rules.allowed("riskiq", NINE)
    assert rules.why_not("riskiq", NINE) == ""
    assert rules.state() == {"state": "on", "entries": 2, "expired": 1, "unknown_lists": ["gone"]}
    assert not rules.look(DAY + 1)
    assert rules.look(5), "the clock was put back: what had expired counts again"
    assert not rules.allowed("riskiq", NINE)


def test_what_is_in_vain_is_not_looked_at(site: Site) -> None:
    """A file is looked at when its time has come, or when somebody says so; then a change counts at once."""
    site.options |= {RISKIQ + "REFRESH_RATE": 1, POSITIVES + "REFRESH_RATE": 2}
    rules = site.rules(1000)
    site.write("riskiq", "exclude: [9.9.9.9]\n")
    site.write("positives", "- {address: 8.8.8.8, reason: x}\n")
    assert not rules.look(1059)
    assert rules.look(1060)
    assert [rules.allowed("riskiq", address) for address in (NINE, EIGHT)] == [False, True]
    assert not rules.look(1061)
    assert rules.look(1062, all_files=True)
    assert not rules.allowed("riskiq", EIGHT)
    assert not rules.look(1063, all_files=True), "nothing has changed"
    site.write("riskiq", "")
    assert rules.look(500), "the clock was put back: files are looked at all the same"
    assert rules.allowed("riskiq", NINE)


def test_a_broken_file_leaves_the_rules_as_they_were(site: Site) -> None:
    """What cannot be used is told once, and what the file said before counts on until it is mended."""
    site.write("riskiq", "exclude: [9.9.9.9]\n")
    rules = site.rules()
    for text in ("exclude: [9.9.9.9, 8.8]\n", "exclude: ["):
        site.write("riskiq", text)
        assert not rules.look(0, all_files=True)
        assert not rules.look(1, all_files=True)
        (error,) = rules.errors()
        assert error.startswith(f"{RISKIQ}PATH: {site.folder}/riskiq.yml:")
        assert rules.state()["last_error"] == error
        assert rules.state()["state"] == "failed"
        assert not rules.allowed("riskiq", NINE)
        assert rules.allowed("riskiq", EIGHT)
    site.write("riskiq", "exclude: [8.8.8.8]\n")
    assert rules.look(2, all_files=True)
    assert (rules.errors(), rules.allowed("riskiq", NINE), rules.allowed("riskiq", EIGHT)) == ([], True, False)
    assert "last_error" not in rules.state()


def test_a_file_that_goes(site: Site) -> None:
    """One that was named is missed, and what it said counts on."""
    site.write("riskiq", "exclude: [9.9.9.9]\n")
    rules = site.rules()
    (site.folder / "riskiq.yml").unlink()
    assert not rules.look(0, all_files=True)
    assert rules.errors() == [
        f"{RISKIQ}PATH: {site.folder}/riskiq.yml is not there; create it, or take the option away"
    ]
    assert not rules.allowed("riskiq", NINE)


def test_a_file_that_is_not_there_stops_nobody(tmp_path: Path) -> None:
    """A configuration from elsewhere may name files that are missing: that is told, and everything may match."""
    rules = Site(tmp_path).rules(strict=True)
    assert len(rules.errors()) == 3
    assert rules.allowed("mine", NINE)


@pytest.mark.parametrize("strict", [False, True])
def test_the_start(site: Site, strict: bool) -> None:
    """A file that cannot be used stops a start if it is to; else it is told."""
    site.write("mine", "exclude: [x]\n")
    if strict:
        with pytest.raises(ConfigError, match=r"MINE_INCLEXCL_PATH: .*mine\.yml:1: 'x' is not an IP address"):
            site.rules(strict=True)
    else:
        assert len(site.rules().errors()) == 1


def test_what_is_no_file(site: Site) -> None:
    """A folder, a pipe or something too large is an error, and nobody waits for it."""
    (site.folder / "riskiq.yml").unlink()
    os.mkfifo(site.folder / "riskiq.yml")
    (site.folder / "mine.yml").unlink()
    (site.folder / "mine.yml").mkdir()
    site.write("positives", "#" * 1_048_577)
    errors = site.rules().errors()
    assert [error.partition(f"{site.folder}/")[2] for error in errors] == [
        "riskiq.yml is no file; give the path of one",
        "mine.yml is no file; give the path of one",
        "positives.yml has more than 1 MiB; name networks instead of single addresses",
    ]
