"""The way of a datagram: octets in, finished documents out; whatever is lost on it is counted on it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.decode.context import Budget, Contexts
from flowcoll.decode.domains import Domains
from flowcoll.decode.elements import Elements
from flowcoll.decode.facts import Facts
from flowcoll.decode.ipfix import Ipfix
from flowcoll.decode.memory import Memory
from flowcoll.decode.netflow9 import NetFlow9
from flowcoll.decode.netflow_fixed import NetFlow5
from flowcoll.decode.sets import SetReader
from flowcoll.decode.sflow import SFlow5
from flowcoll.decode.store import Bodies, TemplateStore
from flowcoll.decode.waiting import Waiting
from flowcoll.document import fields as table
from flowcoll.document.compiler import Compiler
from flowcoll.document.derive import derived
from flowcoll.document.fields import EVERYTHING, Asked, Wanted
from flowcoll.document.fragment import Paths
from flowcoll.document.layout import Shape
from flowcoll.document.records import RecordShape
from flowcoll.document.render import shaped, shared
from flowcoll.enrich.address import Addresses, Kept
from flowcoll.enrich.files import Files
from flowcoll.errors import DecodeError
from flowcoll.exporters import rows as exporters
from flowcoll.logs import Log
from flowcoll.threat.hits.gathered import Gathered
from flowcoll.threat.reading.unwrap import Pause, at_once

_SHORTEST = 4  # octets that tell the protocol


class Pipeline:
    """Decodes datagrams and writes documents; options that cannot work raise ConfigError here, at the start.

    `handle` carries one datagram all the way and does not raise on any input; `take` gives what it made.
    """

    def __init__(self, options: Options, counts: Counts, log: Log, wanted: Iterable[Asked] = (EVERYTHING,)) -> None:
        self.counts = counts
        self._log = log
        self._documents: dict[Asked, list[Any]] = {each: [] for each in wanted}
        self._first = next(iter(self._documents.values()))
        self._outs = tuple(documents.append for documents in self._documents.values())
        self._limit: int = options["EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET"]
        self._files = Files(options, counts, log)
        self.lists = self._files.lists
        self.users = self._files.users
        self.gathered = Gathered(self.lists.naming, counts)
        self.lists.on_change(self.gathered.forget)
        self._addresses: list[Addresses] = []
        self._watched: dict[str, Callable[[], Mapping[str, Any]]] = {}
        facts = Facts(counts, options["EF_PROCESSOR_ENRICH_SAMPLERATE_CACHE_SIZE"])
        self.memory = Memory(Bodies(Elements()), TemplateStore(counts), Waiting(counts), facts)
        self.namespace: dict[str, Any] = {}
        self._compiler = self._compile(options)
        contexts = Contexts()
        self._domains = Domains(counts)

        def reader(protocol: str) -> SetReader:
            return SetReader(protocol, self.memory, self._compiler, self._domains, counts)

        flows = options["EF_PROCESSOR_DECODE_SFLOW_FLOWS_ENABLE"]
        self._protocols: dict[int, Any] = {
            5: NetFlow5(self._compiler, contexts, self._domains, counts),
            9: NetFlow9(reader("netflow9"), contexts, counts),
            10: Ipfix(reader("ipfix"), contexts, counts),
            0: SFlow5(self._compiler, contexts, self._domains, counts, flows=flows),  # its version has 32 bits
        }
        names = {5: "NETFLOW5", 9: "NETFLOW9", 10: "IPFIX", 0: "SFLOW5"}
        self._off = {n for n, name in names.items() if not options[f"EF_PROCESSOR_DECODE_{name}_ENABLE"]}
        self.memory.waiting.read = self._read_late

    def _compile(self, options: Options) -> Compiler:
        for_all = "EF_PROCESSOR_DROP_FIELDS"
        every = table.load()
        fields = set(table.keep(every, options[for_all], for_all))
        kept_by = {
            each: tuple(field for field in table.keep(every, each.drop, each.option) if field in fields)
            for each in self._documents
            if isinstance(each, Wanted)
        }
        common = shared(options) | {"MATCHED": self.gathered.match}
        paths = {each: Paths(field.path for field in some) for each, some in kept_by.items()}
        first = next(iter(paths.values()), Paths())  # what packed records share with documents
        spaces: dict[Paths, dict[str, Any]] = {}  # outputs that keep the same fields share what is rendered
        for kept in (first, *paths.values()):
            if kept not in spaces:
                roles = self._roles(kept, options)
                spaces[kept] = shaped(kept, common, roles, self.lists)
        self.namespace = next(iter(spaces.values()))
        return Compiler(
            [
                Shape(kept_by[each], each.timestamp, each.namespace)
                if isinstance(each, Wanted)
                else RecordShape(options, community_id=each.community_id)
                for each in self._documents
            ],
            derived(options),
            [spaces[paths[each] if isinstance(each, Wanted) else first] for each in self._documents],
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
                    self._files.providers.values(), self.lists.listed, each, limit, flow_first=flow_first
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

    def _read_late(self) -> None:
        """Write documents of the sets that waited for a template which is known by now."""
        before = len(self._first)
        for version in {9, 10} - self._off:
            for rows, compiled, context in self._protocols[version].late():
                compiled.write(rows, self._outs, context)
        self.counts["documents.written"] += len(self._first) - before

    def finish(self) -> None:
        """Give up what still waits for its template, since no datagram will follow."""
        self.memory.waiting.give_up_all()

    def take(self, wanted: Asked | None = None) -> list[Any]:
        """Give the finished documents, or packed records, of a shape, the first if none is named, and forget them."""
        held = self._first if wanted is None else self._documents[wanted]
        documents = held[:]
        held.clear()
        return documents

    def gauges(self) -> dict[str, float]:
        """Give what is in memory now, by metric name."""
        return {
            "templates": len(self.memory.store),
            "facts": len(self.memory.facts),
            "addresses": sum(len(a) for a in self._addresses),
            "sets_waiting": len(self.memory.waiting),
            "sets_waiting_bytes": self.memory.waiting.octets,
        }

    def exporters(self, now_ms: int, give_way: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Give what is known of each exporter, as JSON can hold it (flowcoll.exporters.rows).

        `give_way` is called every few milliseconds, since there may be many.
        """
        return exporters.rows(self._domains, self.memory, now_ms, give_way)

    def states(self) -> dict[str, dict[str, Any]]:
        """Give the state of each enricher and list."""
        return self._files.states() | {name: dict(state()) for name, state in self._watched.items()}

    def watch(self, name: str, state: Callable[[], Mapping[str, Any]]) -> None:
        """Let somebody who looks after what enrichment needs tell its state."""
        self._watched[name] = state

    def reload(self, pause: Pause = at_once, *, tell: bool = True) -> None:
        """Use databases that have changed on disk; see Files.reload."""
        self._files.reload(pause, tell=tell)

    def explain(self) -> Iterator[tuple[str, str]]:
        """Give title and source of every template that data has used."""
        for template in self._compiler.latest():
            numbers = " ".join(map(str, self.memory.store.numbers(template)))
            title = [f"{template.protocol} template {numbers}" if numbers else template.protocol]
            title.append(f"{len(template.columns)} fields")
            if not template.ready:
                title.append(f"{template.size} octets{' and more' if template.variable else ''}")
            yield ", ".join(title), self._compiler.source(template)
