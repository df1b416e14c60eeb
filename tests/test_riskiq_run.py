"""`flowcoll run` with the RiskIQ output, and `flowcoll riskiq-receive`, as processes of their own over loopback."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from corpus import goldens
from flowcoll.decode.capture import Payload
from oracle import Datagram
from oracle_record import RecordOracle
from service import PATIENCE_S, Service, until
from slow_fcfx import CUSTOMER, KEY, Shown

UUID_OPTION, KEY_OPTION = "EF_OUTPUT_RISKIQ_CUSTOMER_UUID", "EF_OUTPUT_RISKIQ_CUSTOMER_ENCRYPTION_KEY"
CASES = ("fortigate-application-id", "nprobe-and-softflowd", "unknown-v5", "openbsd-pflow", "own-addresses")


def captured() -> list[Payload]:
    return [payload for golden in goldens() if golden.name in CASES for payload in golden.payloads]


class Receiving:
    """A receiver that runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self.process = process
        self._folder = folder

    @property
    def port(self) -> int:
        return int(until("it listens", self.talk).split(" port ")[1].split()[0])

    def talk(self) -> str:
        return (self._folder / "talk").read_text()

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self._folder / "records").read_text().splitlines()]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.talk()


@contextmanager
def receiver(folder: Path, *arguments: str, **environ: str) -> Iterator[Receiving]:
    """Run a receiver on a free port, with these arguments and variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EF_")}
    with (folder / "records").open("wb") as out, (folder / "talk").open("wb") as talk:
        process = subprocess.Popen(
            [sys.executable, "-m", "flowcoll", "riskiq-receive", "--listen", "127.0.0.1:0", *arguments],
            env=clean | environ,
            stdout=out,
            stderr=talk,
        )
    try:
        yield Receiving(process, folder)
    finally:
        process.kill()
        process.wait()


def settings(port: int, key_file: Path) -> dict[str, Any]:
    return {
        "EF_OUTPUT_RISKIQ_ENABLE": True,
        "EF_OUTPUT_RISKIQ_HOST": "127.0.0.1",
        "EF_OUTPUT_RISKIQ_PORT": port,
        UUID_OPTION: CUSTOMER,
        f"{KEY_OPTION}_FILE": key_file,
    }


def expected(payloads: Sequence[Payload]) -> tuple[list[Shown], int]:
    found, none = [], 0
    for exporter in dict.fromkeys(payload.source for payload in payloads):
        mine = [payload for payload in payloads if payload.source == exporter]
        datagrams = [Datagram(each.source_port, round(each.time * 1000), each.octets) for each in mine]
        sent, passed_over, _ = RecordOracle().records(datagrams, exporter)
        found, none = found + sent, none + passed_over
    return found, none


def comparable(shown: Shown) -> tuple[Any, ...]:
    return tuple(
        shown[name] for name in ("src", "src_port", "dst", "dst_port", "bytes", "packets", "protocol", "community_id")
    )


def received(record: dict[str, Any]) -> tuple[Any, ...]:
    network = record["network"]
    ends = [value for end in ("source", "destination") for value in _end(record.get(end, {}))]
    counts = (network["bytes"], network["packets"], int(network["iana_number"]), network.get("community_id", ""))
    return (*ends, *counts)


def _end(end: dict[str, Any]) -> tuple[str, int]:
    return end.get("ip", ""), end.get("port", 0)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    return path


def shown_everywhere(service: Service, receiving: Receiving) -> str:
    """What others can see: logs, pages, command lines, and the environment of the children."""
    pids = [service.pid, *service.children().values(), receiving.process.pid]
    lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
    lines += [Path(f"/proc/{pid}/environ").read_text() for pid in service.children().values()]
    pages = [json.dumps(service.ready()), json.dumps(service.metrics())]
    return "\n".join([service.log(), receiving.talk(), *pages, *lines])


def test_from_exporters_to_the_receiver(tmp_path: Path, key_file: Path) -> None:
    """Two workers send, the receiver writes what the oracle says, and nothing is lost; the key is seen nowhere.

    A worker that is killed is followed by one with a salt of its own, whose frames are accepted.
    """
    payloads = captured()
    records, none = expected(payloads)
    with receiver(tmp_path, "--key-file", str(key_file), **{UUID_OPTION: CUSTOMER}) as receiving:
        with Service(tmp_path, **settings(receiving.port, key_file), EF_PROCESSOR_POOL_SIZE=2) as service:
            service.send(payloads)
            service.until("all is sent", lambda: service.count("documents_delivered", output="riskiq") == len(records))
            assert service.count("documents_passed_over", output="riskiq") == none
            assert service.count("documents_dropped", output="riskiq") == 0
            (output,) = service.ready()["outputs"]
            assert (output["up"], output["delivered"], output["records_sent"]) == (True, len(records), len(records))
            assert output["to"].startswith(f"127.0.0.1 port {receiving.port}")
            seen = shown_everywhere(service, receiving)

            for pid in service.children().values():
                os.kill(pid, signal.SIGKILL)
            service.until("started again", lambda: service.count("worker_restarts") == 2)
            service.until("ready again", lambda: service.status("/readyz") == 200)
            service.send(payloads)
            service.until(
                "all is sent again", lambda: service.count("documents_delivered", output="riskiq") == 2 * len(records)
            )
            seen += shown_everywhere(service, receiving)
        until("all has come", lambda: len(receiving.records()) == 2 * len(records))
        receiving.stop()
    assert Counter(map(received, receiving.records())) == Counter(2 * list(map(comparable, records)))
    assert f"{2 * len(records)} records in " in receiving.talk()
    assert "0 frames lost, 0 sent before the first that came, 0 refused" in receiving.talk()
    assert KEY not in seen + service.log() + receiving.talk()
    assert KEY.rstrip("=") not in seen


def test_nobody_listens(tmp_path: Path, key_file: Path) -> None:
    """A host that refuses, or has no address, is a state and counted; the service is ready and other outputs get all."""
    payloads = captured()
    records, _ = expected(payloads)
    flows = tmp_path / "flows.ndjson"
    options = settings(9, key_file) | {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": flows}
    options |= {"EF_DC2_" + name.removeprefix("EF_"): value for name, value in settings(9, key_file).items()}
    for name in [name for name in options if name.startswith("EF_OUTPUT_RISKIQ")]:
        options["EF_DC1_" + name.removeprefix("EF_")] = options.pop(name)
    options["EF_DC2_OUTPUT_RISKIQ_HOST"] = f"{'x' * 64}.example.org"
    with Service(tmp_path, **options) as service:
        service.send(payloads)
        service.until("lost", lambda: service.count("documents_dropped", output="riskiq.dc2") == len(records))
        outputs = {output["name"]: output for output in service.ready()["outputs"]}
        assert not outputs["riskiq.dc2"]["up"]
        assert "cannot be a name" in outputs["riskiq.dc2"]["last_error"]
        service.until(
            "given up",
            lambda: (
                service.count("documents_delivered", output="riskiq.dc1")
                + service.count("documents_dropped", output="riskiq.dc1")
                == len(records)
            ),
        )
        because = {"output": "riskiq.dc2", "reason": "no_address"}
        assert service.count("documents_dropped_because", **because) == len(records)
    assert len(flows.read_text().splitlines()) == service.lines("info")[-1]["documents.written"]
    dropped = [line for line in service.lines("error") if line.get("output") == "riskiq.dc2"]
    assert [line["msg"] for line in dropped] == ["flow records are dropped"]
    assert service.lines("info")[-1].get("bugs", 0) == 0
