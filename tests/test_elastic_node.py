"""The node that tests use is what `elastic_node` says it is: real where it says so, a stand-in elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from elasticsearch import ApiError, AuthenticationException, AuthorizationException

from elastic_node import Node
from elastic_node.distribution import CACHE

pytestmark = pytest.mark.stack

STREAM = "logs-node.test-default"


@pytest.fixture
def stream(node: Node):
    """A data stream with a template of its own."""
    template = {"mappings": {"properties": {"ip": {"type": "ip"}}}, "lifecycle": {"data_retention": "7d"}}
    node.es.indices.put_index_template(
        name="node.test", index_patterns=[STREAM], data_stream={}, template=template, priority=500
    )
    yield STREAM
    node.es.indices.delete_data_stream(name=STREAM)
    node.es.indices.delete_index_template(name="node.test")


def test_the_licence_is_trial_and_security_is_on(node: Node) -> None:
    """Platinum features can be used, and nobody may do anything without saying who he is."""
    assert node.es.license.get()["license"]["type"] == "trial"
    with node.client() as stranger, pytest.raises(AuthenticationException):
        stranger.info()


def test_data_streams_are_real(node: Node, stream: str) -> None:
    """A first document makes a data stream by its template, and a field of the wrong kind is refused."""
    document = {"@timestamp": "2026-01-01T00:00:00Z", "ip": "192.0.2.1"}
    node.es.index(index=stream, document=document, refresh=True)
    (found,) = node.es.search(index=stream, query={"term": {"ip": "192.0.2.0/24"}})["hits"]["hits"]
    assert found["_index"].startswith(f".ds-{stream}-")
    with pytest.raises(ApiError) as refused:
        node.es.index(index=stream, document=document | {"ip": "nowhere"})
    assert refused.value.error == "document_parsing_exception"


def test_an_api_key_may_do_what_it_says(node: Node, stream: str) -> None:
    """A key that may create documents creates them and reads nothing."""
    rights = {"index": [{"names": [stream], "privileges": ["auto_configure", "create_doc"]}]}
    key = node.es.security.create_api_key(name="writer", role_descriptors={"writer": rights})["encoded"]
    with node.client(api_key=key) as writer:
        writer.index(index=stream, document={"@timestamp": "2026-01-01T00:00:00Z"})
        with pytest.raises(AuthorizationException):
            writer.search(index=stream)


def test_policies_are_a_stand_in_that_checks(node: Node) -> None:
    """A lifecycle policy is stored by a stand-in, after Elastic's own parser found it right."""
    policy = {"phases": {"delete": {"min_age": "30d", "actions": {"delete": {}}}}}
    answer = node.es.ilm.put_lifecycle(name="node.test", policy=policy)
    assert answer.meta.headers["x-stand-in"] == "ilm"
    assert node.es.ilm.get_lifecycle(name="node.test")["node.test"]["version"] == 1
    node.es.ilm.delete_lifecycle(name="node.test")
    with pytest.raises(ApiError) as refused:
        node.es.ilm.put_lifecycle(name="node.test", policy={"phases": {"delete": {"actions": {"rollover": {}}}}})
    assert refused.value.status_code == 400


def test_missing_tools_are_named(tmp_path: Path) -> None:
    """Without JDK or Maven, one line says what to install."""
    script = "from elastic_node.distribution import server; server()"
    environ = os.environ | {"PATH": str(tmp_path), CACHE: str(tmp_path), "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(
        "JDK 17 (javac) and Maven are needed for the tests marked stack: "
        "apt-get install openjdk-17-jdk-headless maven (java was not found)"
    )
