from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowcoll.transfer.reading import read

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('[Service]\nEnvironment="EF_API_PORT=1"\n', "systemd drop-in"),
        ("EF_API_PORT: 1\n", "flowcoll.yml"),
        ("EF_API_PORT=1\n", "environment variables"),
        ("services:\n  x: {environment: {EF_API_PORT: 1}}\n", "Docker Compose file, service x"),
    ],
)
@pytest.mark.parametrize("name", ["flowcoll.conf", "a.yml", "anything"])
def test_the_form_is_known_by_the_content(tmp_path: Path, text: str, form: str, name: str) -> None:
    """Whatever the file is called."""
    file = tmp_path / name
    file.write_text(text)
    found = read(file, {})
    assert (found.form, [(given.name, given.text) for given in found.given]) == (form, [("EF_API_PORT", "1")])
    assert found.problems == []


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"just words\n", "is neither a systemd drop-in"),
        (b"- a\n- b\n", "is neither a systemd drop-in"),
        (b"EF_A: 'x\n", "is not YAML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[" * 5000, "is nested too deeply"),
        (b"services: {x: {<<: 1}}\n", "is not YAML"),
        (b"EF_A=1\nnonsense\n", ":2: is no line of the form NAME=value"),
    ],
)
def test_what_cannot_be_read_is_one_problem(tmp_path: Path, octets: bytes, words: str) -> None:
    """In one line that names the file."""
    file = tmp_path / "file"
    file.write_bytes(octets)
    (problem,) = read(file, {}).problems
    assert problem.startswith(str(file))
    assert words in problem


def test_a_file_that_sets_nothing_is_fine(tmp_path: Path) -> None:
    """With a word about it."""
    file = tmp_path / "file"
    file.write_text("# nothing\n")
    found = read(file, {})
    assert (found.given, found.problems, len(found.notices)) == ([], [], 1)


@settings(max_examples=200)
@given(st.text("EF_A=:-[]{}&*<'\"\\\n #%$services"))
def test_any_file_is_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """No text is an error of its own."""
    file = tmp_path_factory.getbasetemp() / "any"
    file.write_text(text)
    read(file, {})
