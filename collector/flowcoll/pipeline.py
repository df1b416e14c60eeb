"""The way of a datagram: octets in, finished documents out; whatever is lost on it is counted on it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.decode.context import Budget, Contexts
from flowcoll.decode.elements import Elements
from flowcoll.decode.ipfix import Ipfix
from flowcoll.decode.memory import Memory
from flowcoll.decode.netflow9 import NetFlow9
from flowcoll.decode.netflow_fixed import NetFlow5
from flowcoll.decode.sequence import Sequences
from flowcoll.decode.sets import SetReader
from flowcoll.decode.sflow import SFlow5
from flowcoll.decode.store import Bodies, TemplateStore
from flowcoll.decode.waiting import Waiting
from flowcoll.document import fields as table
from flowcoll.document.compiler import Compiler
from flowcoll.document.derive import derived
from flowcoll.document.fields import EVERYTHING, Wanted
from flowcoll.document.fragment import Paths
from flowcoll.document.layout import Shape
from flowcoll.document.render import shaped, shared
from flowcoll.enrich.address import Addresses, Kept
from flowcoll.enrich.geoip import Asn, GeoIP
from flowcoll.errors import DecodeError
from flowcoll.logs import Log
from flowcoll.threat.lists import Lists

_SHORTEST = 4  # octets that tell the protocol


class Pipeline:
    """Decodes datagrams and writes documents; options that cannot work raise ConfigError here, at the start.

    `handle` carries one datagram all the way and does not raise on any input; `take` gives what it made.
    """

    def __init__(self, options: Options, counts: Counts, log: Log, wanted: Iterable[Wanted] = (EVERYTHING,)) -> None:
        self.counts = counts
        self._log = log
        self._documents: dict[Wanted, list[str]] = {each: [] for each in wanted}
        self._first = next(iter(self._documents.values()))
        self._outs = tuple(documents.append for documents in self._documents.values())
        self._limit: int = options["EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET"]
        self.lists = Lists.load(options.threat_lists)
        self._providers = _providers(options, counts)
        self._addresses: list[Addresses] = []
        self.memory = Memory(Bodies(Elements()), TemplateStore(counts), Waiting(counts))
        self.namespace: dict[str, Any] = {}
        self._compiler = self._compile(options)
        contexts, sequences = Contexts(), Sequences(counts)

        def reader(protocol: str) -> SetReader:
            return SetReader(protocol, self.memory, self._compiler, sequences, counts)

        flows = options["EF_PROCESSOR_DECODE_SFLOW_FLOWS_ENABLE"]
        self._protocols: dict[int, Any] = {
            5: NetFlow5(self._compiler, contexts, sequences, counts),
            9: NetFlow9(reader("netflow9"), contexts, counts),
            10: Ipfix(reader("ipfix"), contexts, counts),
            0: SFlow5(self._compiler, contexts, sequences, counts, flows=flows),  # its version has 32 bits
        }
        names = {5: "NETFLOW5", 9: "NETFLOW9", 10: "IPFIX", 0: "SFLOW5"}
        self._off = {n for n, name in names.items() if not options[f"EF_PROCESSOR_DECODE_{name}_ENABLE"]}

    def _compile(self, options: Options) -> Compiler:
        for_all = "EF_PROCESSOR_DROP_FIELDS"
        every = table.load()
        fields = set(table.keep(every, options[for_all], for_all))
        kept_by = [
            tuple(field for field in table.keep(every, each.drop, each.option) if field in fields)
            for each in self._documents
        ]
        common = shared(options)
        paths = [Paths(field.path for field in some) for some in kept_by]
        spaces: dict[Paths, dict[str, Any]] = {}  # outputs that keep the same fields share what is rendered
        for kept in paths:
            if kept not in spaces:
                roles = self._roles(kept, options)
                spaces[kept] = shaped(kept, common, roles, self.lists)
        self.namespace = next(iter(spaces.values()))
        return Compiler(
            [Shape(some, each.timestamp, each.namespace) for some, each in zip(kept_by, self._documents, strict=True)],
            derived(options),
            [spaces[kept] for kept in paths],
        )

    def _roles(self, kept: Paths, options: Options) -> dict[str, Addresses]:
        """Give the addresses as source and as destination show them: one cache where both keep the same facts."""
        limit: int = options["EF_PROCESSOR_ENRICH_IPADDR_CACHE_SIZE"]
        flow_first = options["EF_PROCESSOR_ENRICH_ASN_PREF"] == "flow"
        client, server = kept.below("client"), kept.below("server")
        caches: dict[Kept, Addresses] = {}
        roles = {}
        for role in ("source", "destination"):
            each = Kept(kept.below(role), client, server)
            if each not in caches:
                caches[each] = Addresses(
                    self._providers.values(), self.lists.listed, each, limit, flow_first=flow_first
                )
            roles[role] = caches[each]
        self._addresses += caches.values()
        for cache in caches.values():
            self.lists.on_change(cache.forget)
        return roles

    def handle(self, octets: bytes, exporter: tuple[str, int], now_ms: int) -> None:
        """Carry one datagram all the way."""
        counts = self.counts
        counts["datagrams.received"] += 1
        counts["octets.received"] += len(octets)
        before = len(self._first)
        try:
            for rows, compiled, context in self._sets(octets, exporter, now_ms):
                compiled.write(rows, self._outs, context)
        except DecodeError as refused:
            counts.add(f"datagrams.refused.{refused.reason}")
        counts["documents.written"] += len(self._first) - before

    def _sets(self, octets: bytes, exporter: tuple[str, int], now_ms: int) -> Iterator[Any]:
        if len(octets) < _SHORTEST:
            raise DecodeError("too_short")
        version = octets[0] << 8 | octets[1]
        protocol = self._protocols.get(version)
        if protocol is None:
            raise DecodeError("unknown_version")
        if version in self._off:
            raise DecodeError("protocol_off")
        sets: Iterator[Any] = protocol.sets(octets, exporter, now_ms, Budget(self._limit))
        return sets

    def finish(self) -> None:
        """Give up what still waits for its template, since no datagram will follow."""
        self.memory.waiting.give_up_all()

    def take(self, wanted: Wanted | None = None) -> list[str]:
        """Give the finished documents of a shape, the first if none is named, and forget them."""
        held = self._first if wanted is None else self._documents[wanted]
        documents = held[:]
        held.clear()
        return documents

    def gauges(self) -> dict[str, float]:
        """Give what is in memory now, by metric name."""
        return {
            "templates": len(self.memory.store),
            "addresses": sum(len(a) for a in self._addresses),
            "sets_waiting": len(self.memory.waiting),
            "sets_waiting_bytes": self.memory.waiting.octets,
        }

    def states(self) -> dict[str, dict[str, Any]]:
        """Give the state of each enricher and list."""
        return {**{name: {"state": "on"} for name in self._providers}, **self.lists.states()}

    def explain(self) -> Iterator[tuple[str, str]]:
        """Give title and source of every template that data has used."""
        for template in self._compiler.latest():
            numbers = " ".join(map(str, self.memory.store.numbers(template)))
            title = [f"{template.protocol} template {numbers}" if numbers else template.protocol]
            title.append(f"{len(template.columns)} fields")
            if not template.ready:
                title.append(f"{template.size} octets{' and more' if template.variable else ''}")
            yield ", ".join(title), self._compiler.source(template)


def _providers(options: Options, counts: Counts) -> dict[str, Any]:
    """Open the databases that the options ask for."""
    geoip, asn = (f"EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_{name}" for name in ("GEOIP", "ASN"))
    providers: dict[str, Any] = {}

    def failed(name: str) -> Callable[[], None]:
        return lambda: counts.add(f"lookups.failed.{name}")

    if options[f"{geoip}_ENABLE"]:
        providers["maxmind_geoip"] = GeoIP(
            f"{geoip}_PATH",
            options[f"{geoip}_PATH"],
            failed("maxmind_geoip"),
            values=options[f"{geoip}_VALUES"],
            language=options[f"{geoip}_LANG"],
        )
    if options[f"{asn}_ENABLE"]:
        providers["maxmind_asn"] = Asn(f"{asn}_PATH", options[f"{asn}_PATH"], failed("maxmind_asn"))
    return providers
