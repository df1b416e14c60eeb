"""What waits on disk for an output: the spool of this worker, and spools that no worker has any more.

Files are read and written by one thread, in the order in which it was asked to: a slow disk holds up nobody else. What
the thread has done is counted here, in the hub, where the counters belong together at any time:

    documents that were found + spooled = replayed + dropped as damaged + waiting here + left at the end
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import gevent
from gevent.event import Event
from gevent.threadpool import ThreadPool

from flowcoll.errors import SetupError
from flowcoll.logs import Log
from flowcoll.member import Member
from flowcoll.output.account import Account
from flowcoll.output.bulk import Request
from flowcoll.output.envelope import opened, sealed
from flowcoll.output.spool import FULL, Record, Spool

T = TypeVar("T")

_LOOK_S = 10.0  # from looking for spools that nobody has to the next time
_SYNC_S = 5.0
_AGAIN_S = 1.0  # until a disk that was full is tried again
_CLOSE_S = 10.0


class Place(NamedTuple):
    """Where spools of an output are, for which worker, and how many octets all of them may have together."""

    folder: Path
    member: Member
    limit: int


class Waiting(NamedTuple):
    """The oldest request, in which spool it is, and where there."""

    request: Request
    spool: int
    record: Record


class _State(NamedTuple):
    done: int
    octets: int
    lost_documents: int
    lost_octets: int


class Disk:
    """Spools below a folder, each in one that is named by a worker's number; nothing here raises.

    With a limit of 0 what is there is given out, and nothing is taken.

    documents, octets: what waits
    some: set while something does
    trouble: reason for the counter, and words, while nothing can be taken
    """

    def __init__(self, place: Place, account: Account, log: Log) -> None:
        self.documents = 0
        self.some = Event()
        self.trouble: tuple[str, str] | None = None
        self._folder, self._member, limit = place
        self._limit = limit // self._member.of
        self._account = account
        self._log = log
        self._spools: dict[int, Spool] = {}
        self._states: dict[int, _State] = {}
        self._thread = ThreadPool(1)
        self._opened: dict[int, Spool] = {}  # the thread's
        self._done = 0  # the thread's: how often it has done something
        self._again_at = 0.0
        self._closed = False

    @property
    def octets(self) -> int:
        """Octets that wait."""
        return sum(state.octets for state in self._states.values())

    @property
    def there(self) -> bool:
        """Whether there is a spool to write to."""
        return self._limit > 0 and self._member.number in self._spools

    def takes(self) -> bool:
        """Whether it took the last request."""
        return self.there and self.trouble is None

    def may_take(self) -> bool:
        """Whether it is worth trying to have a request taken."""
        return self.there and (self.trouble is None or time.monotonic() >= self._again_at)

    def tend(self) -> None:
        """Open spools, and have what was added reach the disk: a loop for a greenlet of its own."""
        look_at = 0.0
        while True:
            if time.monotonic() >= look_at:
                self.open()
                look_at = time.monotonic() + _LOOK_S
            gevent.sleep(_SYNC_S)
            if (own := self._spools.get(self._member.number)) is not None:
                self._do(self._member.number, own.sync)

    def open(self) -> None:
        """Open the own spool, and those that are this worker's to send, as far as nobody else has them."""
        for number in self._thread.apply(self._mine):
            if number not in self._spools and not self._closed:
                self._open(number)

    def add(self, request: Request) -> bool:
        """Take a request; else `trouble` says why not."""
        number = self._member.number
        own = self._spools.get(number)
        if own is None:
            return False
        others = sum(state.octets for each, state in self._states.items() if each != number)

        def add() -> str:
            own.limit = self._limit - others
            return own.add(sealed(request), request.documents)

        why = self._do(number, add)
        if why:
            self._again_at = time.monotonic() + _AGAIN_S
            if self.trouble is None:
                self._log.limited(f"spool.{self._account.name}", 60).warn(
                    "documents cannot go to the spool now; they stay in memory as long as they fit",
                    output=self._account.name,
                    reason=why,
                )
            self.trouble = ("spool_full" if why is FULL else "spool_failed"), why
            return False
        self.trouble = None
        self.documents += request.documents
        self._account.spooled(request.documents)
        self.some.set()
        return True

    def oldest(self) -> Waiting | None:
        """Give the oldest request, the same until it was taken; of spools that nobody has any more first."""
        own = self._member.number
        for number in sorted(self._spools, key=lambda number: (number == own, number)):
            record = self._do(number, self._spools[number].oldest)
            if record is not None:
                return Waiting(opened(record.body, record.documents), number, record)
            if number != own:
                self._give_up(number)
        if not self.documents:  # else something was added meanwhile
            self.some.clear()
        return None

    def taken(self, waiting: Waiting) -> None:
        """Give up the oldest request, since each of its documents has its place."""
        self.documents -= waiting.request.documents
        self._account.replayed(waiting.request.documents)
        self._do(waiting.spool, lambda: self._spools[waiting.spool].taken(waiting.record))

    def close(self) -> None:
        """Have the disk hold what waits, and count it as left."""
        self._closed = True
        self._account.left(self.documents)
        self.documents = 0
        self._spools.clear()
        self._states.clear()

        def close() -> None:
            while self._opened:
                self._opened.popitem()[1].close()

        with gevent.Timeout(_CLOSE_S, False):  # a disk that hangs
            self._thread.apply(close)
            self._thread.kill()

    def _mine(self) -> list[int]:
        """Give the numbers of spools that are this worker's to send."""
        number, of = self._member
        try:
            there = [int(path.name) for path in self._folder.iterdir() if path.name.isdigit()]
        except OSError:
            there = []
        own = [number] if self._limit > 0 or number in there else []
        return own + sorted(each for each in there if each >= of and each % of == number)

    def _open(self, number: int) -> None:
        limit = self._limit if number == self._member.number else 0

        def make() -> tuple[Spool, int, _State] | str:
            try:
                spool = self._opened.get(number) or Spool(self._folder / str(number), limit)
            except SetupError as exc:
                return str(exc)
            self._opened[number] = spool
            return spool, spool.documents, self._state(spool)

        made = self._thread.apply(make)
        if isinstance(made, str):
            self._log.limited(f"spool.{self._account.name}.{number}", 3600).warn(
                "a spool cannot be used now; it is tried again", output=self._account.name, reason=made
            )
            return
        spool, documents, state = made
        self._spools[number] = spool
        self._states[number] = _State(0, 0, 0, 0)
        self.documents += documents
        self._account.found(documents)
        self._note(number, state)
        if documents:
            self._log.info(
                "documents wait on disk from an earlier run",
                output=self._account.name,
                folder=str(self._folder / str(number)),
                documents=documents,
                octets=state.octets,
            )
            self.some.set()
        elif number != self._member.number:
            self._give_up(number)

    def _give_up(self, number: int) -> None:
        """Remove a spool that is empty and that nobody will write to."""
        del self._spools[number], self._states[number]
        self._thread.spawn(lambda: self._opened.pop(number).remove())

    def _do(self, number: int, work: Callable[[], T]) -> T:
        """Have something done with a spool, and note how it is then."""
        spool = self._spools[number]

        def do() -> tuple[T, _State]:
            result = work()
            return result, self._state(spool)

        result, state = self._thread.apply(do)
        if number in self._states:
            self._note(number, state)
        return result  # type: ignore[no-any-return]

    def _note(self, number: int, state: _State) -> None:
        before = self._states[number]
        if state.done < before.done:
            return  # another greenlet has been told of what came later
        lost = state.lost_documents - before.lost_documents
        self.documents -= lost
        self._states[number] = state
        self._account.damaged(lost, state.lost_octets - before.lost_octets)

    def _state(self, spool: Spool) -> _State:
        self._done += 1
        return _State(self._done, spool.octets, spool.lost_documents, spool.lost_octets)
