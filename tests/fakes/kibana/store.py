"""Saved objects as Kibana keeps them: by space, type and id, with what it adds and changes itself."""

import json
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fakes.kibana.faults import AbruptEndError
from fakes.kibana.kinds import Kind, kinds
from fakes.kibana.messages import Object
from fakes.kibana.versions import Release

Key = tuple[str, str]  # type, id
_CORE = "8.8.0"  # coreMigrationVersion of every object since 8.8


class Where(NamedTuple):
    """Whether an object's id can be used in a space."""

    here: bool
    elsewhere: bool  # only in other spaces, and it can be in one alone: Kibana would give a new object another id


class Store:
    """All saved objects. `release` and `migrates` may change between requests, as at an upgrade."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.migrates = True  # change what is stored, in ways that mean nothing
        self.lacking: set[str] = set()  # types that this Kibana does not have
        self.unwritable: dict[Key, str] = {}  # objects that cannot be written, and what Elasticsearch says of them
        self.new_id: Callable[[], str] = lambda: str(uuid.uuid4())
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.writes_left: int | None = None
        self._objects: dict[tuple[str, str, str], tuple[set[str], Object]] = {}  # a space in the key of old ones only
        self._written = 0

    @property
    def kinds(self) -> dict[str, Kind]:
        return {name: kind for name, kind in kinds(self.release).items() if name not in self.lacking}

    def _key(self, space: str, type_: str, id_: str) -> tuple[str, str, str]:
        return space if self.kinds[type_].spaces == "single" else "", type_, id_

    def where(self, space: str, type_: str, id_: str) -> Where:
        found = self._objects.get(self._key(space, type_, id_))
        if found is None:
            return Where(here=False, elsewhere=False)
        here = self.kinds[type_].spaces == "agnostic" or space in found[0]
        return Where(here, not here)

    def get(self, space: str, type_: str, id_: str) -> Object | None:
        """Give an object as it is in a space."""
        if type_ in self.kinds and self.where(space, type_, id_).here:
            return self._objects[self._key(space, type_, id_)][1]
        return None

    def objects(self, space: str, *types: str) -> Iterator[Object]:
        """Give what is in a space, in the order of writing."""
        for (_, type_, _), (spaces, held) in self._objects.items():
            here = space in spaces or self.kinds[type_].spaces == "agnostic"
            if here and (not types or type_ in types):
                yield held

    def keys(self, space: str) -> list[Key]:
        """Give type and id of what is in a space, sorted."""
        return sorted((held["type"], held["id"]) for held in self.objects(space))

    def spaces(self, type_: str, id_: str) -> set[str]:
        """Give the spaces that an object is in."""
        return set().union(*(spaces for (_, *key), (spaces, _) in self._objects.items() if key == [type_, id_]))

    def share(self, type_: str, id_: str, *spaces: str) -> None:
        """Put an object into more spaces, as a person does in the list of objects."""
        self._objects[self._key(spaces[0], type_, id_)][0].update(spaces)

    def put(self, space: str, item: Mapping[str, Any]) -> Object:
        """Write an object, over one that is there."""
        if self.writes_left is not None:
            if not self.writes_left:
                raise AbruptEndError
            self.writes_left -= 1
        key = self._key(space, item["type"], item["id"])
        spaces, before = self._objects.get(key, (set(), {}))
        agnostic = self.kinds[item["type"]].spaces == "agnostic"
        self._written += 1
        now = self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        held = self._migrated(item) | {
            "created_at": before.get("created_at", now),
            "updated_at": now,
            "version": b64encode(f"[{self._written},1]".encode()).decode(),
        }
        self._objects[key] = (spaces if agnostic else spaces | {space}, held)
        return held

    def edit(self, space: str, type_: str, id_: str, **attributes: Any) -> None:
        """Change attributes as a person does who saves it again."""
        held = self.get(space, type_, id_)
        assert held is not None, (space, type_, id_)
        self.put(space, held | {"attributes": held["attributes"] | attributes})

    def remove(self, space: str, type_: str, id_: str) -> None:
        """Remove an object, from all spaces that it is in."""
        del self._objects[self._key(space, type_, id_)]

    def empty(self, space: str) -> None:
        """Remove a space's objects; those of others too stay there."""
        for key, (spaces, _) in list(self._objects.items()):
            if space in spaces:
                spaces.discard(space)
                if not spaces:
                    del self._objects[key]

    def _migrated(self, item: Mapping[str, Any]) -> Object:
        """Give an object as this release stores it.

        Versions, `managed` and dates are as exports show them. That a newer Kibana adds attributes and writes JSON in
        strings anew is true of its migrations; which attributes, and that the order of names is turned round, is ours: a
        client that compares octets is to fail.
        """
        type_ = item["type"]
        kept = ("type", "id", "attributes", "originId")
        held = {name: item[name] for name in kept if name in item} | {"references": list(item.get("references", []))}
        newest = self.release.newest.get(type_)
        if self.release.old:
            return held | ({"migrationVersion": {type_: newest}} if newest else {})
        held |= {"managed": item.get("managed", False), "coreMigrationVersion": _CORE}
        if newest or "typeMigrationVersion" in item:
            held["typeMigrationVersion"] = newest or item["typeMigrationVersion"]
        if self.migrates:
            added = self.kinds[type_].added
            held["attributes"] = {**added, **{name: _anew(value) for name, value in item["attributes"].items()}}
        return held


def _anew(value: Any) -> Any:
    """Write JSON in strings anew, wherever they are."""
    if isinstance(value, dict):
        return {name: _anew(part) for name, part in value.items()}
    if not isinstance(value, str) or value[:1] not in {"{", "["}:
        return value
    try:
        return json.dumps(_turned(json.loads(value)), ensure_ascii=False)
    except ValueError:
        return value


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in reversed(value)}
    if isinstance(value, list):
        return [_turned(part) for part in value]
    return value
