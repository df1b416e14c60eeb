"""Documents on their way to Elasticsearch: gathered into requests, waiting, being sent; bounded in octets."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import gevent
import gevent.queue
from gevent.event import Event

from flowcoll.output.actions import Actions
from flowcoll.output.bulk import Packer, Request

MEMORY_OCTETS = 256 * 1024 * 1024
"""What an output may hold without a spool: of packed documents, more than two million."""

_SMALLEST = 64 * 1024
_ACTION_OCTETS = 128


class Limits(NamedTuple):
    """When a request is complete, and how much may wait."""

    octets: int
    deadline_s: float
    memory_octets: int = MEMORY_OCTETS


class Queue:
    """Takes documents and gives requests; what was given is held until `done` says that it is not.

    `empty` is set while nothing is held. `gather` is a loop for a greenlet of its own. `memory_octets` may be changed.
    `keeps` says whether what was sent too often can be put aside for the spool; `much` is set when there is something
    for it, or more than half of the memory is used.
    """

    def __init__(
        self,
        actions: Actions,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        keeps: Callable[[], bool] = lambda: False,
    ) -> None:
        self.documents = 0
        self.octets = 0
        self.memory_octets = limits.memory_octets
        self.empty = Event()
        self.empty.set()
        self.keeps = keeps
        self.much = Event()
        self._actions = actions
        self._limits = limits
        self._clock = clock
        self._packer = Packer()
        self._due = 0.0
        self._begun = Event()
        self._waiting = gevent.queue.Queue()
        self._aside: deque[Request] = deque()

    def add(self, documents: Sequence[str]) -> bool:
        """Take documents, or do not: there is no room."""
        if self.octets >= self.memory_octets:
            return False
        for some in self._parts(documents):
            lines = self._actions.lines(some)
            if self._packer.raw_octets + len(lines) > self._limits.octets:
                self.complete()
            if not self._packer.documents:
                self._due = self._clock() + self._limits.deadline_s
                self._begun.set()
            self._count(len(some), self._packer.add(lines, len(some)))
            if self._packer.raw_octets >= self._limits.octets:
                self.complete()
        return True

    def _parts(self, documents: Sequence[str]) -> Iterator[Sequence[str]]:
        """Give a batch of documents in pieces that fit into a request; mostly it does so itself."""
        most = 1
        if documents:
            most = max(1, self._limits.octets // (2 * (len(documents[0]) + _ACTION_OCTETS)))
        for start in range(0, len(documents), most):
            yield documents[start : start + most]

    def complete(self) -> None:
        """Have what was gathered sent as it is."""
        self._begun.clear()
        if self._packer.documents:
            packer, self._packer = self._packer, Packer()
            counted = packer.octets
            request = packer.request()
            self._count(0, request.octets - counted)
            self._wait(request)

    def shrink(self, octets: int) -> int:
        """Make requests of so many octets at most from now on, within reason, and give the limit that holds."""
        limit = min(self._limits.octets, max(_SMALLEST, octets))
        self._limits = self._limits._replace(octets=limit)
        return limit

    def gather(self) -> None:
        """Complete what has been gathered for long enough, for ever."""
        while True:
            self._begun.wait()
            left_s = self._due - self._clock()
            if left_s > 0:
                gevent.sleep(left_s)
            else:
                self.complete()

    # -- for those who send

    @property
    def waiting(self) -> int:
        """Requests that nobody sends yet."""
        return int(self._waiting.qsize())

    def take(self) -> Request:
        """Wait for a request."""
        request: Request = self._waiting.get()[1]
        return request

    def split(self, request: Request, parts: tuple[Request, Request]) -> None:
        """Take note that a request was split, and keep the second part for later."""
        first, second = parts
        self._count(0, first.octets + second.octets - request.octets)
        self._wait(second)

    def done(self, before: Request, after: Request | None = None) -> None:
        """Take note of what is left of a request: the others of its documents are no longer held."""
        documents, octets = (after.documents, after.octets) if after else (0, 0)
        self._count(documents - before.documents, octets - before.octets)

    def put_aside(self, request: Request) -> None:
        """Have a request go to the spool."""
        self._aside.append(request)
        self.much.set()

    # -- for who carries them to the spool

    def spare(self, patience_s: float) -> Request | None:
        """Give a request that should go to the spool: put aside, waiting too long, or the oldest when there is much."""
        if self._aside:
            return self._aside.popleft()
        if self._waiting.empty():
            return None
        since, request = self._waiting.peek(block=False)
        if not self._is_much() and self._clock() - since < patience_s:
            return None
        self._waiting.get_nowait()
        return request  # type: ignore[no-any-return]

    def put_back(self, request: Request) -> None:
        """Have a request sent after all, and what was put aside: the spool takes none."""
        for each in (request, *self._aside):
            self._wait(each)
        self._aside.clear()

    def rest(self) -> Request | None:
        """Give any request that is not being sent."""
        if self._aside:
            return self._aside.popleft()
        return None if self._waiting.empty() else self._waiting.get_nowait()[1]

    def abandon(self) -> int:
        """Give up everything that is held, and give the number of documents."""
        documents = self.documents
        self._count(-documents, -self.octets)
        return documents

    def _wait(self, request: Request) -> None:
        self._waiting.put((self._clock(), request))
        if self._is_much():
            self.much.set()

    def _is_much(self) -> bool:
        return self.octets * 2 > self.memory_octets

    def _count(self, documents: int, octets: int) -> None:
        self.documents += documents
        self.octets += octets
        if self.documents:
            self.empty.clear()
        else:
            self.empty.set()
