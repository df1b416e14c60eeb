"""What is used of lists where no process keeps them."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from fakes.passivetotal import FORMS, data
from flowcoll.config import Options, defaults
from flowcoll.enrich.locality import parse
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.threat.keeping.jobs import stamp_of
from flowcoll.threat.keeping.last_good import LastGood, Meta
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.matching import feeds
from flowcoll.threat.matching.lists import Lists
from flowcoll.threat.reading.unwrap import at_once
from making import PREFIX, URL, in_file, riskiq, table

LISTED = parse("67.43.156.20")


def options(folder: Path | None, *, on: bool = True, **more: Any) -> Options:
    said: dict[str, Any] = {"RISKIQ_THREAT_ENABLE": on, "RISKIQ_THREAT_ENDPOINT": URL}
    said |= {"RISKIQ_API_USER": "jane", "RISKIQ_API_KEY": "k"} | more
    return defaults(EF_STATE_PATH=folder, **{PREFIX + name: value for name, value in said.items()})


def keep(folder: Path, octets: bytes, url: str = URL) -> None:
    copy = LastGood(folder / "threat", "riskiq")
    with copy.part() as part:
        part.write(octets)
        part.flush()
        copy.keep(Meta(url, len(octets), 1_750_000_000, 1_750_000_000, "", "", 5))


def used(options: Options) -> tuple[Lists, list[str]]:
    lists, stream = Lists({}), io.StringIO()
    feeds.use(options, lists, Log(stream))
    return lists, [json.loads(line)["msg"] for line in stream.getvalue().splitlines()]


def test_what_is_off_is_not_read(tmp_path: Path) -> None:
    """A list that is not asked for is not used, copy or not."""
    keep(tmp_path, FORMS["array"](data("blocklist")))
    lists, told = used(options(tmp_path, on=False))
    assert (lists.listed(LISTED), told) == (False, [])


def test_a_download_needs_a_place() -> None:
    """Without a directory for what is kept a downloaded list cannot be had, and that is told."""
    with pytest.raises(ConfigError, match=r"^EF_STATE_PATH is empty; give a directory"):
        used(options(None))


def test_the_table_is_used(tmp_path: Path) -> None:
    """The table that a collector has left serves as it is, without a word; nothing is read or written."""
    table(tmp_path / "threat", riskiq(), b"67.43.156.20\n")
    lists, told = used(options(tmp_path))
    assert (lists.listed(LISTED), told) == (True, [])
    assert [path.name for path in (tmp_path / "threat").iterdir()] == ["riskiq.table"]


@pytest.mark.parametrize("spoilt", [False, True])
def test_the_copy_is_used_without_a_table(tmp_path: Path, *, spoilt: bool) -> None:
    """Without a table, or with one of no use, the last good copy serves, without a word; nothing is written."""
    keep(tmp_path, FORMS["array"](data("blocklist")))
    if spoilt:
        Shelf(tmp_path / "threat").path("riskiq").write_bytes(b"FC")
    before = {path.name: path.read_bytes() for path in (tmp_path / "threat").iterdir()}
    lists, told = used(options(tmp_path))
    assert (lists.listed(LISTED), told) == (True, [])
    assert lists.match(LISTED)[0].listed == "2025-06-15T15:06:40.000Z"
    assert {path.name: path.read_bytes() for path in (tmp_path / "threat").iterdir()} == before


@pytest.mark.parametrize("other", ["", "https://y.example/list"])
def test_no_copy_is_one_notice(tmp_path: Path, other: str) -> None:
    """Without a table or copy from this address nothing is matched, and that is told once."""
    if other:
        keep(tmp_path, FORMS["array"](data("blocklist")), other)
        table(tmp_path / "threat", riskiq(other), b"67.43.156.20\n")
    lists, (told,) = used(options(tmp_path))
    assert not lists.listed(LISTED)
    assert told.startswith(f"RiskIQ Threats: no copy in {tmp_path}/threat, so that nothing is matched")


@pytest.mark.parametrize("octets", [b"", b"<html>", b"word\n"])
def test_a_copy_that_is_no_list_is_one_notice(tmp_path: Path, octets: bytes) -> None:
    """A copy that cannot be used is told and stays where it is: reading captures changes nothing."""
    keep(tmp_path, octets)
    lists, (told,) = used(options(tmp_path))
    assert not lists.listed(LISTED)
    assert told.startswith(f"RiskIQ Threats: the last good copy in {tmp_path}/threat ")
    assert told.endswith("; nothing is matched against it")
    assert (tmp_path / "threat" / "riskiq.list").read_bytes() == octets


def test_a_copy_that_may_not_be_read_is_one_notice(tmp_path: Path) -> None:
    """A copy that cannot be opened is told with the reason."""
    (tmp_path / "threat" / "riskiq.json").mkdir(parents=True)
    _, (told,) = used(options(tmp_path))
    assert told == f"RiskIQ Threats: the last good copy in {tmp_path}/threat cannot be read (Is a directory)"


# lists in files


@pytest.mark.parametrize("state", [True, False])
def test_a_file_needs_no_place(tmp_path: Path, *, state: bool) -> None:
    """A list in a file is read into memory, and leaves nothing behind."""
    mine = tmp_path / "mine.txt"
    mine.write_text("67.43.156.20\n")
    where = tmp_path / "state" if state else None
    lists, told = used(options(where, on=False, THREAT_MINE_ENABLE=True, THREAT_MINE_PATH=mine))
    assert (lists.naming(LISTED), told) == (("mine",), [])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_table_of_the_same_file_is_used(tmp_path: Path) -> None:
    """The table of a file serves while the file is the one that it was made of."""
    mine = tmp_path / "mine.txt"
    mine.write_text("67.43.156.20\n")
    job, given = in_file(mine), options(tmp_path, on=False, THREAT_MINE_ENABLE=True, THREAT_MINE_PATH=mine)
    stamps = [stamp_of(mine)]
    Shelf(tmp_path / "threat").put("mine", lambda file: job.made([b"8.8.8.8\n"], "", stamps, file, at_once))
    assert used(given)[0].listed(parse("8.8.8.8"))
    mine.write_text("67.43.156.20\n67.43.156.21\n")
    assert not used(given)[0].listed(parse("8.8.8.8"))


def test_a_file_of_no_use_is_an_error(tmp_path: Path) -> None:
    """It is told before any capture is read."""
    mine = tmp_path / "mine.txt"
    mine.write_text("word\n")
    with pytest.raises(ConfigError, match=f"^{PREFIX}THREAT_MINE_PATH: {mine} holds no address"):
        used(options(tmp_path, on=False, THREAT_MINE_ENABLE=True, THREAT_MINE_PATH=mine))
