"""`flowcoll run` as a process of its own, watched through its HTTP API and its log as an operator would."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from flowcoll.counters import Counts
from flowcoll.errors import SetupError

_PATIENCE_S = 20.0
_LOOK_S = 0.02


class Collector:
    """A collector on free ports of 127.0.0.1 with the options of a file and more, its log a file; it ends with the block."""

    def __init__(self, root: Path, config: Path, log: Path, options: Mapping[str, str]) -> None:
        self.udp_port, self.api_port = _free_port(socket.SOCK_DGRAM), _free_port(socket.SOCK_STREAM)
        self._log, self._log_name = root / log, log
        settings = {
            "EF_FLOW_SERVER_UDP_IP": "127.0.0.1",
            "EF_FLOW_SERVER_UDP_PORT": self.udp_port,
            "EF_API_IP": "127.0.0.1",
            "EF_API_PORT": self.api_port,
        }
        sets = [f"--set={name}={value}" for name, value in settings.items()]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("EF_")}
        with self._log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flowcoll", "run", "--config", str(config), *sets],
                cwd=root,
                env=environ | dict(options),  # other users of the machine cannot see it there: it holds a key
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def wait_ready(self) -> None:
        """Return when it reads its sockets."""
        self._wait("/readyz", lambda _: True, "is not ready")

    def wait_for_list(self) -> int:
        """Return how many entries the downloaded list of threats has, when it counts."""
        entries = 0

        def counts(page: str) -> bool:
            nonlocal entries
            state = json.loads(page)["enrichers"]["threat_riskiq"]
            entries = state["entries"]
            return bool(state["state"] == "on")

        self._wait("/readyz", counts, "has no list of threats")
        return entries

    def wait_for(self, datagrams: int) -> None:
        """Return when it has counted so many datagrams."""

        def counted(page: str) -> bool:
            found = re.search(r"^flowcoll_datagrams_received_total (\S+)", page, re.MULTILINE)
            return found is not None and float(found[1]) >= datagrams

        self._wait("/metrics", counted, f"has not counted all {datagrams} datagrams")

    def stop(self) -> Counts:
        """End it as systemd does, and return what it counted; an exit code other than 0 is an error."""
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise self._failed(f"did not stop within {_PATIENCE_S:.0f} s") from None
        if code:
            raise self._failed(f"ended with exit code {code}")
        for line in reversed(self._log.read_text().splitlines()):
            entry = json.loads(line)
            if entry["msg"] == "stopped":
                return Counts({key: value for key, value in entry.items() if isinstance(value, int)})
        raise self._failed("did not log its counters")

    def _wait(self, page: str, done: Callable[[str], bool], failure: str) -> None:
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise self._failed(f"ended with exit code {self._process.returncode}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}{page}", timeout=5) as answer:
                    if done(answer.read().decode()):
                        return
            except OSError:  # not there yet, or 503
                pass
            time.sleep(_LOOK_S)
        raise self._failed(f"{failure} after {_PATIENCE_S:.0f} s")

    def _failed(self, what: str) -> SetupError:
        lines = self._log.read_text().splitlines()
        last = lines[-1] if lines else "its log is empty"
        try:
            last = json.loads(last)["msg"]
        except ValueError:
            last = last.removeprefix("flowcoll: ")
        return SetupError(f"the collector {what}: {last} (log: {self._log_name})")


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
