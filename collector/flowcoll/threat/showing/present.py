"""How the lists of a collector are: as it says itself, or as it has left them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.errors import ConfigError, KeptError, SetupError
from flowcoll.threat.hits import hit_file
from flowcoll.threat.hits.gathered import Hits
from flowcoll.threat.keeping import desk
from flowcoll.threat.keeping.feed import RISKIQ, feeds_of
from flowcoll.threat.showing import words
from flowcoll.threat.showing.words import PREFIX, Summary


class Present(NamedTuple):
    """What is known. running: the collector said it itself."""

    running: bool
    summary: Summary

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        lists = [each.as_dict() | {"state": dict(each.state)} for each in self.summary.lists]
        return {"running": self.running, **self.summary.as_dict(), "lists": lists}


def of_report(report: Mapping[str, Any]) -> Present:
    """Take what /readyz says."""
    told = report.get("threats", {})
    counts = {f"threats.list_matches.{each['name']}": each["matches"] for each in told.get("lists", ())}
    return Present(
        True, words.summary(report.get("enrichers", {}), counts | {"threats.matches": told.get("matches", 0)})
    )


def of_files(options: Options) -> Present:
    """Read what lies in EF_STATE_PATH of the lists that these options ask for. ConfigError."""
    known: Mapping[str, Mapping[str, Any]] = {}
    if options["EF_STATE_PATH"] is not None:
        known = desk.states(desk.folder_of(options))
    names = [feed.state_name for feed in feeds_of(options)]
    states: dict[str, Mapping[str, Any]] = {name: known.get(name, {"state": "waiting"}) for name in names}
    states.setdefault(PREFIX + RISKIQ, {"state": "off"})
    return Present(False, words.summary(dict(sorted(states.items())), None))


def kept_hits(options: Options, now_ms: int) -> Hits:
    """Give what had matched when the collector last wrote it down. ConfigError, SetupError."""
    state = options["EF_STATE_PATH"]
    if state is None:
        raise ConfigError("EF_STATE_PATH is empty, so that nothing is kept of what matched; give a directory")
    path, hits = hit_file.path_in(state), Hits(Counts())
    try:
        hit_file.load(path, hits, now_ms)
    except KeptError as exc:
        raise SetupError(f"{path} {exc}; `flowcoll run` sets it aside at its next start") from None
    except OSError as exc:
        raise SetupError(f"{path} cannot be read ({exc.strerror}); do this as root or as EF_RUN_AS") from None
    return hits
