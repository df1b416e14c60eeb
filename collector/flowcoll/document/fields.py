"""Table 3: document fields. `fields.csv` has one row a field, or one row for the same field of several endpoints.

path         ECS path, else our own; `source|destination.port` stands for one field each.
codex        the name ElastiFlow's CODEX gives it, where the values agree.
type         Elasticsearch type.
storage      how Elasticsearch keeps it, see document/schema.py: empty for a field that people search by, `doc_values` for one
             that is counted, sorted and shown, and searched only among what other fields have found; for `a|b.path` one
             for all, or one for each, split by `|`.
expression   the value: text with {holes} that name derived values, `[a,b]` a list, `@name` a member of the ready-made
             fragment `name`; `x else y` where a template may not give x. Those for `a|b.path` stand in the same order,
             split by `|`.
text         one line for docs/fields.md.
"""

import csv
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.resources import files
from typing import NamedTuple

from flowcoll.errors import ConfigError

_BARE = frozenset({"long", "double", "float", "boolean", "integer"})


class Field(NamedTuple):
    """One field of a document."""

    path: str
    codex: str
    type: str
    storage: str
    expression: str
    text: str

    @property
    def alternatives(self) -> tuple[str, ...]:
        """What it may show, the first that a template gives counting: JSON with holes, or `@` and a fragment's name."""
        return tuple(self._json(each) for each in self.expression.split(" else "))

    @property
    def fragments(self) -> frozenset[str]:
        """Names of the fragments that may render this field."""
        return frozenset(each[1:] for each in self.alternatives if each.startswith("@"))

    def _json(self, expression: str) -> str:
        if expression.startswith("@"):
            return expression
        quote = "" if self.type in _BARE else '"'
        if expression.startswith("["):
            items = expression[1:-1].split(",")
            return "[" + ",".join(f"{quote}{item}{quote}" for item in items) + "]"
        return f"{quote}{expression}{quote}"


def load() -> tuple[Field, ...]:
    """Read the table, each endpoint's field a row of its own."""
    with files(__package__).joinpath("fields.csv").open(encoding="utf-8") as table:
        return tuple(field for row in csv.DictReader(table) for field in _spread(Field(**row)))


def _spread(field: Field) -> list[Field]:
    paths = _alternatives(field.path)
    count = len(paths)
    columns = []
    for column in (field.codex, field.storage, field.expression):
        values = _alternatives(column) if column is field.codex else column.split("|")
        columns.append(values if len(values) == count else [column] * count)
    return [
        field._replace(path=path, codex=codex, storage=storage, expression=expression)
        for path, codex, storage, expression in zip(paths, *columns, strict=True)
    ]


def _alternatives(path: str) -> list[str]:
    """`flow.src|dst.bytes` -> [`flow.src.bytes`, `flow.dst.bytes`]."""
    parts = path.split(".")
    for index, part in enumerate(parts):
        if "|" in part:
            return [".".join((*parts[:index], one, *parts[index + 1 :])) for one in part.split("|")]
    return [path]


class Wanted(NamedTuple):
    """What an output asks for.

    Fields left out, the time that stands in `@timestamp`, the option that named the fields, the data stream's namespace.
    """

    drop: tuple[str, ...] = ()
    timestamp: str = "collect"
    option: str = ""
    namespace: str = "default"


EVERYTHING = Wanted()


class Records(NamedTuple):
    """What an output asks for that takes no documents but packed records (flowcoll.document.records)."""

    community_id: bool = True


Asked = Wanted | Records
"""What an output may ask for; it is given a list of texts, or of octets."""


def keep(fields: tuple[Field, ...], drop: Sequence[str], option: str) -> tuple[Field, ...]:
    """Leave out the fields named, by ECS path, CODEX name, or object; raises ConfigError for a name nobody knows."""
    dropped: set[str] = set()
    for name in drop:
        hit = {f.path for f in fields if name in {f.path, f.codex} or f.path.startswith(name + ".")}
        if not hit:
            near = get_close_matches(name, [n for f in fields for n in (f.path, f.codex) if n], 3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ConfigError(f"{option}: unknown field {name!r}{hint}")
        if name in {"@timestamp", "event"}:
            raise ConfigError(f"{option}: {name!r} cannot be dropped: without a time a document belongs nowhere")
        dropped |= hit
    return tuple(f for f in fields if f.path not in dropped)


FRAGMENTS = {
    "src_full": "source",
    "src_nat": "source",
    "dst_full": "destination",
    "dst_nat": "destination",
    "client_lean": "client",
    "server_lean": "server",
    "ingress": "observer",
    "egress": "observer",
    "vlan": "network",
    "portless_community_id": "network",
    "export_ip": "flow.export",
    "next_hop": "flow",
    "egress_vlan": "flow",
    "src_threat": "flow.src",
    "dst_threat": "flow.dst",
    "client_threat": "flow.client",
    "server_threat": "flow.server",
    "threat": "",
    "layer4": "",
    "transport": "network",
}
"""Fragment -> the object whose members it renders; no other field may stand below the names it gives."""
