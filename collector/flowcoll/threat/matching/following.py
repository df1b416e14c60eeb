"""A worker's lists follow the table files in their folder: mapped at the start, and again whenever there is a new one.

Nothing is read or downloaded here. Nor is anything told in the log, where each of many workers would say the same: what a
worker uses is in its state, and what was wrong with a table is there too, and counted.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.errors import ListError
from flowcoll.logs import Log
from flowcoll.threat.keeping.desk import folder_of
from flowcoll.threat.keeping.feed import RISKIQ
from flowcoll.threat.keeping.jobs import Job, jobs_of, state_of
from flowcoll.threat.keeping.shelf import END
from flowcoll.threat.matching.lists import Lists, ThreatList
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading.unwrap import Pause

if TYPE_CHECKING:
    import gevent

_LOOK_S = 0.5

Stamp = tuple[int, int, int]
"""What tells a file from the one that was there before."""


class User(Protocol):
    """Who uses a table that is no list of threats."""

    def use(self, table: Table, /) -> None:
        """Use a table from now on."""

    def watch(self, state: Callable[[], Mapping[str, Any]], /) -> None:
        """Take what tells how that table is."""


@dataclass(frozen=True)
class Rest:
    """How to let time pass, and what to call between small pieces of work."""

    sleep: Callable[[float], object]
    pause: Pause


def follow(
    options: Options, lists: Lists, counts: Counts, log: Log, users: Mapping[str, User] | None = None
) -> "list[gevent.Greenlet]":
    """Use the tables of the lists that options ask for, and follow them; the greenlets are to be killed at the end.

    `users` are those of tables that are no lists of threats, by the names of their feeds.
    """
    jobs = [job for job in jobs_of(options) if job.feed.threats or job.feed.name in (users or {})]
    if RISKIQ not in {job.feed.name for job in jobs}:
        lists.watch(RISKIQ, lambda: {"state": "off"})
    if not jobs:
        return []
    import gevent  # noqa: PLC0415

    from flowcoll.threat.giveway import GiveWay  # noqa: PLC0415

    rest = Rest(gevent.sleep, GiveWay())
    follower = Follower(folder_of(options), jobs, lists, counts, log, rest, users or {})
    follower.look()
    return [gevent.spawn(follower.run)]


@dataclass
class _Followed:
    """One table, as a worker has it."""

    job: Job
    seen: Stamp | None = None
    serving: Mapping[str, Any] | None = None
    error: str = ""
    reason: str = ""
    doing: str = field(default="waiting")

    def state(self) -> dict[str, Any]:
        """Tell what serves, and what is wrong with the table."""
        state = self.doing
        if state != "stopped" and (self.error or self.serving is not None):
            state = "failed" if self.error else "on"
        failed = {"last_error": self.error, "reason": self.reason} if self.error else {}
        return {"state": state, "entries": 0, **(self.serving or {}), **failed}


class Follower:
    """Keeps the lists of a worker those of the table files in a folder; `run` does not return."""

    def __init__(  # noqa: PLR0913, PLR0917  the parts it puts together
        self,
        folder: Path,
        jobs: Sequence[Job],
        lists: Lists,
        counts: Counts,
        log: Log,
        rest: Rest,
        users: Mapping[str, User],
    ) -> None:
        self._folder = folder
        self._lists = lists
        self._counts = counts
        self._log = log
        self._rest = rest
        self._users = users
        self._all = {f"{job.feed.name}{END}": _Followed(job) for job in jobs}
        for each in self._all.values():
            user = users.get(each.job.feed.name)
            if user is None:
                lists.watch(each.job.feed.name, each.state)
            else:
                user.watch(each.state)

    def run(self) -> None:
        """Look again and again."""
        try:
            while True:
                self._rest.sleep(_LOOK_S)
                self.look()
        finally:
            for each in self._all.values():
                each.doing = "stopped"

    def look(self) -> None:
        """Use the tables that are others than at the last look."""
        used: dict[str, ThreatList] = {}
        changed = False
        for entry, followed in self._changed():
            table = self._mapped(entry, followed)
            if table is None:
                continue
            changed = True
            name = followed.job.feed.name
            if name in self._users:
                self._users[name].use(table)
            else:
                used[name] = ThreatList(table)
            followed.serving, followed.error = state_of(table), ""
            self._counts.add(f"threats.tables.{name}.used")
        if changed:
            self._lists.use(used, self._rest.pause)

    def _changed(self) -> list[tuple[os.DirEntry[str], _Followed]]:
        """Give the table files that are new, with one look at the folder."""
        found = []
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    followed = self._all.get(entry.name)
                    if followed is None:
                        continue
                    try:
                        stat = entry.stat()
                    except OSError:
                        continue  # it has just been replaced: the next look finds the new one
                    stamp = stat.st_ino, stat.st_size, stat.st_mtime_ns
                    if stamp != followed.seen:
                        followed.seen = stamp
                        found.append((entry, followed))
        except OSError:
            return []  # there is no folder yet
        return found

    def _mapped(self, entry: os.DirEntry[str], followed: _Followed) -> Table | None:
        """Give the table of a file if it can be used; one made for other options is left alone."""
        try:
            table = Table.open(Path(entry.path))
        except FileNotFoundError:
            followed.seen = None
        except ListError as exc:
            self._refuse(followed, "unusable", str(exc))
        except OSError as exc:
            self._refuse(followed, "unreadable", f"cannot be read ({exc.strerror})")
        else:
            if followed.job.fits(table):
                return table
        return None

    def _refuse(self, followed: _Followed, reason: str, why: str) -> None:
        name = followed.job.feed.name
        followed.reason = reason
        followed.error = f"the table {name}{END} in {self._folder} {why}"
        self._counts.add(f"threats.tables.{name}.{reason}")
        self._log.debug(f"{followed.job.feed.says} {followed.error}")
