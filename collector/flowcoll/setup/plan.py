"""From what is wanted and what is there to what has to change; no server is asked.

A thing is ours to write anew when its body differs, unless a newer collector has put it or the user keeps what is there.
Bodies are compared as values, since a server gives settings back as text and as nested objects.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

Body = Mapping[str, Any]
Kind = Literal["lifecycle policy", "component template", "index template"]
Action = Literal["create", "update", "keep", "unchanged", "unseen"]

OWNER = "flowcoll"


class Thing(NamedTuple):
    """Something that the server keeps by kind and name."""

    kind: Kind
    name: str


class Change(NamedTuple):
    """What is to be done with a thing, and why."""

    action: Action
    thing: Thing
    why: str
    body: Body


def plan(
    wanted: Mapping[Thing, Body], present: Mapping[Thing, Body | None], *, overwrite: bool, version: str
) -> Iterator[Change]:
    """Say for each thing that is wanted what is to be done, in the order in which the server takes them.

    What is present but may not be looked at is None; it is left alone.
    """
    for thing, body in wanted.items():
        there = present.get(thing)
        if there is None:
            if thing in present:
                yield Change("unseen", thing, "may not be looked at by this user", body)
            else:
                yield Change("create", thing, "", body)
        elif normal(there) == normal(body):
            yield Change("unchanged", thing, "", body)
        elif not overwrite:
            yield Change("keep", thing, "differs, but INDEX_TEMPLATE_OVERWRITE is false", body)
        elif _release(_version(there)) > _release(version):
            yield Change("keep", thing, f"was put by flowcoll {_version(there)}, which is newer than this one", body)
        else:
            yield Change("update", thing, _difference(there), body)


_COMPARED = frozenset(
    {
        *("template", "phases"),
        *("index_patterns", "priority", "composed_of", "ignore_missing_component_templates", "data_stream"),
    }
)
"""What counts of a body besides `_meta`; servers add members, such as the time at which a thing was put."""


def normal(body: Body) -> Body:
    """Give a body in the one form in which equal ones are equal; the version that put it does not count."""
    whole = {key: plain(value) for key, value in body.items() if key in _COMPARED}
    whole["_meta"] = {key: plain(value) for key, value in (body.get("_meta") or {}).items() if key != "version"}
    template = whole.get("template")
    if template is not None and "settings" in template:
        whole["template"] = template | {"settings": flat(template["settings"])}
    stream = whole.get("data_stream")
    if stream is not None:  # what is not chosen comes back as false
        whole["data_stream"] = {key: value for key, value in stream.items() if value != "false"}
    return whole


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings by their full names: {"index": {"sort": {"field": "a"}}} is {"index.sort.field": "a"}."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{name}": inner for name, inner in flat(value).items()}
        else:
            found[key] = plain(value)
    return found


def plain(value: Any) -> Any:
    """Give a value with text for every scalar, as servers give settings back."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _difference(there: Body) -> str:
    version = _version(there)
    return f"differs from what flowcoll {version} has put" if version else "is there, but flowcoll has not put it"


def _version(body: Body) -> str:
    """Give the version of the collector that has put a thing, or an empty text."""
    meta = body.get("_meta") or {}
    return str(meta.get("version", "0")) if meta.get("managed_by") == OWNER else ""


def _release(version: str) -> tuple[int, ...]:
    """Give the numbers that a version begins with; 1.10 comes after 1.9."""
    found = re.match(r"[0-9]+(\.[0-9]+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
