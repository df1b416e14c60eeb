"""A JSON text parsed in slices gives what it gives as a whole."""

import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.threat.reading import slices

VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text('a{}[]",:\\ \n\u00e9', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('k"},{', max_size=3), inner, max_size=3),
    max_leaves=8,
)
LENGTHS = st.sampled_from([1, 7, 40])


@given(st.lists(VALUES, max_size=12), LENGTHS, st.sampled_from([None, 1]))
def test_an_array(values: list[Any], size: int, indent: int | None) -> None:
    """Elements come whole, each once, in their order, however short the slices are."""
    text = json.dumps(values, indent=indent).encode()
    assert [each for some in slices.elements(text, 0, size=size) for each in some] == values


@given(st.lists(VALUES, max_size=8), VALUES, LENGTHS)
def test_an_array_in_an_object(values: list[Any], other: Any, size: int) -> None:
    """What follows the array in the object around it is not taken for an element."""
    text = json.dumps({"rows": values, "other": other, "more": [{"a": 1}, {"a": 2}]}).encode()
    start = text.index(b"[")
    assert [each for some in slices.elements(text, start, b'{"":[', size=size) for each in some] == values


@given(st.dictionaries(st.text('k"},{', max_size=4), VALUES, max_size=12), LENGTHS)
def test_an_object(values: dict[str, Any], size: int) -> None:
    """Members come whole, each once, in their order."""
    text = json.dumps(values).encode()
    found = [pair for some in slices.members(text, 0, size=size) for pair in some.items()]
    assert found == list(values.items())


@given(st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), min_size=1, max_size=6), st.data())
def test_what_is_cut_is_broken(values: list[Any], data: st.DataObject) -> None:
    """A text that ends too early is an error."""
    text = json.dumps(values).encode()
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    with pytest.raises(orjson.JSONDecodeError):
        list(slices.elements(cut, 0, size=5))


def test_slices_are_short() -> None:
    """A long text comes in slices of about the size asked for, also when rows hold objects themselves."""
    rng = random.Random(1)
    rows = [{"ip": str(n), "in": [{"a": rng.random()}, {"b": "},{"}, {"c": n}]} for n in range(3000)]
    text = json.dumps(rows).encode()
    sizes = [len(json.dumps(some)) for some in slices.elements(text, 0, size=1000)]
    assert len(sizes) > 80
    assert max(sizes) < 4000


def test_without_a_place_to_cut_the_rest_comes_at_once() -> None:
    """One huge element is given whole."""
    row = [{"a": n} for n in range(2000)]
    (only,) = slices.elements(json.dumps([row]).encode(), 0, size=100)
    assert only == [row]
