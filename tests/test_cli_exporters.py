"""`flowcoll exporters` and `flowcoll top` beside a real collector that receives real exports."""

import json
import time
from typing import NamedTuple

import pytest

from corpus import goldens
from exported import FLOW, data, ipfix, template
from flowcoll.cli import main
from flowcoll.decode.capture import Payload
from service import Service, free_port, text

CISCO = next(case for case in goldens() if case.name == "cisco-f2rd-sampling")


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def flowcoll(capfd, monkeypatch):
    """Runs a command to its end, with these options."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*words, **options):
        settings = [word for name, value in options.items() for word in ("--set", f"{name}={text(value)}")]
        code = main([*map(str, words), *settings])
        return Done(code, *capfd.readouterr())

    return run


def own(now):
    """An exporter whose clock is two minutes ahead, and that loses five of seven records on the way."""
    sends = (
        ipfix(template(256, FLOW), data(256, FLOW), time=now + 120),
        ipfix(data(256, FLOW), number=6, time=now + 120),
    )
    return [Payload(now, "127.20.9.7", 50_000, 2055, octets) for octets in sends]


def rows(told, address):
    return [row for row in told["exporters"] if row["address"] == address]


def test_beside_a_running_collector(tmp_path, flowcoll):
    """Exporters are told with loss, skew and what their templates lack; without the collector its files tell the rest."""
    nothing = tmp_path / "empty.yml"
    with Service(tmp_path, EF_PROCESSOR_POOL_SIZE=2) as service:
        given = service._options
        service.send([*CISCO.payloads, *own(time.time())])

        def exporters(*words):
            return flowcoll("exporters", "--config", nothing, *words, **given)

        done = exporters("--json")
        assert (done.returncode, done.stderr) == (0, "")
        told = json.loads(done.stdout)
        assert {row["address"] for row in told["exporters"]} == {CISCO.exporter, "127.20.9.7"}
        [row] = rows(told, "127.20.9.7")
        assert row["sequence"] | {"late": 0} == {
            "unit": "records", "received": 2, "lost": 5, "share": 0.714286, "late": 0, "repeated": 0, "restarts": 0,
        }  # fmt: skip
        assert row["clock_skew_ms"] == pytest.approx(120_000, abs=3_000)
        assert "times" in row["lacks"]
        assert row["flows_per_second"] > 0
        assert told["lacks"]["times"]["cost"]

        done = exporters("127.20.9.0/24", "--advice")
        assert done.returncode == 0
        lines = [line.rstrip() for line in done.stdout.splitlines()]
        assert max(map(len, lines)) <= 100
        [line] = [line for line in lines if line.startswith("127.20.9.7") and "5 (71%)" in line]
        assert "+2 min" in line
        assert CISCO.exporter not in done.stdout
        assert "    Cisco Flexible NetFlow: collect transport tcp flags" in lines

        url = f"http://127.0.0.1:{given['EF_API_PORT']}"
        first = json.loads(flowcoll("exporters", "--api", url, "--sort", "loss", "--json").stdout)["exporters"][0]
        assert first["sequence"]["share"] == max(row["sequence"]["share"] for row in told["exporters"])

        done = flowcoll("top", "--once", "--json", "--interval", "0.5", "--config", nothing, **given)
        found = json.loads(done.stdout)
        assert (found["ready"], len(found["workers"]), len(found["exporters"])) == (True, 2, len(told["exporters"]))
        assert found["interval_s"] >= 0.5
        assert found["flows_per_second"] == 0
        assert "ready, up" in flowcoll("top", "--once", "--interval", "0.1", "--api", url).stdout

    done = flowcoll("exporters", "--json", "--config", nothing, **given)
    assert done.returncode == 0
    assert done.stderr.startswith(f"flowcoll: {url} does not answer (Connection refused); this is what ")
    assert done.stderr.count("\n") == 1
    [row] = rows(json.loads(done.stdout), "127.20.9.7")
    assert (row["templates"], "times" in row["lacks"]) == ({"data": 1, "options": 0}, True)
    assert flowcoll("exporters", "--config", nothing, **given).stdout.startswith("Exporters ")


def test_neither_collector_nor_state(tmp_path, flowcoll):
    """When neither can be had it is told in one line, and the exit code is 1."""
    port = free_port(1)
    nothing = tmp_path / "empty.yml"
    nothing.write_text("{}\n")
    options = {"EF_API_PORT": port, "EF_STATE_PATH": tmp_path / "state"}
    done = flowcoll("exporters", "--config", nothing, **options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"flowcoll: http://127.0.0.1:{port} does not answer (Connection refused); "
        f"nothing is kept of exporters in {tmp_path}/state/templates; EF_STATE_PATH names the state directory\n"
    )
    for words in (("exporters", "--api"), ("top", "--once", "--api")):
        done = flowcoll(*words, f"http://127.0.0.1:{port}")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"flowcoll: http://127.0.0.1:{port} does not answer (Connection refused)\n"


def test_usage(flowcoll):
    """What makes no sense is told at once: no address, or rates without a terminal."""
    done = flowcoll("exporters", "router1", "--api", "http://127.0.0.1:1")
    assert (done.returncode, done.stderr) == (1, "flowcoll: router1: is no address and no network; write 192.0.2.1 or 192.0.2.0/24\n")  # fmt: skip
    done = flowcoll("top")
    assert done.returncode == 2
    assert "use --once" in done.stderr
