"""The databases that enrichment needs: opened at the start, and anew once they have changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.enrich.geoip import Asn, GeoIP
from flowcoll.enrich.systems import Systems
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.threat.keeping.systems_feed import STATE, SYSTEMS
from flowcoll.threat.matching.lists import Lists
from flowcoll.threat.reading.times import iso
from flowcoll.threat.reading.unwrap import Pause, at_once

if TYPE_CHECKING:
    from flowcoll.enrich.address import Provider

_MAXMIND = "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_"


class Files:
    """What gives facts of networks in `providers`, as the options say; ConfigError for a database that cannot be used.

    A database has the name under which its state is shown: `maxmind_asn`. `lists` and `users`, by the names of feeds, use
    tables that somebody else looks after.
    """

    def __init__(self, options: Options, counts: Counts, log: Log) -> None:
        self._counts = counts
        self._log = log
        databases = [name for name in ("GEOIP", "ASN") if options[f"{_MAXMIND}{name}_ENABLE"]]
        self._paths: dict[str, Path | None] = {
            f"maxmind_{name.lower()}": options[f"{_MAXMIND}{name}_PATH"] for name in databases
        }
        self._stamps = {name: _stamp(path) for name, path in self._paths.items()}  # before what they tell of is read
        self._errors: dict[str, str] = {}
        self._asked = self._busy = False
        self.lists = Lists({})
        self._databases = {name: _opened(name, options, counts) for name in self._paths}
        self.providers: dict[str, Provider] = dict(self._databases)
        self.users: dict[str, Systems] = {}
        if options["EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_ASN_ENABLE"]:
            self.users[SYSTEMS] = Systems(self.providers.pop("maxmind_asn", None))
            self.providers[STATE] = self.users[SYSTEMS]

    def reload(self, pause: Pause = at_once, *, tell: bool = True) -> None:
        """Open databases that have changed and use them from then on; what cannot be used is told, and the old one serves on.

        `tell` is for one of many workers: the others would say the same. While a reload is at work another one only
        makes it look again.
        """
        self._asked = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._asked:
                self._asked = False
                self._reload(pause, tell=tell)
        finally:
            self._busy = False

    def states(self) -> dict[str, dict[str, Any]]:
        """Give the state of each database and list."""
        states: dict[str, dict[str, Any]] = {
            name: {"state": "on", "type": each.database.kind, "built": iso(each.database.built)}
            for name, each in self._databases.items()
        } | self.lists.states()
        if SYSTEMS in self.users:
            states[STATE] = self.users[SYSTEMS].state()
        for name, error in self._errors.items():
            states[name] |= {"state": "failed", "last_error": error}
        return states

    def _reload(self, pause: Pause, *, tell: bool) -> None:
        databases = []
        did: dict[str, list[str]] = {"reloaded": [], "unchanged": [], "refused": []}
        for name, path in self._paths.items():
            stamp = _stamp(path)
            if stamp and stamp == self._stamps[name]:
                self._errors.pop(name, None)  # the one that serves has been put back
                did["unchanged"].append(name)
                continue
            try:
                databases.append(self._databases[name].reopened())
            except ConfigError as exc:
                did["refused"].append(name)
                self._refused(name, exc, tell=tell)
                continue
            did["reloaded"].append(name)
            self._stamps[name] = stamp
            self._errors.pop(name, None)
        for name in did["reloaded"]:
            self._counts.add(f"helpers.reloaded.{name}")
        for use in databases:
            use()
        if databases:
            self.lists.forget(pause)  # the same caches hold what the databases have said
        (self._log.info if tell else self._log.debug)("files of enrichment were looked at again", **did)

    def _refused(self, name: str, exc: ConfigError, *, tell: bool) -> None:
        self._errors[name] = str(exc)
        self._counts.add(f"helpers.refused.{name}")
        (self._log.error if tell else self._log.debug)(f"{exc}; what was read before serves on")


def _stamp(path: Path | None) -> tuple[int, ...]:
    """Give what tells a file from the one that was there before; nothing where there is none."""
    try:
        found = path and path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns) if found else ()


def _opened(name: str, options: Options, counts: Counts) -> Asn | GeoIP:
    """Open a database."""
    option = _MAXMIND + name.removeprefix("maxmind_").upper()
    path = options[f"{option}_PATH"]

    def failed() -> None:
        counts.add(f"lookups.failed.{name}")

    if name == "maxmind_asn":
        return Asn(f"{option}_PATH", path, failed)
    values, language = options[f"{option}_VALUES"], options[f"{option}_LANG"]
    return GeoIP(f"{option}_PATH", path, failed, values=values, language=language)
