"""`flowcoll run` as a process of its own, watched through its HTTP API and its log as an operator would."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from flowcoll.decode.capture import Payload

T = TypeVar("T")

PATIENCE_S = 60.0
_LOOK_S = 0.02
_AT_ONCE = 50  # datagrams; the smallest receive buffer holds them


def until(what: str, look: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
    """Look over and over until there is something true to see, and give it; `what` says what never came."""
    end = time.monotonic() + patience_s
    while not (seen := look()):
        if time.monotonic() > end:
            pytest.fail(f"{what}: not within {patience_s:.0f} s")
        time.sleep(_LOOK_S)
    return seen


def free_port(kind: socket.SocketKind) -> int:
    """Give a port of 127.0.0.1 that nobody has now, below those that the kernel gives to other tests meanwhile."""
    while True:
        port = random.SystemRandom().randrange(10_000, 20_000)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as taken:
            taken.bind(("127.0.0.1", port))
            return port


class Service:
    """A running collector on free ports of 127.0.0.1; it is ready when its block begins and has stopped when it ends.

    It has these options and no others; what the machine's own configuration says does not count.
    """

    def __init__(self, folder: Path, **options: object) -> None:
        self.port = free_port(socket.SOCK_DGRAM)
        self.folder = folder
        api = free_port(socket.SOCK_STREAM)
        self._api = f"http://127.0.0.1:{api}"
        self._log = folder / "flowcoll.log"
        self._options = {
            "EF_STATE_PATH": folder / "state",
            "EF_FLOW_SERVER_UDP_IP": "127.0.0.1",
            "EF_FLOW_SERVER_UDP_PORT": self.port,
            "EF_API_PORT": api,
            "EF_PROCESSOR_POOL_SIZE": 1,
            **options,
        }
        self._sockets: dict[tuple[str, int], socket.socket] = {}

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(), env=self._environ(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self.until("ready", lambda: self.status("/readyz") == 200)
        except BaseException:
            self.__exit__(RuntimeError)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        try:
            for sock in self._sockets.values():
                sock.close()
            if kind is None and self._process.poll() is None:
                self.stop()
        finally:
            self.kill()

    def _command(self, *words: str) -> list[str]:
        nothing = self.folder / "empty.yml"
        nothing.write_text("{}\n")
        return [sys.executable, "-m", "flowcoll", *(words or ("run",)), "--config", str(nothing)]

    def _environ(self) -> dict[str, str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("EF_")}
        return environ | {name: text(value) for name, value in self._options.items()}

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command of ours with the same options, and give how it ended."""
        return subprocess.run(
            self._command(*words),
            check=False,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    def send(self, payloads: Iterable[Payload], pace: int = _AT_ONCE) -> int:
        """Send datagrams, each from its exporter's address, as fast as the collector reads them; give their number.

        Exporters of captures have addresses in 127.0.0.0/8, all of which are local on Linux.
        """
        before, sent = self.count("datagrams_received"), 0
        for payload in payloads:
            if sent % pace == 0:
                self._await_received(before + sent)
            self._socket(payload).sendto(payload.octets, ("127.0.0.1", self.port))
            sent += 1
        self._await_received(before + sent)
        return sent

    def send_plain(self, *datagrams: bytes) -> None:
        """Send datagrams from 127.0.0.1."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for octets in datagrams:
                sock.sendto(octets, ("127.0.0.1", self.port))

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def _await_received(self, count: int) -> None:
        self.until(f"{count} datagrams received", lambda: self.count("datagrams_received") >= count)

    def _socket(self, payload: Payload) -> socket.socket:
        exporter = payload.source, payload.source_port
        if exporter not in self._sockets:
            self._sockets[exporter] = sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((payload.source, 0))
        return self._sockets[exporter]

    def until(self, what: str, look: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
        """Look over and over until there is something true to see; it must go on running meanwhile."""

        def alive() -> T | None:
            assert self._process.poll() is None, self.log()
            return look()

        return until(what, alive, patience_s)

    def kill(self) -> None:
        """End it at once, with all its processes and all they hold."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)  # so that nobody is started anew
            for pid in self.children().values():
                os.kill(pid, signal.SIGKILL)
            self._process.kill()
        self._process.wait()

    def kill_supervisor(self) -> None:
        """End the process that was started, and none of its children."""
        self._process.kill()
        self._process.wait()

    def code(self) -> int | None:
        """Give the exit code, None while it runs."""
        return self._process.poll()

    def children(self) -> dict[str, int]:
        """Give name and process of each of its children."""
        page = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        pids = [int(pid) for pid in page.read_text().split()]
        found = {}
        for pid in pids:
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"flowcoll.collect.child" in words:  # else it has just ended, or not begun
                    found[words[-2].decode()] = pid
        return found

    def stop(self) -> None:
        """End it as systemd does, which makes it read and hand over all that was sent to it."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(PATIENCE_S) == 0, self.log()

    def status(self, page: str) -> int:
        """Give the HTTP status of a page of the API; 0 when it does not answer."""
        try:
            with urllib.request.urlopen(self._api + page, timeout=PATIENCE_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as exc:
            exc.close()
            return exc.code
        except OSError:
            return 0

    def metrics(self) -> dict[str, float]:
        """Give what /metrics shows: name without `flowcoll_` and `_total`, with labels as they stand -> value."""
        with urllib.request.urlopen(f"{self._api}/metrics", timeout=PATIENCE_S) as answer:
            page = answer.read().decode()
        rows = re.findall(r"^flowcoll_(\w+?)(?:_total)?(\{.*\})? (\S+)$", page, re.MULTILINE)
        return {name + labels: float(value) for name, labels, value in rows}

    def count(self, name: str, **labels: str) -> int:
        """Sum up a counter over all its labels, or over those that match."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return int(
            sum(
                value
                for key, value in self.metrics().items()
                if key.partition("{")[0] == name and all(each in key for each in wanted)
            )
        )

    def ready(self) -> dict[str, Any]:
        """Give what /readyz says."""
        with urllib.request.urlopen(f"{self._api}/readyz", timeout=PATIENCE_S) as answer:
            return dict(json.load(answer))

    def log(self) -> str:
        """Give what it has written to its log, which may be read after the end too."""
        return self._log.read_text()

    def lines(self, level: str) -> list[dict[str, Any]]:
        """Give the log lines of a level."""
        return [line for line in map(json.loads, self.log().splitlines()) if line["level"] == level]


def text(value: object) -> str:
    """Give a value as it is written in the environment."""
    return str(value).lower() if isinstance(value, bool) else str(value)
