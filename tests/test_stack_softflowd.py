"""A real exporter, the collector, a real Elasticsearch: aggregations there add up to the capture that softflowd read."""

from collections import Counter
from pathlib import Path

import pytest

from elastic_node import Node
from exporters import softflowd
from service import Service
from stored import Stored, lost, output, settled
from traffic import truth, volumes

pytestmark = pytest.mark.stack

NAMESPACE = "softflowd"
VERSIONS = (5, 9, 10)
SUMS = ("network.bytes", "network.packets")


@pytest.fixture(scope="module")
def stored(node: Node, traffic: Path, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """The capture was exported in each of softflowd's protocols to one collector."""
    folder = tmp_path_factory.mktemp("softflowd")
    with Service(folder, **output(node, NAMESPACE)) as service:
        for version in VERSIONS:
            softflowd(traffic, service.port, folder, "-v", str(version))
        service.until("flows of every version", lambda: service.count("documents_written") >= flows(traffic))
        settled(service)
        assert lost(service) == {}
    return Stored(node, NAMESPACE)


def flows(traffic: Path) -> int:
    """How many flows softflowd has to tell of in all its versions."""
    return sum(len(told(traffic, version)) for version in VERSIONS)


def told(traffic: Path, version: int) -> dict:
    """What the capture holds that a version can tell: NetFlow v5 has no room for IPv6."""
    return {flow: volume for flow, volume in truth(traffic).items() if version != 5 or ":" not in flow.source}


@pytest.mark.parametrize("version", VERSIONS)
def test_sums_by_conversation(version: int, stored: Stored, traffic: Path) -> None:
    """Between each two addresses, octets and packets add up to those of the capture, in every protocol."""
    octets: Counter[tuple[str, str, str]] = Counter()
    packets: Counter[tuple[str, str, str]] = Counter()
    for flow, volume in told(traffic, version).items():
        key = flow.source, flow.destination, str(flow.protocol)
        octets[key] += volume.octets
        packets[key] += volume.packets
    ends = ("source.ip", "destination.ip", "network.iana_number")
    found = {
        key[1:]: (sums["network.bytes"], sums["network.packets"])
        for key, _, sums in stored.buckets("flow.export.version", *ends, sums=SUMS)
        if key[0] == version
    }
    assert found == {key: (octets[key], packets[key]) for key in octets}


def test_counts(stored: Stored, traffic: Path) -> None:
    """There is one document for each flow of the capture and protocol, and its ports and ICMP types are right."""
    documents = stored.documents()
    assert len(documents) == stored.count() == flows(traffic)
    for version in VERSIONS:
        own = [one for one in documents if one["flow"]["export"]["version"] == version]
        assert volumes(own) == told(traffic, version)
