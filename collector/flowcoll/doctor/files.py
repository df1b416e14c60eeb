"""MaxMind databases that enrichment reads."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from flowcoll.config import Options
from flowcoll.doctor.findings import Check, Finding, fail, ok, warn
from flowcoll.enrich.geoip import Asn, GeoIP
from flowcoll.errors import ConfigError
from flowcoll.exporters.words import span

OLD_DATABASE_S = 30 * 86_400

_MAXMIND = "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_"


class Database(NamedTuple):
    """A database: what it is and how old, or what is wrong."""

    path: Path
    kind: str = ""
    age_s: float = 0
    problem: str = ""


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


def _database(found: Database) -> Finding:
    if found.problem:
        return fail(found.problem, "geoipupdate fetches it; docs/install.md")
    told = f"{found.kind}, {span(found.age_s)} old"
    if found.age_s > OLD_DATABASE_S:
        return warn(told, "fetch a newer one, for example by geoipupdate from cron; then: systemctl reload flowcoll")
    return ok(told)


DATABASE = (Check("MaxMind database", "whether it opens, its type, and when it was built", _database),)
