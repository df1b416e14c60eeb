"""SIGHUP has a running collector read its files anew."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from flowcoll.decode.capture import Payload
from netflow5 import datagram
from service import Service
from test_files import system

PREFIX = "EF_PROCESSOR_ENRICH_IPADDR_"
WORKERS = 2
FLOW = datagram(("10.0.0.1", "8.8.8.8"))


def threats(path: Path, *names: str) -> None:
    """Write a list anew in its place."""
    path.write_text("ip,name\n" + "".join(f"8.8.8.8,{name}\n" for name in names))


class Site:
    """Files, and options that name them."""

    def __init__(self, folder: Path) -> None:
        self.asn, self.list, self.flows = folder / "asn.mmdb", folder / "mine.csv", folder / "flows.ndjson"
        system(self.asn, 64_500)
        threats(self.list, "Botnet")
        given = {"MAXMIND_ASN_ENABLE": True, "MAXMIND_ASN_PATH": self.asn}
        given |= {"THREAT_MINE_ENABLE": True, "THREAT_MINE_PATH": self.list}
        to_file = {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": self.flows, "EF_PROCESSOR_POOL_SIZE": WORKERS}
        self.options: dict[str, object] = {PREFIX + name: value for name, value in given.items()} | to_file
        self.sent = 0

    def send(self, service: Service, rounds: int = 1) -> None:
        """Send a flow from each of ten exporters, and again."""
        self.sent += service.send(
            Payload(0, f"127.0.0.{number}", 40_000, 0, FLOW) for _ in range(rounds) for number in range(1, 11)
        )

    def seen(self) -> list[tuple[Any, Any]]:
        """Give the number of the system and the threats of each document."""
        documents = map(json.loads, self.flows.read_text().splitlines())
        return [(each["destination"]["as"]["number"], each["sec"]["threat"]["name"]) for each in documents]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_changed_files_count_without_a_flow_lost(site: Site, tmp_path: Path) -> None:
    """Every worker uses the new files, while flows go on; a signal to all processes of the service does no harm."""
    with Service(tmp_path, **site.options) as service:
        site.send(service, 5)
        before = service.children()
        system(site.asn, 64_501)
        threats(site.list, "Scanner", *(f"Spam {number}" for number in range(20_000)))
        site.send(service)
        for pid in (service.pid, *before.values()):
            os.kill(pid, signal.SIGHUP)
        while service.count("helpers_reloaded") < WORKERS or service.count("threats_tables") < 2 * WORKERS:
            site.send(service, 3)
        site.send(service, 5)
        assert service.children() == before
        assert service.count("helpers_refused") == 0
    found = site.seen()
    assert len(found) == site.sent
    assert {(number, names[0]) for number, names in found[:60]} == {(64_500, "Botnet")}
    assert {(number, names[0]) for number, names in found[-50:]} == {(64_501, "Scanner")}
    assert {names[0] for _, names in found} == {"Botnet", "Scanner"}
    did = [line["reloaded"] for line in service.lines("info") if "reloaded" in line]
    assert sorted(did) == [["maxmind_asn"], ["threat_mine"]], "one line each, whatever the number of workers"


def test_a_file_that_cannot_be_used(site: Site, tmp_path: Path) -> None:
    """One line tells which and why, whatever the number of workers; what was there before serves on."""
    with Service(tmp_path, **site.options) as service:
        site.list.write_text("<html>")
        os.kill(service.pid, signal.SIGHUP)
        service.until("it is refused", lambda: service.count("threats_refreshes", result="html") == 1)
        state = service.until(
            "the state tells it",
            lambda: found if (found := service.ready()["enrichers"]["threat_mine"])["state"] == "failed" else None,
        )
        site.send(service)
    (line,) = service.lines("error")
    assert line["msg"] == (
        f"{PREFIX}THREAT_MINE_PATH: {site.list} is an HTML or XML page, not a list; what was read before serves on"
    )
    assert (state["entries"], state["last_error"]) == (1, line["msg"].partition("; what was")[0])
    assert site.seen() == [(64_500, ["Botnet"])] * 10
