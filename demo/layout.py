"""JSON for a terminal: the fields one wants to see, and what fits on a line on one line."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def picked(value: Any, paths: Sequence[str]) -> Any:
    """The parts of a document that dotted paths name, in the order of the paths; a path goes through lists."""
    if isinstance(value, list):
        return [picked(each, paths) for each in value]
    if not isinstance(value, Mapping) or "" in paths:
        return value
    below: dict[str, list[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        if name in value:
            below.setdefault(name, []).append(rest)
    return {name: picked(value[name], rests) for name, rests in below.items()}


def laid_out(value: Any, width: int, key: str = "", indent: int = 0) -> Iterator[str]:
    """The lines of a JSON value, at most `width` wide where that can be had."""
    head = " " * indent + (json.dumps(key) + ": " if key else "")
    flat = json.dumps(value, ensure_ascii=False)
    if len(head) + len(flat) < width or not value or not isinstance(value, dict | list):
        yield head + flat
        return
    members = list(value.items()) if isinstance(value, dict) else [("", each) for each in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    yield head + begin
    for place, (name, member) in enumerate(members, 1):
        *lines, last = laid_out(member, width, name, indent + 2)
        yield from lines
        yield last + ("," if place < len(members) else "")
    yield " " * indent + end
