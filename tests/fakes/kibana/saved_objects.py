"""Saved objects over HTTP: import, export, find, delete."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fakes.kibana import multipart
from fakes.kibana.importing import How, Import
from fakes.kibana.messages import Answer, Object, Request, answer, content, ndjson, not_found, refusal
from fakes.kibana.routes import Route, writer
from fakes.kibana.store import Key, Store

if TYPE_CHECKING:
    from fakes.kibana.server import Kibana

_SHARED = "Unable to delete saved object that exists in multiple namespaces, use the `force` option to delete it anyway"
_NOT_HERE = (
    "search",
    "search_fields",
    "sort_field",
    "default_search_operator",
    "filter",
    "aggs",
    "namespaces",
    "has_no_reference",
)


# -- import


def _import(kibana: "Kibana", request: Request) -> Answer:
    """First pass. That compatibilityMode bars createNewCopies is believed."""
    request.known("overwrite", "createNewCopies", *(() if kibana.release.old else ("compatibilityMode",)))
    overwrite, copies = request.flag("overwrite"), request.flag("createNewCopies")
    if overwrite and copies:
        raise refusal(400, "[request query]: cannot use [overwrite] with [createNewCopies]")
    if request.flag("compatibilityMode") and copies:
        raise refusal(400, "[request query]: cannot use [createNewCopies] with [compatibilityMode]")
    how = How(overwrite, copies, None, writer(kibana, request), kibana.limit_objects)
    return _run(kibana, request, how, multipart.file(multipart.form(request)))


def _resolve(kibana: "Kibana", request: Request) -> Answer:
    """Second pass: of the file, what a retry names."""
    request.known("createNewCopies", "compatibilityMode")
    parts = multipart.form(request)
    octets = multipart.file(parts, others=("retries",))
    if "retries" not in parts:
        raise refusal(400, "[request body.retries]: expected value of type [array] but got [undefined]")
    try:
        retries = {(retry["type"], retry["id"]): retry for retry in json.loads(parts["retries"].octets)}
    except (ValueError, TypeError, KeyError) as exc:
        raise refusal(400, "[request body.retries]: could not parse array value from json input") from exc
    how = How(False, request.flag("createNewCopies"), retries, writer(kibana, request), kibana.limit_objects)
    return _run(kibana, request, how, octets)


def _run(kibana: "Kibana", request: Request, how: How, octets: bytes) -> Answer:
    try:
        return answer(Import(kibana.store, request.space, how).run(multipart.lines(octets)))
    except ValueError as exc:
        raise refusal(400, str(exc)) from exc


# -- export


def _export(kibana: "Kibana", request: Request) -> Answer:
    """Export by id or by type. The words of refusals are believed, their status and attributes are documented."""
    asked = request.json or {}
    store, space = kibana.store, request.space
    types = asked.get("type", [])
    if "objects" in asked:
        keys = [_key(item) for item in asked["objects"]]
        wanted = [type_ for type_, _ in keys]
    elif types:
        wanted = [types] if isinstance(types, str) else types
        wanted = list(store.kinds) if wanted == ["*"] else wanted
        keys = [_key(held) for held in store.objects(space, *wanted)]
    else:
        raise refusal(400, "Either `type` or `objects` are required.")
    if unknown := sorted({*wanted} - store.kinds.keys()):
        raise refusal(400, f"Trying to export object(s) with non-exportable types: {', '.join(unknown)}")
    if absent := [key for key in keys if store.get(space, *key) is None]:
        errors = [{"id": id_, "type": type_, "error": not_found(type_, id_)} for type_, id_ in absent]
        raise refusal(400, "Error fetching objects to export", attributes={"objects": errors})
    found, missing = _closure(store, space, keys, deep=bool(asked.get("includeReferencesDeep")))
    rows = [{name: value for name, value in held.items() if name != "namespaces"} for held in found]
    summary = {
        "exportedCount": len(rows),
        "missingRefCount": len(missing),
        "missingReferences": missing,
        "excludedObjectsCount": 0,
        "excludedObjects": [],
    }
    return ndjson([*rows, *([] if asked.get("excludeExportDetails") else [summary])], "export.ndjson")


def _closure(store: Store, space: str, keys: list[Key], *, deep: bool) -> tuple[list[Object], list[Object]]:
    """Give objects, and if asked all that they refer to, what is referred to first; and what is missing of it."""
    seen: dict[Key, Object | None] = {}
    following = list(keys)
    while following:
        key = following.pop(0)
        if key not in seen:
            held = seen[key] = store.get(space, *key)
            if deep and held:
                following += [_key(ref) for ref in held["references"]]
    found = sorted((held for held in seen.values() if held), key=lambda held: len(held["references"]))
    return found, [{"type": type_, "id": id_} for (type_, id_), held in seen.items() if held is None]


# -- find


def _find(kibana: "Kibana", request: Request) -> Answer:
    """Give a page of objects of some types, the parameters being those of the contract; others get a 501."""
    if beyond := [name for name in request.query if name in _NOT_HERE]:
        raise refusal(501, f"the stand-in does not know {beyond[0]}")
    request.known("type", "fields", "has_reference", "has_reference_operator", "per_page", "page")
    if "type" not in request.query:
        raise refusal(400, "[request query.type]: expected at least one defined value but got [undefined]")
    page, count = int(request.one("page", "1")), int(request.one("per_page", "20"))
    found = [
        held
        for held in kibana.store.objects(request.space, *request.query["type"])
        if _refers(held, request.one("has_reference"), every=request.one("has_reference_operator") == "AND")
    ]
    shown = [_shown(kibana.store, held, request.query.get("fields")) for held in found[(page - 1) * count :][:count]]
    return answer({"page": page, "per_page": count, "total": len(found), "saved_objects": shown})


def _refers(held: Object, text: str, *, every: bool) -> bool:
    if not text:
        return True
    try:
        asked = json.loads(text)
    except ValueError as exc:
        raise refusal(400, "[request query.has_reference]: could not parse object value from json input") from exc
    has = {_key(ref) for ref in held["references"]}
    wanted = [_key(ref) in has for ref in (asked if isinstance(asked, list) else [asked])]
    return all(wanted) if every else any(wanted)


def _shown(store: Store, held: Object, fields: list[str] | None) -> Object:
    attributes = {name: value for name, value in held["attributes"].items() if fields is None or name in fields}
    return held | {"attributes": attributes, "namespaces": sorted(store.spaces(*_key(held))), "score": 0}


# -- delete


def _delete(kibana: "Kibana", request: Request, type_: str, id_: str) -> Answer:
    request.known("force")
    if not writer(kibana, request):
        raise refusal(403, f"Unable to delete {type_}")
    if error := _deleted(kibana.store, request.space, (type_, id_), force=request.flag("force")):
        raise refusal(error["statusCode"], error["message"])
    return answer({})


def _bulk_delete(kibana: "Kibana", request: Request) -> Answer:
    request.known("force")
    keys = [_key(item) for item in request.json]
    if not writer(kibana, request):
        raise refusal(403, f"Unable to bulk_delete {','.join(sorted({type_ for type_, _ in keys}))}")
    statuses = []
    for key in keys:
        error = _deleted(kibana.store, request.space, key, force=request.flag("force"))
        more = {"error": error} if error else {}
        statuses.append({"id": key[1], "type": key[0], "success": not error, **more})
    return answer({"statuses": statuses})


def _deleted(store: Store, space: str, key: Key, *, force: bool) -> Object | None:
    """Delete an object, or give what is against it."""
    if store.get(space, *key) is None:
        return not_found(*key)
    if len(store.spaces(*key)) > 1 and store.kinds[key[0]].spaces != "single" and not force:
        return content(400, f"{_SHARED}: Bad Request")
    store.remove(space, *key)
    return None


def _key(item: Mapping[str, Any]) -> Key:
    return item["type"], item["id"]


_BASE = "/api/saved_objects"
ROUTES = (
    Route("POST", f"{_BASE}/_import", _import),
    Route("POST", f"{_BASE}/_resolve_import_errors", _resolve),
    Route("POST", f"{_BASE}/_export", _export),
    Route("GET", f"{_BASE}/_find", _find),
    Route("POST", f"{_BASE}/_bulk_delete", _bulk_delete, since=(8,)),
    Route("DELETE", f"{_BASE}/([^/]+)/([^/]+)", _delete),
)
