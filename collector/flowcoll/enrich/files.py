"""The files that enrichment needs, databases and lists of threats: opened at the start, and anew once they have changed."""

from pathlib import Path
from typing import Any

from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.enrich.geoip import Asn, GeoIP
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.threat.lists import Lists, ThreatList, load
from flowcoll.threat.times import iso
from flowcoll.threat.unwrap import Pause, at_once

_MAXMIND = "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_"


class Files:
    """Databases in `providers` and lists in `lists`, as the options say; ConfigError for one that cannot be used.

    A file has the name under which its state is shown: `maxmind_asn`, `threat_<name of the list>`.
    """

    def __init__(self, options: Options, counts: Counts, log: Log) -> None:
        self._counts = counts
        self._log = log
        self._wanted = {f"threat_{each.name}": each for each in options.threat_lists if each.enable}
        databases = [name for name in ("GEOIP", "ASN") if options[f"{_MAXMIND}{name}_ENABLE"]]
        paths = {f"maxmind_{name.lower()}": options[f"{_MAXMIND}{name}_PATH"] for name in databases}
        self._paths: dict[str, Path | None] = paths | {name: each.path for name, each in self._wanted.items()}
        self._stamps = {name: _stamp(path) for name, path in self._paths.items()}  # before what they tell of is read
        self._errors: dict[str, str] = {}
        self._asked = self._busy = False
        self.lists = Lists.load(self._wanted.values())
        self.providers = {name: _opened(name, options, counts) for name in paths}

    def reload(self, pause: Pause = at_once, *, tell: bool = True) -> None:
        """Read files that have changed and use them from then on; what cannot be used is told, and the old one serves on.

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
            for name, each in self.providers.items()
        } | self.lists.states()
        for name, error in self._errors.items():
            states[name] |= {"state": "failed", "last_error": error}
        return states

    def _reload(self, pause: Pause, *, tell: bool) -> None:
        lists: dict[str, ThreatList] = {}
        databases = []
        did: dict[str, list[str]] = {"reloaded": [], "unchanged": [], "refused": []}
        for name, path in self._paths.items():
            stamp = _stamp(path)
            if stamp and stamp == self._stamps[name]:
                self._errors.pop(name, None)  # the one that serves has been put back
                did["unchanged"].append(name)
                continue
            try:
                if name in self._wanted:
                    lists[self._wanted[name].name] = load(self._wanted[name], pause)
                else:
                    databases.append(self.providers[name].reopened())
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
        if lists or databases:
            self.lists.use(lists, pause)  # what the databases have said is forgotten too
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
