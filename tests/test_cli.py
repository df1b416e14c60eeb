import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from corpus import GOLDEN
from flowcoll import __version__
from flowcoll.cli import main
from flowcoll.decode.capture import Payload
from frames import frame, write_pcap
from service import free_port

ENVIRON = {"PATH": os.environ["PATH"], "COLUMNS": "200"}
T0 = 1_619_704_514


def netflow5(*octets, sequence=0):
    """A NetFlow v5 datagram with one record of so many octets each, all from 10.1.0.1:443 to 10.2.0.2:50000."""
    header = struct.pack("!HHIIIIBBH", 5, len(octets), 10_000, T0, 0, sequence, 0, 0, 0)
    return header + b"".join(
        struct.pack(
            "!4s4s4sHHIIIIHHBBBBHHBBH",
            bytes((10, 1, 0, 1)), bytes((10, 2, 0, 2)), bytes(4), 1, 2, 3, count, 5_000, 9_000, 443, 50_000, 0, 0x1B, 6, 0, 0, 0, 24, 24, 0,
        )
        for count in octets
    )  # fmt: skip


def settings(values):
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def flowcoll(*words, **kwargs):
    """Run a command to its end."""
    command = [sys.executable, "-m", "flowcoll", *map(str, words)]
    return subprocess.run(command, check=False, env=ENVIRON, capture_output=True, text=True, timeout=30, **kwargs)


ONE = {"EF_PROCESSOR_POOL_SIZE": 1}


class Service:
    """A running `flowcoll run` on loopback; at the end of the test nothing of it is left."""

    def __init__(self, folder: Path, values):
        self.udp, self.tcp = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
        config = folder / "flowcoll.yml"
        config.write_text(
            f"EF_FLOW_SERVER_UDP_IP: 127.0.0.1\nEF_FLOW_SERVER_UDP_PORT: {self.udp}\nEF_API_PORT: {self.tcp}\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flowcoll", "run", "--config", str(config), *settings(ONE | values)],
            env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._watchdog = threading.Timer(40, self.process.kill)
        self._watchdog.start()
        self.lines = []
        self.await_line("listening")

    def await_line(self, msg):
        """Read the log up to a message; the end of the log is a failure."""
        for text in self.process.stderr:
            self.lines.append(json.loads(text))
            if self.lines[-1]["msg"].startswith(msg):
                return self.lines[-1]
        pytest.fail(f"the service ended without {msg!r}: {self.lines}")

    def send(self, *datagrams, host="127.0.0.1"):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for octets in datagrams:
                sock.sendto(octets, (host, self.udp))

    def get(self, page):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.tcp}{page}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.read().decode()

    def metric(self, name, *labels):
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and tuple(sample.labels.values()) == labels:
                    return sample.value
        return 0

    def await_metric(self, value, name, *labels):
        """Ask until a metric has a value."""
        deadline = time.monotonic() + 20
        while (found := self.metric(name, *labels)) != value:
            assert time.monotonic() < deadline, f"{name} is {found}, not {value}"
            time.sleep(0.02)

    def end(self, number=signal.SIGTERM):
        """Send a signal, wait for the end, and return the exit code and what is left of standard output."""
        self.process.send_signal(number)
        out, err = self.process.communicate()
        self.lines += map(json.loads, err.splitlines())
        return self.process.returncode, out

    def close(self):
        self._watchdog.cancel()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def service(tmp_path) -> Iterator:
    with contextlib.ExitStack() as stack:

        def start(**values):
            return stack.enter_context(contextlib.closing(Service(tmp_path, values)))

        yield start


@pytest.fixture
def flows(tmp_path):
    return tmp_path / "flows.ndjson"


@pytest.fixture
def to_file(flows):
    return {"EF_OUTPUT_FILE_ENABLE": "true", "EF_OUTPUT_FILE_PATH": flows}


@pytest.fixture
def capture(tmp_path):
    payloads = [
        Payload(T0 + 1.5, "127.20.0.9", 50_000, 2055, netflow5(100, 200)),
        Payload(T0 + 2.5, "127.20.0.9", 50_000, 2055, b"nonsense"),
        Payload(T0 + 3.5, "127.20.0.8", 50_000, 9995, netflow5(300)),
    ]
    return write_pcap(tmp_path / "capture.pcap", [(payload.time, frame(payload)) for payload in payloads])


def octets_of(text):
    return [json.loads(line)["source"]["bytes"] for line in text.splitlines()]


def test_run_from_datagram_to_file(service, to_file, flows):
    """Datagrams become lines of the file while the service runs; the API tells of it; SIGTERM ends it with 0 and totals."""
    run = service(**to_file)
    run.send(netflow5(100, 200), b"", b"nonsense", netflow5(300))
    run.await_metric(3, "flowcoll_documents_delivered_total", "file")
    assert octets_of(flows.read_text()) == [100, 200, 300]
    assert run.metric("flowcoll_datagrams_received_total") == 4
    assert run.metric("flowcoll_socket_drops_total", str(run.udp)) == 0
    assert run.get("/livez")[0] == 200
    code, body = run.get("/readyz")
    ready = json.loads(body)
    assert (code, ready["ready"], [sock["port"] for sock in ready["sockets"]]) == (200, True, [run.udp])
    assert ready["outputs"] == [{"name": "file", "delivered": 3, "dropped": 0, "queued_documents": 0}]
    assert run.get("/other")[0] == 404
    assert run.end() == (0, "")
    last = run.lines[-1]
    assert (last["level"], last["msg"]) == ("info", "stopped")
    assert last["datagrams.received"] == 4
    assert last["documents.delivered.file"] == 3
    assert {line["level"] for line in run.lines} <= {"info", "warn"}


def test_run_hands_over_what_was_received_before_the_end(service, to_file, flows):
    """What was sent before SIGTERM is in the file after it, however much it is."""
    run = service(**to_file)
    run.send(*(netflow5(*range(number, number + 20)) for number in range(0, 10_000, 20)))
    assert run.end()[0] == 0
    assert octets_of(flows.read_text()) == list(range(10_000))


def test_run_opens_the_file_anew(service, to_file, flows):
    """SIGHUP lets logrotate move the file away: what comes after is in a new one."""
    run = service(**to_file)
    run.send(netflow5(1))
    run.await_metric(1, "flowcoll_documents_delivered_total", "file")
    moved = flows.rename(flows.with_suffix(".1"))
    run.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while not flows.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    run.send(netflow5(2))
    assert run.end()[0] == 0
    assert (octets_of(moved.read_text()), octets_of(flows.read_text())) == ([1], [2])


def test_run_writes_to_standard_output(service):
    """With the stdout output documents are lines of standard output, and SIGINT ends as SIGTERM does."""
    run = service(EF_OUTPUT_STDOUT_ENABLE="true", EF_OUTPUT_STDOUT_FORMAT="json")
    run.send(netflow5(7, 8))
    assert octets_of(run.process.stdout.readline() + run.process.stdout.readline()) == [7, 8]
    assert run.end(signal.SIGINT) == (0, "")


def test_run_survives_a_reader_that_stalls(service):
    """While nobody reads standard output the API answers, and a second signal ends the service at once."""
    run = service(EF_OUTPUT_STDOUT_ENABLE="true")
    run.send(*(netflow5(*range(30)) for _ in range(60)))
    run.await_metric(1800, "flowcoll_documents_written_total")
    assert run.get("/livez")[0] == 200
    run.process.send_signal(signal.SIGTERM)
    run.await_line("stopping")
    assert run.end()[0] == -signal.SIGTERM


def test_run_takes_both_ip_versions(service, to_file, flows):
    """On `::` exporters of IPv4 and IPv6 are heard, each named by its own address."""
    run = service(**to_file, EF_FLOW_SERVER_UDP_IP="::")
    run.send(netflow5(1))
    run.send(netflow5(2), host="::1")
    assert run.end()[0] == 0
    observers = {
        (d := json.loads(line))["observer"]["ip"]: d["source"]["bytes"] for line in flows.read_text().splitlines()
    }
    assert observers == {"127.0.0.1": 1, "::1": 2}


def test_run_refuses_who_is_not_allowed(service, to_file, flows):
    """Exporters outside EF_FLOW_SERVER_ALLOW are counted, told of, and leave no document."""
    run = service(**to_file, EF_FLOW_SERVER_ALLOW="192.0.2.0/24,198.51.100.0/24")
    run.send(netflow5(1))
    run.await_metric(1, "flowcoll_datagrams_refused_total", "not_allowed")
    assert run.end()[0] == 0
    assert flows.read_text() == ""
    assert any("EF_FLOW_SERVER_ALLOW" in line["msg"] and line["source"] == "127.0.0.1" for line in run.lines)


def test_run_without_output_says_so(service):
    """Without an output the service runs, and warns that documents go nowhere."""
    run = service()
    assert any("documents go nowhere" in line["msg"] for line in run.lines)
    assert run.end()[0] == 0


def test_run_on_a_taken_port():
    """A taken UDP or TCP port ends the start with 1 and one line that says which and what to do."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        own = {"EF_FLOW_SERVER_UDP_IP": "127.0.0.1", "EF_LOGGER_LEVEL": "error"}
        both = {"EF_FLOW_SERVER_UDP_PORT": udp.getsockname()[1], "EF_API_PORT": tcp.getsockname()[1]}
        for name, port in both.items():
            free = {
                "EF_FLOW_SERVER_UDP_PORT": free_port(socket.SOCK_DGRAM),
                "EF_API_PORT": free_port(socket.SOCK_STREAM),
            }
            done = flowcoll("run", "--config", os.devnull, *settings(own | free | {name: port}))
            assert done.returncode == 1
            assert done.stdout == ""
            (line,) = done.stderr.splitlines()
            assert line.startswith("flowcoll: ")
            assert f"port {port} is taken" in line
            assert name in line


def test_run_with_options_that_cannot_work(tmp_path):
    """An unknown option and a path that cannot be written end the start with 78 and one message."""
    unknown = flowcoll("run", "--config", os.devnull, "--set", "EF_API_PROT=1")
    assert unknown.returncode == 78
    assert "EF_API_PORT" in unknown.stderr
    port = free_port(socket.SOCK_DGRAM)
    wrong = {
        "EF_OUTPUT_FILE_ENABLE": "true",
        "EF_OUTPUT_FILE_PATH": tmp_path / "no" / "flows",
        "EF_FLOW_SERVER_UDP_PORT": port,
    }
    nowhere = flowcoll("run", "--config", os.devnull, *settings(wrong | {"EF_LOGGER_LEVEL": "error"}))
    assert nowhere.returncode == 78
    (line,) = nowhere.stderr.splitlines()
    assert str(tmp_path / "no" / "flows") in line


def test_replay_writes_documents_and_a_summary(capture):
    """Documents are lines on standard output, the same each time; the summary is talk."""
    first, second = flowcoll("replay", capture), flowcoll("replay", "--no-summary", capture)
    assert first.returncode == second.returncode == 0
    assert octets_of(first.stdout) == [100, 200, 300]
    assert second.stdout == first.stdout
    assert "127.20.0.9" in first.stderr
    assert second.stderr == ""
    assert [json.loads(line)["observer"]["ip"] for line in first.stdout.splitlines()] == ["127.20.0.9"] * 2 + [
        "127.20.0.8"
    ]
    assert json.loads(first.stdout.splitlines()[0])["@timestamp"] == "2021-04-29T13:55:15.500Z"


def test_replay_of_data_without_their_template():
    """Data that wait for their template to the end of a replay are told as refused; what it brings late is no loss."""
    done = flowcoll("replay", GOLDEN / "own-refusals" / "datagrams.pcap")
    assert len(done.stdout.splitlines()) == 3
    assert "sets refused" in done.stderr
    assert "its template was not announced in time" in done.stderr
    assert "sets waited" not in done.stderr


def test_replay_of_one_port_with_figures_in_a_file(capture, tmp_path):
    """--port leaves out what was sent elsewhere, --json-summary writes the figures."""
    figures = tmp_path / "figures.json"
    done = flowcoll("replay", "--no-summary", "--port", 9995, "--json-summary", figures, capture)
    assert octets_of(done.stdout) == [300]
    assert json.loads(figures.read_text())["flows"] == 1


def test_replay_takes_options_but_no_default_file(capture):
    """--set reaches the pipeline of a replay."""
    done = flowcoll("replay", "--no-summary", "--set", "EF_PROCESSOR_DECODE_NETFLOW5_ENABLE=false", capture)
    assert (done.returncode, done.stdout) == (0, "")


def test_replay_of_what_is_no_capture(tmp_path, capsys):
    """A file that is missing or no capture is one line."""
    text = tmp_path / "text.pcap"
    text.write_text("this is no capture")
    for path in (text, tmp_path / "missing.pcap"):
        assert main(["replay", str(path)]) == 78
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"flowcoll: {path} ")


def test_replay_ends_quietly_when_nobody_reads(tmp_path):
    """When the reader of standard output has seen enough, the command ends without a word."""
    payload = Payload(T0, "127.20.0.9", 50_000, 2055, netflow5(*range(30)))
    path = write_pcap(tmp_path / "long.pcap", [(T0, frame(payload))] * 500)
    command = [sys.executable, "-m", "flowcoll", "replay", str(path)]
    with subprocess.Popen(command, env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"{")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_explain_prints_the_source_of_each_template(capture, capsys):
    """The generated function of each template is printed with a title; a word no title holds is a failure that says so."""
    assert main(["explain", str(capture)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# netflow5")
    compile(out, "explained", "exec")
    assert main(["explain", "--template", "65000", str(capture)]) == 1
    assert "65000" in capsys.readouterr().err


def test_config_shows_every_option_with_its_source(capsys, monkeypatch, tmp_path):
    """Value and source of every option are shown, secrets are masked; --changed leaves out the defaults."""
    config = tmp_path / "flowcoll.yml"
    config.write_text("EF_API_PORT: 9000\n")
    monkeypatch.setenv("EF_LOGGER_LEVEL", "warn")
    common = ["config", "--config", str(config), "--set", "EF_OUTPUT_ELASTICSEARCH_PASSWORD=geheim"]
    assert main([*common, "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert len(rows) > 100
    assert (rows["EF_API_PORT"]["value"], rows["EF_API_PORT"]["source"]) == ("9000", f"file {config}")
    assert rows["EF_LOGGER_LEVEL"]["source"] == "environment"
    assert main([*common, "--changed"]) == 0
    out = capsys.readouterr().out
    assert "geheim" not in out
    changed = [line.split("\t")[0] for line in out.splitlines()]
    assert sorted(changed) == ["EF_API_PORT", "EF_LOGGER_LEVEL", "EF_OUTPUT_ELASTICSEARCH_PASSWORD"]


@pytest.mark.parametrize("words", [["nothing"], ["replay"], ["run", "--no-such-option"]])
def test_wrong_usage_is_2(words, capsys):
    """A command line that makes no sense ends with 2 and names the help."""
    assert main(words) == 2
    assert "--help" in capsys.readouterr().err


def test_version(capsys):
    """--version prints name and version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"flowcoll {__version__}\n"


def test_importing_the_command_line_is_cheap():
    """The command line imports nothing that only some commands need, and patches nothing."""
    heavy = ["gevent", "elasticsearch", "requests", "prometheus_client", "rich", "orjson", "maxminddb", "yaml"]
    code = f"import sys, flowcoll.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
