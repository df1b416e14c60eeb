"""A worker's list of threats follows the copy on disk: it is used at the start, and again whenever there is a new one.

Nothing is downloaded here. Nor is anything told in the log, where each of many workers would say the same: what a worker
uses is in its state, and what was wrong with a copy is there too, and counted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.errors import ListError
from flowcoll.logs import Log
from flowcoll.threat.feeds import NAME, SAYS, copy_of, kept
from flowcoll.threat.last_good import LastGood, Meta, Stamp
from flowcoll.threat.lists import Lists
from flowcoll.threat.source import Source
from flowcoll.threat.times import iso
from flowcoll.threat.unwrap import Pause

if TYPE_CHECKING:
    import gevent

_LOOK_S = 0.5


def follow(options: Options, lists: Lists, counts: Counts, log: Log) -> "list[gevent.Greenlet]":
    """Start to follow PassiveTotal's list, if the options ask for it; the greenlets are to be killed at the end."""
    source = Source.of(options)
    if source is None:
        lists.watch(NAME, lambda: {"state": "off"})
        return []
    import time  # noqa: PLC0415

    import gevent  # noqa: PLC0415

    from flowcoll.threat.giveway import GiveWay  # noqa: PLC0415

    rest = Rest(time.time, gevent.sleep, GiveWay())
    return [gevent.spawn(Follower(source, copy_of(options), lists, counts, log, rest).run)]


@dataclass(frozen=True)
class Rest:
    """The time, how to let it pass, and what to call between small pieces of work."""

    clock: Callable[[], float]
    sleep: Callable[[float], object]
    pause: Pause


class Follower:
    """Keeps the list that `lists` knows as `riskiq` the one of the copy; `run` does not return."""

    def __init__(  # noqa: PLR0913, PLR0917  the parts it puts together
        self, source: Source, copy: LastGood, lists: Lists, counts: Counts, log: Log, rest: Rest
    ) -> None:
        self._source = source
        self._copy = copy
        self._lists = lists
        self._counts = counts
        self._log = log
        self._rest = rest
        self._serving: tuple[Mapping[str, Any], Meta] | None = None
        self._seen: Stamp | None = None  # the copy that was looked at last
        self._doubted: Stamp | None = None  # the one that was no good at the first look
        self._doing = "waiting"
        self._error = ""
        lists.watch(NAME, self.state)

    def run(self) -> None:
        """Look at the copy again and again."""
        try:
            while True:
                self.look()
                self._rest.sleep(_LOOK_S)
        finally:
            self._doing = "stopped"

    def look(self) -> None:
        """Use the copy, if it is another one than at the last look."""
        stamp = self._copy.stamp()
        if stamp is None or stamp == self._seen:
            return
        try:
            self._take()
        except ListError as exc:
            self._refuse(stamp, "unusable", str(exc))
        except OSError as exc:
            self._refuse(stamp, "unreadable", f"cannot be read ({exc.strerror})")
        else:
            self._seen, self._error = stamp, ""

    def state(self) -> dict[str, Any]:
        """Tell what serves, and what is wrong with the copy."""
        serving = {}
        if self._serving is not None:
            said, meta = self._serving
            age_s = max(round(self._rest.clock() - meta.confirmed), 0)
            serving = {**said, "received": iso(meta.received), "age_s": age_s}
        state = self._doing
        if state != "stopped" and (self._error or serving):
            state = "failed" if self._error else "on"
        failed = {"last_error": self._error} if self._error else {}
        return {"state": state, "entries": 0, **serving, **failed}

    def _take(self) -> None:
        """Use the copy; one that was only confirmed since is not read again. ListError, OSError."""
        meta = self._copy.meta()
        if meta is None or meta.url != self._source.shown:
            return
        if self._serving is not None and self._serving[1]._replace(confirmed=meta.confirmed) == meta:
            self._serving = self._serving[0], meta
            return
        self._doing = "loading"
        try:
            found = kept(self._copy, self._source, self._rest.pause)
        finally:
            self._doing = "waiting"
        if found is not None:
            self._serving = found[0].state, found[1]
            self._lists.put(NAME, found[0], self._rest.pause)
            self._counts.add("threats.copies.used")

    def _refuse(self, stamp: Stamp, reason: str, why: str) -> None:
        """Note what is wrong with a copy, unless it was only being replaced: then the next look finds a whole one."""
        if self._doubted != stamp or self._copy.stamp() != stamp:
            self._doubted = stamp
            return
        self._seen = stamp
        self._error = f"the copy in {self._copy.folder} {why}"
        self._counts.add(f"threats.copies.{reason}")
        self._log.debug(f"{SAYS} {self._error}")
