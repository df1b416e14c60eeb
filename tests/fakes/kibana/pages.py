"""Status, spaces and data views over HTTP."""

import json
import re
from typing import TYPE_CHECKING, Any

from fakes.kibana.faults import login
from fakes.kibana.messages import HTML, Answer, Object, Request, answer, not_found, refusal, words
from fakes.kibana.routes import Route, writer

if TYPE_CHECKING:
    from fakes.kibana.server import Kibana

DEFAULT = {
    "id": "default",
    "name": "Default",
    "description": "This is your default space!",
    "color": "#00bfb3",
    "disabledFeatures": [],
    "_reserved": True,
}
_SPACE = frozenset(words("id name description initials color disabledFeatures imageUrl solution"))
_HEALTHY = ("available", "degraded")
_VIEW = words(
    "id title name timeFieldName fieldFormats fieldAttrs allowNoIndex sourceFilters runtimeFieldMap typeMeta type"
)
_PASSED_OVER = ("fields", "version", "namespaces")  # taken, and without effect here
# as attributes of a saved object these are JSON in a string
_TEXTS = {
    "fieldFormats": "fieldFormatMap",
    "fieldAttrs": "fieldAttrs",
    "sourceFilters": "sourceFilters",
    "runtimeFieldMap": "runtimeFieldMap",
    "typeMeta": "typeMeta",
}


def _status(kibana: "Kibana", request: Request) -> Answer:
    """Give the state; to strangers without a version. What 7.x tells strangers is believed."""
    new = not kibana.release.old or request.flag("v8format")
    level: Object = {"level": kibana.level} if new else {"state": "green" if kibana.level == "available" else "red"}
    code = 200 if kibana.level in _HEALTHY else 503
    if not request.user:
        return answer({"status": {"overall": level}}, code)
    number = kibana.release.number
    version = {"number": number, "build_hash": "0" * 40, "build_number": 1, "build_snapshot": False}
    overall = {**level, "summary": f"All services and plugins are {kibana.level}"}
    told = {"name": "stand-in", "uuid": kibana.uuid, "version": version}
    return answer({**told, "status": {"overall": overall, "core": {}, "plugins": {}}, "metrics": {}}, code)


def _login(_: "Kibana", __: Request) -> Answer:
    return Answer(200, HTML, b"<!DOCTYPE html><html><head><title>Elastic</title></head><body>Log in</body></html>")


def _home(_: "Kibana", request: Request) -> Answer:
    return login(request.path)


# -- spaces


def _spaces(kibana: "Kibana", _: Request) -> Answer:
    return answer(list(kibana.spaces.values()))


def _space(kibana: "Kibana", _: Request, name: str) -> Answer:
    if name not in kibana.spaces:
        raise refusal(404, "Not Found")
    return answer(kibana.spaces[name])


def _new_space(kibana: "Kibana", request: Request) -> Answer:
    """Make a space. The words about ids are believed."""
    asked = request.json
    _only(asked, _SPACE, "")
    if not re.fullmatch("[a-z0-9_-]+", str(asked.get("id", ""))):
        raise refusal(400, "[request body.id]: must be lower case, a-z, 0-9, '_', and '-' are allowed")
    if not writer(kibana, request):
        raise refusal(403, "Unauthorized to create spaces")
    if asked["id"] in kibana.spaces:
        raise refusal(409, f"A space with the identifier {asked['id']} already exists.")
    kibana.spaces[asked["id"]] = {"disabledFeatures": [], **asked}
    return answer(kibana.spaces[asked["id"]])


def _no_space(kibana: "Kibana", request: Request, name: str) -> Answer:
    """Remove a space with all that is in it."""
    if not writer(kibana, request):
        raise refusal(403, "Unauthorized to delete spaces")
    if name not in kibana.spaces:
        raise refusal(404, "Not Found")
    if name == "default":
        raise refusal(400, "The default space cannot be deleted because it is reserved.")
    del kibana.spaces[name]
    kibana.store.empty(name)
    return Answer(204, {}, b"")


# -- data views


def _view(kibana: "Kibana", request: Request, name: str) -> Answer:
    return _shown(kibana, _found(kibana, request, name))


def _found(kibana: "Kibana", request: Request, name: str) -> Object:
    held = kibana.store.get(request.space, "index-pattern", name)
    if held is None:
        told = not_found("index-pattern", name)
        raise refusal(told["statusCode"], told["message"])
    return held


def _shown(kibana: "Kibana", held: Object) -> Answer:
    """Give a data view in the API's form, where formats and the like are objects."""
    attributes = held["attributes"]
    view: Object = {name: attributes[name] for name in _VIEW if name in attributes and name not in _TEXTS}
    view |= {name: json.loads(attributes.get(attribute, "{}")) for name, attribute in _TEXTS.items()}
    told = {"id": held["id"], "version": held["version"], "fields": {}, "allowNoIndex": False}
    spaces = sorted(kibana.store.spaces("index-pattern", held["id"]))
    return answer({"data_view": {**told, **view, "namespaces": spaces}})


def _new_view(kibana: "Kibana", request: Request) -> Answer:
    """Make a data view, over one of the same id if `override` says so.

    That one of the same title or name is a duplicate, and what happens to an id used in another space, are believed.
    """
    asked = request.json
    _only(asked, frozenset({"data_view", "override", "refresh_fields"}), "")
    view = asked.get("data_view", {})
    _only(view, frozenset(_VIEW).union(_PASSED_OVER), "data_view.")
    if not isinstance(view.get("title"), str):
        raise refusal(400, "[request body.data_view.title]: expected value of type [string] but got [undefined]")
    if not writer(kibana, request):
        raise refusal(403, "Unable to create index-pattern")
    store, id_ = kibana.store, view.get("id") or kibana.store.new_id()
    name = view.get("name") or view["title"]
    same = [
        held["id"]
        for held in store.objects(request.space, "index-pattern")
        if held["id"] == id_ or (held["attributes"].get("name") or held["attributes"].get("title")) == name
    ]
    if same and not asked.get("override"):
        raise refusal(400, f"Duplicate data view: {name}")
    if store.where(request.space, "index-pattern", id_).elsewhere:
        raise refusal(409, f"Saved object [index-pattern/{id_}] conflict")
    for old in same:
        store.remove(request.space, "index-pattern", old)
    plain = {part: value for part, value in view.items() if part not in {"id", *_TEXTS, *_PASSED_OVER}}
    attributes = {"fields": "[]"} | plain
    attributes |= {_TEXTS[part]: json.dumps(value) for part, value in view.items() if part in _TEXTS}
    held = store.put(request.space, {"type": "index-pattern", "id": id_, "attributes": attributes, "references": []})
    return _shown(kibana, held)


def _no_view(kibana: "Kibana", request: Request, name: str) -> Answer:
    if not writer(kibana, request):
        raise refusal(403, "Unable to delete index-pattern")
    _found(kibana, request, name)
    kibana.store.remove(request.space, "index-pattern", name)
    return Answer(200, {}, b"")


def _only(given: Any, known: frozenset[str], place: str) -> None:
    for name in given:
        if name not in known:
            raise refusal(400, f"[request body.{place}{name}]: definition for this key is missing")


ROUTES = (
    Route("GET", "/api/status", _status, anonymous=True),
    Route("GET", "/login", _login, anonymous=True),
    Route("GET", "/|/app/.*", _home, anonymous=True),
)
SPACES = (
    Route("GET", "/api/spaces/space", _spaces),
    Route("POST", "/api/spaces/space", _new_space),
    Route("GET", "/api/spaces/space/([^/]+)", _space),
    Route("DELETE", "/api/spaces/space/([^/]+)", _no_space),
)
DATA_VIEWS = (
    Route("POST", "/api/data_views/data_view", _new_view, since=(8,)),
    Route("GET", "/api/data_views/data_view/([^/]+)", _view, since=(8,)),
    Route("DELETE", "/api/data_views/data_view/([^/]+)", _no_view, since=(8,)),
)
