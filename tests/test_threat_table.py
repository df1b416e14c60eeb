"""The file of a match table: mapped, shared, and of no harm when it is damaged."""

import struct
import zlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.locality import parse
from flowcoll.errors import ListError
from flowcoll.threat.matching.lists import ThreatList
from flowcoll.threat.matching.sections import SECTIONS
from flowcoll.threat.matching.table import Table
from tables import octets, table

SPANS = [
    (parse(first), parse(last), said)
    for first, last, said in (
        ("8.8.8.8", "8.8.8.8", b"one"),
        ("8.8.8.0", "8.8.8.255", b"two"),
        ("9.9.9.9", "9.9.9.9", b"\n\n75\n\n\n\n"),
        ("2a00::1", "2a00::1", b"four"),
        ("2a00::1:1", "2a00::1:1", b"five"),
        ("2a00::", "2a00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", b"six"),
    )
]
FILE = octets(SPANS)
ADDRESSES = [each for first, last, _ in SPANS for each in (first, last)] + [0, 2**32 - 1, bytes(16), b"\xff" * 16]


def look_everything_up(damaged: bytes) -> None:
    """No look-up fails, whatever is found."""
    made = Table(damaged)
    wrong = ThreatList(made)
    for address in ADDRESSES:
        assert made.block(address)[0] == made.find(address)
        assert wrong.names(address) is (made.find(address) != b"")
        list(wrong.match(address))


def head_of(file: bytes) -> tuple[dict[str, Any], int]:
    size = struct.unpack_from("<8sII", file)[1]
    return orjson.loads(file[16 : 16 + size]), 16 + size


def with_head(head: Any, file: bytes = FILE) -> bytes:
    """The file with another head, of which the checksum holds."""
    text = head if isinstance(head, bytes) else orjson.dumps(head)
    text += b" " * (-len(text) % 8)
    return struct.pack("<8sII", file[:8], len(text), zlib.crc32(text)) + text + file[head_of(file)[1] :]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "mine.table"
    written.write_bytes(FILE)
    return written


def test_a_table_is_a_file(path: Path) -> None:
    """What was written is found in the mapped file, with what it is about and its figures."""
    made = Table.open(path)
    made.check()
    assert (made.about, made.entries, made.networks, made.private) == ({"name": "x"}, 6, 2, 0)
    assert [made.find(first) for first, _, _ in SPANS] == [said for *_, said in SPANS]


def test_the_same_rows_make_the_same_file() -> None:
    """A file holds nothing of time or chance; the magic at its start names the version."""
    assert octets(SPANS) == FILE
    assert FILE[:8] == b"FCTABLE\x01"


def test_numbers_lie_where_processors_like_them() -> None:
    """Each number lies at a multiple of its size."""
    head, place = head_of(FILE)
    for name, size, _ in head["sections"]:
        assert place % {"Q": 8, "I": 4, "B": 1}[SECTIONS[name]] == 0
        place += size
    assert place == len(FILE)


def test_a_table_serves_on_when_another_takes_its_place(path: Path, tmp_path: Path) -> None:
    """Whoever has a table open keeps it whole while a new file is put in its place, and after it is gone."""
    old = Table.open(path)
    (tmp_path / "new").write_bytes(octets([(parse("1.1.1.1"), parse("1.1.1.1"), b"new")]))
    (tmp_path / "new").replace(path)
    new = Table.open(path)
    path.unlink()
    assert (old.find(parse("8.8.8.8")), old.find(parse("1.1.1.1"))) == (b"one", b"")
    assert (new.find(parse("8.8.8.8")), new.find(parse("1.1.1.1"))) == (b"", b"new")
    old.check()


def test_a_table_cannot_be_written_to(path: Path) -> None:
    """It is mapped read-only."""
    with pytest.raises(TypeError):
        Table.open(path)._said[0] = 0


def test_a_file_that_is_cut_is_refused(path: Path) -> None:
    """A file without its end is refused when it is opened, wherever it was cut, and so is one that has grown."""
    for cut in range(len(FILE)):
        with pytest.raises(ListError, match=r"^is "):
            Table(FILE[:cut])
    with pytest.raises(ListError, match=r"^is not whole: it has \d+ of \d+ octets$"):
        Table(FILE + b"x")
    for left in (b"", FILE[:5], FILE[:-1]):
        path.write_bytes(left)
        with pytest.raises(ListError, match=r"^is "):
            Table.open(path)


def test_every_flipped_bit_is_seen() -> None:
    """A changed bit is seen when the file is opened or checked; until then nothing fails."""
    for octet in range(len(FILE)):
        for bit in range(8):
            damaged = bytearray(FILE)
            damaged[octet] ^= 1 << bit
            try:
                look_everything_up(bytes(damaged))
            except ListError:
                continue
            with pytest.raises(ListError, match=r"^is damaged: the checksum of \w+ does not hold$"):
                Table(bytes(damaged)).check()


@given(st.binary(min_size=len(FILE), max_size=len(FILE)), st.data())
def test_no_octets_make_a_look_up_fail(noise: bytes, data: st.DataObject) -> None:
    """Whatever the sections hold, look-ups give something."""
    start = head_of(FILE)[1]
    first, last = sorted(data.draw(st.integers(start, len(FILE))) for _ in range(2))
    look_everything_up(FILE[:first] + noise[first:last] + FILE[last:])


def _without(name: str) -> Any:
    head = head_of(FILE)[0]
    del head[name]
    return head


def _sized(name: str, octets: Any, other: str = "") -> Any:
    head = head_of(FILE)[0]
    for section in head["sections"]:
        section[1] = octets if section[0] in (name, other) else section[1]
    return head


HEADS = {
    "no-json": b"x",
    "no-object": [],
    "no-about": _without("about"),
    "no-figure": _without("entries"),
    "no-sections": _without("sections"),
    "no-order": _without("order"),
    "about-list": head_of(FILE)[0] | {"about": []},
    "figure-text": head_of(FILE)[0] | {"private": "1"},
    "sections-null": head_of(FILE)[0] | {"sections": None},
    "sections-short": head_of(FILE)[0] | {"sections": [["said", 0]]},
    "one-section": head_of(FILE)[0] | {"sections": [["said", 0, 0]]},
    "other-order": head_of(FILE)[0] | {"order": "big"},
    "size-negative": _sized("said", -1),
    "size-text": _sized("said", "1"),
    "size-odd": _sized("hosts4", 3, "hosts4_which"),
    "size-other": _sized("hosts4", 4),
    "size-large": _sized("said", 1 << 62),
    "no-start-4": _sized("starts4", 0, "starts4_which"),
    "no-tops": _sized("hosts4_tops", 0),
    "tops-odd": _sized("starts4_tops", 16),
    "tops-many": _sized("hosts4_tops", 4 << 17 | 4),
    "no-said-starts": _sized("said_starts", 0),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_that_makes_no_sense_is_refused(head: Any) -> None:
    """A head is believed only where it fits, even if its checksum holds."""
    with pytest.raises(ListError, match=r"^is (no table|not whole|a table of a host)"):
        Table(with_head(head))


def test_another_version_is_refused() -> None:
    """A table of another version of the format is told from a damaged one, since it is no fault of anybody."""
    with pytest.raises(ListError, match=r"^is no table of this version$") as found:
        Table(FILE[:7] + b"\x02" + FILE[8:])
    assert found.value.reason == "other_version"


def test_a_head_may_say_anything_about_the_list() -> None:
    """What a list is about is believed only as far as it has the right form."""
    for about in ({}, {"name": 5, "confidence": "x", "state": [], "label": None}, {"state": {"entries": "many"}}):
        look_everything_up(with_head(head_of(FILE)[0] | {"about": about}))


def test_checking_lets_others_work() -> None:
    """A large table is checked in small pieces."""
    pauses: list[int] = []
    table([(number << 4, number << 4, b"") for number in range(70_000)]).check(lambda: pauses.append(1))
    assert len(pauses) >= 5
