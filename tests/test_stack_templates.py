"""Templates of others that match our data streams too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus import goldens
from elastic_node import Node
from service import Service
from stored import Stored, output, settled

pytestmark = pytest.mark.stack

NAMESPACE = "beside"


@pytest.fixture
def logs(node: Node) -> Iterator[str]:
    """The template that Elasticsearch brings for all logs, which this node lacks; here with a setting that can be told."""
    template = {
        "mappings": {"properties": {"source": {"properties": {"ip": {"type": "keyword"}}}}},
        "settings": {"index.refresh_interval": "77s"},
    }
    name = "logs"
    node.es.indices.put_index_template(
        name=name, index_patterns=["logs-*-*"], data_stream={}, template=template, priority=100
    )
    yield name
    node.es.indices.delete_index_template(name=name)


def test_ours_wins(node: Node, logs: str, tmp_path: Path) -> None:
    """Our data stream is made by our template, although that of all logs matches it too and was there before."""
    with Service(tmp_path, **output(node, NAMESPACE)) as service:
        for golden in goldens():
            service.send(golden.payloads)
        settled(service)
    stored = Stored(node, NAMESPACE)
    (stream,) = node.es.indices.get_data_stream(name=stored.name)["data_streams"]
    assert stream["template"] not in {logs, ""}
    index = stream["indices"][0]["index_name"]
    made = node.es.indices.get(index=index)[index]
    assert made["settings"]["index"]["refresh_interval"] == "10s"
    assert made["settings"]["index"]["codec"] == "best_compression"
    properties = made["mappings"]["properties"]
    assert properties["source"]["properties"]["ip"]["type"] == "ip"
    assert made["mappings"]["dynamic"] == "false"
