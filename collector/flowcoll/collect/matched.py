"""What matched, as the supervisor keeps it: gathered from all workers, on disk over a restart, and told to who asks.

Why nothing matches is told too: in one line of the log at the start, whenever the answer has changed, and once an hour.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flowcoll.counters import Counts
from flowcoll.errors import KeptError
from flowcoll.logs import Log
from flowcoll.threat.hits import blocklist, hit_file
from flowcoll.threat.hits.blocklist import Allowed
from flowcoll.threat.hits.gathered import Hits
from flowcoll.threat.reading.unwrap import Pause, at_once
from flowcoll.threat.showing.words import Summary

TELL_S = 3600.0


class Page(NamedTuple):
    """A page of the API: its media type and what it holds."""

    kind: str
    body: bytes


class Matched:
    """What matched lately. path: where it is kept, None for nowhere. allowed: gives what rules let match now."""

    def __init__(
        self,
        path: Path | None,
        allowed: Callable[[], Allowed],
        counts: Counts,
        log: Log,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._allowed = allowed
        self._counts = counts
        self._log = log
        self._clock = clock
        self._hits = Hits(counts)
        self._changed = False

    def heard(self, message: Mapping[str, Any]) -> None:
        """Take what a worker tells, if it is about matches."""
        rows = message.get("hits")
        if isinstance(rows, list):
            self._hits.add(rows)
            self._changed = True

    def load(self) -> None:
        """Take what was kept over a restart; what cannot be used is set aside, and told."""
        if self._path is None:
            return
        try:
            hit_file.load(self._path, self._hits, self._now_ms())
        except KeptError as exc:
            self._counts.add("kept.refused.hits")
            aside = hit_file.set_aside(self._path)
            self._log.warn(f"{self._path} {exc}; it is set aside as {aside}, and what matched before is not known")
        except OSError as exc:
            self._counts.add("kept.refused.hits")
            self._log.warn(f"{self._path} cannot be read ({exc.strerror}); what matched before is not known")

    def save(self, pause: Pause = at_once) -> None:
        """Keep what matched, if that has changed."""
        self._hits.expire(self._now_ms())
        if self._path is None or not self._changed:
            return
        self._changed = False
        try:
            hit_file.save(self._path, self._hits, self._clock(), pause)
        except OSError as exc:
            self._changed = True
            self._log.limited("hits", 3600).warn(
                f"{self._path} cannot be written ({exc.strerror}); after a restart nobody knows what matched; let the "
                "service write there, or set EF_STATE_PATH"
            )

    def blocklist(self, query: str) -> Page:
        """Give the block-list that a query asks for; SetupError for one that makes no sense."""
        wanted = blocklist.query(query)
        found = blocklist.chosen(self._hits, wanted, self._now_ms(), self._allowed())
        return Page(blocklist.FORMATS[wanted.format], blocklist.rendered(found, wanted.format))

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


class Answer:
    """Says in the log why matches are there, or are not. clock: seconds that never go back."""

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._told: object = None
        self._due = 0.0

    def look(self, summary: Summary) -> None:
        """Tell the answer if it is due: where lists are in use, and where they were until now."""
        now = self._clock()
        if self._told is None and not summary.used:
            return
        if summary.turns == self._told and now < self._due:
            return
        self._told, self._due = summary.turns, now + TELL_S
        (self._log.warn if summary.failed else self._log.info)(f"threats: {summary.text}", matches=summary.matches)
