"""Files of rules: include/exclude, and false positives."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.locality import parse
from flowcoll.errors import ConfigError
from flowcoll.threat.matching.blocks import span
from flowcoll.threat.matching.scope import FalsePositive, false_positives, scope

FILE = Path("/rules.yml")
FOREVER = float("inf")


def why_not(text: str, address: str) -> str:
    return scope(FILE, text.encode()).why_not(parse(address))


@pytest.mark.parametrize(
    ("text", "address", "why"),
    [
        ("", "9.9.9.9", ""),
        ("include:\nexclude: []\n", "9.9.9.9", ""),
        ("include: [9.9.9.0/24]\n", "9.9.9.9", ""),
        ("include: [9.9.9.0/24]\n", "8.8.8.8", "not included"),
        ("include: [9.9.9.0/24]\n", "2a00::1", "not included"),
        ("Include:\n- 9.9.9.0/24\n\nEXCLUDE:\n- 9.9.9.9\n", "9.9.9.9", "excluded"),
        ("exclude: [9.9.9.1 - 9.9.9.10]\n", "9.9.9.10", "excluded"),
        ("exclude: [9.9.9.1 - 9.9.9.10]\n", "9.9.9.11", ""),
        ("excl: 9.9.9.9, 8.8.8.8\n", "8.8.8.8", "excluded"),
        ("exclude:\n  - 2a00::\n  - 2a00::5\n", "2a00::", "excluded"),
        ("exclude:\n  2a00::5:\n  9.9.9.9: ours\n", "2a00::5", "excluded"),
        ("exclude:\n- ::ffff:9.9.9.0/120\n", "9.9.9.9", "excluded"),
        ("exclude: [0.0.0.0/0]\n", "9.9.9.9", "excluded"),
    ],
)
def test_a_scope(text: str, address: str, why: str) -> None:
    """Exclude wins; whoever includes nothing includes everything."""
    assert why_not(text, address) == why


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("includ:\n- 9.9.9.9\n", "/rules.yml:1: 'includ' is not known; did you mean include?"),
        ("- 9.9.9.9\n", "/rules.yml:1: is a list; write it below include: or exclude:"),
        ("exclude:\n- 9.9.9.9\n- 9.9.9\n", "/rules.yml:3: '9.9.9' is not an IP address; write an address, a netw"),
        ("exclude:\n- [9.9.9.9]\n", "/rules.yml:2: is no address; write an address, a network or first-last"),
        ("exclude: [\n", "/rules.yml:2: is not YAML ("),
        ("exclude: &x [9.9.9.9]\n", "/rules.yml:1: has an anchor"),
        ("9.9.9.9\n", "/rules.yml:1: is one text; write a list or a mapping"),
        ("exclude: [9.9.9.9/40]\n", "/rules.yml:1: the prefix length of '9.9.9.9/40' is not 0 to 32; write"),
    ],
)
def test_a_wrong_scope(text: str, words: str) -> None:
    """An error names file and line, and says what to do."""
    with pytest.raises(ConfigError) as caught:
        why_not(text, "9.9.9.9")
    assert str(caught.value).startswith(words)


def test_false_positives() -> None:
    """Each entry has an address, a reason, and if it likes a day or time and lists; a day counts to its end, in UTC."""
    text = """\
- address: 9.9.9.9
  reason: our
    resolver
- address: "2a00::"
  reason: "1"
  until: 1970-01-02
  lists: [CINS, mine]
- {reason: x, address: 9.9.9.0-9.9.9.7, until: "1970-01-01T01:00:00+01:00", lists: 'a, b'}
- {reason: x, address: 9.9.9.0/24, until: 1970-01-01 00:00:10, lists: a}
- {reason: x, address: 9.9.9.0/24, until: }
"""
    assert false_positives(FILE, text.encode()) == (
        FalsePositive(span("9.9.9.9"), "our resolver", FOREVER, ()),
        FalsePositive(span("2a00::"), "1", 2 * 86_400, ("cins", "mine")),
        FalsePositive(span("9.9.9.0-9.9.9.7"), "x", 0, ("a", "b")),
        FalsePositive(span("9.9.9.0/24"), "x", 10, ("a",)),
        FalsePositive(span("9.9.9.0/24"), "x", FOREVER, ()),
    )
    assert false_positives(FILE, b"# none yet\n") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- address: 9.9.9.9\n", "/rules.yml:1: an entry has no reason; add 'reason: …' to it"),
        ("- reason: x\n", "/rules.yml:1: an entry has no address; add 'address: …' to it"),
        ("- address: \n  reason: x\n", "/rules.yml:1: an entry has no address"),
        ("- 9.9.9.9\n", "/rules.yml:1: is no entry; write each as '- address: …' with 'reason: …' below it"),
        ("address: 9.9.9.9\n", "/rules.yml:1: is no entry"),
        ("- address: 9.9.9.9\n  reson: x\n", "/rules.yml:2: 'reson' is not known; did you mean reason?"),
        ("- address: 9.9.9.9\n  reason: x\n  reason: y\n", "/rules.yml:3: reason is given twice in one entry"),
        ("- address: 9.9.9\n  reason: x\n", "/rules.yml:1: '9.9.9' is not an IP address; write"),
        ("- address: [9.9.9.9]\n  reason: x\n", "/rules.yml:1: address is not one text"),
        ("- address: 9.9.9.9\n  reason: x\n  until: soon\n", "/rules.yml:3: until is 'soon', no day or time; write 20"),
        ("- address: 9.9.9.9\n  reason: x\n  until: 9999-12-31\n", "/rules.yml:3: until is '9999-12-31'"),
        (
            "- address: 9.9.9.9\n  reason: x\n  lists: []\n",
            "/rules.yml:3: lists names none; name some, or leave it out",
        ),
    ],
)
def test_wrong_false_positives(text: str, words: str) -> None:
    """An error names file and line, and says what to do."""
    with pytest.raises(ConfigError) as caught:
        false_positives(FILE, text.encode())
    assert str(caught.value).startswith(words)


ENTRIES = st.sampled_from(
    ["address", "reason", "until", "lists", "include", "exclude", "- ", ": ", "\n", "  ", "[", "]"]
)


@given(st.lists(ENTRIES | st.sampled_from(["9.9.9.9", "2026-01-01", "::", "0001-01-01T00:00:00+23:59", "é", "'"])))
def test_any_text(words: list[str]) -> None:
    """Whatever is written, it is read, or refused in one line."""
    for read in (scope, false_positives):
        try:
            read(FILE, "".join(words).encode())
        except ConfigError as exc:
            assert "\n" not in str(exc)  # noqa: PT017
