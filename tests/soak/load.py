"""What exporters send, from a seed: sound and broken, in order and not, with their templates and before them.

Each sound exporter numbers what it sends as its protocol demands and knows how many flows it has sent, how many of its
datagrams and records were lost on their way. What the others send nobody answers for: it has to be counted, no more.
"""

import random
import struct
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from itertools import cycle
from typing import NamedTuple

from bench import flood
from bench.streams import PROTOCOLS, RECORDS, SAMPLES, stream
from bench.traffic import Flow, warm
from bench.world import World
from corpus import goldens
from spoiling import Mutator

_SEQUENCE_AT = {"netflow5": 16, "netflow9": 12, "ipfix": 8, "sflow": 16}
_SECONDS_AT = {"netflow5": 8, "netflow9": 8, "ipfix": 4}  # time of export; sFlow has none
_AGENT_AT = 8  # of sFlow, which says itself whose it is
_BY_RECORDS = frozenset({"netflow5", "ipfix"})  # whose sequence numbers count records
_COUNTED_AS = {"sflow": "sflow5"}
_TEMPLATES = frozenset({"netflow9", "ipfix"})
_DATAGRAMS = 40  # of data that an exporter sends over and over
_ANNOUNCE_EVERY = 60
_SPOILT = 300  # broken datagrams
_FLOODED = 400  # templates of a flood

SOUND, FLOODING, HIDDEN = "127.30.0", "127.31.0", "127.32.0"
"""Networks of the exporters that answer for what they sent."""

BROKEN = "127.66.0"
"""The network of those whose datagrams are spoilt."""

FORBIDDEN = "127.200.0"
"""The network that the collector is told not to listen to, and what it is told instead."""
ALLOWED = "127.0.0.0/9"


class Datagram(NamedTuple):
    """What one exporter sends. port: number of its socket, another one has another source port; flows: to be documented."""

    source: str
    port: int
    octets: bytes
    flows: int = 0


class Exporter:
    """One that sends by a protocol, for ever. missing: what its numbers say that nobody will receive."""

    def __init__(self, protocol: str, source: str, datagrams: Sequence[bytes]) -> None:
        self.protocol = protocol
        self.source = source
        self.missing = 0
        self.restarts = 0
        self._told = datagrams[0] if protocol in _TEMPLATES else b""
        self._data = cycle(datagrams[1:] if self._told else datagrams)
        self._flows = SAMPLES if protocol == "sflow" else RECORDS
        self._number = 0
        self._since = _ANNOUNCE_EVERY  # data datagrams since templates were announced

    @property
    def due(self) -> bool:
        """Whether it is time to announce templates."""
        return bool(self._told) and self._since >= _ANNOUNCE_EVERY

    @property
    def begun(self) -> bool:
        """Whether it has sent anything since it began."""
        return self._number > 0

    def announce(self) -> list[Datagram]:
        """Give its templates, where it has any."""
        self._since = 0
        return [self._numbered(self._told, 1, 0)] if self._told else []

    def data(self) -> Datagram:
        """Give the next datagram with flows."""
        self._since += 1
        return self._numbered(next(self._data), self._flows, self._flows)

    def swallow(self) -> None:
        """Lose a datagram on the way."""
        self.data()
        self.missing += self._flows if self.protocol in _BY_RECORDS else 1

    def restart(self) -> None:
        """Begin anew, from another port, without telling its templates at once."""
        self.restarts += 1
        self._number = 0

    def _numbered(self, octets: bytes, records: int, flows: int) -> Datagram:
        made = bytearray(octets)
        struct.pack_into(">I", made, _SEQUENCE_AT[self.protocol], self._number)
        if at := _SECONDS_AT.get(self.protocol):
            struct.pack_into(">I", made, at, int(time.time()))
        else:
            made[_AGENT_AT : _AGENT_AT + 4] = ip_address(self.source).packed
        self._number += records if self.protocol in _BY_RECORDS else 1
        return Datagram(self.source, self.restarts, bytes(made), flows)


class Sent(NamedTuple):
    """What was sent so far: datagrams of each kind, flows of each exporter that answers for them."""

    datagrams: Counter[str]
    flows: Counter[str]


class Load:
    """All exporters together; `next` gives what is to be sent now, and counts it as sent.

    calm: sound exporters alone, none restarts, templates come first: the collector can tell exactly what is missing.
    """

    def __init__(self, seed: int, exporters: int, *, calm: bool = False) -> None:
        self.rng = random.Random(seed)
        self.sent = Sent(Counter(), Counter())
        self.calm = calm
        flows = warm(World(pool_size=2_000, networks=150))
        self.exporters = [self._exporter(number, flows) for number in range(exporters)]
        self._captures = cycle([payload for golden in goldens() for payload in golden.payloads])
        self._broken = self._some_spoilt(seed)
        self._held: deque[Datagram] = deque()  # what others are to overtake
        self._floods = 0
        self._kinds: dict[str, tuple[int, Callable[[], Iterator[Datagram]]]] = {
            "flows": (60, self._data),
            "captures": (15, self._capture),
            "spoilt": (10, self._spoilt),
            "forbidden": (3, self._forbidden),
        }

    @property
    def missing(self) -> Counter[str]:
        """Protocol -> what sequence numbers say that was lost on the way, sent by exporters that never restarted."""
        missing: Counter[str] = Counter()
        for exporter in self.exporters:
            missing[_COUNTED_AS.get(exporter.protocol, exporter.protocol)] += exporter.missing
        return missing

    def next(self) -> list[Datagram]:
        """Give the next datagrams, mostly one."""
        kinds = list(self._kinds)
        if self.calm:
            kinds = ["flows"]
        (kind,) = self.rng.choices(kinds, [self._kinds[each][0] for each in kinds])
        return self._counted(kind, self._kinds[kind][1]())

    def announced(self) -> list[Datagram]:
        """Give what was held back, and the templates of everybody: what waits for them is read."""
        held, self._held = self._held, deque()
        return self._counted("flows", [*held, *(each for exporter in self.exporters for each in exporter.announce())])

    def last(self) -> list[Datagram]:
        """Give one more datagram of every exporter: what was lost before it shows in its number."""
        return self._counted("flows", [exporter.data() for exporter in self.exporters])

    def flood(self, templates: int = _FLOODED) -> list[Datagram]:
        """Give a flood of templates, each with flows, from one of two exporters."""
        self._floods += 1
        source = f"{FLOODING}.{self._floods % 2 + 1}"
        datagrams = flood.datagrams(templates, one_exporter=True)
        return self._counted("floods", [Datagram(source, 0, octets, flood.RECORDS) for octets in datagrams])

    def hidden(self) -> list[Datagram]:
        """Give flows of exporters whose templates nobody ever hears."""
        exporter = self.rng.choice([each for each in self.exporters if each.protocol in _TEMPLATES])
        octets = exporter.data().octets
        exporter.missing += RECORDS if exporter.protocol in _BY_RECORDS else 1
        return self._counted("hidden", [Datagram(f"{HIDDEN}.{self.rng.randint(1, 20)}", 0, octets)])

    def _counted(self, kind: str, datagrams: Iterator[Datagram] | list[Datagram]) -> list[Datagram]:
        found = list(datagrams)
        self.sent.datagrams[kind] += len(found)
        for each in found:
            if each.flows:
                self.sent.flows[each.source] += each.flows
        return found

    def _exporter(self, number: int, flows: Iterator[Flow]) -> Exporter:
        protocol = PROTOCOLS[number % len(PROTOCOLS)]
        per_datagram = SAMPLES if protocol == "sflow" else RECORDS
        made = stream(protocol, flows, _DATAGRAMS * per_datagram, int(time.time()))
        return Exporter(protocol, f"{SOUND}.{number + 1}", made.datagrams)

    def _data(self) -> Iterator[Datagram]:
        rng = self.rng
        exporter = rng.choice(self.exporters)
        if exporter.due and (self.calm or rng.random() < 0.3):  # else data come before their templates
            yield from exporter.announce()
        what = rng.choices(("straight", "swallowed", "late", "twice", "restart"), (90, 3, 3, 2, 1))[0]
        if self.calm and (what == "restart" or not exporter.begun):
            what = "straight"
        match what:
            case "swallowed":
                exporter.swallow()
            case "late":
                self._held.append(exporter.data())
            case "twice":
                once = exporter.data()
                yield from (once, once)
            case "restart":
                exporter.restart()
                yield exporter.data()
            case _:
                yield exporter.data()
        if self._held and rng.random() < 0.2:
            yield self._held.popleft()

    def _capture(self) -> Iterator[Datagram]:
        payload = next(self._captures)
        yield Datagram(payload.source, payload.source_port, payload.octets)

    def _some_spoilt(self, seed: int) -> list[Datagram]:
        """Make broken datagrams, as many as a collector may remember the templates of, each from a case's own address."""
        cases = goldens()
        mutator = Mutator(str(seed), [case.payloads[-1].octets for case in cases])
        made = []
        for _ in range(_SPOILT):
            number = self.rng.randrange(len(cases))
            octets = self.rng.choice(cases[number].payloads).octets
            spoilt = octets if self.rng.random() < 0.2 else mutator.spoil(octets)
            made.append(Datagram(f"{BROKEN}.{number + 1}", 0, spoilt))
        return made

    def _spoilt(self) -> Iterator[Datagram]:
        yield self.rng.choice(self._broken)

    def _forbidden(self) -> Iterator[Datagram]:
        yield Datagram(f"{FORBIDDEN}.{self.rng.randint(1, 20)}", 0, next(self._captures).octets)
