"""Types of saved objects: in how many spaces one may be, and what a newer Kibana adds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fakes.kibana.versions import Release


class Kind(NamedTuple):
    """A type that can be imported and exported."""

    name: str
    spaces: str  # multiple: one object may be in several; multiple-isolated: its id is unique in all, it is in one; agnostic
    icon: str = ""
    since: tuple[int, ...] = ()
    added: Mapping[str, Any] = {}  # what a newer Kibana adds to attributes that lack it


_ISOLATED = "multiple-isolated"
_KINDS = (
    Kind("index-pattern", "multiple", "pattern"),
    Kind("dashboard", _ISOLATED, "dashboardApp", added={"version": 1}),
    Kind("lens", _ISOLATED, "lensApp"),
    Kind("visualization", _ISOLATED, "visualizeApp", added={"version": 1}),
    Kind("map", _ISOLATED, "gisApp"),
    Kind("search", _ISOLATED, "discoverApp", added={"version": 1}),
    Kind("links", _ISOLATED, "link", since=(8, 12)),
    Kind("tag", _ISOLATED, "tag"),
    Kind("ml-module", "agnostic"),
)


def kinds(release: Release) -> dict[str, Kind]:
    """Give the types of a release by name; of a 7.x, each space has its own objects."""
    known = {kind.name: kind for kind in _KINDS if release.version >= kind.since}
    if not release.old:
        return known
    of_old = {"index-pattern": "indexPatternApp"}
    return {
        name: kind._replace(
            spaces="agnostic" if kind.spaces == "agnostic" else "single",
            icon=of_old.get(name, kind.icon),
            added={},
        )
        for name, kind in known.items()
    }
