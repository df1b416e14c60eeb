"""PassiveTotal's list on its whole way: downloaded by a running collector, in its documents, found in Elasticsearch."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from elastic_node import Node
from fakes.passivetotal import KEY, USER, PassiveTotal, many
from flowcoll.config import defaults
from flowcoll.decode.capture import Payload
from flowcoll.threat.keeping.desk import request
from netflow5 import datagram
from service import Service
from stored import Stored, lost, output, settled

pytestmark = pytest.mark.stack

NAMESPACE = "passivetotal"
OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
LISTED, OTHER = "67.43.156.20", "1.128.7.200"
ODD = {
    "ip": OTHER,
    "threat": "\u2028Ünïcode\u0000 " + "x" * 400,
    "description": "d" * 5000,
    "source": "feed",
    "firstSeen": "yesterday",
    "lastSeen": "2025-06-15T10:00:00+02:00",
    "link": "ftp://x.example",
    "score": "severe",
}


@pytest.fixture(scope="module")
def stored(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Flows to two listed addresses and to one that is not; what one row says is as odd as rows may be."""
    options: dict[str, object] = {OPTION + "THREAT_ENABLE": True, OPTION + "API_USER": USER, OPTION + "API_KEY": KEY}
    with PassiveTotal() as fake:
        fake.rows = [row for row in fake.rows if row["ip"] != OTHER] + [ODD]
        options |= {OPTION + "THREAT_ENDPOINT": fake.blocklist_url} | output(node, NAMESPACE)
        with Service(tmp_path_factory.mktemp("threats"), **options) as service:
            service.until("the list counts", lambda: service.ready()["enrichers"]["threat_riskiq"]["state"] == "on")
            pairs = [("10.0.0.1", LISTED), (OTHER, "10.0.0.2"), ("10.0.0.1", "8.8.8.8")]
            service.send([Payload(0, "127.0.0.1", 40_000, 0, datagram(*pairs))])
            settled(service)
            assert lost(service) == {}
    return Stored(node, NAMESPACE)


def nested(**query: Any) -> dict[str, Any]:
    return {"nested": {"path": "threat.enrichments", "query": query}}


def test_all_are_stored(stored: Stored) -> None:
    """No field of any document is refused or ignored, however odd the list's words are."""
    assert stored.count() == 3
    assert stored.count({"exists": {"field": "_ignored"}}) == 0


def test_flat_fields_aggregate(stored: Stored) -> None:
    """Matches are counted by feed, by address and by what they are called."""
    assert stored.terms("sec.threat.feed.name", "sec.threat.ip.addr") == {("riskiq", LISTED): 1, ("feed", OTHER): 1}
    assert stored.terms("flow.server.sec.threat.name") == {("Command and control",): 1}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"term": {"threat.enrichments.indicator.provider": "riskiq"}}, 1),
        ({"term": {"threat.enrichments.indicator.ip": "67.43.156.0/24"}}, 1),
        ({"term": {"threat.enrichments.indicator.confidence": "High"}}, 1),
        ({"range": {"threat.enrichments.indicator.first_seen": {"lt": "2025-05-03"}}}, 1),
        ({"range": {"threat.enrichments.indicator.last_seen": {"lt": "2025-06-15T09:00:00Z"}}}, 1),
        ({"prefix": {"threat.enrichments.indicator.reference": "https://community.riskiq.com/"}}, 1),
        ({"term": {"threat.enrichments.matched.field": "source.ip"}}, 1),
        ({"exists": {"field": "threat.enrichments.indicator.first_seen"}}, 1),
    ],
)
def test_enrichments_are_found(stored: Stored, query: dict[str, Any], count: int) -> None:
    """Each part of an enrichment can be searched for as what it is: an address, a time, a word."""
    assert stored.count(nested(**query)) == count, json.dumps(query)


# the whole way of a long list: not against Elasticsearch, but where nothing else is measured beside it

MANY_S = 5.0
"""By the clock, or in time of the processor where others have it too."""


def test_a_long_list_counts_within_seconds(tmp_path: Path) -> None:
    """From the request to the first match in a document of every worker: 300,000 entries in 28 MB take 5 s at most."""
    with PassiveTotal() as fake:
        rows = many()
        given: dict[str, object] = {OPTION + "THREAT_ENABLE": True, OPTION + "API_USER": USER, OPTION + "API_KEY": KEY}
        given |= {OPTION + "THREAT_ENDPOINT": fake.blocklist_url, "EF_PROCESSOR_POOL_SIZE": 2}
        given |= {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": tmp_path / "flows.ndjson"}
        with Service(tmp_path, **given) as service:
            service.until("a list", lambda: service.ready()["enrichers"]["threat_riskiq"]["state"] == "on")
            used_s = service.ready()["refresher"]["cpu_s"]
            fake.rows = rows
            octets = fake.prepare()
            address = str(rows[0]["ip"])
            command = [
                sys.executable,
                str(Path(__file__).parent / "sending.py"),
                str(service.port),
                "3000",
                "200",
                address,
            ]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL):
                request(defaults(EF_STATE_PATH=tmp_path / "state"), ["riskiq"])
            lines = [json.loads(line) for line in service.log().splitlines()]
            *_, asked = [line["ts"] for line in lines if "Fetching Threat DB" in line["msg"]]
            entries = service.ready()["enrichers"]["threat_riskiq"]["entries"]
            used_s = service.ready()["refresher"]["cpu_s"] - used_s
            workers = [worker["datagrams"] for worker in service.ready()["workers"]]
    matched: dict[str, float] = {}
    for document in map(json.loads, (tmp_path / "flows.ndjson").read_text().splitlines()):
        if "threat" in document.get("sec", {}):
            seen = datetime.fromisoformat(document["event"]["ingested"]).timestamp()
            matched.setdefault(document["observer"]["ip"], seen)
    took_s = max(matched.values()) - asked
    print(f"{octets} octets, {entries} entries: {took_s:.2f} s from the request to a match in every worker")
    print(f"of this the refresher's processor time: {used_s:.2f} s")
    assert octets > 28_000_000
    assert entries > 290_000
    assert all(workers)
    assert len(matched) == 10
    assert min(took_s, used_s) <= MANY_S
