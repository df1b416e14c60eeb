"""What was found at an Elasticsearch server, judged."""

from typing import Any

import pytest

from flowcoll import config
from flowcoll.config import OutputOptions
from flowcoll.doctor.cluster import Cluster, Node, missing, probe
from flowcoll.doctor.cluster_checks import CHECKS, octets
from flowcoll.doctor.findings import Finding, Verdict
from flowcoll.setup.elasticsearch import Survey
from flowcoll.setup.plan import Change, Thing
from flowcoll.setup.templates import Server

OK, WARN, FAIL, SKIP = Verdict
JUDGES = {check.name: check.judge for check in CHECKS}
PREFIX = "EF_OUTPUT_ELASTICSEARCH_"
GIB = 1 << 30
YES = {"has_all_requested": True, "cluster": {"monitor": True}, "index": {"logs": {"create_doc": True}}}
NO = {"has_all_requested": False, "cluster": {"monitor": False}, "index": {"logs": {"create_doc": False, "x": True}}}
MARKS = {f"watermark.{name}": mark for name, mark in (("low", "85%"), ("high", "90%"), ("flood_stage", "95%"))}
HEADROOM = {f"watermark.{name}.max_headroom": mark for name, mark in (("low", "200gb"), ("flood_stage", "100gb"))}
TEMPLATE, POLICY = Thing("index template", "logs-flowcoll.flow"), Thing("lifecycle policy", "flowcoll")


def output(**values: object) -> OutputOptions:
    settings = {PREFIX + name: value for name, value in ({"ENABLE": True} | values).items()}
    return config.defaults(**settings).outputs("ELASTICSEARCH")[0]


def surveyed(*actions: tuple[str, Thing, str]) -> Survey:
    changes = tuple(Change(action, thing, why, {}) for action, thing, why in actions)  # type: ignore[arg-type]
    return Survey(Server("8.19.8"), changes, ())


IN_PLACE = surveyed(("unchanged", TEMPLATE, ""), ("unchanged", POLICY, ""))


def cluster(**change: Any) -> Cluster:
    """Give a server with which all is well, but for what is changed."""
    good: dict[str, Any] = {
        "output": output(),
        "version": "8.19.8",
        "licence": {"type": "basic", "status": "active"},
        "health": {"status": "green", "unassigned_shards": 0, "number_of_nodes": 3},
        "nodes": [Node("a", 100 * GIB, 50 * GIB)],
        "disk_settings": MARKS,
        "may_write": YES,
        "may_install": YES,
        "user": "flowcoll_writer",
        "survey": IN_PLACE,
    }
    return Cluster(**(good | change))


def judged(check: str, **change: Any) -> Finding:
    return JUDGES[check](cluster(**change))


def test_all_is_well() -> None:
    """Every check is good."""
    assert {check: judge(cluster()).verdict for check, judge in JUDGES.items()} == dict.fromkeys(JUDGES, OK)


@pytest.mark.parametrize(
    ("check", "change", "verdict", "words"),
    [
        ("Elasticsearch", {"unreachable": "no connection"}, FAIL, "no connection"),
        ("credentials", {"refused": "401"}, FAIL, "401"),
        ("credentials", {"user": "elastic"}, WARN, "superuser"),
        ("encryption", {"output": output(ADDRESSES="192.0.2.1:9200")}, WARN, "in clear"),
        ("encryption", {"output": output(TLS_ENABLE=True)}, OK, "trusted"),
        ("encryption", {"output": output(TLS_ENABLE=True, TLS_SKIP_VERIFICATION=True)}, WARN, "any certificate"),
        ("version", {"version": "8.13.4"}, FAIL, "too old"),
        ("version", {"version": "8.11.0", "serverless": True}, OK, "Serverless"),
        ("licence", {"licence": {"type": "platinum", "status": "expired"}}, WARN, "expired"),
        ("licence", {"output": output(INDEX_MODE="logsdb")}, WARN, "logsdb"),
        ("licence", {"licence": None, "whys": {"licence": "403"}}, SKIP, "403"),
        (
            "cluster health",
            {"health": {"status": "red", "unassigned_shards": 2, "number_of_nodes": 1}},
            FAIL,
            "red: 2 shards",
        ),
        ("cluster health", {"health": {"status": "yellow", "unassigned_shards": 1}}, WARN, "yellow"),
        ("cluster health", {"serverless": True}, SKIP, "Serverless"),
        ("rights", {"may_write": NO}, FAIL, "lacks monitor, create_doc on logs"),
        ("rights", {"may_write": None, "whys": {"rights": "security is switched off there"}}, SKIP, "switched off"),
        ("templates", {"survey": surveyed(("create", TEMPLATE, ""))}, WARN, "not there yet: logs-flowcoll.flow"),
        ("templates", {"survey": surveyed(("create", TEMPLATE, "")), "may_install": NO}, FAIL, "missing: logs-fl"),
        ("templates", {"survey": surveyed(("update", TEMPLATE, "differs from 0.1"))}, WARN, "differs from 0.1"),
        ("templates", {"survey": surveyed(("keep", TEMPLATE, "is newer"))}, WARN, "is newer"),
        ("templates", {"survey": None, "whys": {"templates": "too old"}}, FAIL, "too old"),
        ("templates", {"output": output(INDEX_TEMPLATE_ENABLE=False)}, SKIP, "yours"),
        ("lifecycle policy", {"survey": surveyed(("unseen", POLICY, ""))}, SKIP, "may not be looked at"),
        ("lifecycle policy", {"survey": surveyed(("unchanged", TEMPLATE, ""))}, SKIP, "none of ours"),
    ],
)
def test_what_is_not_as_it_should_be(check: str, change: dict[str, Any], verdict: Verdict, words: str) -> None:
    """Has a verdict, words, and something to do where it is not good."""
    found = judged(check, **change)
    assert (found.verdict, words in found.text) == (verdict, True), found
    assert bool(found.advice) is (verdict in {WARN, FAIL})


@pytest.mark.parametrize(
    ("free", "settings", "verdict", "words"),
    [
        (20 * GIB, MARKS, OK, "20 of 100 GiB"),
        (14 * GIB, MARKS, WARN, "watermark low"),
        (9 * GIB, MARKS, WARN, "watermark high"),
        (4 * GIB, MARKS, FAIL, "flood_stage"),
        (4 * GIB, MARKS | {"threshold_enabled": "false"}, OK, "switched off"),
        (4 * GIB, {"watermark.flood_stage": "5gb"}, FAIL, "flood_stage"),
        (6 * GIB, {"watermark.flood_stage": "5gb"}, OK, "6 of 100"),
        (4 * GIB, {"watermark.flood_stage": "0.97"}, OK, "4 of 100"),
        (4 * GIB, {"watermark.flood_stage": "?"}, OK, "4 of 100"),
    ],
)
def test_disks_are_held_against_the_watermarks(
    free: int, settings: dict[str, str], verdict: Verdict, words: str
) -> None:
    """Of any node: percent in use, a share in use, or what has to be free."""
    nodes = [Node("b", 100 * GIB, 90 * GIB), Node("a", 100 * GIB, free)]
    found = judged("cluster disk", nodes=nodes, disk_settings=settings)
    assert (found.verdict, words in found.text) == (verdict, True), found


def test_a_large_disk_needs_no_more_than_the_headroom() -> None:
    """Five percent of ten terabytes would be 500 GB; 100 are enough."""
    large = [Node("a", 10_000 * GIB, 150 * GIB)]
    assert judged("cluster disk", nodes=large, disk_settings=MARKS).verdict is FAIL
    found = judged("cluster disk", nodes=large, disk_settings=MARKS | HEADROOM)
    assert (found.verdict, "low" in found.text or "high" in found.text) == (WARN, True)


@pytest.mark.parametrize(("text", "size"), [("5gb", 5 * GIB), ("1.5kb", 1536), ("7b", 7), ("85%", None), ("-1", None)])
def test_sizes(text: str, size: int | None) -> None:
    """As Elasticsearch writes them."""
    assert octets(text) == size


def test_what_is_missing_of_rights() -> None:
    """Of the cluster and of indices, by name."""
    assert missing(YES) == []
    assert missing(NO) == ["monitor", "create_doc on logs"]


@pytest.mark.parametrize("change", [{"unreachable": "x"}, {"refused": "x"}])
def test_what_cannot_be_asked_is_not_judged(change: dict[str, str]) -> None:
    """One check fails, and no other because of it."""
    bare = Cluster(output(), **change)  # type: ignore[arg-type]
    verdicts = [judge(bare).verdict for judge in JUDGES.values()]
    assert verdicts.count(FAIL) == 1
    assert WARN not in verdicts


def test_a_certificate_that_cannot_be_read_is_told() -> None:
    """Before anybody is asked."""
    found = probe(output(TLS_ENABLE=True, TLS_CA_CERT_FILEPATH="/nowhere.pem"))
    assert "TLS_CA_CERT_FILEPATH" in found.unreachable
