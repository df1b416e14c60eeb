"""What Elasticsearch holds: how a collector is told to write there, and what is asked afterwards."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from elasticsearch import helpers

from elastic_node import Node
from flowcoll.streams import FLOW
from service import Service

PREFIX = "EF_OUTPUT_ELASTICSEARCH_"


def output(node: Node, namespace: str, **more: object) -> dict[str, object]:
    """Options of a collector that writes to a node as its superuser; `more` are further ones, without their prefix."""
    options = {"ENABLE": True, "ADDRESSES": node.address, "USERNAME": node.user, "PASSWORD": node.password}
    options |= {"NAMESPACE": namespace, "BATCH_DEADLINE": 100, **more}
    return {PREFIX + name: value for name, value in options.items()}


def settled(service: Service) -> int:
    """Wait until every document that was written has been taken by Elasticsearch; give their number."""

    def all_delivered() -> bool:
        now = service.metrics()
        came = _sum(now, "documents_delivered") + _sum(now, "documents_delivered_before")
        return now["documents_written"] == came > 0

    service.until("all documents delivered", all_delivered)
    return service.count("documents_written")


def lost(service: Service) -> dict[str, float]:
    """What /metrics says of documents that Elasticsearch did not take; empty when it took them all."""
    return {
        name: value
        for name, value in service.metrics().items()
        if name.startswith(("documents_rejected", "documents_dropped", "dead_letters", "bugs")) and value
    }


def _sum(metrics: Mapping[str, float], name: str) -> float:
    return sum(value for key, value in metrics.items() if key.partition("{")[0] == name)


class Stored:
    """The documents of one namespace."""

    def __init__(self, node: Node, namespace: str) -> None:
        self.name = FLOW.name(namespace)
        self.es = node.es
        self.es.indices.refresh(index=self.name, ignore_unavailable=True)  # nothing may have been written yet

    def count(self, query: Mapping[str, Any] | None = None) -> int:
        """How many documents match."""
        return int(self.es.count(index=self.name, query=query, ignore_unavailable=True)["count"])

    def documents(self) -> list[dict[str, Any]]:
        """All documents, in the order in which the collector wrote them, which is that of their ids."""
        hits = sorted(helpers.scan(self.es, index=self.name), key=lambda hit: hit["_id"])
        return [hit["_source"] for hit in hits]

    def ids(self) -> list[str]:
        """The ids of all documents."""
        return [hit["_id"] for hit in helpers.scan(self.es, index=self.name, _source=False)]

    def buckets(self, *fields: str, sums: Sequence[str] = ()) -> Iterator[tuple[tuple[Any, ...], int, dict[str, int]]]:
        """Each combination of values that fields have together: the values, how many documents, the sums asked for."""
        composite: dict[str, Any] = {"size": 1000, "sources": [{name: {"terms": {"field": name}}} for name in fields]}
        inner = {name: {"sum": {"field": name}} for name in sums}
        while True:
            page = self.es.search(index=self.name, size=0, aggs={"all": {"composite": composite, "aggs": inner}})
            found = page["aggregations"]["all"]
            for each in found["buckets"]:
                yield tuple(each["key"].values()), each["doc_count"], {name: int(each[name]["value"]) for name in sums}
            if "after_key" not in found:
                return
            composite["after"] = found["after_key"]

    def terms(self, *fields: str) -> Counter[tuple[Any, ...]]:
        """Each combination of values, and how many documents have it."""
        return Counter({values: count for values, count, _ in self.buckets(*fields)})
