"""The receive loop: sockets -> pipeline -> outputs, in one gevent hub.

A greenlet per socket waits until it is readable, reads 16 datagrams at a time without going back to the hub, and hands
their documents over. Another one hands over five times a second what should not wait longer, and tells how things stand.
"""

import socket
import time
import traceback
from collections.abc import Callable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gevent
from gevent.event import Event
from gevent.lock import Semaphore

from flowcoll.collect.sockets import Exporters, Listener
from flowcoll.counters import Counts
from flowcoll.document.fields import EVERYTHING, Asked
from flowcoll.logs import Log
from flowcoll.output import Output
from flowcoll.output.file import LineOutput

_MAX_DATAGRAM = 65_535
# Sixteen datagrams give about 400 documents, half a megabyte, which are still in the processor's cache when they are
# joined and written. With batches of 64 a flow cost 2 us more, with 128 4 us; 8 and 32 cost the same as 16.
_BURST = range(1, 17)
# After a burst that emptied its socket the loop lets the kernel collect for so long. A wake-up costs 30 to 60 us, caches
# being cold: at 4,200 datagrams/s, evenly spread, the loop took 57 us a datagram without this pause, 13 with it.
# Meanwhile the receive buffer takes what comes; the kernel's default holds about 90 datagrams, that is 18,000 a second.
_PAUSE_S = 0.005
_TICK_S = 0.2
_DRAIN_S = 5.0
_READ = 1  # gevent's event mask


class Carrier(Protocol):
    """What the receive loop needs of a pipeline."""

    def handle(self, octets: bytes, exporter: tuple[str, int], now_ms: int, /) -> None:
        """Carry one datagram all the way."""

    def take(self, wanted: Asked, /) -> list[Any]:
        """Give and forget the finished documents of a shape."""

    def states(self) -> Mapping[str, Mapping[str, Any]]:
        """State of each enricher."""

    def gauges(self) -> Mapping[str, float]:
        """Sizes of what it holds."""


class Telling(Protocol):
    """Where the worker tells how things stand."""

    @property
    def tally(self) -> MutableSequence[int] | memoryview:
        """One number: datagrams that were read from sockets."""

    def look(self, report: Mapping[str, Any], gauges: Mapping[str, float], /) -> None:
        """Take a report."""

    def tell(self) -> None:
        """Tell what has been counted."""


@dataclass(eq=False)
class Worker:
    """Reads every socket until `stop`, then what they still hold; `run` returns when all of it is handed over."""

    listeners: Sequence[Listener]
    exporters: Exporters
    pipeline: Carrier
    outputs: Sequence[Output]
    counts: Counts
    log: Log
    telling: Telling
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._stopping = Event()
        self._delivering = Semaphore()
        self._waiting = 0  # datagrams carried since the last delivery
        self._greenlets: list[gevent.Greenlet] = []

    def run(self) -> None:
        """Carry datagrams until `stop` is called."""
        self._greenlets = [gevent.spawn(self._receive, listener.socket) for listener in self.listeners]
        self._greenlets.append(gevent.spawn(self._tick))
        try:
            for ended in gevent.wait([self._stopping, *self._greenlets], count=1):
                if ended is not self._stopping:
                    ended.get()  # a loop never ends by itself: this raises what ended it
        finally:
            with self._delivering:  # so that no output is interrupted
                gevent.killall(self._greenlets)
        self._drain()

    def stop(self) -> None:
        """Make `run` read what the sockets hold, hand it over and return."""
        self._stopping.set()

    def reopen(self) -> None:
        """Open the files of the outputs anew."""
        with self._delivering:
            for output in self.outputs:
                if isinstance(output, LineOutput):
                    output.reopen()

    def ready(self) -> bool:
        """Whether the sockets are read."""
        return bool(self._greenlets)

    def report(self) -> dict[str, Any]:
        """State of enrichers and outputs."""
        return {
            "enrichers": self.pipeline.states(),
            "outputs": [{"name": output.name, **output.state()} for output in self.outputs],
        }

    def _receive(self, sock: socket.socket) -> None:
        hub = gevent.get_hub()
        readable = hub.loop.io(sock.fileno(), _READ)
        try:
            while True:
                hub.wait(readable)
                while count := self._burst(sock):
                    if self._waiting >= len(_BURST):
                        self._deliver()
                    gevent.sleep(0 if count == len(_BURST) else _PAUSE_S)
        finally:
            readable.close()

    def _burst(self, sock: socket.socket) -> int:
        """Carry up to 16 datagrams, and return how many there were."""
        recvfrom, exporters, handle = sock.recvfrom, self.exporters, self.pipeline.handle
        tally = self.telling.tally
        now_ms = int(self.clock() * 1000)  # once: a burst takes a few milliseconds
        octets, source, count = b"", ("", 0), 0
        try:
            for count in _BURST:  # noqa: B007  how far it came is used below
                octets, source = recvfrom(_MAX_DATAGRAM)
                tally[0] += 1
                exporter = exporters[source]
                if exporter is not None:
                    handle(octets, exporter, now_ms)
                else:
                    self._refuse(octets)
        except BlockingIOError:
            count -= 1
        except Exception as exc:  # noqa: BLE001  the only one: no datagram may end the service
            self.counts.add("bugs")
            self.log.limited(f"bug.{type(exc).__name__}", 60).error(
                "a datagram made the collector fail; please report it with these lines",
                exporter=source[0],
                datagram=octets.hex(),
                traceback=traceback.format_exc(),
            )
        self._waiting += count
        return count

    def _refuse(self, octets: bytes) -> None:
        self.counts.add("datagrams.received")
        self.counts.add("octets.received", len(octets))
        self.counts.add("datagrams.refused.not_allowed")

    def _deliver(self) -> None:
        with self._delivering:  # an output that waits for its reader gives the hub to other greenlets
            self._waiting = 0
            for wanted in dict.fromkeys(output.wanted for output in self.outputs) or (EVERYTHING,):
                documents = self.pipeline.take(wanted)
                for output in self.outputs:
                    if documents and output.wanted == wanted:
                        output.write(documents)
            self.telling.tell()

    def _tick(self) -> None:
        while True:
            gevent.sleep(_TICK_S)
            self._deliver()
            self._end_lines()
            self.telling.look(self.report(), self.pipeline.gauges())

    def _end_lines(self) -> None:
        """End lines that a slow reader or a full disk has cut, as far as that is possible: other workers wait for it."""
        with self._delivering:
            for output in self.outputs:
                if isinstance(output, LineOutput):
                    output.flush()

    def _drain(self) -> None:
        """Read what the sockets still hold, each until it is empty once and all of them for five seconds at most."""
        deadline = time.monotonic() + _DRAIN_S
        for listener in self.listeners:
            while self._burst(listener.socket) and time.monotonic() < deadline:
                if self._waiting >= len(_BURST):
                    self._deliver()
                gevent.sleep(0)
        self._deliver()
