"""A list in a file, made a table whenever the file has changed: at the start, on SIGHUP, and found out now and then."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from flowcoll.counters import Counts
from flowcoll.errors import ConfigError, ListError
from flowcoll.logs import Log
from flowcoll.threat.keeping.jobs import Job, stamp_of, stamps_of, state_of
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.keeping.surroundings import Surroundings
from flowcoll.threat.reading.times import iso
from flowcoll.threat.reading.unwrap import Pause, taken

LOOK_S = 15.0
"""How often a file is looked at; it is read once it has been left alone for so long."""


class UnusableError(ConfigError):
    """A file holds no list that can be used; `reason` is one word for the counter."""

    def __init__(self, why: str, reason: str) -> None:
        super().__init__(why)
        self.reason = reason


class Local:
    """Keeps the table of one list that is in a file."""

    def __init__(self, job: Job, shelf: Shelf, counts: Counts, log: Log, world: Surroundings) -> None:
        self._job = job
        self._feed = job.feed
        self._shelf = shelf
        self._counts = counts
        self._log = log
        self._world = world
        self._path = path_of(job)
        self._serving: Mapping[str, Any] | None = None  # the state of its table
        self._read: list[Any] | None = None  # stamp of the file that was read last, whatever came of it
        self._seen: list[Any] | None = None  # stamp at the last look
        self._doing = "starting"
        self._failed_since = 0.0
        self._error = self._reason = ""

    @property
    def name(self) -> str:
        """What its state is called."""
        return self._feed.state_name

    def start(self, *, strict: bool) -> None:
        """Use the table of this very file if there is one, else make it; ConfigError for a useless list if strict."""
        table = self._shelf.usable(self._job, self._log)
        stamp = stamp_of(self._path)
        if table is not None:
            self._serving = state_of(table)
            if self._job.current(table) and stamps_of(table) == [stamp]:
                self._read = self._seen = stamp
                self._does("waiting")
                return
        self._take(strict=strict)

    def look(self, *, now: bool = False) -> str:
        """Make the table anew if the file has changed, unless it still changes; tell: reloaded, unchanged or refused.

        `now` is for somebody who says that it is whole.
        """
        stamp = stamp_of(self._path)
        settled, self._seen = stamp == self._seen, stamp
        if stamp == self._read or not (now or settled):
            return "refused" if self._error else "unchanged"
        return "reloaded" if self._take(strict=False) else "refused"

    def state(self) -> dict[str, Any]:
        """Tell what serves, and what is wrong with the file."""
        why = {"last_error": self._error, "reason": self._reason}
        failed = {"failed_since": iso(self._failed_since), **why} if self._error else {}
        state = "failed" if failed else "on" if self._serving is not None else self._doing
        return {"state": state, "doing": self._doing, "entries": 0, **(self._serving or {}), **failed}

    def _does(self, what: str) -> None:
        self._doing = what
        self._world.changed()

    def _take(self, *, strict: bool) -> bool:
        """Make the table, and tell whether that went well; ConfigError for a list of no use if strict."""
        self._does("reading")
        self._read = stamp_of(self._path)
        try:
            with self._world.turn:
                table = self._shelf.put(self._feed.name, self._make)
        except UnusableError as exc:
            if strict:
                raise
            self._failed(exc.reason, str(exc))
        except OSError as exc:
            folder = self._shelf.folder
            why = f"{folder} cannot be written ({exc.strerror}); let the service write there, or set EF_STATE_PATH"
            self._read = None  # the next look may find it mended
            self._failed("state_path", why)
        else:
            self._error, self._reason, self._failed_since = "", "", 0.0
            self._serving = state_of(table)
            self._counts.add(f"threats.refreshes.{self._feed.name}.populated")
            figures = {key: said for key, said in self._serving.items() if isinstance(said, int)}
            self._log.info(f"{self._feed.says} the list of {self._path} is in use", **figures)
        self._does("waiting")
        return not self._error

    def _make(self, file: BinaryIO) -> Mapping[str, Any]:
        def found(stamp: list[Any]) -> None:
            self._read = self._seen = stamp

        return compiled(self._job, file, self._world.pause, found)

    def _failed(self, reason: str, why: str) -> None:
        if why != self._error:
            serves = "; what was read before serves on" if self._serving is not None else ""
            self._log.error(f"{why}{serves}")
        self._error, self._reason = why, reason
        self._failed_since = self._failed_since or self._world.clock()
        self._counts.add(f"threats.refreshes.{self._feed.name}.{reason}")


def path_of(job: Job) -> Path:
    """Give the file of a list that is in one."""
    if job.feed.path is None:
        raise TypeError(f"{job.feed.name} is downloaded")
    return job.feed.path


def compiled(job: Job, file: BinaryIO, pause: Pause, found: Any = lambda _: None) -> Mapping[str, Any]:
    """Write the table of a list that is in a file; UnusableError when it cannot be. OSError of the table.

    `found` takes the stamp of the file that is read.
    """
    path, option = path_of(job), job.feed.option
    stamp = stamp_of(path)  # before what it tells of is read
    try:
        with path.open("rb") as source:
            changed = os.fstat(source.fileno()).st_mtime
            octets = taken(source, pause)
    except OSError as exc:
        why = f"{option}: cannot read {path} ({exc.strerror}); give the path of a list"
        raise UnusableError(why, "unreadable") from None
    except ListError as exc:
        raise UnusableError(f"{option}: {path} {exc}", exc.reason) from None
    found(stamp)
    try:
        return job.made([octets], iso(changed), [stamp], file, pause)
    except ListError as exc:
        kind = job.feed.kind.name
        right = "" if kind == "auto" else f"; is {kind} its type?"
        raise UnusableError(f"{option}: {path} {exc}{right}", exc.reason) from None
