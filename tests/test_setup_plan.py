"""What has to change: decided from bodies alone."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.setup.plan import Change, Thing, flat, normal, plan

THING = Thing("component template", "flowcoll-flow@settings")
SCALARS = st.one_of(st.booleans(), st.integers(), st.text(max_size=5))
SETTINGS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), SCALARS, min_size=1),
    lambda inner: st.dictionaries(st.sampled_from("def"), inner, min_size=1),
    max_leaves=8,
)


def body(version: str = "1.2.0", **settings: Any) -> Mapping[str, Any]:
    meta = {"managed": True, "managed_by": "flowcoll", "version": version}
    return {"template": {"settings": settings or {"index.codec": "default"}}, "_meta": meta}


def change(present: Mapping[str, Any] | None, *, overwrite: bool = True, there: bool = True) -> Change:
    found = {THING: present} if there else {}
    (one,) = plan({THING: body()}, found, overwrite=overwrite, version="1.2.0")
    return one


def test_what_is_missing_is_created() -> None:
    """Also where nothing may be overwritten."""
    assert change(None, there=False).action == "create"
    assert change(None, there=False, overwrite=False).action == "create"


def test_what_is_equal_stays() -> None:
    """Whichever version has put it."""
    assert [change(body(version)).action for version in ("0.9", "1.2.0", "2.0")] == ["unchanged"] * 3


def test_what_is_older_or_changed_is_put_anew() -> None:
    """The reason tells who had put it."""
    other = {"index.codec": "best_compression"}
    assert change(body("1.1.9", **other))[::2] == ("update", "differs from what flowcoll 1.1.9 has put")
    assert change(body("1.2.0", **other)).action == "update"


def test_what_is_not_ours_is_put_anew() -> None:
    """A template of our name without our mark is replaced, and the reason says so."""
    assert change({"template": {}})[::2] == ("update", "is there, but flowcoll has not put it")
    assert change({"template": {}, "_meta": None}).action == "update"
    assert change({"template": {}, "_meta": {"version": 7}}).action == "update"


@pytest.mark.parametrize("newer", ["1.2.1", "1.10.0", "2.0", "1.2.0.1"])
def test_an_older_collector_changes_nothing(newer: str) -> None:
    """What a newer one has put is kept; versions count by numbers."""
    kept = change(body(newer, **{"index.codec": "best_compression"}))
    assert kept.action == "keep"
    assert newer in kept.why


def test_overwriting_can_be_forbidden() -> None:
    """Then what differs is kept, and the reason names the option."""
    kept = change(body("1.0", **{"index.codec": "best_compression"}), overwrite=False)
    assert kept.action == "keep"
    assert "INDEX_TEMPLATE_OVERWRITE" in kept.why


def test_what_may_not_be_looked_at_is_left_alone() -> None:
    """It is neither created nor changed."""
    assert change(None).action == "unseen"


def test_a_server_gives_settings_back_as_nested_text() -> None:
    """Numbers and booleans come back as text, dotted names as objects, and what is not chosen as false."""
    ours = {
        "template": {"settings": {"index.number_of_shards": 1, "index.sort.field": ["a"], "index.x.y": True}},
        "data_stream": {},
        "_meta": {"version": "1"},
    }
    theirs = {
        "template": {
            "settings": {"index": {"number_of_shards": "1", "sort": {"field": ["a"]}, "x": {"y": "true"}}},
        },
        "data_stream": {"hidden": False, "allow_custom_routing": False},
        "_meta": {"version": "2"},
    }
    assert normal(ours) == normal(theirs)
    assert normal(ours) == normal(theirs | {"modified_date_millis": 1_795_000_000_000})
    assert normal(ours) != normal(ours | {"data_stream": {"hidden": True}})


@given(SETTINGS)
def test_flat_names_hold_every_value(settings: Mapping[str, Any]) -> None:
    """Flattening loses nothing, and flattening twice changes nothing."""

    def count(tree: Mapping[str, Any]) -> int:
        return sum(count(value) if isinstance(value, Mapping) else 1 for value in tree.values())

    once = flat(settings)
    assert len(once) == count(settings)
    assert flat(once) == once


def test_the_order_is_that_of_what_is_wanted() -> None:
    """Components come before the templates that are made of them."""
    things = [Thing("component template", "b"), Thing("index template", "a")]
    changes = plan(dict.fromkeys(things, body()), {}, overwrite=True, version="1")
    assert [each.thing for each in changes] == things
