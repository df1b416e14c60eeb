"""`flowcoll doctor` with a real Elasticsearch: right and wrong rights, templates, a red cluster."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from elastic_node import Node
from flowcoll import config
from flowcoll.config import OutputOptions
from flowcoll.doctor import cluster, cluster_checks
from flowcoll.doctor.findings import Finding, Verdict
from flowcoll.setup import command, roles
from service import Service
from stored import PREFIX, output

pytestmark = pytest.mark.stack

OK, WARN, FAIL, SKIP = Verdict
PASSWORD = "the right password"


def options(node: Node, namespace: str, **more: object) -> OutputOptions:
    return config.defaults(**output(node, namespace, **more)).outputs("ELASTICSEARCH")[0]


def examined(of: OutputOptions) -> dict[str, Finding]:
    """What each check finds at the server."""
    facts = cluster.probe(of)
    return {check.name: check.judge(facts) for check in cluster_checks.CHECKS}


def test_from_an_empty_server_to_one_that_is_set_up(node: Node) -> None:
    """First the templates are missing, and would be put by who may; afterwards everything is good."""
    of = options(node, "doctor")
    found = examined(of)
    assert {name for name, each in found.items() if each.verdict is FAIL} == set()
    assert found["templates"].verdict is found["lifecycle policy"].verdict is WARN
    assert "flowcoll run" in found["templates"].advice
    command.setup(node.es, of, command.Wish())
    found = examined(of)
    assert {name for name, each in found.items() if each.verdict not in {OK, SKIP}} == {"credentials"}  # elastic
    assert found["licence"].text == "trial, active"


def test_the_printed_role_is_enough(node: Node) -> None:
    """Who has it fails nothing, and is warned of nothing. Without the templates that is said."""
    of = options(node, "doctor_writer", USERNAME="doctor", PASSWORD=PASSWORD)
    rights = roles.writer(of)
    node.es.security.put_role(name="doctor", cluster=rights["cluster"], indices=rights["indices"])
    node.es.security.put_user(username="doctor", password=PASSWORD, roles=["doctor"])
    missing = examined(of)["templates"]
    assert missing.verdict is FAIL
    assert missing.advice.startswith("flowcoll setup-elasticsearch")
    command.setup(node.es, of, command.Wish())
    found = examined(of)
    assert {each.verdict for each in found.values()} <= {OK, SKIP}, found
    assert found["credentials"].text == "it knows us as doctor"


def test_the_printed_key_is_enough(node: Node) -> None:
    """It is known by its own name, although the superuser has made it."""
    of = options(node, "doctor_key")
    command.setup(node.es, of, command.Wish())
    key = node.es.security.create_api_key(name="writer", role_descriptors={"writer": roles.writer(of)})
    found = examined(options(node, "doctor_key", API_KEY=key["encoded"]))
    assert {each.verdict for each in found.values()} <= {OK, SKIP}, found
    assert found["credentials"].text == "it knows us as the key writer"


def test_a_role_that_lacks_something(node: Node) -> None:
    """Each missing right is named, with where to have it from."""
    node.es.security.put_role(
        name="doctor-poor", cluster=["monitor"], indices=[{"names": ["x"], "privileges": ["read"]}]
    )
    node.es.security.put_user(username="poor", password=PASSWORD, roles=["doctor-poor"])
    found = examined(options(node, "doctor_poor", USERNAME="poor", PASSWORD=PASSWORD))["rights"]
    assert found.verdict is FAIL
    for word in ("auto_configure", "create_doc", "logs-flowcoll.flow-doctor_poor"):
        assert word in found.text
    assert "--print-roles" in found.advice


def test_a_wrong_password(node: Node) -> None:
    """Fails once, and shows no password."""
    found = examined(options(node, "doctor", PASSWORD="the wrong password"))
    assert [name for name, each in found.items() if each.verdict is FAIL] == ["credentials"]
    assert found["Elasticsearch"].verdict is OK
    assert "the wrong password" not in str(found)


def test_a_red_cluster(node: Node) -> None:
    """Fails; afterwards it is green again."""
    node.es.indices.create(
        index="doctor-red",
        settings={"index.routing.allocation.require._name": "nobody", "number_of_replicas": 0},
        wait_for_active_shards=0,
    )
    try:
        node.es.cluster.health(wait_for_status="red", timeout="20s")
        found = examined(options(node, "doctor"))["cluster health"]
        assert (found.verdict, found.text.startswith("red: 1 shard not")) == (FAIL, True)
    finally:
        node.es.indices.delete(index="doctor-red")


def test_the_command_beside_a_running_collector(node: Node, tmp_path: Path) -> None:
    """Its ports are its own, its state is asked, and nothing fails."""
    settings = output(node, "doctor_running")
    with Service(tmp_path, **settings) as service:
        service.until("connected", lambda: service.ready()["outputs"][0]["up"])
        environ = Path(f"/proc/{service.pid}/environ").read_bytes().decode().split("\0")
        done = subprocess.run(
            [sys.executable, "-m", "flowcoll", "doctor", "--json", "--config", os.devnull],
            env=dict(variable.split("=", 1) for variable in environ if variable),
            capture_output=True,
            text=True,
            check=False,
        )
    said: dict[str, Any] = json.loads(done.stdout)
    checks = {row["check"]: row for row in said["checks"]}
    assert [row for row in said["checks"] if row["verdict"] == "fail"] == []
    assert done.returncode == said["code"] == 0
    assert checks["collector"]["verdict"] == checks["UDP port"]["verdict"] == "ok"
    assert "is read by the collector" in checks["UDP port"]["finding"]
    assert settings[PREFIX + "PASSWORD"] not in done.stdout
