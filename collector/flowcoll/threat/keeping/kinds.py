"""Kinds of lists: what a TYPE means, where a feed is by itself, and what its owner asks of those who use it.

`kinds.csv` has a row for each. `urls` may name several addresses, their lists are taken as one; `rule` says in words why
a list is not to be asked for more often than every `shortest_minutes`.
"""

import csv
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit


class Kind(NamedTuple):
    """One kind of list; label and confidence count where neither the list nor an option says one."""

    name: str
    form: str
    urls: tuple[str, ...] = ()
    shortest_minutes: int = 1
    rule: str = ""
    may_be_empty: bool = False
    label: str = ""
    confidence: int | None = None
    licence: str = ""
    about: str = ""
    also: tuple[str, ...] = ()
    """Other addresses at which the same owner answers."""


def _kinds() -> Mapping[str, Kind]:
    with files(__package__).joinpath("kinds.csv").open(encoding="utf-8") as table:
        return MappingProxyType({row["name"]: _kind(row) for row in csv.DictReader(table)})


def _kind(row: Mapping[str, str]) -> Kind:
    return Kind(
        row["name"],
        row["form"],
        tuple(row["urls"].split()),
        int(row["shortest_minutes"]),
        row["rule"],
        row["may_be_empty"] == "yes",
        row["label"],
        int(row["confidence"]) if row["confidence"] else None,
        row["licence"],
        row["about"],
        tuple(row["also"].split()),
    )


KINDS = _kinds()
"""By the name that TYPE has for it."""


def owner_of(url: str) -> Kind | None:
    """Give the kind whose owner answers at an address, or None: whoever asks there keeps to its rule, whatever the TYPE."""
    place = _place(url)
    return next((kind for kind in KINDS.values() if place in map(_place, kind.urls + kind.also)), None)


def _place(url: str) -> tuple[str, str]:
    """Give host and first folder: an owner may have several lists there, a host several owners."""
    parts = urlsplit(url)
    return (parts.hostname or "").removeprefix("www."), parts.path.split("/")[1] if parts.path else ""
