"""What versions of Kibana differ in.

Dashboards, and `7.9.3`, are recorded or read in source; the other newest versions of types are those that exports of 8.14
show, believed to hold for the releases around. Of data views 9.x exports say 7.11.0; it is believed to read 8.0.0 still.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fakes.kibana.messages import refusal, words

Version = tuple[int, ...]

SUPPORTED = words("7.17 8.13 8.14 8.19 9.1")

# the newest typeMigrationVersion that a release knows; "-" is not known to the outside: nothing is refused
_NEWEST = """
               7.17     8.13     8.14     8.19     9.1
index-pattern  7.11.0   8.0.0    8.0.0    8.0.0    8.0.0
dashboard      7.9.3    10.1.0   10.2.0   10.3.0   10.3.0
lens           -        8.9.0    8.9.0    8.9.0    8.9.0
visualization  -        8.5.0    8.5.0    8.5.0    8.5.0
map            -        8.4.0    8.4.0    8.4.0    8.4.0
search         -        10.3.0   10.3.0   10.3.0   10.3.0
links          -        10.1.0   10.1.0   10.1.0   10.1.0
tag            -        8.0.0    8.0.0    8.0.0    8.0.0
"""
_NUMBERS = {"7.17": "7.17.28", "8.13": "8.13.4", "8.14": "8.14.3", "8.19": "8.19.8", "9.1": "9.1.8"}


class Release(NamedTuple):
    """A version of Kibana."""

    number: str
    newest: Mapping[str, str]  # by type

    @property
    def version(self) -> Version:
        return parsed(self.number)

    @property
    def old(self) -> bool:
        """It is a 7.x: no multi-space types, no `managed`, migrationVersion instead of typeMigrationVersion."""
        return self.version < (8,)

    @property
    def internal_closed(self) -> bool:
        """Internal routes are closed to whom does not say that it is Kibana."""
        return self.version >= (9,)


def release(name: str) -> Release:
    """Give a release by the name of its column; ValueError if there is none."""
    if name not in _NUMBERS:
        raise ValueError(f"{name} is no version of Kibana here; these are: {', '.join(SUPPORTED)}")
    number = _NUMBERS[name]
    rows = [line.split() for line in _NEWEST.splitlines() if line]
    column = rows[0].index(name) + 1
    return Release(number, {row[0]: row[column] for row in rows[1:] if row[column] != "-"})


def parsed(text: str) -> Version:
    """Give a version to compare; what is none is the oldest."""
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError:
        return ()


def migrates(item: Mapping[str, Any], release: Release) -> bool:
    """Say whether an object survives its migrations; a 422 for one that a newer Kibana wrote.

    Before 8.8 typeMigrationVersion is not looked at. That a visualization without visState trips its migrations is
    recorded, and that it does so only if it is old is believed.
    """
    type_, id_ = item["type"], item["id"]
    says = item.get("migrationVersion", {}).get(type_, "")
    if not release.old:
        says = item.get("typeMigrationVersion", says)
        core = item.get("coreMigrationVersion", "")
        if parsed(core) > release.version:
            said = f'Document "{id_}" has a "coreMigrationVersion" which belongs to a more recent version of Kibana [{core}].'
            raise refusal(422, f"{said} The current version is [{release.number}].")
    known = release.newest.get(type_)
    if known and parsed(says) > parsed(known):
        if release.old:
            said = f'Document "{id_}" has property "{type_}" which belongs to a more recent version of Kibana [{says}].'
            raise refusal(422, f"{said} The last known version is [{known}]")
        said = f'Document "{id_}" belongs to a more recent version of Kibana [{says}] when the last known version is'
        raise refusal(422, f"{said} [{known}].")
    return bool(says) or type_ != "visualization" or "visState" in item["attributes"]
