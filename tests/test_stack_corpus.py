"""Every recorded export, sent to a running collector: what Elasticsearch then says is what the captures hold.

What is expected is worked out of the documents beside each capture, without Elasticsearch.
"""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from corpus import Golden, enrichments, goldens
from elastic_node import Node
from service import Service
from stored import Stored, lost, output, settled

pytestmark = pytest.mark.stack

NAMESPACE = "corpus"
EXPORTER = "observer.ip"
# What depends on when a datagram arrived; sFlow does not say when it was sent.
ARRIVAL = ("@timestamp", "event.ingested", "threat.enrichments.matched.occurred")
ARRIVAL_SFLOW = (*ARRIVAL, "event.start", "event.end", "flow.export.timestamp")
TERMS = (
    "network.community_id",
    "network.transport",
    "network.direction",
    "source.ip",
    "destination.port",
    "related.ip",
    "source.geo.country_iso_code",
    "destination.geo.country_iso_code",
    "destination.geo.city_name",
    "destination.as.number",
    "destination.as.organization.name",
    "sec.threat.name",
    "sec.threat.feed.name",
    "sec.threat.ip.addr",
    "sec.threat.confidence",
    "flow.export.type",
    "flow.sampling.rate",
)


class Case:
    """A capture, and the documents that are expected of it."""

    def __init__(self, golden: Golden) -> None:
        self.golden = golden
        lines = (golden.folder / "expected.ndjson").read_text().splitlines()
        self.documents: list[dict[str, Any]] = [json.loads(line) for line in lines]


CASES = [Case(golden) for golden in goldens()]
EXPECTED = [document for case in CASES for document in case.documents]


class Run:
    """What the collector had to say when it had sent everything, and what Elasticsearch holds since."""

    def __init__(self, began: str, service: Service, stored: Stored) -> None:
        self.began, self.ended = began, now()
        self.written = service.count("documents_written")
        self.lost = lost(service)
        self.letters = list((service.folder / "state").rglob("*dead*/*"))
        self.stored = stored
        self.documents = stored.documents()


@pytest.fixture(scope="module")
def run(node: Node, threats: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All captures were sent to a collector with geo, AS and a threat list, one after the other."""
    options = enrichments(threats) | output(node, NAMESPACE)
    with Service(tmp_path_factory.mktemp("corpus"), **options) as service:
        began = now()
        for case in CASES:
            service.send(case.golden.payloads)
        settled(service)
        return Run(began, service, Stored(node, NAMESPACE))


def now() -> str:
    """The time as documents write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def values(document: Any, path: str) -> list[Any]:
    """The values at a dotted path; a path goes through lists, and a list gives each of its values once."""
    if isinstance(document, list):
        return list(dict.fromkeys(value for each in document for value in values(each, path)))
    if not path:
        return [document]
    name, _, rest = path.partition(".")
    return values(document[name], rest) if name in document else []


def combinations(documents: list[dict[str, Any]], *paths: str) -> Counter[tuple[Any, ...]]:
    """Each combination of values at paths, and how many documents have it: what a composite aggregation gives."""
    return Counter(found for each in documents for found in product(*(values(each, path) for path in paths)))


def without(value: Any, *paths: str) -> Any:
    """The document without some fields."""
    if isinstance(value, list):
        return [without(each, *paths) for each in value]
    if not isinstance(value, dict):
        return value
    below = defaultdict(list)
    for path in paths:
        name, _, rest = path.partition(".")
        below[name].append(rest)
    return {name: without(inner, *below[name]) for name, inner in value.items() if "" not in below[name]}


def test_nothing_is_refused(run: Run) -> None:
    """Every document of every capture is stored: none is rejected or dropped, and no field of any is left unindexed."""
    assert run.written == run.stored.count() == len(EXPECTED)
    assert run.lost == {}
    assert run.letters == []
    assert run.stored.count({"exists": {"field": "_ignored"}}) == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.golden))
def test_documents_come_back_as_they_were_written(case: Case, run: Run) -> None:
    """The stored documents of a capture are those that were agreed for it, in their order, but for the time of arrival."""
    found = [each for each in run.documents if each["observer"]["ip"] == case.golden.exporter]
    assert {each["data_stream"]["namespace"] for each in found} <= {NAMESPACE}
    timed = ARRIVAL_SFLOW if case.documents and case.documents[0]["flow"]["export"]["type"] == "sflow" else ARRIVAL
    for one in found:
        assert all(run.began <= time <= run.ended for path in timed for time in values(one, path))
    unlike = (*timed, "data_stream.namespace")
    assert without(found, *unlike) == without(case.documents, *unlike)


def test_sums(run: Run) -> None:
    """For each exporter, documents, octets and packets add up to what its capture holds."""
    sums = ("network.bytes", "network.packets")
    found = {key: (count, totals) for key, count, totals in run.stored.buckets(EXPORTER, sums=sums)}
    expected: dict[tuple[str], tuple[int, dict[str, int]]] = {}
    for case in CASES:
        if case.documents:
            totals = {path: sum(sum(values(each, path)) for each in case.documents) for path in sums}
            expected[(case.golden.exporter,)] = len(case.documents), totals
    assert found == expected


@pytest.mark.parametrize("field", TERMS)
def test_terms(field: str, run: Run) -> None:
    """For each exporter, each value of a field is in as many documents as the capture has of it, and no other value."""
    expected = combinations(EXPECTED, EXPORTER, field)
    assert expected
    assert run.stored.terms(EXPORTER, field) == expected


def test_cardinality(run: Run) -> None:
    """The number of communities and of listed addresses that an aggregation gives is exact at this size."""
    fields = {"communities": "network.community_id", "listed": "sec.threat.ip.addr"}
    aggs = {name: {"cardinality": {"field": field, "precision_threshold": 40_000}} for name, field in fields.items()}
    found = run.stored.es.search(index=run.stored.name, size=0, aggs=aggs)["aggregations"]
    for name, field in fields.items():
        assert found[name]["value"] == len(combinations(EXPECTED, field))


def test_threat_enrichments_are_nested(run: Run) -> None:
    """A query for an address and a feed finds the documents where one match has both, not where two matches have one each."""
    path = "threat.enrichments"
    address, feed = "matched.atomic", "indicator.provider"
    together = Counter(
        pair
        for document in EXPECTED
        for pair in {
            (each["matched"]["atomic"], each["indicator"]["provider"])
            for each in document.get("threat", {}).get("enrichments", [])
        }
    )
    pairs = list(product(*({pair[end] for pair in together} for end in (0, 1))))
    assert len(pairs) > len(together)  # some have never matched together

    def query(pair: tuple[str, str]) -> dict[str, Any]:
        terms = [{"term": {f"{path}.{name}": value}} for name, value in zip((address, feed), pair, strict=True)]
        return {"nested": {"path": path, "query": {"bool": {"filter": terms}}}}

    filters = {"filters": {"keyed": False, "filters": [query(pair) for pair in pairs]}}
    answer = run.stored.es.search(index=run.stored.name, size=0, aggs={"pairs": filters})
    counts = [bucket["doc_count"] for bucket in answer["aggregations"]["pairs"]["buckets"]]
    assert counts == [together[pair] for pair in pairs]
