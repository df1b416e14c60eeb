"""The process that keeps lists: it downloads and reads them for all workers, and leaves tables for them to map."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gevent
from gevent.event import Event
from gevent.util import wrap_errors

from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.threat.keeping.desk import Desk, folder_of
from flowcoll.threat.keeping.jobs import jobs_of
from flowcoll.threat.keeping.local import LOOK_S, Local
from flowcoll.threat.keeping.refresh import Refresher
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.keeping.surroundings import Surroundings

Publish = Callable[[Mapping[str, Any]], object]
"""Takes what the process has counted and how its lists are: counts, report, gauges."""

_PUBLISH_S = 0.5
_ALONE_S = 1.0


@dataclass(frozen=True)
class Contact:
    """Whom the process answers to.

    What it publishes has the form of what a worker publishes; its `report` has `enrichers` alone. `ready` is called once
    workers need not wait for it. `again`: another process had this place before, so that nothing stops the service.
    `reloading` is set when files are to be read again.
    """

    publish: Publish
    ready: Callable[[], object] = lambda: None
    again: bool = False
    reloading: Event = field(default_factory=Event)
    ending: Event = field(default_factory=Event)


def run(options: Options, counts: Counts, log: Log, contact: Contact) -> None:
    """Keep the lists that the options name until SIGTERM comes or it is to end; ConfigError at the start."""
    keeper = Keeper(options, counts, log, contact)
    handler = gevent.signal_handler(signal.SIGTERM, contact.ending.set)

    def spawn(work: Callable[[], object]) -> "gevent.Greenlet[..., Any]":
        return gevent.spawn(wrap_errors(Exception, work))  # an error is for who called this, nobody else

    working = [spawn(keeper.start)]
    try:
        while not contact.ending.is_set():
            gevent.wait([contact.ending, contact.reloading, *working], timeout=_PUBLISH_S, count=1)
            for each in [each for each in working if each.ready()]:
                working.remove(each)
                if isinstance(each.value, Exception):
                    raise each.value
                working += map(spawn, each.value or ())
            if contact.reloading.is_set():
                contact.reloading.clear()
                working.append(spawn(keeper.reload))
            keeper.tell()
    finally:
        gevent.killall(working)
        handler.cancel()
        keeper.close()


class Keeper:
    """All lists together."""

    def __init__(self, options: Options, counts: Counts, log: Log, contact: Contact) -> None:
        self._counts = counts
        self._log = log
        self._contact = contact
        self._folder = folder_of(options)
        self._desk = Desk(self._folder)
        self._shelf = Shelf(self._folder)
        world = Surroundings(changed=self.tell)
        self._locals: dict[str, Local] = {}
        self._downloads: dict[str, Refresher] = {}
        for job in jobs_of(options):
            parts = job, self._shelf, counts, log, world
            if job.feed.sources:
                self._downloads[job.feed.name] = Refresher(*parts)
            else:
                self._locals[job.feed.name] = Local(*parts)

    def start(self) -> Sequence[Callable[[], object]]:
        """Have every list ready that can be without a network, and give what is to be done from then on. ConfigError."""
        if not self._alone():
            self.tell()
            self._contact.ready()  # tables of the other collector serve, if they fit
            self._wait()
        self._shelf.tidy()
        for local in self._locals.values():
            local.start(strict=not self._contact.again)
        for download in self._downloads.values():
            download.start()
        self.tell()
        self._contact.ready()
        return [*(each.run for each in self._downloads.values()), self._look, self._hear]

    def reload(self) -> None:
        """Read files that have changed."""
        did: dict[str, list[str]] = {"reloaded": [], "unchanged": [], "refused": []}
        for local in self._locals.values():
            did[local.look(now=True)].append(local.name)
        if self._locals:
            self._log.info("files of lists were looked at again", **did)

    def tell(self) -> None:
        """Publish how things stand."""
        both: list[Local | Refresher] = [*self._downloads.values(), *self._locals.values()]
        lists = {each.name: each.state() for each in both}
        self._desk.tell(lists, time.time())
        self._contact.publish({"counts": dict(self._counts), "report": {"enrichers": lists}, "gauges": {}})

    def close(self) -> None:
        """Let go of the folder."""
        self.tell()
        self._desk.close()

    def _alone(self) -> bool:
        try:
            return self._desk.locked()
        except OSError:
            return True  # nothing can be written there, as each list will tell

    def _wait(self) -> None:
        self._log.warn(
            f"another collector keeps lists in {self._folder}, which serve as far as they are the same; "
            "give each collector an EF_STATE_PATH of its own"
        )
        while not self._alone():
            gevent.sleep(_ALONE_S)

    def _look(self) -> None:
        """Look at files now and then."""
        while True:
            gevent.sleep(LOOK_S)
            for local in self._locals.values():
                local.look()

    def _hear(self) -> None:
        """Do what is asked for in the folder."""
        while True:
            gevent.sleep(_PUBLISH_S)
            wanted = self._desk.wanted()
            for name, download in self._downloads.items():
                if wanted & {"", name}:
                    download.ask()
            if any(wanted & {"", name} for name in self._locals):
                self._contact.reloading.set()
