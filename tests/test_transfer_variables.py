from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.transfer.variables import Assignment, assignments, looks_like, of_file


def pairs(text: str, *, compose: bool = False) -> list[tuple[str, str]]:
    """Names and values; there is no line that makes no sense."""
    found = list(assignments(text, compose=compose))
    assert all(isinstance(each, Assignment) for each in found)
    return [(each.name, each.value) for each in found if isinstance(each, Assignment)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("A = b ", "b"),
        ("A=", ""),
        ("A='b c'", "b c"),
        ('A="b c"', "b c"),
        ('A="b\\"c"', 'b"c'),
        ('A="b\\c"', "b\\c"),
        ("A='b\\c'", "b\\c"),
        ('A="b\nc"', "b\nc"),
    ],
)
@pytest.mark.parametrize("compose", [False, True])
def test_values(text: str, value: str, compose: bool) -> None:
    """Are the same for systemd and Compose where both know the form."""
    assert pairs(f"# first\n\n{text}\nB=2", compose=compose) == [("A", value), ("B", "2")]


def test_systemd_takes_a_backslash_as_protection() -> None:
    """Outside quotes the next character is taken as it is, and a line that ends in one goes on."""
    assert pairs("A=b\\ c\\\nd # e") == [("A", "b cd # e")]


def test_compose_knows_comments_behind_values() -> None:
    """A blank and # begin one, but not within quotes or words; `export` before a name is nothing."""
    text = "export A=b # c\nB=b#c\nC='b # c' # d\n"
    assert pairs(text, compose=True) == [("A", "b"), ("B", "b#c"), ("C", "b # c")]


def test_single_quotes_are_known() -> None:
    """In them Compose replaces nothing."""
    literal = [each.literal for each in assignments("A='b'\nB=\"b\"\n", compose=True) if isinstance(each, Assignment)]
    assert literal == [True, False]


def test_a_line_that_makes_no_sense_is_named() -> None:
    """By its number, and the others count."""
    assert list(assignments("A=1\nnonsense\nB=2")) == [Assignment(1, "A", "1"), 2, Assignment(3, "B", "2")]


@given(st.text("AB=' \"\\\n#$"), st.booleans())
def test_any_text_is_read_to_its_end(text: str, compose: bool) -> None:
    """Whatever a file holds, each line is a variable or is named, in order."""
    lines = [each if isinstance(each, int) else each.line for each in assignments(text, compose=compose)]
    assert lines == sorted(set(lines))


@pytest.mark.parametrize(
    ("text", "expected"), [("EF_A=1", True), ("# x\nexport EF_A=1", True), ("EF_A: 1", False), ("", False)]
)
def test_it_is_told_by_its_first_line(text: str, expected: bool) -> None:
    """Comments are passed over."""
    assert looks_like(text) is expected


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """In words that follow its name."""
    with pytest.raises(ValueError, match=r"^cannot be read"):
        of_file(tmp_path / "none")
    (tmp_path / "octets").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"^is not UTF-8 text \(octet 0\)$"):
        of_file(tmp_path / "octets")
