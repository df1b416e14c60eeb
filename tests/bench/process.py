"""A collector under test as a process of its own: its CPU, its memory, its counters, what the kernel dropped for it."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from prometheus_client.parser import text_string_to_metric_families

from flowcoll.errors import SetupError

TICK_S = 0.01  # USER_HZ, what /proc/<pid>/stat counts in
START_S = 20.0
ANSWER_S = 120.0  # a loop that is busy answers late, but it answers
STOP_S = 15.0


class Sample(NamedTuple):
    """One line of /metrics."""

    name: str
    labels: Mapping[str, str]
    value: float


Count = Callable[[Sequence[Sample]], float]


class Launch(NamedTuple):
    """How a collector is started and how its flows are counted. ready: a page that fails before it reads, if it has one."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    port: int
    metrics: str
    flows: Count
    ready: str = ""


class Collector:
    """A running collector; use it in a `with` statement."""

    def __init__(self, launch: Launch, log: Path) -> None:
        self.name = launch.name
        self.port = launch.port
        self.metrics = launch.metrics
        self._launch = launch
        self._log = log

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as talk:
            self._process = subprocess.Popen(
                self._launch.command, env=self._launch.environ, stdout=talk, stderr=talk, stdin=subprocess.DEVNULL
            )
        try:
            self._await_start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _await_start(self) -> None:
        deadline = time.monotonic() + START_S
        while not (_drops(self.port) and self._answers()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                last = self._log.read_text().strip().splitlines()[-3:]
                raise SetupError(f"{self.name} did not start; it said: {' / '.join(last) or 'nothing'}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            self.samples()
            if self._launch.ready:
                urllib.request.urlopen(self._launch.ready, timeout=ANSWER_S).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def samples(self) -> list[Sample]:
        """Read /metrics."""
        with urllib.request.urlopen(self.metrics, timeout=ANSWER_S) as answer:
            text = answer.read().decode()
        return [
            Sample(s.name, s.labels, s.value) for family in text_string_to_metric_families(text) for s in family.samples
        ]

    def flows(self) -> int:
        """How many flows it says it has carried."""
        return int(self._launch.flows(self.samples()))

    def cpu_s(self) -> float:
        """CPU seconds so far, of the process and its children."""
        return cpu_s(self._process.pid)

    def peak_octets(self) -> int:
        """The most memory that was ever resident, of the process and its children."""
        peak = 0
        for pid in _family(self._process.pid):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peak += int(line.split()[1]) * 1024
        return peak

    def kernel_drops(self) -> int:
        """Datagrams that the kernel dropped at its sockets because their buffers were full."""
        return sum(_drops(self.port))


def cpu_s(pid: int) -> float:
    """CPU seconds so far, of a process and its children: user and system (proc_pid_stat(5), fields 14, 15)."""
    ticks = 0
    for each in _family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks * TICK_S


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _family(int(child))
    return found


def _drops(port: int) -> list[int]:
    """The drops column of every UDP socket bound to a port."""
    found = []
    for table in ("udp", "udp6"):
        path = Path("/proc/net", table)
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                found.append(int(fields[-1]))
    return found


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now, for UDP and TCP alike."""
    held: list[socket.socket] = []
    ports: list[int] = []
    while len(ports) < count:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        held.append(udp)
        udp.bind(("127.0.0.1", 0))
        port = udp.getsockname()[1]
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        held.append(tcp)
        try:
            tcp.bind(("127.0.0.1", port))
        except OSError:
            continue
        ports.append(port)
    for sock in held:
        sock.close()
    return ports
