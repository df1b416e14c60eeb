"""Databases that have changed are read anew; what cannot be used leaves the old one in its place."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmdb_writer
import netaddr
import pytest

from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline
from netflow5 import EXPORTER, datagram

ADDRESS = "8.8.8.8"
PREFIX = "EF_PROCESSOR_ENRICH_IPADDR_"


def system(path: Path, number: int, kind: str = "My-ASN") -> None:
    """Put a database in the place of a file, as programs that fetch them do."""
    writer = mmdb_writer.MMDBWriter(4, kind)
    writer.insert_network(netaddr.IPSet(["8.8.8.0/24"]), {"autonomous_system_number": number})
    writer.to_db_file(str(path.with_suffix(".new")))
    path.with_suffix(".new").replace(path)


class Site:
    """A pipeline with a database of systems."""

    def __init__(self, folder: Path, **said: Any) -> None:
        self.asn = folder / "asn.mmdb"
        system(self.asn, 64_500)
        given = {"MAXMIND_ASN_ENABLE": True, "MAXMIND_ASN_PATH": self.asn} | said
        self.counts = Counts()
        self._stream = io.StringIO()
        log = Log(self._stream)
        self.pipeline = Pipeline(defaults(**{PREFIX + name: value for name, value in given.items()}), self.counts, log)

    def seen(self) -> int | None:
        """What the document of a flow to the address shows: the number of the system."""
        self.pipeline.handle(datagram(("10.0.0.1", ADDRESS)), EXPORTER, 1_800_000_000_000)
        (document,) = map(json.loads, self.pipeline.take())
        found: int | None = document["destination"].get("as", {}).get("number")
        return found

    def told(self) -> list[dict[str, Any]]:
        """Give the log lines since the last time."""
        lines = [json.loads(line) for line in self._stream.getvalue().splitlines()]
        self._stream.seek(0)
        self._stream.truncate()
        return lines

    def state(self, name: str) -> dict[str, Any]:
        return self.pipeline.states()[name]

    def helpers(self) -> dict[str, int]:
        return {key: count for key, count in self.counts.items() if key.startswith("helpers.")}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_what_has_changed_counts_after_a_reload(site: Site) -> None:
    """Nothing is read before it is asked for; then it is, known addresses are looked up anew, and it is told."""
    assert site.seen() == 64_500
    system(site.asn, 64_501)
    assert site.seen() == 64_500
    site.pipeline.reload()
    assert site.seen() == 64_501
    assert site.helpers() == {"helpers.reloaded.maxmind_asn": 1}
    (line,) = site.told()
    assert line["level"] == "info"
    assert line["reloaded"] == ["maxmind_asn"]
    assert line["unchanged"] == line["refused"] == []
    assert not site.counts.undeclared()


def test_what_has_not_changed_is_left_alone(site: Site) -> None:
    """A file that is the same costs nothing, and known addresses stay known: SIGHUP comes with every log rotation too."""
    site.seen()
    system(site.asn, 64_501)
    site.pipeline.reload()
    site.told()
    known = site.pipeline.gauges()["addresses"]
    site.pipeline.reload()
    assert site.pipeline.gauges()["addresses"] == known
    (line,) = site.told()
    assert line["unchanged"] == ["maxmind_asn"]
    assert site.helpers() == {"helpers.reloaded.maxmind_asn": 1}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda site: site.asn.unlink(), "MAXMIND_ASN_PATH: cannot read"),
        (
            lambda site: replaced(site.asn, b"<html>"),
            "asn.mmdb is not an intact MaxMind database; fetch GeoLite2-ASN or GeoIP2-ISP again",
        ),
        (lambda site: system(site.asn, 1, "My-City"), "is a database of type 'My-City'"),
    ],
)
def test_what_cannot_be_used(site: Site, spoil: Callable[[Site], None], words: str) -> None:
    """It is told in one line, counted, and in the state; the old one serves on, and a good one mends it."""
    spoil(site)
    site.pipeline.reload()
    assert site.seen() == 64_500
    refusal, line = site.told()
    assert refusal["level"] == "error"
    assert words in refusal["msg"]
    assert refusal["msg"].endswith("; what was read before serves on")
    assert line["refused"] == ["maxmind_asn"]
    assert site.counts["helpers.refused.maxmind_asn"] == 1
    assert site.state("maxmind_asn")["state"] == "failed"
    assert site.state("maxmind_asn")["last_error"] in refusal["msg"]
    assert not site.counts.undeclared()
    system(site.asn, 64_502)
    site.pipeline.reload()
    assert site.seen() == 64_502
    assert site.state("maxmind_asn")["state"] == "on"
    assert "last_error" not in site.state("maxmind_asn")


def replaced(path: Path, octets: bytes) -> None:
    path.with_suffix(".new").write_bytes(octets)
    path.with_suffix(".new").replace(path)


def test_the_old_file_put_back_mends_it(site: Site, tmp_path: Path) -> None:
    """When what serves has been put back, nothing is wrong any more."""
    site.asn.rename(tmp_path / "aside")
    site.pipeline.reload()
    assert site.state("maxmind_asn")["state"] == "failed"
    (tmp_path / "aside").rename(site.asn)
    site.pipeline.reload()
    assert site.state("maxmind_asn")["state"] == "on"


def test_one_of_many_workers_tells(site: Site) -> None:
    """The others do the same, count it, and are silent."""
    site.asn.unlink()
    site.pipeline.reload(tell=False)
    assert site.told() == []
    assert site.helpers() == {"helpers.refused.maxmind_asn": 1}


def test_documents_are_written_meanwhile(site: Site) -> None:
    """What was known of many addresses is forgotten in small pieces, between which documents are written."""
    for number in range(1_000):
        site.pipeline.handle(datagram(("10.0.0.1", f"9.9.{number >> 8}.{number & 255}")), EXPORTER, 1_800_000_000_000)
    site.pipeline.take()
    system(site.asn, 64_501)
    seen: list[Any] = []
    site.pipeline.reload(lambda: seen.append(site.seen()))
    assert len(seen) >= 1_000 // 64
    assert set(seen) == {64_501}


def test_a_reload_during_a_reload(site: Site) -> None:
    """It makes the one that is at work look again when it is done, so that the newest file counts."""
    asked: list[None] = []

    def pause() -> None:
        if not asked:
            asked.append(None)
            system(site.asn, 64_502)
            site.pipeline.reload(pause)

    for number in range(200):
        site.pipeline.handle(datagram(("10.0.0.1", f"9.9.9.{number}")), EXPORTER, 1_800_000_000_000)
    site.pipeline.take()
    system(site.asn, 64_501)
    site.pipeline.reload(pause)
    assert asked
    assert site.seen() == 64_502
    assert site.counts["helpers.reloaded.maxmind_asn"] == 2


def test_the_state_names_the_database(site: Site) -> None:
    """Which database is in use, and when it was made, is in the state."""
    found = site.state("maxmind_asn")
    assert (found["state"], found["type"]) == ("on", "My-ASN")
    assert found["built"].endswith(".000Z")


def test_the_old_database_is_given_back(site: Site) -> None:
    """What nobody uses any more is closed: reloading does not gather files."""

    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count(str(site.asn))

    before = mapped()
    for number in range(5):
        system(site.asn, 64_510 + number)
        site.pipeline.reload()
        site.seen()
    assert mapped() == before


def test_places_too(tmp_path: Path) -> None:
    """The database of places is read anew as the one of systems is."""
    geo = Path(__file__).parent / "data" / "geo"
    path = tmp_path / "city.mmdb"
    shutil.copyfile(geo / "GeoIP2-City-Test.mmdb", path)
    site = Site(tmp_path, MAXMIND_GEOIP_ENABLE=True, MAXMIND_GEOIP_PATH=path)
    assert site.state("maxmind_geoip")["type"] == "GeoIP2-City"
    shutil.copyfile(geo / "GeoLite2-City-Test.mmdb", tmp_path / "new")
    (tmp_path / "new").replace(path)
    site.pipeline.reload()
    assert site.state("maxmind_geoip")["type"] == "GeoLite2-City"


def test_at_the_start_each_must_be_usable(tmp_path: Path) -> None:
    """A file that cannot be used stops the start."""
    with pytest.raises(ConfigError, match="MAXMIND_GEOIP_PATH: cannot read"):
        Site(tmp_path, MAXMIND_GEOIP_ENABLE=True, MAXMIND_GEOIP_PATH=tmp_path / "none")
