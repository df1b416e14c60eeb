"""What an import does: `POST /api/saved_objects/_import` and its second pass, in the order in which Kibana does it.

1. Lines are collected: objects of types that it does not have are errors, the rest goes on.
2. References to data views and searches that are neither in the file nor in the space are errors; all others pass.
3. Objects that are there are conflicts, unless they may be overwritten. An id that is used in another space is no error:
   the object gets a new id (`destinationId`), keeps the old one as `originId`, and what refers to it is led there. The
   next import finds it again by its origin.
4. If any of these errors could be solved by a second pass, nothing is written, and the answer lists as successes what
   would have been. Else the rest is written; then too new a version refuses everything (422), and what is refused object
   by object (`unknown`) leaves the others written.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from fakes.kibana.messages import BROKEN, Object, content, refusal
from fakes.kibana.schemas import objection
from fakes.kibana.store import Key, Store
from fakes.kibana.versions import migrates

_CHECKED = ("index-pattern", "search")  # references to these are looked up
_RESOLVABLE = frozenset({"conflict", "ambiguous_conflict", "missing_references"})


class How(NamedTuple):
    """What the request asks for; retries are by type and id, None for a first pass."""

    overwrite: bool = False
    copies: bool = False
    retries: Mapping[Key, Object] | None = None
    may_write: bool = True
    most: int = 10_000


class Moved(NamedTuple):
    """The id that an object gets, and whether it forgets where it came from."""

    id: str
    forgets: bool = False


class Import:
    """One import into one space."""

    def __init__(self, store: Store, space: str, how: How) -> None:
        self._store, self._space, self._how = store, space, how
        self._errors: list[Object] = []
        self._moved: dict[Key, Moved] = {}
        self._overwritten: set[Key] = set()

    def run(self, lines: Iterable[Any]) -> Object:
        """Import, and give the body of the answer; a RefusalError for a file that is refused as a whole."""
        objects = self._collected(lines)
        self._find_references(objects)
        self._errors += self._missing_references(objects)
        if self._how.copies:
            self._moved |= {_key(item): Moved(self._store.new_id(), forgets=True) for item in objects}
        else:
            self._look_for_conflicts(objects)
        failed = {_key(error) for error in self._errors}
        wanted = [item for item in objects if _key(item) not in failed]
        solvable = any(error["error"]["type"] in _RESOLVABLE for error in self._errors)
        done = [self._as_created(item) for item in wanted] if solvable else self._written(wanted)
        return self._said([(_key(item), made) for item, made in zip(wanted, done, strict=True) if made])

    def _collected(self, lines: Iterable[Any]) -> list[Object]:
        rows = [row for row in lines if not (isinstance(row, dict) and "exportedCount" in row)]
        if len(rows) > self._how.most:
            raise refusal(400, f"Can't import more than {self._how.most} objects")
        # Kibana reads attributes.title of every line, and trips
        if not all(isinstance(row, dict) and row.keys() >= {"type", "id", "attributes"} for row in rows):
            raise refusal(500, BROKEN)
        several = [f"{type_}:{id_}" for (type_, id_), count in Counter(map(_key, rows)).items() if count > 1]
        if several:
            raise refusal(400, f"Non-unique import objects detected: [{','.join(several)}]: Bad Request")
        if self._how.retries is not None:
            rows = [self._retried(row) for row in rows if _key(row) in self._how.retries]
        known = self._store.kinds
        self._errors += [_error(row, type="unsupported_type") for row in rows if row["type"] not in known]
        return [row for row in rows if row["type"] in known]

    def _retry(self, key: Key) -> Object:
        return (self._how.retries or {}).get(key, {})

    def _retried(self, row: Object) -> Object:
        """Give an object with the references that its retry replaces."""
        instead = {(new["type"], new["from"]): new["to"] for new in self._retry(_key(row)).get("replaceReferences", [])}
        references = [ref | {"id": instead.get(_key(ref), ref["id"])} for ref in row.get("references", [])]
        return row | {"references": references}

    # -- references

    def _find_references(self, objects: list[Object]) -> None:
        """See where references go that are not in the file: to what has that id, else to the one that came from it."""
        coming = {_key(item) for item in objects}
        for type_, id_ in {_key(ref) for item in objects for ref in item.get("references", [])} - coming:
            if not self._origins(type_) or self._store.where(self._space, type_, id_).here:
                continue
            found = self._of_origin(type_, id_)
            if len(found) == 1:
                self._moved[type_, id_] = Moved(found[0]["id"])

    def _missing_references(self, objects: list[Object]) -> list[Object]:
        coming = {_key(item) for item in objects}
        errors = []
        for item in objects:
            if self._retry(_key(item)).get("ignoreMissingReferences"):
                continue
            asked = dict.fromkeys(_key(ref) for ref in item.get("references", []) if ref["type"] in _CHECKED)
            missing = [
                {"type": type_, "id": id_}
                for type_, id_ in asked
                if (type_, id_) not in coming | self._moved.keys() and self._store.get(self._space, type_, id_) is None
            ]
            if missing:
                errors.append(_error(item, type="missing_references", references=missing))
        return errors

    def _origins(self, type_: str) -> bool:
        kind = self._store.kinds.get(type_)
        return kind is not None and kind.spaces.startswith("multiple")

    def _of_origin(self, type_: str, origin: str) -> list[Object]:
        here = self._store.objects(self._space, type_)
        return [held for held in here if held["id"] == origin or held.get("originId") == origin]

    # -- conflicts

    def _look_for_conflicts(self, objects: list[Object]) -> None:
        coming = {_key(item) for item in objects}
        for item in objects:
            key, retry = _key(item), self._retry(_key(item))
            type_, id_ = key[0], str(retry.get("destinationId", item["id"]))
            overwrite = self._how.overwrite or bool(retry.get("overwrite"))
            where = self._store.where(self._space, type_, id_)
            if "destinationId" in retry:
                self._moved[key] = Moved(id_, forgets=bool(retry.get("createNewCopy")))
            if where.here and not overwrite:
                self._errors.append(_error(item, type="conflict"))
            elif where.here:
                self._overwritten.add(key)
            else:
                if where.elsewhere:
                    self._moved[key] = Moved(self._store.new_id(), forgets=bool(retry.get("createNewCopy")))
                if "destinationId" not in retry and self._origins(type_):
                    self._look_for_origin(item, coming, overwrite=overwrite)

    def _look_for_origin(self, item: Object, coming: set[Key], *, overwrite: bool) -> None:
        """See whether the object is in this space under another id.

        That several objects of the file with the same origin get new ids without a word is left out.
        """
        found = self._of_origin(item["type"], str(item.get("originId", item["id"])))
        found = [held for held in found if _key(held) not in coming]
        if len(found) > 1:
            many = [{"id": held["id"], **_title(held), "updatedAt": held["updated_at"]} for held in found]
            self._errors.append(_error(item, type="ambiguous_conflict", destinations=many))
        elif found and overwrite:
            self._moved[_key(item)] = Moved(found[0]["id"])
            self._overwritten.add(_key(item))
        elif found:
            self._errors.append(_error(item, type="conflict", destinationId=found[0]["id"]))

    # -- writing

    def _as_created(self, item: Object) -> Object:
        """Give an object with the id that it gets, and references that follow."""
        references = [
            ref | {"id": self._moved[_key(ref)].id} if _key(ref) in self._moved else ref
            for ref in item.get("references", [])
        ]
        made = item | {"references": references}
        if moved := self._moved.get(_key(item)):
            made["id"] = moved.id
            if moved.id != item["id"] and not moved.forgets:
                made.setdefault("originId", item["id"])
            if moved.forgets:
                made.pop("originId", None)
        return made

    def _written(self, objects: list[Object]) -> Sequence[Object | None]:
        if objects and not self._how.may_write:
            types = ",".join(sorted({item["type"] for item in objects}))
            raise refusal(403, f"Unable to bulk_create {types}")
        for item in objects:
            if not migrates(item, self._store.release):
                raise refusal(500, BROKEN)
        return [self._write(item) for item in objects]

    def _write(self, item: Object) -> Object | None:
        made = self._as_created(item)
        said = self._store.unwritable.get(_key(item)) or objection(
            item["type"], item["attributes"], self._store.release
        )
        if not said:
            return self._store.put(self._space, made)
        self._errors.append(_error(item, **content(400, said), type="unknown"))
        return None

    # -- the answer

    def _said(self, done: list[tuple[Key, Object]]) -> Object:
        said: Object = {"successCount": len(done), "success": not self._errors}
        if not self._store.release.old:
            said["warnings"] = []
        if done:
            said["successResults"] = [self._result(key, made) for key, made in done]
        if self._errors:
            said["errors"] = [self._failure(error) for error in self._errors]
        return said

    def _result(self, key: Key, made: Object) -> Object:
        said: Object = {"type": key[0], "id": key[1], "meta": _title(made) | self._icon(key[0])}
        if not self._store.release.old:
            said["managed"] = made.get("managed", False)
        if key in self._overwritten:
            said["overwrite"] = True
        if made["id"] != key[1]:
            said["destinationId"] = made["id"]
            if "originId" not in made and not self._how.copies:
                said["createNewCopy"] = True
        return said

    def _failure(self, error: Object) -> Object:
        said = error | {"meta": error["meta"] | self._icon(error["type"])}
        if self._store.release.old:
            said |= error["meta"]
        if _key(error) in self._overwritten:
            said["overwrite"] = True
        return said

    def _icon(self, type_: str) -> Object:
        kind = self._store.kinds.get(type_)
        return {"icon": kind.icon} if kind and kind.icon else {}


def _key(item: Mapping[str, Any]) -> Key:
    return item["type"], item["id"]


def _title(item: Mapping[str, Any]) -> Object:
    title = item["attributes"].get("title")
    return {} if title is None else {"title": title}


def _error(item: Object, **error: Any) -> Object:
    return {"type": item["type"], "id": item["id"], "meta": _title(item), "error": error}
