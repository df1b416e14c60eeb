"""YAML, part by part, with lines and bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.threat.reading.yaml_text import Items, Members, Node, Scalar, YamlError, bare, parts


def test_a_mapping_and_a_list() -> None:
    """Members of a mapping have their keys, items of a list None; each has its line, and every scalar is its text."""
    assert list(parts(b"a: 1.10\n# c\n\n'b':\n  - 12:30:45\n  - ~\n")) == [
        (Scalar(1, "a"), Scalar(1, "1.10")),
        (Scalar(4, "b"), Items(5, [Scalar(5, "12:30:45"), Scalar(6, "")])),
    ]
    assert list(parts(b"- x\n- {k: 'null'}\n")) == [
        (None, Scalar(1, "x")),
        (None, Members(2, [(Scalar(2, "k"), Scalar(2, "null"))])),
    ]


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"---\n", b"---\n...\n", b"~\n", b"[]", b"{}"])
def test_nothing(text: bytes) -> None:
    """A text without anything in it has no parts."""
    assert list(parts(text)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: b: c\n", ":1: is not YAML ("),
        ("\n- x\n-\ty: [\n", ":3: is not YAML ("),
        ("word\n", ":1: is one text; write a list or a mapping"),
        ("a: 1\n---\nb: 2\n", ":2: begins a second document; put all into one"),
        ("- &a [x]\n- *a\n", ":1: has an anchor (& or *); write out what it stands for"),
        ("- *a\n", ":1: has an anchor"),
        ("a: &b c\n", ":1: has an anchor"),
        ("- x\n- ? [1]\n  : y\n", ":2: has a list or a mapping as a key"),
        ("- " * 99, ":1: is nested too deeply; 8 levels are read"),
        ("[" * 1_000_000, ":1: is nested too deeply"),
        ("a: [" + "b, " * 200_001, ":1: one entry holds more than 200,000 texts; make several of it"),
        ("- \x01\n", ": holds a character that YAML does not allow"),
    ],
    ids=range(12),
)
def test_what_is_refused(text: str, words: str) -> None:
    """What is broken, not bounded or no list says where, and what to do."""
    with pytest.raises(YamlError) as caught:
        list(parts(text.encode()))
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("- 2001:db8::", "2001:db8::"), ("- ::1", "::1"), ("- a: b", None), ("- [a]", None), ("- {a: , b: }", None)],
)
def test_a_bare_text(text: str, expected: str | None) -> None:
    """An entry is a text, be it an address that YAML takes for a key."""
    ((_, node),) = parts(text.encode())
    assert bare(node) == expected


@given(st.binary(max_size=60) | st.text(alphabet="-:,[]{}&*?|>'\"# \nab", max_size=60).map(str.encode))
def test_any_octets(text: bytes) -> None:
    """Whatever a text holds, it is parts or a YamlError that is one line."""
    try:
        found = list(parts(text))
    except YamlError as exc:
        assert "\n" not in str(exc)  # noqa: PT017
        return
    assert all(isinstance(node, Node) for _, node in found)
