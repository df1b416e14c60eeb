"""What tables say of what they were made of."""

import io
from pathlib import Path

import pytest

from flowcoll import __version__
from flowcoll.enrich.locality import parse
from flowcoll.threat.keeping.jobs import Job, stamp_of, stamps_of, state_of
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading.unwrap import at_once
from making import downloaded, in_file, riskiq

URL = "https://x.example/own"


def made(job: Job, *texts: bytes, version: str = __version__) -> Table:
    file = io.BytesIO()
    if version == __version__:
        job.made(texts, "2025-06-15T00:00:00.000Z", [[1, "x"]], file, at_once)
    else:
        of = {**made(job, *texts).about["of"], "version": version}
        job.compile(job.feed, texts, "", of, file, at_once)
    return Table(file.getvalue())


def test_a_table_knows_what_it_was_made_of() -> None:
    """It fits the options that it was made under, and tells its stamps and figures."""
    job = downloaded(URL)
    table = made(job, b"67.43.156.20\n10.0.0.0/8\n", b"67.43.156.21\n")
    assert job.fits(table)
    assert job.current(table)
    assert stamps_of(table) == [[1, "x"]]
    assert all(table.find(parse(each)) for each in ("67.43.156.20", "67.43.156.21"))
    assert state_of(table) == {
        "entries": 3,
        "networks": 1,
        "private": 1,
        "refused": 0,
        "listed": "2025-06-15T00:00:00.000Z",
    }


@pytest.mark.parametrize(
    "other",
    [
        downloaded(f"{URL}2"),
        downloaded(URL, "https://y.example/"),
        downloaded(URL, name="another"),
        downloaded(URL, LABEL="bad"),
        downloaded(URL, CONFIDENCE=5),
        downloaded(URL, TYPE="json"),
        in_file(Path("/own.txt"), name="own"),
        riskiq(URL),
    ],
    ids=["address", "addresses", "name", "label", "confidence", "type", "file", "riskiq"],
)
def test_it_fits_nothing_else(other: Job) -> None:
    """A table is of no use where anything that decides what is in it is otherwise."""
    table = made(downloaded(URL), b"67.43.156.20\n")
    assert not other.fits(table)
    assert not other.current(table)


def test_credentials_do_not_count_and_are_not_in_it() -> None:
    """Who asks does not change the list, and what he says is secret."""
    file = io.BytesIO()
    job = downloaded("https://jane:hunter2@x.example/own", PASSWORD="hunter3", USERNAME="jane")
    job.made([b"67.43.156.20\n"], "", [], file, at_once)
    assert b"hunter" not in file.getvalue()
    assert downloaded("https://jane:other@x.example/own").fits(Table(file.getvalue()))


def test_another_release_makes_it_anew() -> None:
    """Its table fits, but is not what this one would make."""
    table = made(downloaded(URL), b"67.43.156.20\n", version="0")
    assert downloaded(URL).fits(table)
    assert not downloaded(URL).current(table)


def test_stamps_tell_files_apart(tmp_path: Path) -> None:
    """The same file has the same stamp, another one in its place has another; none has none."""
    path = tmp_path / "list"
    assert stamp_of(path) == []
    path.write_text("one")
    before = stamp_of(path)
    assert before == stamp_of(path) != []
    (tmp_path / "new").write_text("two")
    (tmp_path / "new").replace(path)
    assert stamp_of(path) != before
