"""`flowcoll run` with lists of threats, PassiveTotal's from the stand-in, as an operator sees it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.passivetotal import FORMS, KEY, USER, PassiveTotal, many
from flowcoll.config import defaults
from flowcoll.decode.capture import Payload
from flowcoll.threat.keeping.desk import request
from netflow5 import datagram
from service import Service, free_port

OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
OWN = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_"
SAYS = "RiskIQ Threats: "
LISTED = "67.43.156.20"


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


def options(fake: PassiveTotal, folder: Path, **said: object) -> dict[str, object]:
    account = {"API_USER": USER, "API_KEY": KEY, "THREAT_ENDPOINT": fake.blocklist_url, "THREAT_ENABLE": True} | said
    return {OPTION + name: value for name, value in account.items()} | to_file(folder)


def to_file(folder: Path) -> dict[str, object]:
    return {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": folder / "flows.ndjson"}


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
    assert metrics['threats_refreshes{list="riskiq",result="populated"}'] == 1
    assert 0 <= metrics['threat_list_age_seconds{list="riskiq"}'] < 60
    assert names(tmp_path) == [["Command and control"]]
    assert fake.requests[0].user == USER
    assert KEY not in service.log() + pages
    assert not any(KEY.encode() in path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())


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
        assert service.count("threats_tables", list="riskiq", result="used") == 3
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
    assert {path.name for path in (tmp_path / "state" / "threat").iterdir()} == {"lock", "state.json"}


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
        assert done.stderr.count(SAYS) == (0 if matched else 1)
        assert KEY not in done.stderr
    assert len(fake.requests) == asked


# every fault, one after the other, on one running collector

MANY = [{"ip": f"67.44.{number >> 8}.{number & 255}"} for number in range(2_000)]
FAULTS = {
    "401": ("unauthorized", f"check {OPTION}API_USER and {OPTION}API_KEY: the key is the one shown under API Access"),
    "402": ("quota", "check the account's licence and quota at PassiveTotal"),
    "403": ("quota", "check the account's licence and quota at PassiveTotal"),
    "404": ("not_found", f"there is no list at this address (404 no such resource); check {OPTION}THREAT_ENDPOINT"),
    "429": ("too_many_requests", "asks for fewer requests (429 slow down); it is tried again later"),
    "429-date": ("too_many_requests", "asks for fewer requests (429 slow down); it is tried again later"),
    "500": ("server_error", "the server has a fault (500 internal error); it is tried again"),
    "502": ("server_error", "the server has a fault (502 Bad Gateway); it is tried again"),
    "reset": ("connection", "the connection to 127.0.0.1 fails; it is tried again"),
    "slow-body": ("timeout", f"it took longer than 2 s; raise {OPTION}API_TIMEOUT"),
    "cut-body": ("incomplete", "the connection ended after "),
    "cut-gzip": ("incomplete", "its compression ends too early; it is tried again"),
    "html": ("html", "the answer is an HTML or XML page, not a list; check"),
    "success-false": ("quota", "quota_exceeded: come back tomorrow"),
    "302": ("redirect", "which is told no secret and refuses us (401 invalid credentials); check"),
    "shrunken": ("shrunken", "has only 200 entries, and the list before it had 2001"),
    "empty": ("empty", "the answer holds no address; check"),
}
"""Fault of the server -> how it is counted, and what the log says of it."""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, PassiveTotal, PassiveTotal]]:
    """A collector that has a long list, its server, and a server elsewhere."""
    folder = tmp_path_factory.mktemp("faulty")
    with PassiveTotal() as fake, PassiveTotal() as elsewhere:
        fake.rows = [*MANY, {"ip": LISTED, "threat": "Command and control"}]
        fake.moved_to = elsewhere.blocklist_url.replace("127.0.0.1", "localhost")
        with Service(folder, **options(fake, folder, API_TIMEOUT=2)) as service:
            until_state(service, "on")
            yield service, fake, elsewhere


@pytest.mark.parametrize("fault", list(FAULTS))
def test_whatever_fails_the_old_list_serves(faulty: tuple[Service, PassiveTotal, PassiveTotal], fault: str) -> None:
    """Each fault is counted by what it is, told in one line of the log with what to do, and changes no match."""
    service, fake, elsewhere = faulty
    result, words = FAULTS[fault]

    def refused() -> float:
        counts = {key: value for key, value in service.metrics().items() if key.startswith("threats_refreshes{")}
        return sum(value for key, value in counts.items() if "populated" not in key and "not_modified" not in key)

    before, counted, lines = refused(), service.count("threats_refreshes", result=result), len(told(service))
    documents = len(names(service.folder)) if (service.folder / "flows.ndjson").exists() else 0
    fake.rows = [{**fake.rows[0], "description": fault}, *fake.rows[1:]]  # so that there is something to send
    fake.fail(fault)
    asked = defaults(EF_STATE_PATH=service.folder / "state")

    def failed() -> bool:
        if refused() == before and not (service.folder / "state" / "threat" / "refresh").exists():
            request(asked, ["riskiq"])
        return refused() > before

    service.until(f"{fault} is met", failed)
    send(service)
    service.until("documents", lambda: len(names(service.folder)) == documents + 1)
    assert names(service.folder)[-1] == ["Command and control"]
    assert state(service)["entries"] == 2001
    errors = [line["msg"] for line in told(service)[lines:] if line["level"] == "error"]
    assert [error for error in errors if error.startswith(f"{SAYS}failed to initialize DB: ") and words in error]
    assert service.count("threats_refreshes", list="riskiq", result=result) > counted
    assert KEY not in service.log()
    assert {each.user for each in elsewhere.requests} <= {""}, "credentials do not go to another host"
    if fault == "slow-body":
        fake.released.set()


# starting without a network


def test_a_start_without_a_network_and_without_a_copy(fake: PassiveTotal, tmp_path: Path) -> None:
    """Flows are carried at once; the state says that there is no list and why, and when it is tried again."""
    given = options(fake, tmp_path, THREAT_ENDPOINT="http://127.0.0.1:9/list")
    with Service(tmp_path, **given) as service:
        found = until_state(service, "failed")
        send(service)
        assert service.count("threats_refreshes", list="riskiq", result="connection") >= 1
    assert (found["entries"], found["last_error"]) == (
        0,
        f"127.0.0.1 refuses connections; check {OPTION}THREAT_ENDPOINT and the firewall",
    )
    assert found["next_refresh"]
    assert names(tmp_path) == [[]]


def test_a_copy_without_its_table(fake: PassiveTotal, tmp_path: Path) -> None:
    """A table that is damaged is made anew from the last good copy before workers start, with no server to be had."""
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        until_state(service, "on")
    fake.fault = "502"
    table = tmp_path / "state" / "threat" / "riskiq.table"
    octets = bytearray(table.read_bytes())
    octets[-1] ^= 1
    table.write_bytes(octets)
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        send(service)
    assert names(tmp_path) == [["Command and control"]]
    assert any("is damaged: the checksum of said does not hold" in line["msg"] for line in told(service))
    assert (tmp_path / "state" / "threat" / "riskiq.table.corrupt").read_bytes() == octets


def test_the_first_flow_is_matched(fake: PassiveTotal, tmp_path: Path) -> None:
    """What comes while lists are being read at the start waits in the kernel, and is matched."""
    mine = tmp_path / "mine.csv"
    mine.write_text("ip,name\n" + "".join(f"9.{n >> 16}.{n >> 8 & 255}.{n & 255},x\n" for n in range(30_000)))
    with mine.open("a") as file:
        file.write(f"{LISTED},Mine\n")
    given = {**options(fake, tmp_path, THREAT_ENABLE=False), OWN + "ENABLE": True, OWN + "PATH": mine}
    with Service(tmp_path, **given) as service:
        send(service)
        assert service.ready()["enrichers"]["threat_mine"]["entries"] == 30_001
        assert not fake.requests
    assert names(tmp_path) == [["Mine"]]


def test_without_a_list_nobody_waits_for_one(tmp_path: Path) -> None:
    """There is no refresher then, and no folder of lists."""
    with Service(tmp_path, **to_file(tmp_path)) as service:
        assert list(service.children()) == ["worker-0"]
        assert not (tmp_path / "state" / "threat").exists()


@pytest.mark.parametrize("text", ["", "<html>"])
def test_a_file_of_no_use_stops_the_start(tmp_path: Path, text: str) -> None:
    """The collector ends with code 78 and one line, before any worker has begun."""
    mine = tmp_path / "mine.csv"
    mine.write_text(text)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EF_")}
    environ |= {OWN + "ENABLE": "true", OWN + "PATH": str(mine), "EF_STATE_PATH": str(tmp_path / "state")}
    environ |= {"EF_FLOW_SERVER_UDP_PORT": str(free_port(socket.SOCK_DGRAM)), "EF_FLOW_SERVER_UDP_IP": "127.0.0.1"}
    environ |= {"EF_API_PORT": str(free_port(socket.SOCK_STREAM))}
    command = [sys.executable, "-m", "flowcoll", "run", "--config", os.devnull]
    done = subprocess.run(command, check=False, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 78
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"flowcoll: {OWN}PATH: {mine} ")
    assert '"msg":"listening"' not in done.stderr


# while flows go on


def test_many_swaps_lose_no_datagram(tmp_path: Path) -> None:
    """Another process sends without a pause while lists are replaced again and again: every flow is a document."""
    mine, count = tmp_path / "mine.csv", 1_200
    mine.write_text(f"{LISTED}\n")
    given = {**to_file(tmp_path), OWN + "ENABLE": True, OWN + "PATH": mine, "EF_PROCESSOR_POOL_SIZE": 2}
    with Service(tmp_path, **given) as service:
        command = [
            sys.executable,
            str(Path(__file__).parent / "sending.py"),
            str(service.port),
            str(count),
            "500",
            LISTED,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as sender:
            swaps = 0
            while sender.poll() is None:
                swaps += 1
                rows = "".join(f"67.44.{n >> 8}.{n & 255}\n" for n in range(3_000 + swaps))
                (tmp_path / "new").write_text(f"{LISTED}\n{rows}")
                (tmp_path / "new").replace(mine)
                os.kill(service.pid, signal.SIGHUP)
                wanted = 2 * (swaps + 1)
                service.until(
                    "it is used", lambda wanted=wanted: service.count("threats_tables", result="used") >= wanted
                )
        service.until("all documents", lambda: service.count("documents_delivered", output="file") >= count)
        assert service.count("socket_drops") == 0
    found = names(tmp_path)
    assert swaps >= 3
    assert len(found) == count
    assert [each for each in found if each != ["mine"]] == []


def test_a_worker_that_is_started_again_has_its_lists_at_once(fake: PassiveTotal, tmp_path: Path) -> None:
    """What comes while no worker is there is matched by the next one, whatever the server does."""
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        until_state(service, "on")
        fake.fault = "500"
        before = service.children()["worker-0"]
        os.kill(before, signal.SIGKILL)
        flow = Payload(0, "127.0.0.1", 40_000, 0, datagram(("10.0.0.1", LISTED)))
        service.send([flow] * 20)
        assert service.children()["worker-0"] != before
    assert names(tmp_path) == [["Command and control"]] * 20


def test_who_makes_a_table_is_killed_in_its_midst(fake: PassiveTotal, tmp_path: Path) -> None:
    """Half a table is used by nobody: the old one serves, and the next process makes it whole."""
    with Service(tmp_path, **options(fake, tmp_path)) as service:
        until_state(service, "on")
        fake.rows, fake.modified = many(), fake.modified + 3600
        request(defaults(EF_STATE_PATH=tmp_path / "state"), ["riskiq"])
        folder = tmp_path / "state" / "threat"
        service.until("a table is being made", (folder / "riskiq.table.new").exists)
        fake.fail("slow-start")
        os.kill(service.children()["refresher"], signal.SIGKILL)
        service.until("another one downloads", fake.waiting.is_set)
        assert not (folder / "riskiq.table.new").exists()
        send(service)
        assert state(service)["entries"] == 5
        fake.rows = [{"ip": LISTED, "threat": "New"}]
        fake.released.set()
        service.until("the next list serves", lambda: state(service)["entries"] == 1)
        assert service.count("threats_tables", result="unusable") == 0
        assert service.count("refresher_died") == 1
    assert names(tmp_path) == [["Command and control"]]


def test_a_table_that_somebody_has_spoilt(fake: PassiveTotal, tmp_path: Path) -> None:
    """Workers count a table that they cannot use, say so in their state, and go on with the one before it."""
    with Service(tmp_path, **options(fake, tmp_path), EF_PROCESSOR_POOL_SIZE=2) as service:
        until_state(service, "on")
        folder = tmp_path / "state" / "threat"
        (folder / "spoilt").write_bytes(b"no table")
        (folder / "spoilt").replace(folder / "riskiq.table")
        found = until_state(service, "failed")
        service.until("both", lambda: service.count("threats_tables", list="riskiq", result="unusable") == 2)
        send(service)
    assert found["last_error"] == f"the table riskiq.table in {folder} is no table: it is too short"
    assert names(tmp_path) == [["Command and control"]]


# secrets

SECRETS = ("hunter2-password", "hunter3-header", "hunter4-url", KEY)


def test_secrets_are_nowhere(fake: PassiveTotal, tmp_path: Path) -> None:
    """Passwords of lists are in no log, page, file or process list, whether lists are had or refused."""
    fake.fault = "401"
    own = {"ENABLE": True, "URL": fake.blocklist_url.replace("//", "//user:hunter4-url@"), "USERNAME": "somebody"}
    own |= {"PASSWORD": SECRETS[0], "HEADER": f"Auth-Key: {SECRETS[1]}", "TYPE": "auto"}
    given = {**options(fake, tmp_path), **{OWN + name: value for name, value in own.items()}}
    with Service(tmp_path, **given) as service:
        until_state(service, "failed")
        service.until("it fails", lambda: service.ready()["enrichers"]["threat_mine"]["state"] == "failed")
        pages = json.dumps([service.ready(), service.metrics()]).encode()
        processes = b"".join(
            Path(f"/proc/{pid}/{page}").read_bytes()
            for pid in service.children().values()
            for page in ("cmdline", "environ")
        )
        processes += Path(f"/proc/{service.pid}/cmdline").read_bytes()
    files = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    seen = pages + processes + files + service.log().encode()
    assert [secret for secret in SECRETS if secret.encode() in seen] == []


# memory


def unique_kb(pid: int) -> int:
    """Give the memory that a process has for itself (proc(5), smaps_rollup)."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith(("Private_Clean:", "Private_Dirty:")))


def test_a_long_list_takes_no_memory_of_a_worker(fake: PassiveTotal, tmp_path: Path) -> None:
    """300,000 entries lie in memory that all workers share: each has hardly more for itself than without."""
    with Service(tmp_path, **options(fake, tmp_path), EF_PROCESSOR_POOL_SIZE=2) as service:
        until_state(service, "on")
        send(service, 10)
        before = [unique_kb(pid) for name, pid in sorted(service.children().items()) if name != "refresher"]
        fake.rows, fake.modified = many(), fake.modified + 3600
        request(defaults(EF_STATE_PATH=tmp_path / "state"), ["riskiq"])
        service.until("every worker has it", lambda: state(service)["entries"] > 290_000)
        send(service, 10)
        after = [unique_kb(pid) for name, pid in sorted(service.children().items()) if name != "refresher"]
    assert max(now - then for now, then in zip(after, before, strict=True)) < 4_096, (before, after)


# what may match


def test_rules_are_followed(fake: PassiveTotal, tmp_path: Path) -> None:
    """A false positive matches no more from the next reload on; when it is taken back, the address matches again."""
    rules = tmp_path / "false.yml"
    rules.write_text("[]\n")
    given = {**options(fake, tmp_path), "EF_PROCESSOR_ENRICH_IPADDR_FALSE_POSITIVES_PATH": rules}
    with Service(tmp_path, **given, EF_PROCESSOR_POOL_SIZE=2) as service:
        until_state(service, "on")

        def reloaded(text: str, entries: int) -> None:
            rules.write_text(text)
            os.kill(service.pid, signal.SIGHUP)
            service.until("rules", lambda: service.ready()["enrichers"]["threats_rules"]["entries"] == entries)
            send(service)

        send(service)
        reloaded(f"- {{address: {LISTED}, reason: ours}}\n", 1)
        reloaded("[]\n", 0)
    assert names(tmp_path) == [["Command and control"], [], ["Command and control"]]
