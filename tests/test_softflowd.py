import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from traffic import Flow, Volume, capture, conversations, frames, truth

pytestmark = pytest.mark.stack

ICMP = {1, 58}


def program(name: str, package: str) -> str:
    """Where a program is, or a failure that names its Debian package."""
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    assert found, f"{name} is missing: apt-get install {package}"
    return found


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Collector:
    """A running `flowcoll run`; `documents` is complete once it has stopped."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port(socket.SOCK_DGRAM)
        self._api = f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}"
        self._output = folder / "flows.ndjson"
        self._log = folder / "flowcoll.log"
        settings = {
            "EF_STATE_PATH": folder,
            "EF_FLOW_SERVER_UDP_IP": "127.0.0.1",
            "EF_FLOW_SERVER_UDP_PORT": self.port,
            "EF_API_PORT": self._api.rpartition(":")[2],
            "EF_OUTPUT_FILE_ENABLE": "true",
            "EF_OUTPUT_FILE_PATH": self._output,
        }
        command = [
            sys.executable,
            "-m",
            "flowcoll",
            "run",
            *(f"--set={name}={value}" for name, value in settings.items()),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait(self) -> None:
        """Return when the sockets are read."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            assert self._process.poll() is None, self._log.read_text()
            try:
                with urllib.request.urlopen(self._api + "/readyz", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        pytest.fail("the collector is not ready after 30 s: " + self._log.read_text())

    def stop(self) -> None:
        """End it as systemd does, which makes it read and write all that was sent to it."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(30) == 0, self._log.read_text()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._output.read_text().splitlines()]


@contextmanager
def collector(folder: Path) -> Iterator[Collector]:
    """A collector that is ready, and stopped after the block."""
    running = Collector(folder)
    try:
        running.wait()
        yield running
        running.stop()
    finally:
        running.kill()


def flow_of(document: dict[str, Any]) -> Flow:
    """The flow a document tells of, in the direction of its source."""
    source, destination = document["source"], document["destination"]
    protocol = int(document["network"]["iana_number"])
    ports = source.get("port", 0), destination.get("port", 0)
    if protocol in ICMP:
        ports = 0, document["icmp"]["type"]["id"] * 256 + document["icmp"]["code"]["id"]
    return Flow(source["ip"], destination["ip"], protocol, *ports)


def volumes(documents: Sequence[dict[str, Any]]) -> dict[Flow, Volume]:
    """What documents add up to for each flow."""
    sums: defaultdict[Flow, list[tuple[int, int]]] = defaultdict(list)
    for document in documents:
        sums[flow_of(document)].append((document["network"]["bytes"], document["network"]["packets"]))
    return {flow: Volume(*map(sum, zip(*parts, strict=True))) for flow, parts in sums.items()}


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return capture(tmp_path_factory.mktemp("traffic") / "traffic.pcap")


def run_softflowd(traffic: Path, port: int, folder: Path, *options: str) -> str:
    """Let softflowd read a capture and export it; `-a` makes it live at the time of the packets."""
    files = ["-p", str(folder / "softflowd.pid"), "-c", "none"]  # its control socket may make it wait for ever
    command = [program("softflowd", "softflowd"), "-d", "-a", "-r", str(traffic), "-n", f"127.0.0.1:{port}", *files]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout + done.stderr


# options -> how far its times may be off: header and records of NetFlow v9 meet at a whole second
TIMED = {
    "-v 5": 0.002,
    "-v 9": 1,
    "-v 10 -A sec": 1,
    "-v 10 -A milli": 0.002,
    "-v 10 -A micro": 0.002,
    "-v 10 -A nano": 0.002,
}


@pytest.mark.parametrize("options", ["-v 10", *TIMED])
def test_softflowd(options: str, traffic: Path, tmp_path: Path) -> None:
    """Every octet and packet of a capture arrives in the documents, flow by flow, in each protocol softflowd speaks.

    softflowd leaves out what is not IP, and IPv6 in NetFlow v5, which has no room for it. Both directions of a
    conversation carry the time of its first and of its last packet. What plain IPFIX counts in ms of its uptime can be
    placed only with the start time that softflowd sends in an option record.
    """
    version = int(options.split()[1])
    expected = {flow: volume for flow, volume in truth(traffic).items() if version != 5 or ":" not in flow.source}
    with collector(tmp_path) as running:
        run_softflowd(traffic, running.port, tmp_path, *options.split())
    documents = running.documents
    assert volumes(documents) == expected
    kind = "ipfix" if version == 10 else "netflow"
    assert {(one["flow"]["export"]["type"], one["flow"]["export"]["version"]) for one in documents} == {(kind, version)}
    assert {one["observer"]["ip"] for one in documents} == {"127.0.0.1"}
    if options in TIMED:
        times = conversations(traffic)
        for document in documents:
            found = [datetime.fromisoformat(document["event"][end]).timestamp() for end in ("start", "end")]
            assert found == pytest.approx(times[flow_of(document).ends()], abs=TIMED[options])


def run_pmacctd(traffic: Path, folder: Path, *settings: str) -> None:
    """Let pmacctd read a capture and export it through one of its probes.

    Its exit code says nothing: it is 1 when the probe, which is done, ends before the reader.
    """
    config = folder / "pmacctd.conf"
    config.write_text("\n".join([f"pcap_savefile: {traffic}", *settings, ""]))
    subprocess.run([program("pmacctd", "pmacct"), "-f", str(config)], capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize(("version", "kind"), [(5, "netflow"), (9, "netflow"), (10, "ipfix")])
def test_nfprobe(version: int, kind: str, traffic: Path, tmp_path: Path) -> None:
    """What pmacct's NetFlow probe exports of a capture arrives octet by octet."""
    expected = {flow: volume for flow, volume in truth(traffic).items() if version != 5 or ":" not in flow.source}
    with collector(tmp_path) as running:
        run_pmacctd(
            traffic,
            tmp_path,
            "plugins: nfprobe",
            f"nfprobe_receiver: 127.0.0.1:{running.port}",
            f"nfprobe_version: {version}",
            "aggregate: src_host, dst_host, src_port, dst_port, proto, tos",
        )
    documents = running.documents
    assert volumes(documents) == expected
    assert {one["flow"]["export"]["type"] for one in documents} == {kind}


def test_sfprobe(traffic: Path, tmp_path: Path) -> None:
    """Each packet that pmacct's sFlow probe samples, here every one, is a document with the length of its frame.

    The length includes the frame check sequence, four octets that a capture lacks. What is in the probe's last datagram
    when it ends is never sent; up to there not one packet is missing.
    """
    expected = [(flow, Volume(octets + 4, 1)) for flow, octets in frames(traffic)]
    with collector(tmp_path) as running:
        receiver = f"sfprobe_receiver: 127.0.0.1:{running.port}"
        run_pmacctd(traffic, tmp_path, "plugins: sfprobe", receiver, "sfprobe_agentip: 127.0.0.9")
    documents = running.documents
    found = [(flow_of(one), Volume(one["network"]["bytes"], one["network"]["packets"])) for one in documents]
    assert Counter(found) == Counter(expected[: len(found)])
    assert len(expected) - len(found) < 8
    assert {one["observer"]["ip"] for one in documents} == {"127.0.0.9"}
    assert {one["flow"]["export"]["ip"] for one in documents} == {"127.0.0.1"}
