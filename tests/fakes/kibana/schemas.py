"""What Kibana asks of attributes of an object that is to be created, which is little: panels and state are opaque to it.

Which names and types there are is read in source, for dashboards and panels of links; the words are believed, but those
of 7.x and of values of another type.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fakes.kibana.versions import Release, parsed

Check = Callable[[Any, str], str]  # a value and its place -> what is against it

_ABSENT = object()
_TYPES = {str: "string", bool: "boolean", int: "number", float: "number", list: "Array", dict: "Object"}


def objection(kind: str, attributes: Mapping[str, Any], release: Release) -> str:
    """Say what a release has against these attributes; mostly nothing."""
    if kind == "dashboard" and release.old:
        unknown = sorted(attributes.keys() - _DASHBOARD.keys())
        said = "mapping set to strict, dynamic introduction of [{}] within [dashboard] is not allowed"
        return said.format(unknown[0]) if unknown else ""
    if kind == "dashboard":
        # the first version of the schema forbids what it does not know, later ones ignore it
        first = parsed(release.newest[kind]) < (10, 2)
        return _fields(_DASHBOARD, needed=("title",), strict=first)(attributes, "attributes")
    return _LINKS(attributes, "attributes") if kind == "links" else ""


def _is(*types: type) -> Check:
    """Want a value of a type; what is true or false is no number."""

    def check(value: Any, place: str) -> str:
        return "" if type(value) in types else _expected(types[0], value, place)

    return check


def _expected(wanted: type, value: Any, place: str) -> str:
    got = {id(_ABSENT): "undefined", id(None): "null"}.get(id(value), _TYPES.get(type(value), "Object"))
    return f"[{place}]: expected value of type [{_TYPES[wanted]}] but got [{got}]"


def _fields(known: Mapping[str, Check], *, needed: tuple[str, ...] = (), strict: bool = True) -> Check:
    """Want an object of these fields; a strict one has no others."""

    def check(value: Any, place: str) -> str:
        if not isinstance(value, dict):
            return _expected(dict, value, place)
        wanted = {name: value.get(name, _ABSENT) for name in known if name in value or name in needed}
        said = [known[name](part, f"{place}.{name}") for name, part in wanted.items()]
        if strict:
            unknown = sorted(value.keys() - known.keys())
            said += [f"[{place}.{name}]: definition for this key is missing" for name in unknown]
        return next(filter(None, said), "")

    return check


def _word(*words: str) -> Check:
    def check(value: Any, place: str) -> str:
        return "" if value in words else f"[{place}]: expected value to equal [{words[0]}]"

    return check


def _link(value: Any, place: str) -> str:
    kind = str(value.get("type")) if isinstance(value, dict) else ""
    return _LINK.get(kind, _word(*_LINK))(value if kind in _LINK else kind, place)


def _links(value: Any, place: str) -> str:
    if not isinstance(value, list):
        return _expected(list, value, place)
    return next(filter(None, (_link(part, f"{place}.{number}") for number, part in enumerate(value))), "")


_TEXT, _BOOLEAN, _NUMBER = _is(str), _is(bool), _is(int, float)
_REFRESH = {"pause": _BOOLEAN, "value": _NUMBER, "display": _TEXT, "section": _NUMBER}
_CONTROLS = dict.fromkeys(("panelsJSON", "controlStyle", "chainingSystem", "ignoreParentSettingsJSON"), _TEXT)
_DASHBOARD: Mapping[str, Check] = {
    "title": _TEXT,
    "description": _TEXT,
    "kibanaSavedObjectMeta": _fields({"searchSourceJSON": _TEXT}),
    "timeRestore": _BOOLEAN,
    "timeFrom": _TEXT,
    "timeTo": _TEXT,
    "refreshInterval": _fields(_REFRESH, needed=("pause", "value")),
    "controlGroupInput": _fields(_CONTROLS | {"showApplySelections": _BOOLEAN}, strict=False),
    "panelsJSON": _TEXT,
    "optionsJSON": _TEXT,
    "hits": _NUMBER,
    "version": _NUMBER,
}


def _link_of(kind: str, destination: str, *options: str) -> Check:
    """Want a link: its options, if there are any, all have to be said."""
    named: Mapping[str, Check] = {
        "id": _TEXT,
        "order": _NUMBER,
        "type": _word(kind),
        destination: _TEXT,
        "label": _TEXT,
    }
    options_ = _fields(dict.fromkeys(options, _BOOLEAN), needed=options)
    return _fields({**named, "options": options_}, needed=("id", "order", "type", destination))


_LINK = {
    "dashboardLink": _link_of(
        "dashboardLink", "destinationRefName", "openInNewTab", "useCurrentFilters", "useCurrentDateRange"
    ),
    "externalLink": _link_of("externalLink", "destination", "openInNewTab", "encodeUrl"),
}
_LAYOUT = _word("horizontal", "vertical")
_LINKS = _fields({"title": _TEXT, "description": _TEXT, "links": _links, "layout": _LAYOUT}, needed=("title", "links"))
