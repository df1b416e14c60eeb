"""Table files are put in their places whole, or not at all."""

import stat
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from flowcoll.enrich.locality import parse
from flowcoll.errors import ListError
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading.unwrap import at_once
from making import riskiq

ONE, OTHER = parse("67.43.156.20"), parse("67.43.156.21")


def put(shelf: Shelf, octets: bytes, **said: Any) -> Table:
    return shelf.put("riskiq", lambda file: riskiq().made([octets], "", [], file, at_once), **said)


def test_a_table_is_put_and_found(tmp_path: Path) -> None:
    """It is what was made, for owner and group alone, and nothing lies beside it."""
    shelf = Shelf(tmp_path / "threat")
    assert shelf.find("riskiq") is None
    assert put(shelf, b"67.43.156.20\n").find(ONE)
    found = shelf.find("riskiq")
    assert found
    assert found.find(ONE)
    (file,) = shelf.folder.iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("riskiq.table", 0o640)


def test_who_has_a_table_keeps_it(tmp_path: Path) -> None:
    """A new one takes its place in the folder, not in the hands of those who have it."""
    shelf = Shelf(tmp_path)
    before = put(shelf, b"67.43.156.20\n")
    after = put(shelf, b"67.43.156.21\n")
    assert (bool(before.find(ONE)), bool(before.find(OTHER))) == (True, False)
    assert (bool(after.find(ONE)), bool(after.find(OTHER))) == (False, True)


@pytest.mark.parametrize("error", [ListError("bad"), OSError(28, "No space left on device")])
def test_what_cannot_be_made_leaves_the_old_one(tmp_path: Path, error: Exception) -> None:
    """Half a table is gone, and the one before it is untouched."""
    shelf = Shelf(tmp_path)
    put(shelf, b"67.43.156.20\n")
    before = shelf.path("riskiq").read_bytes()

    def make(file: BinaryIO) -> Any:
        file.write(b"FC")
        raise error

    with pytest.raises(type(error)):
        shelf.put("riskiq", make)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"riskiq.table": before}


def test_what_is_not_whole_is_not_put(tmp_path: Path) -> None:
    """A table is read once more before it takes the place of the old one."""
    shelf = Shelf(tmp_path)
    with pytest.raises(ListError, match="is no table"):
        shelf.put("riskiq", lambda file: {"entries": file.write(b"FC")})
    assert list(tmp_path.iterdir()) == []


def test_a_table_may_be_judged(tmp_path: Path) -> None:
    """Whoever has it made may refuse it by its figures."""

    def judge(found: Any) -> None:
        raise ListError(f"{found['entries']} are too few")

    with pytest.raises(ListError, match=r"^1 are too few"):
        put(Shelf(tmp_path), b"67.43.156.20\n", judge=judge)
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_damaged_is_found_and_set_aside(tmp_path: Path) -> None:
    """Every octet counts; what is set aside is in nobody's way."""
    shelf = Shelf(tmp_path)
    put(shelf, b"67.43.156.20\n")
    octets = bytearray(shelf.path("riskiq").read_bytes())
    octets[-1] ^= 1
    shelf.path("riskiq").write_bytes(octets)
    with pytest.raises(ListError, match="is damaged: the checksum of "):
        shelf.find("riskiq")
    aside = shelf.set_aside("riskiq")
    assert aside.read_bytes() == octets
    assert shelf.find("riskiq") is None


def test_what_a_killed_process_has_left(tmp_path: Path) -> None:
    """Halves of files go, everything else stays."""
    for name in ("riskiq.table.new", "riskiq.part", "riskiq.table", "riskiq.list", "lock"):
        (tmp_path / name).touch()
    Shelf(tmp_path).tidy()
    Shelf(tmp_path / "none").tidy()
    assert {path.name for path in tmp_path.iterdir()} == {"riskiq.table", "riskiq.list", "lock"}
