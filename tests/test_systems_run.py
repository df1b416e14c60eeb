"""`flowcoll run` with PassiveTotal's list of autonomous systems, from the stand-in, as an operator sees it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.passivetotal import KEY, USER, PassiveTotal
from flowcoll.decode.capture import Payload
from netflow5 import datagram
from service import Service

OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
HOST = "67.43.156.20"
SAYS = "RiskIQ ASN: "


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


def options(fake: PassiveTotal, folder: Path, **said: object) -> dict[str, object]:
    given = {"API_USER": USER, "API_KEY": KEY, "ASN_ENDPOINT": fake.systems_url, "ASN_ENABLE": True} | said
    to_file = {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": folder / "flows.ndjson"}
    return {OPTION + name: value for name, value in given.items()} | to_file


def state(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.ready()["enrichers"]["riskiq_asn"]
    return found


def until_in_use(service: Service) -> dict[str, Any]:
    return service.until("the worker has the table", lambda: found if (found := state(service))["entries"] else None)


def send(service: Service) -> None:
    service.send([Payload(0, "127.0.0.1", 40_000, 0, datagram(("10.0.0.1", HOST)))])


def systems(folder: Path) -> list[Any]:
    """The system that each document gives the host, in their order."""
    lines = (folder / "flows.ndjson").read_text().splitlines()
    return [document["destination"].get("as") for document in map(json.loads, lines)]


def test_the_list_is_downloaded_and_counts(fake: PassiveTotal, tmp_path: Path) -> None:
    """Documents name the system of the smallest network round an address; pages tell the state; the key is nowhere."""
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        found = until_in_use(service)
        send(service)
        pages = json.dumps([service.ready(), service.metrics()])
    assert systems(tmp_path) == [{"number": 64500, "organization": {"name": "Example Hosting"}}]
    assert (found["state"], found["entries"], found["networks"]) == ("on", 4, 3)
    told = [line["msg"] for line in map(json.loads, service.log().splitlines()) if line["msg"].startswith(SAYS)]
    assert told[0] == f"{SAYS}Fetching ASN DB from enrichment API at {fake.systems_url}"
    assert told[-1] == f"{SAYS}DB successfully populated."
    assert [request.user for request in fake.requests] == [USER]
    assert KEY not in service.log() + pages


def test_the_last_good_copy_at_the_next_start(fake: PassiveTotal, tmp_path: Path) -> None:
    """When the server is down the last list serves; a new one takes its place while the service runs."""
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        until_in_use(service)
    fake.systems = [{"network": f"{HOST}/32", "asn": 64510, "organization": "Another"}]
    fake.fail("slow-start")
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        until_in_use(service)
        send(service)
        service.until("the flow is written", lambda: systems(tmp_path))
        fake.released.set()
        service.until("the new list is in use", lambda: state(service)["entries"] == 1)
        send(service)
    assert [each["number"] for each in systems(tmp_path)] == [64500, 64510]


def test_it_stands_beside_the_list_of_threats(fake: PassiveTotal, tmp_path: Path) -> None:
    """Both lists are fetched with one account, and each has its own state."""
    both = {"THREAT_ENABLE": True, "THREAT_ENDPOINT": fake.blocklist_url}
    with Service(tmp_path, **options(fake, tmp_path, **both)) as service:
        until_in_use(service)
        service.until("threats are listed", lambda: service.ready()["enrichers"]["threat_riskiq"]["entries"])
        send(service)
    (document,) = map(json.loads, (tmp_path / "flows.ndjson").read_text().splitlines())
    assert document["destination"]["as"]["number"] == 64500
    assert document["sec"]["threat"]["name"] == ["Command and control"]
