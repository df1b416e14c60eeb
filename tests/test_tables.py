"""The three tables agree with one another: every name that one uses, another gives."""

import ast
import re
import sys
from collections.abc import Iterator
from itertools import product

import pytest

from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.decode.elements import Elements
from flowcoll.decode.packet import COLUMNS
from flowcoll.decode.sflow import COLUMNS as SFLOW
from flowcoll.document import fields as table
from flowcoll.document.derive import CONTEXT, Derived, derived
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline

SWITCHES = [
    {"EF_PROCESSOR_ENRICH_ASN_PREF": pref, "EF_PROCESSOR_EXPAND_CLISRV": sides, "EF_PROCESSOR_SAMPLING_CORRECT": sides}
    for pref, sides in product(("lookup", "flow"), (True, False))
]


def names(code: str) -> set[str]:
    """Names that an expression reads."""
    found = [node for node in ast.walk(ast.parse(code, mode="eval")) if isinstance(node, ast.Name)]
    return {node.id for node in found} - {node.id for node in found if isinstance(node.ctx, ast.Store)}


def inputs(rows: tuple[Derived, ...]) -> Iterator[tuple[str, str]]:
    """Row, and a name that one of its alternatives needs."""
    for row in rows:
        for alternative in (*row.alternatives, row.when or "0"):
            code, _, given = alternative.partition(" given ")
            for name in names(code) | set(given.split()):
                yield row.names[0], name


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_every_input_is_known(switches: dict[str, object]) -> None:
    """What an alternative needs is an element, a name of the context, a derived value or a name of the namespace."""
    options = defaults(**switches)
    rows = derived(options)
    space = Pipeline(options, Counts(), Log(sys.stderr)).namespace
    columns = {column.name for some in (COLUMNS | SFLOW).values() for column in some}
    known = {*Elements().names(), *columns, *CONTEXT, *space, *(name for row in rows for name in row.names)}
    assert sorted({(row, name) for row, name in inputs(rows) if name not in known}) == []


@pytest.mark.parametrize("field", table.load(), ids=lambda field: field.path)
def test_every_hole_is_known(field: table.Field) -> None:
    """What a field shows is a value of the tables, or stands in a fragment that is declared."""
    options = defaults()
    known = {*Elements().names(), *CONTEXT, *(name for row in derived(options) for name in row.names)}
    known |= {"timestamp", "namespace"}  # filled in for each shape
    known |= Pipeline(options, Counts(), Log(sys.stderr)).namespace.keys()
    for hole in re.findall(r"{([^}]*)}", field.expression):
        assert names(hole) <= known, hole
    for fragment in field.fragments:
        place = table.FRAGMENTS[fragment]
        assert fragment in known
        assert field.path.startswith(place + "." if place else ""), f"{fragment} stands in {place or 'the document'}"


def test_no_two_fields_collide() -> None:
    """No path is given twice, none is both a value and an object, and no alias is a path."""
    fields = table.load()
    paths = [field.path for field in fields]
    aliases = [field.codex for field in fields if field.codex]
    assert len(set(paths)) == len(paths)
    assert len(set(aliases)) == len(aliases)
    assert not set(paths) & set(aliases)
    assert not [(one, other) for one in paths for other in paths if other.startswith(one + ".")]


def test_fragments_share_no_object_with_fields() -> None:
    """An object that a fragment renders holds nothing that stands in the document by another way: no key comes twice."""
    fields = table.load()
    for name, place in table.FRAGMENTS.items():
        depth = len(place.split(".")) if place else 0
        heads = {field.path.split(".")[depth] for field in fields if name in field.fragments}
        others = [f for f in fields if name not in f.fragments and f.path.startswith(place + "." if place else "")]
        for other in others:
            same_place = place in {table.FRAGMENTS[each] for each in other.fragments} or not other.fragments
            assert not (same_place and other.path.split(".")[depth] in heads), f"{name} and {other.path}"


@pytest.mark.parametrize(
    ("drop", "said"),
    [
        ("source.gee.city_name", "did you mean source.geo.city_name"),
        ("@timestamp", "cannot be dropped"),
        ("nonsense", "EF_PROCESSOR_DROP_FIELDS: unknown field 'nonsense'"),
    ],
)
def test_dropping_is_checked(drop: str, said: str) -> None:
    """A field that nobody knows, or that a document cannot do without, is refused with its name."""
    with pytest.raises(ConfigError, match=re.escape(said)):
        table.keep(table.load(), [drop], "EF_PROCESSOR_DROP_FIELDS")


def test_dropping_by_any_name() -> None:
    """A field goes by its ECS path, by its CODEX name, or with the object it stands in."""
    fields = table.load()
    for name in ("source.ip", "flow.src.ip.addr", "source"):
        left = {field.path for field in table.keep(fields, [name], "EF_X")}
        assert "source.ip" not in left
        assert ("source.port" in left) is (name != "source")
