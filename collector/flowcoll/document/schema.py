"""Table 3 as Elasticsearch mappings.

What the column `storage` says, and when it is right:

(empty)      inverted index or points, and doc values: found by itself, fast. For what an analyst starts from: addresses,
             ports, names, AS, threats, Community ID.
doc_values   doc values alone: counted, sorted, shown, used by machine learning; a search for it reads every document that
             the rest of the search has found. For amounts, times and details.
source       neither: seen in a document, and nothing else. For what nobody counts.

Fields beyond the table stay in `_source` and are not mapped (`dynamic: false`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from flowcoll.document.fields import Field

Mappings = dict[str, Any]

STORAGE: Mapping[str, Mapping[str, bool]] = {
    "": {},
    "doc_values": {"index": False},
    "source": {"index": False, "doc_values": False},
}

_IGNORE_ABOVE = 1024
"""Longest keyword that is indexed, as in ECS; Lucene refuses a document with a term of more than 32,766 octets."""

_ENRICHMENT = (
    ("indicator.type", "keyword"),
    ("indicator.ip", "ip"),
    ("indicator.port", "long"),
    ("indicator.name", "keyword"),
    ("indicator.description", "keyword"),
    ("indicator.provider", "keyword"),
    ("indicator.reference", "keyword"),
    ("indicator.confidence", "keyword"),
    ("indicator.first_seen", "date"),
    ("indicator.last_seen", "date"),
    ("indicator.modified_at", "date"),
    ("indicator.marking.tlp", "keyword"),
    ("matched.atomic", "keyword"),
    ("matched.field", "keyword"),
    ("matched.id", "keyword"),
    ("matched.index", "keyword"),
    ("matched.occurred", "date"),
    ("matched.type", "keyword"),
)
"""Members of a threat.enrichments entry, by ECS; `indicator.ip` holds the address and never a network."""


def mappings(fields: Iterable[Field]) -> Mappings:
    """Give the mapping of these fields."""
    root: Mappings = {"dynamic": False, "date_detection": False, "numeric_detection": False}
    for field in fields:
        _put(root, field.path, _leaf(field))
    return root


def with_aliases(fields: Iterable[Field]) -> Mappings:
    """Give the mapping of the fields that have a CODEX name, and an alias of that name for each.

    Where a CODEX name goes on behind the name of a field of ours (`flow.export.ip.addr`, `flow.export.ip`), the object round
    them keeps dotted names, so that both can stand in it.
    """
    fields = tuple(fields)
    named = [field for field in fields if field.codex and field.codex != field.path]
    paths = {field.path for field in fields}
    root: Mappings = {}
    flat = set()
    for field in named:
        above = field.codex.split(".")
        flat |= {".".join(above[: end - 1]) for end in range(2, len(above)) if ".".join(above[:end]) in paths}
    for path in sorted(flat):
        _object(root, path)["subobjects"] = False
    for field in named:
        _put(root, field.path, _leaf(field))
        _put(root, field.codex, {"type": "alias", "path": field.path})
    return root


def searched(fields: Iterable[Field]) -> list[str]:
    """Give the fields that a search without a field name looks at: what can be found fast, and is text or an address."""
    return sorted(f.path for f in fields if not f.storage and f.type in {"ip", "keyword"})


def _leaf(field: Field) -> Mappings:
    if field.type == "nested":
        nested: Mappings = {"type": "nested"}
        for path, kind in _ENRICHMENT:
            _put(nested, path, _typed(kind))
        return nested
    leaf = _typed(field.type) | dict(STORAGE[field.storage])
    if field.type == "constant_keyword" and "{" not in field.expression:
        leaf["value"] = field.expression
    return leaf


def _typed(kind: str) -> Mappings:
    return {"type": kind, "ignore_above": _IGNORE_ABOVE} if kind == "keyword" else {"type": kind}


def _object(root: Mappings, path: str) -> Mappings:
    """Give the object at a path, made if need be."""
    for part in path.split(".") if path else ():
        root = root.setdefault("properties", {}).setdefault(part, {})
    return root


def _put(root: Mappings, path: str, leaf: Mappings) -> None:
    """Put a field where its path says; below an object without sub-objects its name keeps the dots."""
    parts = path.split(".")
    for index, part in enumerate(parts):
        members = root.setdefault("properties", {})
        if root.get("subobjects") is False:
            members[".".join(parts[index:])] = leaf
            return
        if index == len(parts) - 1:
            members[part] = leaf
        else:
            root = members.setdefault(part, {})
