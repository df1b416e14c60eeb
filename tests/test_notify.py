"""systemd is told what it waits for."""

import os
import signal
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from flowcoll.collect.notify import Notifier
from service import Service, until


@pytest.fixture
def manager(tmp_path):
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        yield sock


def heard(manager: socket.socket) -> list[str]:
    found = []
    try:
        while True:
            found += manager.recv(4096).decode().splitlines()
    except BlockingIOError:
        return found


def test_nobody_to_tell() -> None:
    """Without a service manager, or with one that has gone, nothing happens."""
    with closing(Notifier({"WATCHDOG_USEC": "1000000"})) as notifier:
        notifier.ready("")
        assert notifier.watchdog_s == 0
    with closing(Notifier({"NOTIFY_SOCKET": "/nowhere/notify"})) as notifier:
        notifier.alive()


def test_an_abstract_socket() -> None:
    """A name that begins with @ is one in the abstract namespace (sd_notify(3))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0flowcoll-test-" + str(os.getpid()))
        with closing(Notifier({"NOTIFY_SOCKET": f"@flowcoll-test-{os.getpid()}"})) as notifier:
            notifier.alive()
        assert sock.recv(100) == b"WATCHDOG=1"


def test_the_watchdog_of_somebody_else(manager: socket.socket) -> None:
    """A watchdog that is meant for another process is not ours."""
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "3000000"}
    for more, seconds in (({}, 3), ({"WATCHDOG_PID": str(os.getpid())}, 3), ({"WATCHDOG_PID": "1"}, 0)):
        with closing(Notifier(environ | more)) as notifier:
            assert notifier.watchdog_s == seconds


def test_a_service_tells_its_manager(manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """READY comes once all workers read, signs of life while they do and not when one stands still, STOPPING at the end."""
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    with Service(tmp_path, EF_PROCESSOR_POOL_SIZE=2) as service:
        told: list[str] = []
        until("ready", lambda: told.extend(heard(manager)) or "READY=1" in told)
        assert "STATUS=2 workers read" in told
        until("a sign of life", lambda: "WATCHDOG=1" in heard(manager))
        os.kill(service.pid, signal.SIGHUP)
        told.clear()
        until("reloading", lambda: told.extend(heard(manager)) or {"RELOADING=1", "READY=1"} <= set(told))
    assert "STOPPING=1" in heard(manager)


def test_what_is_told_of_a_reload_has_the_time(manager: socket.socket) -> None:
    """A reload is told with the time at which it began, in microseconds of the monotonic clock."""
    before = time.monotonic_ns() // 1000
    with closing(Notifier({"NOTIFY_SOCKET": manager.getsockname()})) as notifier:
        notifier.reloading()
    kind, when = heard(manager)
    assert kind == "RELOADING=1"
    assert before <= int(when.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
