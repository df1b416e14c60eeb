"""The collector writes what the oracle expects: of every recorded export and of generated ones, whatever the options say."""

import json
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import Collector, enriching, goldens
from flowcoll.config import Options, defaults
from flowcoll.decode.capture import Payload
from oracle import Datagram, Document, Oracle, parsed
from strategies import MORE, examples, exports, fixed_exports, sampled
from strategies_sflow import samples

_PROCESSOR = "EF_PROCESSOR_"
_DROPS = _PROCESSOR + "DROP_FIELDS"

VARIANTS: dict[str, dict[str, Any]] = {
    "all": {},
    "sampling as sent": {_PROCESSOR + "SAMPLING_CORRECT": False},
    "no client and server": {_PROCESSOR + "EXPAND_CLISRV": False},
    "client and server by ports only": {_PROCESSOR + "EXPAND_CLISRV_NO_L4_PORTS": False},
    "no ids": {
        _PROCESSOR + "ENRICH_COMMUNITYID_ENABLE": False,
        _PROCESSOR + "ENRICH_CONVERSATIONID_ENABLE": False,
    },
    "other seeds": {
        _PROCESSOR + "ENRICH_COMMUNITYID_SEED": 1,
        _PROCESSOR + "ENRICH_CONVERSATIONID_SEED": 65_535,
    },
    "the exporter's AS": {_PROCESSOR + "ENRICH_ASN_PREF": "flow"},
    "two records a datagram": {_PROCESSOR + "DECODE_MAX_RECORDS_PER_PACKET": 2},
    "any number of records": {_PROCESSOR + "DECODE_MAX_RECORDS_PER_PACKET": 0},
    "drop one field": {_DROPS: ["event.start"]},
    "drop an address": {_DROPS: ["source.ip"]},
    "drop by CODEX name": {_DROPS: ["flow.dst.ip.addr", "flow.client.l4.port.id", "flow.src.nat.ip.addr"]},
    "drop one endpoint's facts": {_DROPS: ["source.geo", "destination.as", "client.geo.country_iso_code", "server.ip"]},
    "drop an endpoint": {_DROPS: ["source"]},
    "drop a view": {_DROPS: ["client", "server", "flow.client_server", "related", "observer"]},
    "drop flow": {_DROPS: ["flow"]},
    "drop threats of the flow": {_DROPS: ["threat", "sec"]},
    "drop threats of an endpoint": {_DROPS: ["flow.src", "flow.server.sec", "threat"]},
    "drop members of fragments": {
        _DROPS: ["tcp.flags.tags", "icmp.type", "destination.nat.port", "flow.sampling", "observer.egress"]
    },
    "drop all of threats": {
        _DROPS: ["threat", "sec", *(f"flow.{end}.sec" for end in ("src", "dst", "client", "server"))]
    },
    "drop all addresses": {
        _DROPS: [
            *("source", "destination", "client", "server", "related", "flow", "threat", "sec"),
            *("network.direction", "network.community_id"),
        ]
    },
    "drop all but a time": {
        _DROPS: [
            *("ecs", "data_stream", "observer", "source", "destination", "client", "server", "network", "related"),
            *("flow", "ip", "tcp", "icmp", "threat", "sec", "event.start", "event.end", "event.duration"),
            *("event.kind", "event.category", "event.type", "event.module", "event.dataset", "event.ingested"),
        ]
    },
}


class World:
    """The collector and the oracle with the same options."""

    def __init__(self, options: Options) -> None:
        self._collector = Collector(options)
        self._oracle = Oracle(options)
        self._exporters = 0

    def check(self, datagrams: Sequence[Datagram], exporter: str = "") -> int:
        """Hold the two equal on what one exporter sends, by default one that sent nothing before; gives the documents."""
        if not exporter:
            self._exporters += 1
            exporter = str(IPv4Address("10.0.0.0") + self._exporters)
        documents = 0
        for (port, now, octets), expected in zip(datagrams, self._oracle.documents(datagrams, exporter), strict=True):
            payload = Payload(now / 1000, exporter, port, 2055, octets)
            found = [parsed(text) for text in self._collector.carry([payload])]
            order = _by_content if octets[:2] == b"\0\0" else list  # samples of one datagram come in groups
            assert order(found) == order(expected), octets.hex()
            documents += len(found)
        return documents


def _by_content(documents: list[Document]) -> list[Document]:
    return sorted(documents, key=lambda document: json.dumps(document, sort_keys=True))


class Worlds:
    """A world for each variant, made when it is asked for."""

    def __init__(self, threats: Path) -> None:
        self._threats = threats
        self._made: dict[str, World] = {}

    def __getitem__(self, variant: str) -> World:
        if variant not in self._made:
            self._made[variant] = World(enriching(self._threats, **VARIANTS[variant]))
        return self._made[variant]


@pytest.fixture(scope="module")
def worlds(threats: Path) -> Worlds:
    return Worlds(threats)


Recorded = dict[str, tuple[str, list[Datagram]]]

SOME = (
    *("unknown-v5", "softflowd-ntp", "fortigate-application-id", "openbsd-pflow", "barracuda-extended-uniflow"),
    *("cisco-nbar-flowset-262", "unknown-sflow-switch", "unknown-sflow-icmp"),
)
"""Cases of every protocol and address family, with threats among them: what each variant is tried on in `make check`."""


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """Case and exporter -> what this exporter sent."""
    return {
        f"{case} {exporter}": (
            exporter,
            [
                Datagram(payload.source_port, round(payload.time * 1000), payload.octets)
                for payload in case.payloads
                if payload.source == exporter
            ],
        )
        for case in goldens()
        for exporter in dict.fromkeys(payload.source for payload in case.payloads)
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_goldens(variant: str, worlds: Worlds, recorded: Recorded) -> None:
    """Of recorded exports the collector writes what the oracle expects: of all with every enrichment, of some otherwise."""
    documents = 0
    for case, (exporter, datagrams) in recorded.items():
        if variant == "all" or case.startswith(SOME) or MORE > 1:
            documents += worlds[variant].check(datagrams, exporter)
    assert documents > (400 if variant == "all" else 30)


def test_goldens_plain(recorded: Recorded) -> None:
    """So it does when nothing is looked up."""
    world = World(defaults())
    for case, (exporter, datagrams) in recorded.items():
        if case.startswith(SOME) or MORE > 1:
            world.check(datagrams, exporter)


VARIANT = st.sampled_from(list(VARIANTS))


@examples(50)
@given(variant=VARIANT, datagrams=exports())
def test_templates(variant: str, datagrams: list[Datagram], worlds: Worlds) -> None:
    """Whatever templates, records, withdrawals and padding an exporter sends, the oracle expects the same documents."""
    worlds[variant].check(datagrams)


@examples(100)
@given(datagrams=sampled())
def test_sampling(datagrams: list[Datagram], worlds: Worlds) -> None:
    """So it does of whatever an exporter says of its sampling: of samplers, sequences, parts and all of it."""
    worlds["all"].check(datagrams)


@examples(40)
@given(variant=VARIANT, datagrams=fixed_exports())
def test_fixed(variant: str, datagrams: list[Datagram], worlds: Worlds) -> None:
    """So it does for NetFlow v5, with any values and with a count that is not true."""
    worlds[variant].check(datagrams)


@examples(70)
@given(variant=VARIANT, datagrams=samples())
def test_samples(variant: str, datagrams: list[Datagram], worlds: Worlds) -> None:
    """So it does for sFlow: any link, network and transport headers, whole or cut, with any records beside them."""
    worlds[variant].check(datagrams)
