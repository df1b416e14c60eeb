"""What matched, kept over a restart."""

import json
import os
from pathlib import Path

import pytest

from flowcoll.counters import Counts
from flowcoll.errors import KeptError
from flowcoll.threat.hits import hit_file
from flowcoll.threat.hits.gathered import KEPT_MS, Hits

NOW = 1_800_000_000_000
ROWS = [["67.43.156.20", NOW - 5, NOW - 1, 7, ["one", "two"]], ["2a02:cf40::1", NOW - 9, NOW, 1, []]]


def hits(*rows: object) -> Hits:
    made = Hits(Counts())
    made.add(rows)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return hit_file.path_in(tmp_path)


def test_what_is_kept_comes_back(path: Path) -> None:
    """In the same order; owner and group alone may read it, whatever the umask."""
    before = os.umask(0o077)
    try:
        hit_file.save(path, hits(*ROWS), NOW / 1000)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in path.parent.iterdir()] == ["hits.json"]
    found = hits()
    hit_file.load(path, found, NOW)
    assert list(found) == list(hits(*ROWS))
    assert json.loads(path.read_text())["version"] == 1


def test_nothing_is_kept(path: Path) -> None:
    """Of no file there is nothing to know; an empty one of ours is fine."""
    found = hits()
    hit_file.load(path, found, NOW)
    hit_file.save(path, found, NOW / 1000)
    hit_file.load(path, found, NOW)
    assert not len(found)


def test_old_ones_do_not_come_back(path: Path) -> None:
    """What is older than 30 days is left out."""
    hit_file.save(path, hits(*ROWS), NOW / 1000)
    found = hits()
    hit_file.load(path, found, NOW + KEPT_MS)
    assert [hit.address for hit in found] == ["2a02:cf40::1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is not whole"),
        (b'{"version":1,"hits":[', "is not whole"),
        (b"[]", "is not whole"),
        (b"{}", "is not whole"),
        (b'{"version":1}', "is not whole"),
        (b'{"version":1,"hits":{}}', "is not whole"),
        (b"\xff\xfe", "is not whole"),
        (b'{"version":2,"hits":[]}', "has version 2, and this collector reads 1"),
    ],
)
def test_a_damaged_file(path: Path, text: bytes, words: str) -> None:
    """It is refused as a whole, and can be set aside."""
    path.parent.mkdir()
    path.write_bytes(text)
    with pytest.raises(KeptError, match=words):
        hit_file.load(path, hits(), NOW)
    assert hit_file.set_aside(path).read_bytes() == text
    assert not path.exists()


def test_cut_anywhere(path: Path) -> None:
    """Cut at every octet, it is refused or whole."""
    hit_file.save(path, hits(*ROWS), NOW / 1000)
    whole = path.read_bytes()
    for end in range(len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(KeptError):
            hit_file.load(path, hits(), NOW)
