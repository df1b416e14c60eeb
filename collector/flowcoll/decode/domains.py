"""Who has exported: for each domain of each exporter how much came, when, by which clock, and what is missing.

A domain is an engine of NetFlow v5, a source id of NetFlow v9, an observation domain of IPFIX, a sub-agent of sFlow.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from flowcoll.counters import Counts
from flowcoll.decode.context import Context
from flowcoll.decode.sequence import Sequence, Way

Key = tuple[tuple[str, int], str, object]
"""Exporter's address and port, protocol, domain; that of IPFIX is 2**32 more, that of sFlow has the agent with it."""

WINDOW_MS = 5_000  # rates are of this window and the one before
SKEW_MS = 60_000  # the clock is judged by the quickest datagram of this window and the one before
SILENT_MS = 60_000  # who has sent nothing for so long has no rate
_NEVER = 1 << 62
_WAYS = {"netflow9": Way.DATAGRAMS, "sflow5": Way.DATAGRAMS}


class Rates(NamedTuple):
    """What came in a second, of late."""

    datagrams: float = 0.0
    flows: float = 0.0
    octets: float = 0.0


class Domain(Sequence):
    """One domain as one port of its exporter sends it, with its sequence; times are ms since 1970.

    options: records that are no flows. rate: the sampling interval that its last datagram said, 0 if it said none.
    """

    __slots__ = (
        "_before",
        "_clock_since",
        "_counted",
        "_lower",
        "_since",
        "datagrams",
        "due",
        "first",
        "flows",
        "last",
        "low",
        "octets",
        "options",
        "rate",
    )

    def __init__(self, way: Way, now: int) -> None:
        super().__init__(way)
        self.first = self.last = self._clock_since = now
        self.datagrams = self.flows = self.options = self.octets = self.rate = 0
        self.low = self._lower = _NEVER
        self._before = self._since = (now, 0, 0, 0)
        self._counted = (0, 0, 0)
        self.due = now + WINDOW_MS

    def turn(self, now: int) -> None:
        """Begin a new window, since the last one is over."""
        self._before = self._since
        self._since = (now, self.datagrams, self.flows, self.octets)
        self.due = now + WINDOW_MS
        if now - self._clock_since >= SKEW_MS:
            self._lower, self.low = self.low, _NEVER
            self._clock_since = now

    def rates(self, now: int) -> Rates:
        """Give the rates of about the last ten seconds; of who sends seldom, since the datagram before the last."""
        since, datagrams, flows, octets = self._before
        if self.due > now + WINDOW_MS:  # the clock was set back
            self.turn(now)
        if not since <= now <= self.last + SILENT_MS:
            return Rates()
        seconds = max(now - since, 1000) / 1000
        return Rates(
            (self.datagrams - datagrams) / seconds, (self.flows - flows) / seconds, (self.octets - octets) / seconds
        )

    def skew(self) -> int | None:
        """How far the exporter's clock is ahead of ours, in ms; None when its datagrams carry no time."""
        low = min(self.low, self._lower)
        return None if low == _NEVER else -low

    def missed(self) -> tuple[int, int, int]:
        """Give how much more is lost, was repeated and began anew than at the last call; found again is less than 0."""
        numbers, before = self.numbers, self._counted
        self._counted = numbers.lost, numbers.repeated, numbers.restarts
        return numbers.lost - before[0], numbers.repeated - before[1], numbers.restarts - before[2]


class Domains:
    """Every domain that sends; bounded, the one silent longest goes. What is missing adds to `sequence.*` by protocol.

    Each port of an exporter has its own: it is another process, or the one that was started anew (RFC 7011 section 3.1).
    """

    def __init__(self, counts: Counts, limit: int = 65_536) -> None:
        self._counts = counts
        self._limit = limit
        self._known: OrderedDict[Key, Domain] = OrderedDict()

    def heard(  # noqa: PLR0913, PLR0917  once a datagram: an object for these would cost more than what is done here
        self,
        protocol: str,
        exporter: tuple[str, int],
        domain: object,
        number: int,
        records: int | None,
        flows: int,
        octets: int,
        context: Context,
    ) -> Domain:
        """Take note of a datagram with its sequence number; `records` is None where they could not be told."""
        key = (exporter, protocol, domain)
        found = self._known.get(key)
        now = context.now
        if found is None:
            found = self._known[key] = Domain(_WAYS.get(protocol, Way.RECORDS), now)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
            found.last = now
        found.datagrams += 1
        found.flows += flows
        found.octets += octets
        if records != flows and records is not None:
            found.options += records - flows
        delay = now - context.export
        if delay < found.low:  # noqa: PLR1730  a call costs more
            found.low = delay
        if now >= found.due:
            found.turn(now)
        if not found.saw(number, records):
            self._count(protocol, found)
        return found

    def late(self, protocol: str, exporter: tuple[str, int], domain: object, flows: int) -> None:
        """Take note of flows that a datagram had which was heard before, and whose template came only now."""
        found = self._known.get((exporter, protocol, domain))
        if found is not None:  # it may have been heard before the start
            found.flows += flows

    def _count(self, protocol: str, found: Domain) -> None:
        lost, repeated, restarts = found.missed()
        self._counts.add(f"sequence.lost.{protocol}", max(lost, 0))
        self._counts.add(f"sequence.found.{protocol}", max(-lost, 0))
        self._counts.add(f"sequence.repeated.{protocol}", max(repeated, 0))
        self._counts.add(f"sequence.restarts.{protocol}", max(restarts, 0))

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[tuple[Key, Domain]]:
        """Give exporter, protocol and domain of each, and the domain; those heard last come last."""
        return iter(self._known.items())
