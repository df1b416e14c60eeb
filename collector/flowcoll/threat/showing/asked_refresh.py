"""Lists fetched because somebody asks for it: by the collector that keeps them, or where none runs by ourselves."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.errors import ConfigError, SetupError
from flowcoll.logs import Log
from flowcoll.threat.keeping import desk
from flowcoll.threat.keeping.feed import feeds_of
from flowcoll.threat.keeping.jobs import Job, jobs_of
from flowcoll.threat.showing.words import Told, told

_LOOK_S = 0.2
_HEARD_S = 10.0  # in which a collector that runs hears what is asked
_DONE_S = 1.5  # in which it begins to read a file after that
_TOO_EARLY = "may not be fetched before"
_BUSY = {"downloading", "reading", "loading"}


class Outcome(NamedTuple):
    """What came of a list: `text` tells it, after the list's name."""

    name: str
    failed: bool
    text: str


class Waiting:
    """The state of lists while a running collector fetches them.

    read: gives their states, by the names of /readyz. heard: tells whether the collector has taken note of what is asked.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, Mapping[str, Any]]],
        heard: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._read = read
        self._heard = heard
        self._clock = clock
        self._sleep = sleep
        self._before = read()

    def outcomes(self, names: Sequence[str], patience_s: float, doing: Callable[[str], object]) -> Iterator[Outcome]:
        """Give what comes of each list, as it comes; `doing` is told what goes on."""
        waiting = dict.fromkeys(names, "")
        due, end = self._clock() + _HEARD_S, self._clock() + patience_s
        while waiting:
            due = min(due, self._clock() + _DONE_S) if self._heard() else due
            states = self._read()
            for name in list(waiting):
                state = states.get(f"threat_{name}", {})
                outcome = self._outcome(name, state, late=self._clock() >= due)
                if outcome is not None:
                    del waiting[name]
                    yield outcome
                elif state.get("doing") != waiting[name]:
                    waiting[name] = str(state.get("doing", ""))
                    doing(f"{name}: {waiting[name]}")
            if waiting and self._clock() >= end:
                yield from (Outcome(name, True, "has not ended in time; look at the log") for name in waiting)
                return
            if waiting:
                self._sleep(_LOOK_S)

    def _outcome(self, name: str, state: Mapping[str, Any], *, late: bool) -> Outcome | None:
        before = self._before.get(f"threat_{name}", {})
        asked = str(state.get("asked", "")) if state.get("asked") != before.get("asked") else ""
        if state.get("doing") in _BUSY:
            return None
        if _TOO_EARLY in asked:
            return _too_early(name, asked)
        if "next_refresh" in state and asked:
            done = state["next_refresh"] != before.get("next_refresh")
            return _ended(told(name, state, None)) if done else None
        if late:  # a list in a file, or a collector that does not hear
            return _ended(told(name, state, None))
        return None


def _too_early(name: str, asked: str) -> Outcome:
    return Outcome(name, True, asked.partition(": it ")[2])


def _ended(now: Told) -> Outcome:
    return Outcome(now.name, now.failed, now.text)


def names_of(options: Options, wanted: Sequence[str]) -> list[str]:
    """Give the names of the lists that are meant, all of them when none is named. ConfigError, SetupError."""
    known = [feed.name for feed in feeds_of(options)]
    if not known:
        raise SetupError("no list of threats is switched on; docs/threats.md has examples")
    names = list(dict.fromkeys(name.lower() for name in wanted))
    for name in names:
        if name not in known:
            raise SetupError(f"{name[:64]!r} is no list that is switched on; these are: {', '.join(known)}")
    return names or known


def kept_by_another(folder: Path) -> bool:
    """Tell whether a running collector keeps the lists of a folder. SetupError where that cannot be seen."""
    try:
        folder.joinpath(desk.ASKED).stat()
    except PermissionError:
        raise SetupError(f"{folder} cannot be looked into; do this as root or as EF_RUN_AS") from None
    except OSError:
        pass  # nobody has asked for anything
    return desk.running(folder)


def longest_s(options: Options) -> float:
    """Give how long the downloads of a list may take."""
    return max((sum(source.timeout_s for source in feed.sources) for feed in feeds_of(options)), default=0.0)


def by_ourselves(options: Options, names: Sequence[str], log: Log) -> Iterator[Outcome]:
    """Fetch lists here, as no collector keeps them now; files get the owner that the folder has. ConfigError, SetupError."""
    from flowcoll.threat.keeping.local import Local  # noqa: PLC0415
    from flowcoll.threat.keeping.refresh import Refresher  # noqa: PLC0415  brings requests
    from flowcoll.threat.keeping.shelf import Shelf  # noqa: PLC0415
    from flowcoll.threat.keeping.surroundings import Surroundings  # noqa: PLC0415

    folder = desk.folder_of(options)
    with as_owner(folder):
        kept = desk.Desk(folder)
        try:
            if not kept.locked():
                raise SetupError(f"another process has begun to keep the lists in {folder}; try again")
        except OSError as exc:
            raise SetupError(f"{folder} cannot be written ({exc.strerror}); do this as root or as EF_RUN_AS") from None
        try:
            states = desk.states(folder)
            for job in _wanted(jobs_of(options), names):
                shelf, counts, world = Shelf(folder), Counts(), Surroundings()
                if job.feed.sources:
                    download = Refresher(job, shelf, counts, log, world)
                    download.start()
                    if not download.ask():
                        yield _too_early(job.feed.name, download.state()["asked"])
                        continue
                    download.refresh()
                    state = download.state()
                else:
                    local = Local(job, shelf, counts, log, world)
                    local.start(strict=False)
                    local.look(now=True)
                    state = local.state()
                states[job.feed.state_name] = state
                kept.tell(states, time.time())
                yield _ended(told(job.feed.name, state, None))
        finally:
            kept.close()


def _wanted(jobs: Sequence[Job], names: Sequence[str]) -> Iterator[Job]:
    return (job for job in jobs if job.feed.name in names)


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Let root write as the owner of a folder, or of the one round it, so that the service can read what it finds there."""
    nearest = next((each for each in (folder, *folder.parents) if each.exists()), None)
    if os.geteuid() != 0 or nearest is None:
        yield
        return
    try:
        found = nearest.stat()
    except OSError as exc:
        raise ConfigError(f"{nearest} cannot be examined ({exc.strerror})") from None
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([found.st_gid])
    os.setegid(found.st_gid)
    os.seteuid(found.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
