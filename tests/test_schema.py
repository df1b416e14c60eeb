"""Table 3 as mappings: what a document holds is mapped, and by a type that takes it."""

import csv
import ipaddress
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from corpus import DATA, Golden, goldens
from flowcoll.document import schema
from flowcoll.document.fields import Field, load

FIELDS = load()


def leaves(mapping: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Paths of fields with their mappings; an object's own parameters do not count."""
    for name, member in mapping.get("properties", {}).items():
        path = f"{above}{name}"
        if "type" in member and member["type"] != "nested":
            yield path, member
        yield from leaves(member, f"{path}.")


def values(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of a document, lists taken apart, a point left whole."""
    for name, value in document.items():
        path = f"{above}{name}"
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and name != "location":
                yield from values(one, f"{path}.")
            else:
                yield path, one


def takes(kind: str, value: Any) -> bool:
    """Whether a value goes into a field of this type without `ignore_malformed` having to help."""
    match kind:
        case "keyword" | "constant_keyword":
            return isinstance(value, str) and len(value) <= 1024
        case "long":
            return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        case "date":
            return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
        case "ip":
            return bool(ipaddress.ip_address(value))
        case "geo_point":
            return abs(value["lat"]) <= 90 and abs(value["lon"]) <= 180
    return False


MAPPED = dict(leaves(schema.mappings(FIELDS)))


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.path)
def test_every_field_is_mapped(field: Field) -> None:
    """A field of table 3 stands in the mapping under its path, with its type and as its storage says."""
    if field.type == "nested":
        assert any(path.startswith(f"{field.path}.") for path in MAPPED)
        return
    mapped = MAPPED[field.path]
    assert mapped["type"] == field.type
    assert {key: mapped[key] for key in ("index", "doc_values") if key in mapped} == schema.STORAGE[field.storage]


def test_no_field_is_an_object() -> None:
    """No field stands below another one."""
    paths = {field.path for field in FIELDS}
    assert [path for path in paths if any(other.startswith(f"{path}.") for other in paths)] == []


def test_nothing_beyond_the_table_is_mapped() -> None:
    """What the table does not name stays in _source."""
    mapping = schema.mappings(FIELDS)
    assert mapping["dynamic"] is False
    nested = tuple(f"{field.path}." for field in FIELDS if field.type == "nested")
    assert {path for path in MAPPED if not path.startswith(nested)} == {f.path for f in FIELDS if f.type != "nested"}


def test_what_machine_learning_counts_has_doc_values() -> None:
    """A field without doc values can be neither counted nor charted; none is so."""
    assert [field.path for field in FIELDS if field.storage == "source"] == []


def test_what_analysts_start_from_is_found_fast() -> None:
    """Addresses, ports, names, Community ID, conversation and threats are found by an index of their own."""
    fast = {field.path for field in FIELDS if not field.storage}
    ends = [f"{end}.{what}" for end in ("source", "destination", "client", "server") for what in ("ip", "domain")]
    wanted = [*ends, "source.port", "destination.port", "server.port", "related.ip", "network.community_id"]
    wanted += ["flow.conversation.id", "sec.threat.ip.addr", "sec.threat.name", "sec.threat.feed.name", "observer.ip"]
    assert [path for path in wanted if path not in fast] == []


def test_constants_are_those_of_the_documents() -> None:
    """A constant has the value that documents carry; the namespace is learnt from the first of them."""
    constants = {path: leaf.get("value") for path, leaf in MAPPED.items() if leaf["type"] == "constant_keyword"}
    assert constants == {
        "data_stream.type": "logs",
        "data_stream.dataset": "flowcoll.flow",
        "data_stream.namespace": None,
    }


@pytest.mark.parametrize("case", goldens(), ids=str)
def test_documents_fit(case: Golden) -> None:
    """Every value of every recorded document is in a mapped field whose type takes it."""
    for line in (case.folder / "expected.ndjson").read_text().splitlines():
        for path, value in values(json.loads(line)):
            assert path in MAPPED, path
            assert takes(MAPPED[path]["type"], value), (path, value)


def test_aliases_point_at_fields() -> None:
    """Every CODEX name is an alias of the field of its row; the target is mapped beside it as in the mapping itself."""
    aliased = dict(leaves(schema.with_aliases(FIELDS)))
    named = {field.codex: field.path for field in FIELDS if field.codex}
    assert {path: leaf["path"] for path, leaf in aliased.items() if leaf["type"] == "alias"} == named
    assert {path: leaf for path, leaf in aliased.items() if leaf["type"] != "alias"} == {
        path: MAPPED[path] for path in named.values()
    }


def test_codex_names_are_distinct() -> None:
    """No two fields have the same CODEX name, and none is the path of a field."""
    named = [field.codex for field in FIELDS if field.codex]
    assert len(named) == len(set(named))
    assert not set(named) & {field.path for field in FIELDS}


def test_names_that_go_on_behind_a_field_stand_beside_it() -> None:
    """`flow.export.ip` is a field and `flow.export.ip.addr` a CODEX name: the object round them keeps dotted names."""
    export = schema.with_aliases(FIELDS)["properties"]["flow"]["properties"]["export"]
    assert export["subobjects"] is False
    assert export["properties"]["ip.addr"] == {"type": "alias", "path": "observer.ip"}


def test_a_search_without_a_field_name_looks_where_it_is_fast() -> None:
    """It looks at addresses and text that have an index of their own."""
    searched = schema.searched(FIELDS)
    assert {"source.ip", "destination.domain", "sec.threat.name"} <= set(searched)
    assert all(MAPPED[path]["type"] in {"ip", "keyword"} and "index" not in MAPPED[path] for path in searched)


def test_types_are_those_of_ecs() -> None:
    """A field that ECS has is of the type that ECS gives it."""
    with (DATA / "ecs-types.csv").open() as table:
        ecs = {row["field"]: row["type"] for row in csv.DictReader(table)}
    assert len(ecs) > 90
    assert {path: MAPPED[path]["type"] for path in ecs} == ecs
