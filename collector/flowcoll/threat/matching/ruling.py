"""A worker's rules on which addresses may match: applied, looked at again in time, and at a reload."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from flowcoll.config import Options
from flowcoll.logs import Log
from flowcoll.threat.keeping.jobs import jobs_of
from flowcoll.threat.matching.lists import Lists
from flowcoll.threat.matching.rules import Rules
from flowcoll.threat.reading.unwrap import Pause, at_once

if TYPE_CHECKING:
    import gevent

STATE = "threats_rules"
"""What the state of the rules is called; those of lists begin otherwise."""

_LOOK_S = 5.0  # so late an expiry is noticed


def rule(options: Options, lists: Lists, log: Log, *, tell: bool = True, strict: bool = True) -> "Ruling | None":
    """Have lists keep to the rules that options name, if there is any list; ConfigError for a file of no use if strict.

    `tell` is for one of many workers: the others would say the same.
    """
    if not jobs_of(options):
        return None
    ruling = Ruling(Rules.load(options, time.time(), strict=strict), lists, log, time.time, tell=tell)
    ruling.look(at_once)
    return ruling


class Ruling:
    """Rules as a worker applies them; `state` tells how they are."""

    def __init__(self, rules: Rules, lists: Lists, log: Log, clock: Callable[[], float], *, tell: bool) -> None:
        self._rules = rules
        self._lists = lists
        self._log = log
        self._clock = clock
        self._tell = tell
        self.state = rules.state
        lists.rule(rules.allowed)

    def look(self, pause: Pause, *, all_files: bool = False) -> None:
        """Have forgotten what was remembered if something else is allowed now; `all_files` is for a reload."""
        changed = self._rules.look(self._clock(), all_files=all_files)
        for error in self._rules.errors():
            (self._log.error if self._tell else self._log.debug)(f"{error}; what it said before counts on")
        if changed:
            self._lists.forget(pause)

    def follow(self) -> "gevent.Greenlet":
        """Start to look now and then; the greenlet is to be killed at the end."""
        import gevent  # noqa: PLC0415

        from flowcoll.threat.giveway import GiveWay  # noqa: PLC0415

        return gevent.spawn(self.run, gevent.sleep, GiveWay())

    def run(self, sleep: Callable[[float], object], pause: Pause) -> None:
        """Look again and again."""
        while True:
            sleep(_LOOK_S)
            self.look(pause)
