"""Ready-made JSON: right, ASCII, and bounded."""

import orjson
from hypothesis import given
from hypothesis import strategies as some

from flowcoll.document.fragment import Fragments, Paths, members, text_of
from flowcoll.document.render import Text

NAMES = some.sampled_from(["a", "b", "c", "d"])
VALUES = (
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.text() | some.lists(some.text(), max_size=2)
)


@given(some.dictionaries(some.lists(NAMES, min_size=3, max_size=3).map(".".join), VALUES, min_size=1))
def test_members(facts: dict[str, object]) -> None:
    """Members are the facts in objects by their paths, in ASCII, with a comma behind."""
    text = members(facts)
    assert text.isascii()
    assert text.endswith(",")
    tree = orjson.loads("{" + text[:-1] + "}")
    for path, value in facts.items():
        one, two, three = path.split(".")
        assert tree[one][two][three] == value


def test_no_facts_no_members() -> None:
    """Nothing to say gives nothing, so that no comma stands alone."""
    assert members({}) == Paths({"a.b"}).members({"b": 1}, "c.") == ""


def test_kept_paths() -> None:
    """Only kept paths are shown; `above` is where the members will stand."""
    kept = Paths({"source.nat.ip", "source.port"})
    assert kept.below("source") == {"nat.ip", "port"}
    assert kept.members({"nat.ip": "192.0.2.1", "nat.port": 5}, "source.") == '"nat":{"ip":"192.0.2.1"},'


@given(some.binary(max_size=64))
def test_strings_from_the_wire(octets: bytes) -> None:
    """Any octets become a JSON string in ASCII, padding cut."""
    shown = text_of(octets)
    assert shown.isascii()
    assert orjson.loads(f'"{shown}"') == octets.rstrip(b"\0").decode("utf-8", "replace")
    assert Text()[octets] == shown


def test_bounds() -> None:
    """Fragments and strings forget when they are full; a long string is not kept."""
    shown: Fragments[int, str] = Fragments(str, limit=8)
    for number in range(100):
        assert shown[number] == str(number)
        assert len(shown) <= 8
    texts = Text()
    for number in range(10_000):
        texts[number.to_bytes(4, "big")]
    assert len(texts) <= 8192
    texts.clear()
    assert texts[b"x" * 257] == "x" * 257
    assert not texts
