"""The children of the service together: started, watched, told to stop, and what they count as one.

A worker that dies is started again on the same sockets, which the kernel goes on filling meanwhile. What it held in
memory is lost, and counted as that: what it had told last says how much it was.
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

import gevent
from gevent.event import Event

from flowcoll.collect import parts
from flowcoll.collect.child_process import ChildProcess, End
from flowcoll.collect.loss import REASON, lost
from flowcoll.collect.matched import Matched, Page
from flowcoll.collect.merge import State, added, merged
from flowcoll.collect.sockets import Drops, Listener, discard
from flowcoll.collect.telling import Told
from flowcoll.counters import Counts
from flowcoll.errors import ConfigError, FlowcollError, SetupError
from flowcoll.exporters.merge import merge
from flowcoll.logs import Log
from flowcoll.threat.showing.words import Summary

STOP_S = 40.0
"""How long children may take to hand over what they have when the service stops."""

_TICK_S = 0.2
_LOOK_S = 0.01
_HUNG_S = 60.0
_ASK_S = 5.0
_LISTS_S = 10.0  # a receive buffer holds no more of a busy network


class Supervisor:
    """Runs children until `stop`; what it counts and reports is theirs together.

    workers come first on the board; refresher: the one that keeps lists, if there is any; it is started first, so that
    workers find tables. stop_s: how long children may take to hand over what they have; lists_s: how long workers wait
    for lists.
    """

    def __init__(
        self, listeners: Sequence[Listener], log: Log, stop_s: float = STOP_S, lists_s: float = _LISTS_S
    ) -> None:
        self.workers: list[ChildProcess] = []
        self.refresher: ChildProcess | None = None
        self.matched: Matched | None = None
        self.noted = Counts()  # what is counted in this process
        self._listeners = listeners
        self._log = log
        self._stop_s = stop_s
        self._lists_s = lists_s
        self._drops = Drops(listeners, log)
        self._gone = Counts()  # what those that have ended have counted
        self._stopping = Event()
        self._ready = False
        self._failure: FlowcollError | None = None
        self._started = time.monotonic()

    @property
    def children(self) -> list[ChildProcess]:
        """All of them."""
        return [*self.workers, *([self.refresher] if self.refresher else [])]

    def run(self) -> None:
        """Run the children until `stop` or until one says that it cannot work; that is raised."""
        self._started = time.monotonic()
        running: list[gevent.Greenlet] = []
        helping = [gevent.spawn(self._start, running), gevent.spawn(self._watch)]
        try:
            self._stopping.wait()
        finally:
            gevent.killall(helping)
            for child in self.children:
                child.stop()
            gevent.joinall(running, timeout=self._stop_s)
            for child in self.children:
                if child.pid:
                    self._log.error("a process did not end in time and is killed", process=child.name)
                    child.kill()
            gevent.joinall(running, timeout=self._stop_s)
            self._count_unread()
        if self._failure is not None:
            raise self._failure

    def _start(self, running: "list[gevent.Greenlet]") -> None:
        """Start the refresher, and workers when it has made tables of what lies on this host; the kernel keeps what comes."""
        if self.refresher is not None:
            running.append(gevent.spawn(self.refresher.run))
            deadline = time.monotonic() + self._lists_s
            while not self.refresher.was_ready and time.monotonic() < deadline:
                gevent.sleep(_LOOK_S)
            if not self.refresher.was_ready:
                self._log.warn(
                    "lists are still being read: workers start without those that are not ready, and use them once they are",
                    waited_s=self._lists_s,
                )
        running += [gevent.spawn(child.run) for child in self.workers]

    def stop(self) -> None:
        """Have the children hand over what they have, and end."""
        self._stopping.set()

    def kill(self) -> None:
        """End the children at once."""
        for child in self.children:
            child.kill()

    def reload(self) -> None:
        """Have the children open files anew: those they write, and those that help to understand addresses."""
        self._log.info("reloading: output files and helper files are opened anew")
        for child in self.children:
            child.do("reload")

    # -- an end --------------------------------------------------------------------------------------------------

    def ended(self, child: ChildProcess, end: End) -> bool:
        """Account for a process that has ended, and tell whether another one is to take its place."""
        gone = self._account(child, end)
        if self._stopping.is_set():
            if end.code and end.was_ready:  # one that had not begun yet was ended, or fails as the others do
                self._log.error("a process failed at the end", process=child.name, reason=str(end), **gone)
            return False
        if self._is_fatal(child, end):
            kind = ConfigError if end.code == ConfigError.exit_code else SetupError
            self._failure = self._failure or kind(str(end))
            self._stopping.set()
            return False
        self._gone.add("workers.died" if child in self.workers else "refresher.died")
        self._log.error(
            "a process has ended and is started again",
            process=child.name,
            reason=str(end),
            again_in_s=child.next_start_s,
            **gone,
        )
        return True

    def _is_fatal(self, child: ChildProcess, end: End) -> bool:
        """Tell whether an end means that the service cannot work: without fresh lists it can, once it has begun."""
        if child is self.refresher:
            return end.code == ConfigError.exit_code and not child.was_ready
        return end.code == ConfigError.exit_code or bool(end.code and not child.was_ready and end.failure)

    def _account(self, child: ChildProcess, end: End) -> dict[str, int]:
        """Take over what a process has counted, count what it held as lost, and clear its place."""
        more = lost(end.told.state.counts, end.told.held, end.tally)
        self._gone = added([self._gone, end.told.state.counts, more])
        child.slot.tally[0] = 0
        child.slot.show(b"")
        return {key: by for key, by in more.items() if key.endswith(f".{REASON}")}

    def _count_unread(self) -> None:
        """Count what came and nobody has read: a worker had died and its successor was not there yet, or time was up."""
        self._drops.look()
        unread = discard(self._listeners)
        if unread:
            self._gone.add("datagrams.received", unread)
            self._gone.add("datagrams.lost.stopped", unread)
            self._log.error("datagrams came that nobody has read before the end", datagrams=unread)

    # -- watching ------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while True:
            gevent.sleep(_TICK_S)
            self._drops.look()
            for child in self.workers:
                if child.ready and time.monotonic() - child.told().turned > _HUNG_S:
                    self._log.error("a worker hangs and is killed", process=child.name)
                    child.kill()
                    child.ready = False

    def alive(self) -> bool:
        """Whether every worker's loop turns; one that is being started may take a while."""
        return all(map(parts.turns, self.workers))

    def ready(self) -> bool:
        """Whether every worker has begun to read its sockets."""
        self._ready = self._ready or all(child.was_ready for child in self.workers)
        return self._ready

    # -- what is told --------------------------------------------------------------------------------------------

    def counts(self) -> Counts:
        """Give the counts of all, those that have ended included."""
        return added([self._gone, self.noted, *(told.state.counts for told in self._told())])

    def kernel_drops(self) -> int:
        """Give how many datagrams the kernel dropped because receive buffers were full."""
        return sum(self._drops.values())

    def report(self) -> dict[str, Any]:
        """Give the state of workers, sockets, enrichers and outputs."""
        together = self._together()
        return {
            "uptime_s": round(time.monotonic() - self._started, 1),
            "workers": [
                {"number": number, "datagrams": child.slot.tally[0], **parts.process(child)}
                for number, child in enumerate(self.workers)
            ],
            **({"refresher": parts.process(self.refresher)} if self.refresher else {}),
            "threats": parts.threats(together).as_dict(),
            **together.report,
        }

    def threats(self) -> Summary:
        """Give what there is to say of lists of threats."""
        return parts.threats(self._together())

    def gauges(self) -> Mapping[str, float]:
        """Give the sizes of what the workers hold, together."""
        together = merged([each.state for each in self._told()])
        return {"uptime_seconds": time.monotonic() - self._started, **together.gauges}

    def exporters(self) -> dict[str, Any]:
        """Ask every worker for its exporters, and give them together."""
        asked = [gevent.spawn(child.ask, "exporters", _ASK_S) for child in self.workers]
        gevent.joinall(asked)
        return merge(each.value for each in asked)

    def heard(self, message: Mapping[str, Any]) -> None:
        """Take what a child tells by itself."""
        if self.matched is not None:
            self.matched.heard(message)

    def blocklist(self, query: str) -> Page:
        """Give the block-list of what matched lately. SetupError."""
        if self.matched is None:
            raise SetupError("nothing is remembered of what matched")
        return self.matched.blocklist(query)

    def _together(self) -> State:
        told = self._told()
        workers = told[: len(self.workers)]
        refresher = told[-1].state.report if self.refresher else None
        return merged(
            [*parts.sockets(self._listeners, self._drops), *(each.state for each in workers)], self._gone, refresher
        )

    def _told(self) -> list[Told]:
        return [child.told() for child in self.children]


def own_end(number: int) -> None:
    """End this process by a signal, as if nobody had waited for it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
