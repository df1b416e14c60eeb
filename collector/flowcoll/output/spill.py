"""Carries requests from memory to the spool: what was sent too often, what waits too long, and what is too much."""

from gevent.event import Event

from flowcoll.output.account import Account
from flowcoll.output.bulk import Request
from flowcoll.output.disk import Disk
from flowcoll.output.queue import Queue

MEMORY_OCTETS = 32 * 1024 * 1024
"""What an output may hold in memory where it has a spool: about three seconds of what one worker can write."""

_LOOK_S = 0.2
_END_S = 10.0


class Spill:
    """One greenlet writes, in `run`, so that a request is in memory or on disk at any time, and counted as such.

    It is never ended in between: `end` lets it finish what it is at.
    """

    def __init__(self, queue: Queue, disk: Disk, account: Account, patience_s: float) -> None:
        self._queue = queue
        self._disk = disk
        self._account = account
        self._patience_s = patience_s
        self._without = queue.memory_octets
        self._with = min(MEMORY_OCTETS, self._without)
        self._ending = Event()
        self._idle = Event()
        self._idle.set()

    def run(self) -> None:
        """Write what is to be written, until the end."""
        while not self._ending.is_set():
            self._queue.memory_octets = self._with if self._disk.there else self._without
            if not self._disk.may_take():
                self._ending.wait(_LOOK_S)
            elif (request := self._queue.spare(self._patience_s)) is not None:
                self._put(request)
            else:
                self._queue.much.wait(_LOOK_S)
                self._queue.much.clear()

    def end(self) -> int:
        """Write all that nobody sends any more, as far as the disk takes it, and give how many documents that were."""
        self._ending.set()
        self._queue.much.set()
        if not self._disk.there or not self._idle.wait(_END_S):
            return 0
        documents = 0
        while (request := self._queue.rest()) is not None and self._put(request):
            documents += request.documents
        return documents

    def _put(self, request: Request) -> bool:
        self._idle.clear()
        try:
            taken = self._disk.add(request)
        finally:
            self._idle.set()
        if taken:
            self._queue.done(request)
        else:
            self._queue.put_back(request)
        return taken
