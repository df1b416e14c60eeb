"""Where documents go to during a soak: a real Elasticsearch node, or the stand-in where none can run."""

import hashlib
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor

from elasticsearch import helpers

from elastic_node import Node
from fakes.elasticsearch import Elasticsearch
from stored import Stored, output

NAMESPACE = "soak"
_CUSTOM = f"logs-flowcoll.flow-{NAMESPACE}@custom"
_PAGE = 10_000
_PATIENCE = "10m"


class Store(ABC):
    """What a soak does to an Elasticsearch. faults: what can be done besides stopping and killing it, and undone."""

    name: str
    faults: tuple[str, ...]

    @abstractmethod
    def options(self) -> dict[str, object]:
        """Options of a collector that writes there."""

    @abstractmethod
    def start(self) -> None:
        """Run it, or run it again."""

    @abstractmethod
    def stop(self) -> None:
        """End it in order."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once."""

    @abstractmethod
    def do(self, fault: str) -> None:
        """Begin a fault."""

    @abstractmethod
    def undo(self, fault: str) -> None:
        """End it."""

    @abstractmethod
    def ids(self) -> tuple[int, int]:
        """Give how many documents there are, and how many ids."""


class RealNode(Store):
    """A node of the tests' own distribution."""

    faults = ("disk_full", "conflict")

    def __init__(self, node: Node) -> None:
        self.name = "Elasticsearch 8.19, one node"
        self._node = node
        # a node ends with the thread that has started it (prctl(2), PR_SET_PDEATHSIG), so that one starts it each time
        self._starter = ThreadPoolExecutor(1)

    def options(self) -> dict[str, object]:
        return output(self._node, NAMESPACE, BATCH_DEADLINE=500)

    def start(self) -> None:
        self._starter.submit(self._node.start).result()

    def stop(self) -> None:
        self._node.stop()

    def kill(self) -> None:
        self._node.kill()

    def do(self, fault: str) -> None:
        """disk_full: the block that Elasticsearch sets when its disk fills up; conflict: octets may be 127 at most."""
        if fault == "disk_full":
            self._block(blocked=True)
        else:
            template = {
                "mappings": {"properties": {"source": {"properties": {"bytes": {"type": "byte"}}}}},
                "settings": {"index.mapping.ignore_malformed": False},
            }
            self._node.es.cluster.put_component_template(name=_CUSTOM, template=template)
            self._roll()

    def undo(self, fault: str) -> None:
        if fault == "disk_full":
            self._block(blocked=None)
        else:
            self._node.es.cluster.put_component_template(name=_CUSTOM, template={})
            self._roll()

    def ids(self) -> tuple[int, int]:
        stored = Stored(self._node, NAMESPACE)
        seen: set[int] = set()
        pages = helpers.scan(
            self._node.es,
            index=stored.name,
            _source=False,
            size=_PAGE,
            scroll=_PATIENCE,
            filter_path="_scroll_id,_shards,hits.hits._id",
        )
        for hit in pages:
            seen.add(int.from_bytes(hashlib.blake2b(hit["_id"].encode(), digest_size=8).digest(), "big"))
        return stored.count(), len(seen)

    def _block(self, *, blocked: bool | None) -> None:
        settings = {"index.blocks.read_only_allow_delete": blocked}
        self._node.es.indices.put_settings(index=Stored(self._node, NAMESPACE).name, settings=settings)

    def _roll(self) -> None:
        self._node.es.indices.rollover(alias=Stored(self._node, NAMESPACE).name)


class StandIn(Store):
    """The stand-in of the tests, for a machine without Java."""

    faults = ("429", "502", "busy", "mapping", "stored_reset", "half", "stop")

    def __init__(self, fake: Elasticsearch) -> None:
        self.name = "a stand-in for Elasticsearch"
        self._fake = fake
        fake.picks = lambda document: document["source"].get("port", 0) % 5 == 0

    def options(self) -> dict[str, object]:
        return {
            "EF_OUTPUT_ELASTICSEARCH_ENABLE": True,
            "EF_OUTPUT_ELASTICSEARCH_ADDRESSES": self._fake.address,
            "EF_OUTPUT_ELASTICSEARCH_INDEX_TEMPLATE_ENABLE": False,
            "EF_OUTPUT_ELASTICSEARCH_BATCH_DEADLINE": 200,
        }

    def start(self) -> None:
        self._fake.start()

    def stop(self) -> None:
        self._fake.stop()

    kill = stop

    def do(self, fault: str) -> None:
        self._fake.go_on.clear()
        self._fake.fault(fault)

    def undo(self, fault: str) -> None:  # noqa: ARG002  there is one at a time
        self._fake.fault("")
        self._fake.go_on.set()

    def ids(self) -> tuple[int, int]:
        return len(self._fake.stored), len(self._fake.stored)
