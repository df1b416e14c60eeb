"""What systemd would give to the service."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.options.docs import environment
from flowcoll.transfer.drop_in import Unreadable, looks_like, read, split

FILE = Path("/etc/systemd/system/flowcoll.service.d/flowcoll.conf")


def values(text: str) -> dict[str, str]:
    """Options of a drop-in, the last of each name; nothing is wrong with it."""
    found = read(FILE, text)
    assert found.problems == []
    return {given.name: given.text for given in found.given}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Environment=EF_A=1", {"EF_A": "1"}),
        ('Environment="EF_A=one two"', {"EF_A": "one two"}),
        ("Environment='EF_A=one two'", {"EF_A": "one two"}),
        ("Environment=\"EF_A=1\" 'EF_B=2' EF_C=3", {"EF_A": "1", "EF_B": "2", "EF_C": "3"}),
        ('Environment="EF_A=1" \\\n  # not this\n  "EF_B=2"', {"EF_A": "1", "EF_B": "2"}),
        ('Environment=EF_A="one two"', {"EF_A": "one two"}),
        (r'Environment="EF_A=a\"b\\c"', {"EF_A": 'a"b\\c'}),
        (r'Environment="EF_A=\x41\101\u0041\U00000041\s."', {"EF_A": "AAAA ."}),
        (r'Environment="EF_A=\xc3\xa9"', {"EF_A": "é"}),
        ('Environment="EF_A=100% sure"', {"EF_A": "100% sure"}),
        ('Environment="EF_A=100%%"', {"EF_A": "100%"}),
        ('Environment="EF_A=%%H"', {"EF_A": "%H"}),
        ("Environment = EF_A=1", {"EF_A": "1"}),
        ("Environment=EF_A=x\\\\\nEnvironment=EF_B=1", {"EF_A": "x\\", "EF_B": "1"}),
        ("Environment=EF_A=1\nEnvironment=\nEnvironment=EF_B=2", {"EF_B": "2"}),
        ("Environment=EF_A=1\nEnvironment=EF_A=2", {"EF_A": "2"}),
        ("#Environment=EF_A=1\n;Environment=EF_B=1", {}),
        ("Environment=EF_A=x=y", {"EF_A": "x=y"}),
        ("Environment=EF_A=", {"EF_A": ""}),
        ("[Unit]\nEnvironment=EF_A=1", {}),
    ],
)
def test_assignments(line: str, expected: dict[str, str]) -> None:
    """Are taken as systemd takes them."""
    assert values(f"[Service]\n{line}\n") == expected


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_what_we_write_is_read_again(value: str) -> None:
    """A line as the packaged drop-in has it gives the value it was made of."""
    assert values("[Service]\n" + environment("EF_X", value)) == {"EF_X": value}


@given(st.text("ab \t'\"\\x4%"))
def test_any_line_is_words_or_unreadable(text: str) -> None:
    """No line is an error of another kind, and nothing of a word is lost but its quotes."""
    try:
        words = list(split(text))
    except Unreadable:
        return
    assert sum(map(len, words)) <= len(text)


@pytest.mark.parametrize(
    ("line", "words", "count"),
    [
        ('EF_A=1 "EF_B=1 EF_C=2', "a quote is not closed", 1),
        (r'EF_A=1 "EF_B=a\qb" EF_C=1', "a backslash that begins no escape; write two for one", 1),
        (r"EF_A=1 EF_B=\400", "a backslash", 1),
        (r"EF_A=1 EF_B=\xff", "no UTF-8", 1),
        ("EF_A=1 EF_PASSWORD hush", "EF_PASSWORD... is no NAME=value", 1),
        ("EF_A=1 EF_B=100%z EF_C=1", "EF_B: systemd ignores it, for it knows no %z; write %% for %", 2),
    ],
)
def test_what_systemd_ignores_is_a_problem(line: str, words: str, count: int) -> None:
    """With its line, and without the value, which may be a secret; what systemd takes is taken."""
    found = read(FILE, f"[Service]\nEnvironment={line}\n")
    assert found.problems[0].startswith(f"{FILE}:2: ")
    assert words in found.problems[0]
    assert "hush" not in found.problems[0]
    assert len(found.given) == count


def test_a_specifier_is_told() -> None:
    """What systemd would put in its place is not known here."""
    found = read(FILE, '[Service]\nEnvironment="EF_INSTANCE_NAME=%H"\n')
    assert found.notices == [f"{FILE}:2: EF_INSTANCE_NAME: systemd replaces %H, which is not done here"]


def test_a_file_of_variables_wins(tmp_path: Path) -> None:
    """EnvironmentFile= is read, and counts more than Environment=, wherever it stands."""
    file = tmp_path / "flowcoll"
    file.write_text("# a comment\nEF_A='from file'\n")
    found = read(FILE, f"[Service]\nEnvironmentFile={file}\nEnvironment=EF_A=1\n")
    assert [(given.text, given.where) for given in found.given] == [("1", f"{FILE}:3"), ("from file", f"{file}:2")]
    assert found.notices == [f"{FILE}:2: EnvironmentFile={file} is read too"]


@pytest.mark.parametrize("value", ["-/nowhere/flowcoll", "/nowhere/flowcoll", "/etc/%p", "relative"])
def test_a_file_that_is_not_read_is_told(value: str) -> None:
    """It may be on another machine."""
    found = read(FILE, f"[Service]\nEnvironmentFile={value}\n")
    assert found.problems == []
    assert "not read" in found.notices[0]


def test_a_fragment_is_read_with_a_word() -> None:
    """Lines as they are copied from a manual, without [Service], count; systemd would not take them."""
    found = read(FILE, 'Environment="EF_OUTPUT_RISKIQ_ENABLE=true"\n')
    assert [given.name for given in found.given] == ["EF_OUTPUT_RISKIQ_ENABLE"]
    assert "[Service]" in found.notices[0]


def test_other_variables_are_passed_over_with_a_word() -> None:
    """They are no options; those of ElastiFlow without its prefix are known."""
    found = read(FILE, "[Service]\nEnvironment=HTTPS_PROXY=http://x TZ=UTC AWS_REGION=y\n")
    assert [given.name for given in found.given] == ["AWS_REGION"]
    assert found.notices == ["HTTPS_PROXY, TZ: no option of flowcoll; passed over"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("[Service]\n", True), ("# x\nEnvironment=A=b", True), ("EF_A: 1\n", False), ("services: {}\n", False)],
)
def test_it_is_told_by_its_content(text: str, expected: bool) -> None:
    """A section or an assignment is enough."""
    assert looks_like(text) is expected
