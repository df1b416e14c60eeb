"""Sends what waits on disk, oldest first, one request at a time, so that what comes now is not held up.

A request leaves the spool when each of its documents has its place, and then it is counted: who is killed before sends
all of it again, and its ids keep it from being stored twice.
"""

import time
from collections.abc import Callable

import gevent

from flowcoll.logs import Log
from flowcoll.output.account import Account
from flowcoll.output.bulk import Request
from flowcoll.output.courier import Courier
from flowcoll.output.disk import Disk, Waiting
from flowcoll.output.progress import Progress
from flowcoll.output.queue import Queue
from flowcoll.output.session import Session

_SHARE = 4  # while others wait: how long it rests, in times of what its last request took
_LONGEST_S, _SHORTEST_S = 10.0, 0.05
_STEP_S = 0.02


class _Held:
    """Holds the parts of a request from the spool; nothing of it can be put aside."""

    def __init__(self, shrink: Callable[[int], int]) -> None:
        self.parts: list[Request] = []
        self.shrink = shrink

    def keeps(self) -> bool:
        return False

    def put_aside(self, request: Request) -> None:
        self.parts.append(request)

    def split(self, _request: Request, parts: tuple[Request, Request]) -> None:
        self.parts.append(parts[1])

    def done(self, before: Request, after: Request | None = None) -> None:
        pass


class Replay:
    """Sends requests of the spool; `run` is a loop for a greenlet of its own."""

    def __init__(  # noqa: PLR0913, PLR0917  who takes part
        self, disk: Disk, queue: Queue, session: Session, courier: Courier, account: Account, log: Log
    ) -> None:
        self.account = account.apart()
        self._disk = disk
        self._queue = queue
        self._session = session
        self._courier = courier
        self._progress = Progress(account.name, log)
        self._took_s = 0.0
        self._pause_s = 0.0
        self._busy = 0

    @property
    def running(self) -> bool:
        """Whether requests of the spool are being sent now."""
        return self._progress.running and self._session.ready.is_set()

    @property
    def left_s(self) -> float | None:
        """How long it will take, as far as can be told."""
        return self._progress.left_s(self._disk.documents) if self.running else None

    def run(self) -> None:
        """Send what waits, for ever."""
        while True:
            self._disk.some.wait()
            self._session.ready.wait()
            waiting = self._disk.oldest()
            if waiting is None:  # all of it was damaged, or is just being added
                gevent.sleep(_STEP_S)
                continue
            self._progress.begin(self._disk.documents, self._disk.octets)
            self._give_way()
            began = time.monotonic()
            self._carry(waiting)
            self._took_s = time.monotonic() - began
            self._progress.did(waiting.request.documents, self._disk.documents)
            if not self._disk.documents:
                self._progress.end()

    def _carry(self, waiting: Waiting) -> None:
        held = _Held(self._queue.shrink)
        held.parts.append(waiting.request)
        try:
            while held.parts:
                self._courier.carry(self._courier.delivery(held.parts.pop(), held, self.account))
        except Exception:
            self.account.drop(waiting.request.documents - self.account.unsettled, "bug", "the collector failed")
            self._taken(waiting)
            raise
        except gevent.GreenletExit:
            self.account.forget()
            raise
        self._taken(waiting)

    def _taken(self, waiting: Waiting) -> None:
        """Count what became of a request, and give it up, in one go."""
        self.account.settle()
        self._disk.taken(waiting)

    def _give_way(self) -> None:
        """Let what comes now go first, but for a share; and rest the longer the more often Elasticsearch is busy."""
        if self._courier.busy == self._busy:
            self._pause_s = self._pause_s / 2 if self._pause_s > _SHORTEST_S else 0.0
        else:
            self._pause_s = min(max(2 * self._pause_s, 4 * _SHORTEST_S), _LONGEST_S)
        self._busy = self._courier.busy
        gevent.sleep(self._pause_s)
        until = time.monotonic() + min(_SHARE * self._took_s, _LONGEST_S)
        while self._queue.waiting and time.monotonic() < until:
            gevent.sleep(_STEP_S)
