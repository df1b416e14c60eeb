"""Data sets that came before their template wait here for it, in bounded memory and for a bounded time."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from flowcoll.counters import Counts
from flowcoll.decode.context import Budget

LIMIT = 16 * 1024 * 1024
LONGEST_MS = 30 * 60 * 1000  # the longest interval at which exporters are known to repeat templates by default
_SET = 512  # octets that Python needs for a set besides its body,
_QUEUE = 1024  # for the first of a template, and for the first of an exporter
_ADDRESS_SHARE = 4  # an address may fill this part of the buffer,
_TEMPLATE_SHARE = 16  # the sets of one template this part: what comes out at once is not more than the loop can bear

GIVEN_UP = ("no_template", "template_refused", "template_withdrawn", "waiting_full", "worker_died")
"""Why sets are given up that have waited: `sets.refused.<reason>`. Sets that never waited have other reasons."""


class WaitingSet(NamedTuple):
    """A data set without its header: who sent it, the times of its datagram (`Context.at`), and what that may give."""

    port: int
    domain: int
    number: int
    times: tuple[int, int, int]
    budget: Budget
    body: bytes


class _Exporter:
    """What waits of one address: by domain and template id, the one that had nothing new for longest first."""

    __slots__ = ("octets", "queues")

    def __init__(self) -> None:
        self.octets = 0
        self.queues: OrderedDict[tuple[int, int], _Queue] = OrderedDict()


class _Queue(deque[WaitingSet]):
    """What waits for one template, the oldest first."""

    octets = 0


class Waiting:
    """The sets that wait; those that are given up count as `sets.refused.<reason>`.

    read: to be called when templates were restored; reads the sets whose template is known by now.

    Every set counted in `sets.waited` waits still, or is counted in `sets.read_late`, or was given up. Who sends too
    much loses his own oldest; when many send too much together, who has been silent longest does.
    """

    def __init__(self, counts: Counts, limit: int = LIMIT, longest_ms: int = LONGEST_MS) -> None:
        self._counts = counts
        self._limit = limit
        self._longest_ms = longest_ms
        self._exporters: OrderedDict[str, _Exporter] = OrderedDict()
        self._sets = 0
        self._oldest = 0  # nothing that waits came before this, in ms since 1970
        self.octets = 0
        self.read: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return self._sets

    def add(self, address: str, one: WaitingSet) -> None:
        """Let a set wait; others may have to go for it."""
        self._counts.add("sets.waited")
        self._oldest = min(self._oldest, one.times[0]) if self._sets else one.times[0]
        key = one.domain, one.number
        exporter, queue = self._places(address, key)
        queue.append(one)
        self._sets += 1
        self._account(exporter, queue, len(one.body) + _SET)
        self._expire(address, key, one.times[0])
        while queue.octets > self._limit // _TEMPLATE_SHARE:
            self._give_up(address, key, "waiting_full")
        while exporter.octets > self._limit // _ADDRESS_SHARE:
            self._give_up(address, next(iter(exporter.queues)), "waiting_full")
        while self.octets > self._limit:
            address, exporter = next(iter(self._exporters.items()))
            self._give_up(address, next(iter(exporter.queues)), "waiting_full")

    def claim(self, address: str, domain: int, number: int, now_ms: int) -> Iterator[WaitingSet]:
        """Give the sets that wait for a template, whichever port of its exporter sent them, the oldest first.

        Each leaves the buffer when the next step takes it.
        """
        exporter = self._exporters.get(address)
        if exporter is None:
            return
        self._expire(address, (domain, number), now_ms)
        while exporter.queues.get((domain, number)):
            self._counts.add("sets.read_late")
            yield self._take(address, (domain, number))

    def give_up(self, exporter: tuple[str, int], domain: int, number: int | None, reason: str) -> None:
        """Give up what one port sent for one template, or for every template of a domain."""
        address, port = exporter
        known = self._exporters.get(address)
        if known is None:
            return
        for key in [key for key in known.queues if key[0] == domain and number in (None, key[1])]:
            queue = known.queues[key]
            for _ in range(len(queue)):
                one = queue.popleft()
                if one.port == port:
                    self._sets -= 1
                    self._account(known, queue, -len(one.body) - _SET)
                    self._counts.add(f"sets.refused.{reason}")
                else:
                    queue.append(one)
            self._drop_empty(address, key)

    def give_up_all(self) -> None:
        """Give up what still waits, since nothing will follow."""
        self._counts.add("sets.refused.no_template", self._sets)
        self._exporters.clear()
        self._sets = self.octets = 0

    def expire(self, now_ms: int) -> None:
        """Give up what has waited too long."""
        if now_ms - self._oldest <= self._longest_ms:
            return
        for address, exporter in list(self._exporters.items()):
            for key in list(exporter.queues):
                self._expire(address, key, now_ms)
        every = (queue for exporter in self._exporters.values() for queue in exporter.queues.values())
        self._oldest = min((queue[0].times[0] for queue in every), default=now_ms)

    def addresses(self) -> list[str]:
        """Give the exporters of which something waits."""
        return list(self._exporters)

    def templates(self, address: str) -> list[tuple[int, int]]:
        """Give domain and id of each template that something of an exporter waits for."""
        exporter = self._exporters.get(address)
        return list(exporter.queues) if exporter else []

    def of(self, address: str) -> list[WaitingSet]:
        """Give what waits of an exporter, in its order for each template."""
        exporter = self._exporters.get(address)
        return [one for queue in exporter.queues.values() for one in queue] if exporter else []

    def _expire(self, address: str, key: tuple[int, int], now_ms: int) -> None:
        queue = self._exporters[address].queues.get(key)
        while queue and now_ms - queue[0].times[0] > self._longest_ms:
            self._give_up(address, key, "no_template")

    def _give_up(self, address: str, key: tuple[int, int], reason: str) -> None:
        self._take(address, key)
        self._counts.add(f"sets.refused.{reason}")

    def _take(self, address: str, key: tuple[int, int]) -> WaitingSet:
        exporter = self._exporters[address]
        queue = exporter.queues[key]
        one = queue.popleft()
        self._sets -= 1
        self._account(exporter, queue, -len(one.body) - _SET)
        self._drop_empty(address, key)
        return one

    def _places(self, address: str, key: tuple[int, int]) -> tuple[_Exporter, _Queue]:
        """Give where an exporter's sets for a template wait; both are now those that were used last."""
        exporter = self._exporters.get(address)
        if exporter is None:
            exporter = self._exporters[address] = _Exporter()
            self.octets += _QUEUE
        self._exporters.move_to_end(address)
        queue = exporter.queues.get(key)
        if queue is None:
            queue = exporter.queues[key] = _Queue()
            self._account(exporter, queue, _QUEUE)
        exporter.queues.move_to_end(key)
        return exporter, queue

    def _account(self, exporter: _Exporter, queue: _Queue, octets: int) -> None:
        queue.octets += octets
        exporter.octets += octets
        self.octets += octets

    def _drop_empty(self, address: str, key: tuple[int, int]) -> None:
        exporter = self._exporters[address]
        if not exporter.queues[key]:
            self._account(exporter, exporter.queues.pop(key), -_QUEUE)
            if not exporter.queues:
                del self._exporters[address]
                self.octets -= _QUEUE
