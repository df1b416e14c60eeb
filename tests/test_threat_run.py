"""`flowcoll run` with PassiveTotal's list, against the stand-in, as an operator sees it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.passivetotal import FORMS, KEY, USER, PassiveTotal
from flowcoll.decode.capture import Payload
from netflow5 import datagram
from service import Service

OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
SAYS = "RiskIQ Threats: "
LISTED = "67.43.156.20"


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


def options(fake: PassiveTotal, folder: Path, **said: object) -> dict[str, object]:
    account = {"API_USER": USER, "API_KEY": KEY, "THREAT_ENDPOINT": fake.blocklist_url, "THREAT_ENABLE": True} | said
    to_file = {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": folder / "flows.ndjson"}
    return {OPTION + name: value for name, value in account.items()} | to_file


def state(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.ready()["enrichers"]["threat_riskiq"]
    return found


def told(service: Service) -> list[dict[str, Any]]:
    """The log lines about the list."""
    return [line for line in map(json.loads, service.log().splitlines()) if line["msg"].startswith(SAYS)]


def until_state(service: Service, wanted: str) -> dict[str, Any]:
    return service.until(
        f"the list is {wanted}", lambda: found if (found := state(service))["state"] == wanted else None
    )


def send(service: Service, count: int = 1) -> None:
    flow = Payload(0, "127.0.0.1", 40_000, 0, datagram(("10.0.0.1", LISTED), ("10.0.0.1", "8.8.8.8")))
    service.send([flow] * count)


def names(folder: Path) -> list[list[str]]:
    """What the documents say of the listed address, in their order."""
    documents = map(json.loads, (folder / "flows.ndjson").read_text().splitlines())
    return [
        document.get("sec", {}).get("threat", {}).get("name", [])
        for document in documents
        if document["destination"]["ip"] == LISTED
    ]


def test_the_list_is_downloaded_and_counts(fake: PassiveTotal, tmp_path: Path) -> None:
    """The three lines of the log word for word, then flows are marked; pages tell the state; the key is nowhere."""
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        found = until_state(service, "on")
        send(service)
        metrics = service.metrics()
        pages = json.dumps([service.ready(), metrics])
    size = len(FORMS["object"](fake.rows))
    assert [(line["level"], line["msg"]) for line in told(service)] == [
        ("info", f"{SAYS}Fetching Threat DB from enrichment API at {fake.blocklist_url}"),
        ("info", f"{SAYS}received enrichment API response: {size} bytes"),
        ("info", f"{SAYS}DB successfully populated."),
    ]
    for line in told(service):
        assert list(line)[:4] == ["level", "ts", "caller", "msg"]
        assert line["caller"].startswith("threat/")
    assert told(service)[2]["entries"] == found["entries"] == 5
    assert metrics['threat_list_entries{list="riskiq"}'] == 5
    assert metrics['threats_refreshes{result="populated"}'] == 1
    assert 0 <= metrics['threat_list_age_seconds{list="riskiq"}'] < 60
    assert names(tmp_path) == [["Command and control"]]
    assert fake.requests[0].user == USER
    assert KEY not in service.log() + pages
    assert KEY not in "".join(path.read_text() for path in (tmp_path / "state").rglob("*.*"))


def test_a_download_that_takes_too_long(fake: PassiveTotal, tmp_path: Path) -> None:
    """The limit is for the whole download: two lines tell it, the page says since when and what comes; flows go on."""
    fake.fail("slow-body")
    with Service(tmp_path, **options(fake, tmp_path, API_TIMEOUT=1)) as service:
        found = until_state(service, "failed")
        send(service)
    cause = f"it took longer than 1 s; raise {OPTION}API_TIMEOUT"
    one, two = [line for line in told(service) if line["level"] == "error"]
    assert one["msg"] == f"{SAYS}failed to read the complete enrichment API response: {cause}"
    assert two["msg"] == f"{SAYS}failed to initialize DB: {cause}"
    assert 0.8 < one["ts"] - told(service)[0]["ts"] < 10
    assert (found["last_error"], found["entries"]) == (cause, 0)
    assert found["failed_since"] <= found["next_refresh"]
    assert names(tmp_path) == [[]]


def test_the_last_good_copy_at_the_next_start(fake: PassiveTotal, tmp_path: Path) -> None:
    """After a restart the copy serves although the server is down, and the log tells its age."""
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        until_state(service, "on")
    fake.fault = "502"
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        until_state(service, "failed")
        service.until("the worker has read the copy", lambda: state(service)["entries"])
        found = state(service)
        send(service)
    first, _, failure, *_ = told(service)
    assert first["msg"] == f"{SAYS}the last good copy serves at first"
    assert 0 <= first["age_s"] < 60
    assert failure["msg"].startswith(f"{SAYS}failed to initialize DB: the server has a fault (502 Bad Gateway)")
    assert failure["serving"] == found["entries"] == 5
    assert failure["msg"].endswith(found["last_error"])
    assert names(tmp_path) == [["Command and control"]]


def test_a_list_is_replaced_while_flows_go_on(fake: PassiveTotal, tmp_path: Path) -> None:
    """Documents say what the list in use says, the old one up to the swap and the new one from it on; no flow is lost."""
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        until_state(service, "on")
    fake.rows = [{"ip": f"67.43.{number >> 8}.{number & 255}", "threat": "New"} for number in range(40_000)]
    fake.fail("slow-start")
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        service.until("the download waits", fake.waiting.is_set)
        service.until("the worker has read the copy", lambda: state(service)["entries"] == 5)
        send(service, 100)
        fake.released.set()
        sent = 100
        while state(service)["entries"] != 40_000:
            send(service, 20)
            sent += 20
        send(service, 100)
        sent += 100
    said = names(tmp_path)
    assert len(said) == sent
    swap = said.index(["New"])
    assert said == [["Command and control"]] * swap + [["New"]] * (sent - swap)
    assert 100 <= swap <= sent - 100


def test_many_workers_and_one_download(fake: PassiveTotal, tmp_path: Path) -> None:
    """The list is downloaded once and told once; every worker uses it."""
    with Service(tmp_path, **options(fake, tmp_path), EF_PROCESSOR_POOL_SIZE=3) as service:
        until_state(service, "on")
        assert service.count("threats_copies", result="used") == 3
        flow = datagram(("10.0.0.1", LISTED))
        service.send(Payload(0, f"127.0.0.{number}", 40_000, 0, flow) for number in range(1, 31))
        workers = [worker["datagrams"] for worker in service.ready()["workers"]]
    assert len(fake.requests) == 1
    assert [line["msg"].removeprefix(SAYS)[:8] for line in told(service)] == ["Fetching", "received", "DB succe"]
    assert names(tmp_path) == [["Command and control"]] * 30
    assert all(workers), "all of them took part"


def test_who_downloads_is_killed(fake: PassiveTotal, tmp_path: Path) -> None:
    """Workers go on with the list they have; another process takes its place and brings the next list to them."""
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        until_state(service, "on")
        before = service.children()["refresher"]
        fake.rows, fake.modified = [{"ip": LISTED, "threat": "New"}], fake.modified + 3600
        fake.fail("slow-start")
        os.kill(before, signal.SIGKILL)
        service.until("another one downloads", fake.waiting.is_set)
        assert service.children()["refresher"] != before
        send(service)
        assert state(service)["entries"] == 5
        fake.released.set()
        service.until("the next list serves", lambda: state(service)["entries"] == 1)
        send(service)
        assert service.count("threats_refreshes", result="populated") == 2
        assert service.count("workers_died") == 0
    assert names(tmp_path) == [["Command and control"], ["New"]]


@pytest.mark.parametrize("fault", ["slow-start", "slow-body"])
def test_it_ends_in_the_midst_of_a_download(fake: PassiveTotal, tmp_path: Path, fault: str) -> None:
    """SIGTERM ends the collector at once, whatever the download does, and leaves no half file."""
    fake.fail(fault)
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        service.until("the download waits", fake.waiting.is_set)
    assert list((tmp_path / "state" / "threat").iterdir()) == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"THREAT_REFRESH_INTERVAL": 59}, f"{OPTION}THREAT_REFRESH_INTERVAL = '59': must be at least 60 minutes"),
        ({"API_KEY": ""}, f"{OPTION}THREAT_ENABLE = 'true': needs {OPTION}API_KEY"),
        ({"API_USER": "", "API_KEY": ""}, f"needs {OPTION}API_USER and {OPTION}API_KEY"),
    ],
)
def test_what_cannot_work_is_told_at_the_start(
    fake: PassiveTotal, tmp_path: Path, said: dict[str, object], words: str
) -> None:
    """An interval that is too short, or an account that is not given, is one line with the option, and exit code 78."""
    given = options(fake, tmp_path, **said)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EF_")}
    environ |= {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}
    command = [sys.executable, "-m", "flowcoll", "run", "--config", os.devnull]
    done = subprocess.run(command, check=False, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 78
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not fake.requests


def test_captures_are_read_without_a_download(fake: PassiveTotal, tmp_path: Path) -> None:
    """`flowcoll replay` marks flows with the last good copy of `flowcoll run`, and asks nobody."""
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        until_state(service, "on")
    asked = len(fake.requests)
    capture = Path(__file__).parent.parent / "demo" / "captures" / "branch-softflowd-v9.pcap"
    for folder, matched in ((tmp_path / "state", True), (tmp_path / "elsewhere", False)):
        given = {**options(fake, tmp_path), "EF_STATE_PATH": folder}
        sets = [f"--set={name}={value}" for name, value in given.items() if "OUTPUT" not in name]
        command = [sys.executable, "-m", "flowcoll", "replay", "--no-summary", *sets, str(capture)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        assert ('"name":["Command and control"]' in done.stdout) is matched
        assert ("nothing is matched" in done.stderr) is not matched
        assert done.stderr.count("\n") == (0 if matched else 1)
        assert KEY not in done.stderr
    assert len(fake.requests) == asked
