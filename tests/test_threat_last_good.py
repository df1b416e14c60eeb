"""The copy of a list on disk survives what may happen to a disk."""

import stat
from pathlib import Path

import pytest

from flowcoll.errors import ListError
from flowcoll.threat.keeping.last_good import LastGood, Meta

META = Meta("https://x.example/list", 8, 1_700_000_000.5, 1_700_000_100.0, '"e"', "Fri, 05 Mar 2021 08:01:02 GMT", 1)


def kept(folder: Path, octets: bytes = b"8.8.8.8\n", meta: Meta = META) -> LastGood:
    copy = LastGood(folder / "threat", "riskiq")
    with copy.part() as part:
        part.write(octets)
        part.flush()
        assert copy.downloaded() == octets
        copy.keep(meta)
    return copy


def test_what_is_kept_is_loaded(tmp_path: Path) -> None:
    """Octets and what is known of them come back; two files are there, for owner and group alone."""
    kept(tmp_path)
    assert LastGood(tmp_path / "threat", "riskiq").load() == (b"8.8.8.8\n", META)
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "threat").iterdir()}
    assert files == {"riskiq.list": 0o640, "riskiq.json": 0o640}
    assert stat.S_IMODE((tmp_path / "threat").stat().st_mode) == 0o750


def test_nothing_is_there_at_first(tmp_path: Path) -> None:
    """Without a folder, or without files, there is no copy."""
    assert LastGood(tmp_path / "threat", "riskiq").load() is None


def test_a_download_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Half a download is gone, and the copy before it is untouched."""
    copy = kept(tmp_path)

    def fail() -> None:
        with copy.part() as part:
            part.write(b"9.9")
            part.flush()
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        fail()
    assert copy.load() == (b"8.8.8.8\n", META)
    assert sorted(file.name for file in copy.folder.iterdir()) == ["riskiq.json", "riskiq.list"]


def test_it_is_confirmed(tmp_path: Path) -> None:
    """What is known may change while the octets stay."""
    copy = kept(tmp_path)
    copy.confirm(META._replace(confirmed=2e9))
    assert copy.load() == (b"8.8.8.8\n", META._replace(confirmed=2e9))


@pytest.mark.parametrize(
    ("name", "octets", "words"),
    [
        ("riskiq.list", b"8.8.", "it has 4 of 8 bytes"),
        ("riskiq.list", None, "one of its two files is missing"),
        ("riskiq.json", None, "one of its two files is missing"),
        ("riskiq.json", b"", "riskiq.json makes no sense"),
        ("riskiq.json", b"{}", "riskiq.json makes no sense"),
        ("riskiq.json", b"[1]", "riskiq.json makes no sense"),
        ("riskiq.json", b"\xff", "riskiq.json makes no sense"),
    ],
)
def test_a_copy_that_is_not_whole_is_told_and_set_aside(
    tmp_path: Path, name: str, octets: bytes | None, words: str
) -> None:
    """A damaged copy is an error that says what is wrong; set aside, it is in nobody's way."""
    copy = kept(tmp_path)
    file = copy.folder / name
    file.unlink() if octets is None else file.write_bytes(octets)
    with pytest.raises(ListError, match="is not whole") as caught:
        copy.load()
    assert words in str(caught.value)
    aside = copy.set_aside()
    assert copy.load() is None
    assert aside.exists() is (name != "riskiq.list" or octets is not None)
