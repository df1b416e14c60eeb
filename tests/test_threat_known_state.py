"""Why is my Threats page empty? /readyz, metrics, the log and the commands say it, and say the same."""

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
LISTED = "67.43.156.20"


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


def options(fake: PassiveTotal, folder: Path, **said: object) -> dict[str, object]:
    account = {"API_USER": USER, "API_KEY": KEY, "THREAT_ENDPOINT": fake.blocklist_url, "THREAT_ENABLE": True} | said
    to_file = {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": folder / "flows.ndjson"}
    return {OPTION + name: value for name, value in account.items()} | to_file


def told(service: Service) -> list[str]:
    """The lines of the log that answer."""
    return [line["msg"] for line in map(json.loads, service.log().splitlines()) if line["msg"].startswith("threats: ")]


def answer(service: Service) -> dict[str, Any]:
    (found,) = service.ready()["threats"]["lists"]
    return dict(found)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("401", "unauthorized", ["credentials refused", "401", "API Access, not the password of the web site"]),
        ("402", "quota", ["quota used up", "402 quota_exceeded", "nothing is matched"]),
        ("403", "quota", ["quota used up", "403 your licence does not include this"]),
        ("success-false", "quota", ["quota used up", "quota_exceeded: come back tomorrow"]),
        ("slow-body", "timeout", ["timeout", f"longer than 1 s; raise {OPTION}API_TIMEOUT"]),
        ("html", "html", ["a web page instead of a list", "a sign-in page may answer"]),
    ],
)
def test_what_is_wrong(fake: PassiveTotal, tmp_path: Path, fault: str, kind: str, words: list[str]) -> None:
    """Each refusal has its words, the same on the page and in the line of the log; a metric has the word for it."""
    fake.fault = fault
    with Service(tmp_path, **options(fake, tmp_path, API_TIMEOUT=1)) as service:
        service.until("the download has failed", lambda: answer(service)["kind"] == kind)
        text = answer(service)["text"]
        service.until("the log tells it", lambda: any(words[0] in line for line in told(service)))
        assert service.metrics()[f'threat_list_state{{list="riskiq",state="{kind}"}}'] == 1
    assert all(word in text for word in words)
    assert told(service)[-1] == f"threats: riskiq {text}"
    assert KEY not in service.log()


def test_commands_say_the_same(fake: PassiveTotal, tmp_path: Path) -> None:
    """`threats status`, which then fails, `threats explain` and doctor have the words of the page."""
    fake.fault = "401"
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        service.until("the download has failed", lambda: answer(service)["kind"] == "unauthorized")
        text = answer(service)["text"]
        asked = service.ask("threats", "status")
        explained = " ".join(service.ask("threats", "explain").stdout.split())
        examined = json.loads(service.ask("doctor", "--json").stdout)["checks"]
    assert asked.returncode == 1
    assert text in " ".join(asked.stdout.split())
    assert text in explained
    (row,) = (row for row in examined if row["check"] == "threat list")
    assert (row["verdict"], row["finding"]) == ("fail", f"riskiq {text}")
    assert KEY not in asked.stdout + asked.stderr + explained


def test_all_is_well(fake: PassiveTotal, tmp_path: Path) -> None:
    """Entries and when they were loaded, then how many flows have matched; matches are a block-list, and outlast a restart."""
    false = tmp_path / "false.yml"
    rules = {"EF_PROCESSOR_ENRICH_IPADDR_FALSE_POSITIVES_PATH": false}
    with Service(tmp_path, **options(fake, tmp_path), **rules) as service:
        service.until("the list is on", lambda: answer(service)["kind"] == "on")
        service.until("the log tells it", lambda: any("5 entries" in line for line in told(service)))
        none = answer(service)
        flows = datagram(("10.0.0.1", LISTED), (LISTED, "10.0.0.1"), ("10.0.0.1", "8.8.8.8"))
        service.send([Payload(0, "127.0.0.1", 40_000, 0, flows)] * 3)
        found = service.until("all have matched", lambda: each if (each := answer(service))["matches"] == 6 else None)
        service.until(
            "the log tells it", lambda: "6 flows" in told(service)[-1] or "flows matched" in told(service)[-1]
        )
        asked = json.loads(service.ask("threats", "status", "--json").stdout)
        plain = service.until(
            "the worker has told", lambda: service.ask("threats", "blocklist", "--min-flows", "6").stdout or None
        )
        looked_up = service.ask("threats", "lookup", LISTED, "10.0.0.1").stdout
        wrong = service.status("/threats/blocklist?since=yesterday")
        metrics = service.metrics()
        false.write_text(f"- address: {LISTED}\n  reason: ours\n")
        without = service.ask("threats", "blocklist").stdout
        false.unlink()
    received = service_time(none)
    assert none["text"] == f"5 entries loaded {received}, 0 flows matched so far"
    assert found["text"] == f"5 entries loaded {received}, 6 flows matched so far"
    assert none["advice"].endswith("flowcoll threats lookup ADDRESS")
    assert asked["running"] is True
    assert asked["text"] == f"riskiq {found['text']}"
    assert plain == f"{LISTED}\n"
    assert "matches" in looked_up
    assert "Command and control" in looked_up
    assert "10.0.0.1 never matches" in looked_up
    assert wrong == 400
    assert without == "", "what a false positive covers now is left out at once"
    assert metrics["threats_matches"] == metrics['threats_list_matches{list="riskiq"}'] == 6
    assert metrics['threat_list_state{list="riskiq",state="on"}'] == 1
    assert metrics['threat_list_last_success_timestamp_seconds{list="riskiq"}'] > 1.7e9
    stopped = service.ask("threats", "status")
    assert stopped.returncode == 0
    assert "this is what" in stopped.stderr
    again = service.ask("threats", "blocklist", "--format", "json")
    (row,) = json.loads(again.stdout)["addresses"]
    assert (row["address"], row["flows"], row["lists"]) == (LISTED, 6, ["riskiq"])


def service_time(told_of: dict[str, Any]) -> str:
    """The time in the words about a list."""
    return str(told_of["text"].split(" loaded ")[1].split(",")[0])


def test_somebody_asks_for_a_refresh(fake: PassiveTotal, tmp_path: Path) -> None:
    """The running collector fetches the list, and the command tells what came of it; without one it fetches it itself."""
    fake.fault = "401"
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        service.until("the download has failed", lambda: answer(service)["kind"] == "unauthorized")
        again = service.ask("threats", "refresh")
        fake.fault = ""
        fine = service.ask("threats", "refresh", "riskiq")
        requests = len(fake.requests)
        unknown = service.ask("threats", "refresh", "other")
    assert again.returncode == 1
    assert again.stdout.startswith("riskiq: credentials refused")
    assert (fine.returncode, fine.stdout.partition(" loaded ")[0]) == (0, "riskiq: 5 entries")
    assert unknown.returncode == 1
    assert unknown.stderr.endswith("'other' is no list that is switched on; these are: riskiq\n")
    assert requests >= 3
    alone = service.ask("threats", "refresh")
    assert (alone.returncode, alone.stdout.partition(" loaded ")[0]) == (0, "riskiq: 5 entries")
    assert len(fake.requests) == requests + 1
    assert "no collector keeps lists" in alone.stderr


def test_nothing_is_switched_on(tmp_path: Path) -> None:
    """Then no line is in the log; the page and the commands say how to switch a list on."""
    with Service(tmp_path) as service:
        text = service.ready()["threats"]["text"]
        asked = service.ask("threats", "explain").stdout
    assert text.startswith("off: no list of threats is switched on")
    assert "no list of threats is switched on" in " ".join(asked.split())
    assert not told(service)
