"""Threat fields of a document, whole."""

import io
import json
import os
from pathlib import Path
from typing import Any

import orjson

from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.document.fields import EVERYTHING, Wanted
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline
from flowcoll.threat.matching import feeds
from netflow5 import EXPORTER, datagram

LISTS = {
    "a": [
        {"ip": "67.43.156.20", "threat": "Botnet", "score": 90, "description": "Answers to beacons", "lastSeen": "x"}
    ],
    "b": [
        {
            "ip": "67.43.156.0/24",
            "threat": "Network",
            "feed": "feed b",
            "firstSeen": "2025-05-02 08:00:00",
            "lastSeen": "2025-06-15",
            "link": "https://x.example/?q=67.43.156.20",
        },
        {"ip": "2.125.160.216/29", "threat": "Scanner", "score": 20},
    ],
}
MADE = {"a": 1_750_000_000, "b": 1_750_003_600}
NOW = 1_800_000_000_000
OCCURRED = "2027-01-15T08:00:00.000Z"


def documents(folder: Path, *wanted: Wanted, **flows: Any) -> list[dict[str, Any]]:
    said: dict[str, Any] = {}
    for name, rows in LISTS.items():
        path = folder / name
        path.write_text(json.dumps(rows))
        os.utime(path, (MADE[name], MADE[name]))
        option = f"EF_PROCESSOR_ENRICH_IPADDR_THREAT_{name.upper()}_"
        said |= {option + "ENABLE": True, option + "PATH": path}
    options, log = defaults(**said, EF_STATE_PATH=None), Log(io.StringIO())
    pipeline = Pipeline(options, Counts(), log, wanted or (EVERYTHING,))
    feeds.use(options, pipeline.lists, log)
    pipeline.handle(datagram(flows["pair"]), EXPORTER, NOW)
    return [orjson.loads(document) for each in wanted or (EVERYTHING,) for document in pipeline.take(each)]


def enrichment(field: str, address: str, **indicator: str) -> dict[str, Any]:
    matched = {"atomic": address, "field": field, "type": "flowcoll_threat_lookup", "occurred": OCCURRED}
    return {"indicator": {"type": "ipv4-addr", "ip": address, "name": address, **indicator}, "matched": matched}


def test_all_that_lists_say(tmp_path: Path) -> None:
    """Every list's word on every endpoint is an enrichment; flat companions say the same for charts."""
    (document,) = documents(tmp_path, pair=("2.125.160.219", "67.43.156.20"))
    assert document["threat"]["enrichments"] == [
        enrichment("source.ip", "2.125.160.219", provider="b", description="Scanner", confidence="Low"),
        enrichment(
            "destination.ip",
            "67.43.156.20",
            provider="a",
            description="Answers to beacons",
            confidence="High",
        ),
        enrichment(
            "destination.ip",
            "67.43.156.20",
            provider="feed b",
            description="Network",
            first_seen="2025-05-02T08:00:00.000Z",
            last_seen="2025-06-15T00:00:00.000Z",
            reference="https://x.example/?q=67.43.156.20",
        ),
    ]
    joined = document["sec"]["threat"]
    assert joined["name"] == ["Scanner", "Botnet", "Network"]
    assert joined["feed"]["name"] == ["b", "a", "feed b"]
    assert joined["ip"]["addr"] == ["2.125.160.219", "67.43.156.20"]
    assert joined["confidence"] == ["Low", "High"]
    assert joined["list"]["timestamp"] == ["2025-06-15T16:06:40.000Z", "2025-06-15T15:06:40.000Z"]
    ends = {end: document["flow"][end]["sec"]["threat"]["name"] for end in ("src", "dst", "client", "server")}
    assert ends == {
        "src": ["Scanner"],
        "client": ["Scanner"],
        "dst": ["Botnet", "Network"],
        "server": ["Botnet", "Network"],
    }
    assert document["event"]["category"] == ["network"], "a flow is never an indicator"


def test_only_what_matched(tmp_path: Path) -> None:
    """An endpoint that no list names has no threat fields."""
    (document,) = documents(tmp_path, pair=("10.0.0.1", "2.125.160.219"))
    assert "sec" not in document["flow"]["src"]
    assert document["flow"]["dst"]["sec"]["threat"]["feed"]["name"] == ["b"]
    (document,) = documents(tmp_path, pair=("10.0.0.1", "8.8.8.8"))
    assert not {"threat", "sec"} & document.keys()


def test_what_an_output_drops(tmp_path: Path) -> None:
    """Each output has the threat fields that it keeps."""
    lean = Wanted(("threat", "sec.threat.ip", "flow.src.sec"), "collect", "EF_LEAN_OUTPUT_FILE_DROP_FIELDS")
    whole, left = documents(tmp_path, EVERYTHING, lean, pair=("2.125.160.219", "10.0.0.1"))
    assert whole["sec"]["threat"]["ip"]["addr"] == ["2.125.160.219"]
    assert "threat" not in left
    assert left["sec"]["threat"].keys() == whole["sec"]["threat"].keys() - {"ip"}
    assert "sec" not in left["flow"]["src"]
    assert left["flow"]["client"]["sec"] == whole["flow"]["client"]["sec"]
