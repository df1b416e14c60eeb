"""Recorded exports give the documents, counters and refusals that were agreed; `pytest --update` writes them anew."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from compare import Comparison, compare, row
from corpus import GOLDEN, Collector, Golden, goldens
from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.decode.capture import payloads
from frames import frame, write_pcap
from own_exports import own_exports

CASES = goldens()
BY_NAME = {case.name: case for case in CASES}
OWN = own_exports()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of a document with its dotted name."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def changes(before: list[str], after: list[str]) -> Iterator[str]:
    """What differs between two lists of documents, field by field."""
    for number, (old, new) in enumerate(zip_longest(before, after), 1):
        if old == new:
            continue
        was, now = (dict(leaves(json.loads(one))) if one else {} for one in (old, new))
        if was == now:
            yield f"document {number}: the same fields, written in another way"
        for field in sorted(was.keys() | now.keys()):
            if was.get(field) != now.get(field):
                yield f"document {number}: {field}: {was.get(field, '-')!r} -> {now.get(field, '-')!r}"


class Play(NamedTuple):
    """What a case gave when it was played, and the collector that played it."""

    documents: list[str]
    counts: Counts
    collector: Collector


@pytest.fixture(scope="module")
def play(enriched: Options) -> Callable[[Golden], Play]:
    """Play a case, once for all tests that look at it."""

    @cache
    def once(name: str) -> Play:
        collector = Collector(enriched)
        documents = collector.carry(BY_NAME[name].payloads)
        collector.finish()
        return Play(documents, Counts(collector.counts), collector)

    return lambda case: once(case.name)


def as_file(lines: list[str]) -> str:
    return "".join(line + "\n" for line in lines)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_golden(
    case: Golden,
    play: Callable[[Golden], Play],
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A case gives byte for byte the documents and counters, refusals among them, that are written down beside it."""
    played = play(case)
    counters = [f"{key} {count}" for key, count in sorted(played.counts.items()) if count]
    found = {"expected.ndjson": played.documents, "expected.counters": counters}
    differences = []
    for name, lines in found.items():
        path = case.folder / name
        before = path.read_text().splitlines() if path.exists() else []
        if name == "expected.ndjson":
            differences += changes(before, lines)
        else:
            differences += [f"- {line}" for line in before if line not in lines]
            differences += [f"+ {line}" for line in lines if line not in before]
        if request.config.getoption("--update"):
            path.write_text(as_file(lines))
        else:
            assert path.read_text() == as_file(lines), "\n".join(differences)
    if differences:
        with capsys.disabled():
            print(f"\n{case}: written anew\n  " + "\n  ".join(differences))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_expected_flows(case: Golden, uncorrected: Options) -> None:
    """Every flow that a case is known to hold is written, at its time, and none that it does not hold."""
    collector = Collector(uncorrected)
    documents = [json.loads(document) for document in collector.carry(case.payloads)]
    rows = [row(document) for document in documents]
    found = compare(case.expectation["flows"], rows, partial=case.expectation["partial"])
    assert found.missing == []
    assert found.invented == []
    assert found.mistimed == []
    assert {document["observer"]["ip"] for document in documents} <= {case.exporter}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_accounts(case: Golden, play: Callable[[Golden], Play]) -> None:
    """Nothing vanishes: each datagram is decoded or refused, each flow record is a document, each counter is declared."""
    documents, counts, _ = play(case)
    totals = {
        name: sum(count for key, count in counts.items() if key.startswith(name))
        for name in ("datagrams.received", "datagrams.decoded", "datagrams.refused", "records.flow", "records.option")
    }
    assert totals["datagrams.received"] == len(case.payloads) == case.datagrams
    assert totals["datagrams.received"] == totals["datagrams.decoded"] + totals["datagrams.refused"]
    assert totals["records.flow"] == len(documents) == counts["documents.written"]
    if case.expectation["non_flow_records"] is not None and not case.expectation["partial"]:
        assert totals["records.option"] == case.expectation["non_flow_records"]
    assert counts["bugs"] == 0
    assert counts.undeclared() == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_repetition(case: Golden, play: Callable[[Golden], Play]) -> None:
    """A template that comes again changes nothing: once all are known, every replay gives the same documents."""
    collector = play(case).collector
    first = collector.carry(case.payloads)
    collector.finish()
    assert first == collector.carry(case.payloads)
    collector.finish()


def test_enrichment_is_covered() -> None:
    """The corpus shows every enrichment at least once, so that a change to one of them is seen here."""
    fields = {
        field
        for case in CASES
        for line in (case.folder / "expected.ndjson").read_text().splitlines()
        for field, _ in leaves(json.loads(line))
    }
    for wanted in (
        "source.geo.country_iso_code",
        "destination.geo.city_name",
        "destination.as.organization.name",
        "network.community_id",
        "flow.conversation.id",
        "client.ip",
        "related.ip",
        "sec.threat.name",
        "sec.threat.feed.name",
        "sec.threat.ip.addr",
        "threat.enrichments",
    ):
        assert wanted in fields


@pytest.mark.parametrize("name", OWN)
def test_own_exports(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The captures we wrote ourselves hold what own_exports.py says."""
    path = GOLDEN / name / "datagrams.pcap"
    made = write_pcap(tmp_path / "made.pcap", [(payload.time, frame(payload)) for payload in OWN[name]])
    if request.config.getoption("--update"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(made.read_bytes())
    assert path.read_bytes() == made.read_bytes()
    assert list(payloads(path)) == OWN[name]


def test_corpus_is_whole() -> None:
    """Every folder is a case, every case has its folder and its source."""
    names = [case.name for case in CASES]
    assert sorted(names) == sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
    sources = (GOLDEN / "SOURCES.md").read_text()
    assert [name for name in names if f"| `{name}` |" not in sources] == []
    assert len({case.exporter for case in CASES}) == len(CASES)


def test_changes() -> None:
    """What --update shows is the field that changed, with its old and new value."""
    before, after = '{"source":{"ip":"192.0.2.1","port":1}}', '{"source":{"ip":"192.0.2.1","port":2},"tags":[]}'
    assert list(changes([before], [after])) == ["document 1: source.port: 1 -> 2", "document 1: tags: '-' -> []"]
    assert next(changes([], [before])) == "document 1: source.ip: '-' -> '192.0.2.1'"
    assert list(changes([before], [before])) == []


def test_comparison() -> None:
    """The comparison sees a flow that is missing, one that was invented, and one at another time."""
    flow = {
        "src": "192.0.2.1",
        "dst": "192.0.2.2",
        "sport": 1,
        "dport": 2,
        "proto": 6,
        "bytes": [10, 20],
        "packets": None,
    }
    flow |= {"first_ms": 1_700_000_000_000, "last_ms": None}
    document = {
        "source": {"ip": "192.0.2.1", "port": 1, "bytes": 20},
        "destination": {"ip": "192.0.2.2", "port": 2},
        "network": {"iana_number": "6", "bytes": 20},
        "event": {"start": "2023-11-14T22:13:20.900Z"},
    }
    right = row(document)
    assert compare([flow], [right]) == Comparison()
    assert compare([flow], []) == Comparison(missing=[flow])
    assert compare([flow], [right, right]) == Comparison(invented=[right])
    assert compare([flow], [right, right], partial=True) == Comparison()
    late = row(document | {"event": {"start": "2023-11-14T22:13:21.001Z"}})
    assert compare([flow], [late]) == Comparison(mistimed=[(flow, late)])
    for change in ({"source_port": 2}, {"octets": frozenset({30})}, {"protocol": 17}, {"source": "192.0.2.3"}):
        wrong = right._replace(**change)
        assert compare([flow], [wrong]) == Comparison(missing=[flow], invented=[wrong])


def test_sampling(play: Callable[[Golden], Play]) -> None:
    """A flow that was sampled one in n stands for n times its octets and packets, whoever says n; no n is one."""
    found = [
        (one["flow"]["sampling"], one["source"]["bytes"], one["network"]["bytes"], one["network"]["packets"])
        for one in map(json.loads, play(BY_NAME["own-sampling"]).documents)
    ]
    assert found == [
        ({"rate": rate, "source": source}, 1_000 * rate, 1_000 * rate, 10 * rate)
        for rate, source in (
            *((100, "header"), (1, "none")),
            *((1_000, "record"), (1, "record"), (1, "none"), (1, "none")),
        )
    ]


def test_sampling_by_options(play: Callable[[Golden], Play]) -> None:
    """Options data tell the rate of a sampler, and of records that name none; what came before them stays as it is."""
    played = play(BY_NAME["own-sampling-options"])
    found = [json.loads(one)["flow"]["sampling"] for one in played.documents]
    netflow9 = [(1, "none"), (1000, "options"), (50, "options"), (1, "none"), (1, "none")]
    ipfix = [(100, "options"), (100, "options"), (10, "options"), (100, "options")]
    assert found == [{"rate": rate, "source": source} for rate, source in [*netflow9, *ipfix]]
    facts = played.collector.memory.facts
    assert facts.sampling("127.20.9.4", "netflow9", 7) == [(1, 1000, "options"), (2, 50, "options")]
    assert facts.sampling("127.20.9.4", "ipfix", 7) == [(None, 10, "options"), (5, 100, "options")]
    real = play(BY_NAME["juniper-mx240-options"]).collector.memory.facts
    assert real.sampling("127.20.0.7", "ipfix", 524_288 + 2**32) == [(None, 1000, "options")]
