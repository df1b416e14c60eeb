"""Files that enrichment reads: MaxMind databases and lists of threats, and PassiveTotal's list with its account."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import requests

from flowcoll.config import Options, ThreatListOptions
from flowcoll.doctor.findings import Check, Finding, fail, many, ok, skip, warn
from flowcoll.enrich.geoip import Asn, GeoIP
from flowcoll.errors import ConfigError, ListError
from flowcoll.exporters.words import span
from flowcoll.threat import refusals
from flowcoll.threat.feeds import copy_of
from flowcoll.threat.lists import load
from flowcoll.threat.passivetotal import session
from flowcoll.threat.source import Source
from flowcoll.threat.unwrap import at_once

OLD_DATABASE_S = 30 * 86_400
OLD_LIST_S = 7 * 86_400

_MAXMIND = "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_"
_TIMEOUT_S = 4.0


class Database(NamedTuple):
    """A database: what it is and how old, or what is wrong."""

    path: Path
    kind: str = ""
    age_s: float = 0
    problem: str = ""


class List(NamedTuple):
    """A list of a file: what is in it, or what is wrong."""

    path: Path | None
    state: Mapping[str, Any] = {}
    problem: str = ""


class Feed(NamedTuple):
    """PassiveTotal's list: what the running collector says of it, else its last good copy and what its server says."""

    state: Mapping[str, Any]
    copy_age_s: float | None = None
    copy_entries: int = 0
    problem: str = ""  # of the copy
    asked: bool = False
    refused: str = ""


def databases(options: Options, now: Callable[[], float]) -> dict[str, Callable[[], Database]]:
    """Give what opens each database that is switched on."""

    def opened(name: str) -> Database:
        option = f"{_MAXMIND}{name}_PATH"
        path = options[option]
        try:
            made: Asn | GeoIP = (
                Asn(option, path, _nothing)
                if name == "ASN"
                else GeoIP(option, path, _nothing, values=(), language="en")
            )
        except ConfigError as exc:
            return Database(path, problem=str(exc))
        database = made.database
        try:
            return Database(path, database.kind, max(now() - database.built, 0))
        finally:
            database.close()

    wanted = (name for name in ("GEOIP", "ASN") if options[f"{_MAXMIND}{name}_ENABLE"])
    return {name: lambda name=name: opened(name) for name in wanted}  # type: ignore[misc]


def _nothing() -> None:
    """Take no note of an address for which a database is corrupt."""


def threat_list(wanted: ThreatListOptions) -> List:
    """Read a list as the collector does."""
    try:
        return List(wanted.path, load(wanted, at_once).state)
    except ConfigError as exc:
        return List(wanted.path, problem=str(exc))


def feed(options: Options, source: Source, state: Mapping[str, Any], now: Callable[[], float]) -> Feed:
    """Look at PassiveTotal's list; its server is asked only where no running collector tells of it."""
    if state:
        return Feed(state)
    age_s, entries, problem = None, 0, ""
    try:
        meta = copy_of(options).meta()
        if meta is not None:
            age_s, entries = max(now() - meta.confirmed, 0), meta.entries
    except (ListError, ConfigError) as exc:
        problem = f"the last good copy {exc}"
    except OSError as exc:
        problem = f"the last good copy cannot be read ({exc.strerror})"
    return Feed({}, age_s, entries, problem, asked=True, refused=_refused(source))


def _refused(source: Source) -> str:
    """Ask for the list, but take only the status; give why it is not to be had, or nothing."""
    account = source.user.encode().decode("latin-1"), source.key.encode().decode("latin-1")
    settings: dict[str, Any] = {"proxies": {"http": "", "https": ""}} if source.here else {}
    try:
        with (
            session() as asking,
            asking.get(source.url, auth=account, stream=True, timeout=_TIMEOUT_S, **settings) as response,
        ):
            if response.status_code == HTTPStatus.OK:
                return ""
            return str(refusals.refused(source, response))
    except requests.RequestException as exc:
        return str(refusals.no_answer(source, exc))


def _database(found: Database) -> Finding:
    if found.problem:
        return fail(found.problem, "geoipupdate fetches it; docs/install.md")
    told = f"{found.kind}, {span(found.age_s)} old"
    if found.age_s > OLD_DATABASE_S:
        return warn(told, "fetch a newer one, for example by geoipupdate from cron; then: systemctl reload flowcoll")
    return ok(told)


def _list(found: List) -> Finding:
    if found.problem:
        return fail(found.problem, "docs/threats.md has the forms that are read")
    told = f"{found.state['entries']:,} entries of {found.path}"
    if refused := found.state.get("refused"):
        return warn(f"{told}; {many(refused, 'row')} of no sense ({found.state['first_refused']})", "mend these rows")
    return ok(told)


def _feed(found: Feed) -> Finding:
    if not found.state:
        if found.refused:
            return fail(found.refused, "docs/threats.md, When it fails")
        return ok("user and key are accepted")
    if found.state.get("state") == "failed":
        return fail(
            f"the download fails since {found.state.get('failed_since', 'the start')}: {found.state.get('last_error', '')}",
            "docs/threats.md, When it fails",
        )
    if found.state.get("state") == "on":
        return ok("the running collector downloads it")
    return warn(f"the running collector is {found.state.get('state')}", "look again in a minute")


def _copy(found: Feed) -> Finding:
    state = found.state
    if found.problem:
        return warn(found.problem, "it is set aside at the next start, and the list downloaded again")
    age_s = state.get("age_s") if state else found.copy_age_s
    entries = state.get("entries", 0) if state else found.copy_entries
    if age_s is None:
        return warn("there is none yet: nothing is matched", "`flowcoll run` downloads it at its start")
    told = f"{entries:,} entries, confirmed {span(age_s)} ago"
    if age_s > OLD_LIST_S:
        return warn(told, "see why it is not renewed: the check above, or the log")
    return ok(told)


def _unused(_: object) -> Finding:
    return skip("no list of threats is switched on", "docs/threats.md")


DATABASE = (Check("MaxMind database", "whether it opens, its type, and when it was built", _database),)
LIST = (Check("threat list", "whether it can be read as the collector reads it", _list),)
FEED = (
    Check("PassiveTotal", "state of the running collector, else the status of a request", _feed),
    Check("PassiveTotal's list", "age and size of the last good copy", _copy),
)
NO_LISTS = (Check("threat lists", "options", _unused),)
