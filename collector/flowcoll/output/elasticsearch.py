"""Documents into Elasticsearch: the output that puts queue, session and couriers together.

The receive loop joins lines and packs them (`write`). Sending and connecting are greenlets of their own: however slow
Elasticsearch is, or however dead, datagrams are read. What waits is bounded, in memory and on disk; what comes when both
are full is dropped and counted. At any time

    documents given + found on disk = delivered + delivered before + rejected + dropped + queued + spooled + left on disk

where what was left at the end of a process is found by the next one.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gevent

from flowcoll import streams
from flowcoll.config import OutputOptions
from flowcoll.counters import Counts
from flowcoll.document.fields import Wanted
from flowcoll.logs import Log
from flowcoll.member import Member
from flowcoll.output import loops
from flowcoll.output.account import Account
from flowcoll.output.actions import Actions
from flowcoll.output.backoff import Backoff
from flowcoll.output.courier import Courier
from flowcoll.output.dead_letter import DeadLetters
from flowcoll.output.delivery import PATIENCE_S, Delivery, Policy
from flowcoll.output.disk import Disk, Place
from flowcoll.output.queue import MEMORY_OCTETS, Limits, Queue
from flowcoll.output.replay import Replay
from flowcoll.output.session import Means, Session
from flowcoll.output.spill import Spill

IN_FLIGHT = 4
"""Requests sent at a time, besides one from the spool."""

_CLOSE_S = 20.0
_CLOSE_SPOOLED_S = 5.0  # where nothing is lost
_ANSWER_S = 120.0


class ElasticsearchOutput:
    """Writes documents to a data stream, or to an index per day, week or month; `start` begins to connect."""

    def __init__(  # noqa: PLR0913  what it is made of
        self,
        output: OutputOptions,
        wanted: Wanted,
        letters: DeadLetters,
        means: Means,
        *,
        counts: Counts,
        log: Log,
        spool: Place | None = None,
        memory_octets: int = MEMORY_OCTETS,
        close_s: float | None = None,
        answer_s: float = _ANSWER_S,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        values = output.values
        backoff = partial(Backoff, values["RETRY_BACKOFF"] / 1000)
        self.name = letters.output
        self.wanted = wanted
        self._counts = counts
        self._log = log
        self._account = Account(self.name, counts, log, letters)
        self._session = Session(output, self.name, log, means, backoff())
        self._disk = Disk(spool or Place(Path(), Member(), 0), self._account, log)
        self._close_s = close_s if close_s is not None else _CLOSE_SPOOLED_S if spool else _CLOSE_S
        limits = Limits(values["BATCH_MAX_BYTES"], values["BATCH_DEADLINE"] / 1000, memory_octets)
        self._queue = Queue(Actions(_index(output, wanted), clock), limits, keeps=self._disk.takes)
        policy = Policy(
            backoff,
            values["RETRY_ENABLE"],
            values["RETRY_ON_TIMEOUT_ENABLE"],
            values["INDEX_PERIOD"] == streams.ROLLOVER,
            answer_s,
            values["MAX_RETRIES"],
            patience_s,
        )
        self._courier = Courier(self._session, log, policy)
        self._spill = Spill(self._queue, self._disk, self._account, patience_s)
        self._replay = Replay(self._disk, self._queue, self._session, self._courier, self._account, log)
        self._under_way: set[Delivery] = set()
        self._spool = spool is not None
        self._greenlets: list[gevent.Greenlet] = []

    @property
    def held(self) -> int:
        """Documents that are in its memory and nowhere else."""
        return self._queue.documents

    def start(self) -> None:
        """Begin to connect, and to send what is written."""
        running: list[Callable[[], None]] = [self._session.run, self._queue.gather]
        running += [self._send] * IN_FLIGHT
        if self._spool:
            running += [self._disk.tend, self._replay.run]
            self._kept(self._spill.run)
        self._greenlets = [self._kept(loop) for loop in running]

    def write(self, documents: Sequence[str], /) -> None:
        """Take a batch; what there is no room for is counted as dropped."""
        if not self._queue.add(documents):
            reason, why = self._disk.trouble or ("queue_full", "it comes faster than it can be taken elsewhere")
            self._account.drop(len(documents), reason, f"what waits for Elasticsearch fills its memory, and {why}")

    def flush(self) -> None:
        """Have what was gathered sent now."""
        self._queue.complete()

    def close(self) -> None:
        """Send what is queued, within a bound; what does not go is kept on disk, or else counted as dropped."""
        self.flush()
        self._session.end()
        gevent.wait([self._queue.empty, self._session.given_up], timeout=self._close_s, count=1)
        gevent.killall(self._greenlets)
        for delivery in self._under_way:
            if delivery.rest is not None:
                self._queue.put_aside(delivery.rest)
        if self._spool:
            self._disk.open()  # should there not have been time for it yet
            self._spill.end()
            self._disk.close()
        reason, why = self._disk.trouble or ("stopped", "the collector stops before Elasticsearch has taken them")
        self._account.drop(self._queue.abandon(), reason, why)

    def state(self) -> Mapping[str, Any]:
        """Give the state of connection and queue."""
        return {
            **self._session.state(),
            "queued_documents": self._queue.documents,
            "queued_bytes": self._queue.octets,
            **(self._spooled() if self._spool else {}),
            "retries": self._account.retries + self._replay.account.retries,
            "rejected": self._account.rejected + self._replay.account.rejected,
        }

    def _spooled(self) -> dict[str, Any]:
        left_s = self._replay.left_s
        return {
            "spooled_documents": self._disk.documents,
            "spooled_bytes": self._disk.octets,
            "replaying": self._replay.running,
            **({} if left_s is None else {"replay_left_s": round(left_s, 1)}),
        }

    def _send(self) -> None:
        while True:
            delivery = self._courier.delivery(self._queue.take(), self._queue, self._account)
            self._under_way.add(delivery)
            try:
                self._courier.carry(delivery)
            except Exception:
                if delivery.rest is not None:
                    self._queue.done(delivery.rest)
                    self._account.drop(delivery.rest.documents, "bug", "the collector failed")
                self._under_way.discard(delivery)
                raise
            self._under_way.discard(delivery)

    def _kept(self, loop: Callable[[], None]) -> "gevent.Greenlet[..., None]":
        return loops.kept(loop, self.name, self._counts, self._log)


def _index(output: OutputOptions, wanted: Wanted) -> str | Callable[[str], str]:
    """Give the data stream's name, or what gives the name of a day's index."""
    values = output.values
    if values["INDEX_PERIOD"] == streams.ROLLOVER:
        return streams.FLOW.name(wanted.namespace)
    return partial(streams.dated, wanted.namespace, values["INDEX_PERIOD"], values["INDEX_SUFFIX"])
