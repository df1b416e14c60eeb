"""`flowcoll top` looks again and again, and ends when somebody wants it to."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from answering import Server, serving
from flowcoll.exporters.asking import Api
from flowcoll.exporters.watch import Watch
from service import until

METRICS = b"""\
# TYPE flowcoll_datagrams_received_total counter
flowcoll_datagrams_received_total %d
"""
READY = b'{"ready":true,"uptime_s":5,"workers":[],"outputs":[]}'
EXPORTERS = b"""{"exporters":[
{"address":"192.0.2.1","protocol":"ipfix","domain":1,"flows_per_second":1,"flows":9,"datagrams_per_second":1},
{"address":"192.0.2.2","protocol":"ipfix","domain":1,"flows_per_second":7,"flows":9,"datagrams_per_second":1}],
"others":0,"lacks":{}}"""


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        server.pages = {"/metrics": METRICS % 10, "/readyz": READY, "/exporters": EXPORTERS}
        yield server


class Clock:
    """Goes on by a step whenever it is looked at."""

    def __init__(self) -> None:
        self.now, self.step = 0.0, 1.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def api(server: Server) -> Api:
    return Api.at(f"http://127.0.0.1:{server.server_port}")


def test_rates_since_the_look_before(server: Server) -> None:
    """The first look has no rates, each later one those since the one before; the busiest exporter is first."""
    clock = Clock()
    clock.step = 0.0
    watch = Watch(api(server), clock)
    found = watch.again()
    assert found["datagrams_per_second"] is None
    assert [row["address"] for row in found["exporters"]] == ["192.0.2.2", "192.0.2.1"]
    server.pages["/metrics"] = METRICS % 30
    clock.now = 4.0
    assert watch.again()["datagrams_per_second"] == 5


def test_a_long_list_is_not_asked_for_each_time(server: Server) -> None:
    """A collector that takes a second to list its exporters is asked for them now and then, and stays quick."""
    watch = Watch(api(server), Clock())
    for _ in range(30):
        assert len(watch.again()["exporters"]) == 2
    assert sum(path == "/exporters" for path, _ in server.asked) == 2


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        environ = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
        command = [sys.executable, "-m", "flowcoll", *words]
        self._process = subprocess.Popen(command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        os.set_blocking(self._ours, False)
        self.shown = ""

    def shows(self, text: str) -> None:
        """Wait until it has shown a text since the last that was waited for."""

        def look() -> bool:
            with contextlib.suppress(BlockingIOError):
                self.shown += os.read(self._ours, 65_536).decode(errors="replace")
            return text in self.shown

        until(f"{text!r} on the terminal", look, 20)
        self.shown = self.shown.partition(text)[2]

    def press(self, key: bytes) -> None:
        os.write(self._ours, key)

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def ends(self) -> int:
        """Wait for its end, and give the exit code."""
        return self._process.wait(20)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


@pytest.mark.parametrize("end", ["q", "Ctrl-C"])
def test_on_a_terminal(server: Server, end: str) -> None:
    """It shows what goes on, goes on while nobody answers, and q or Ctrl-C end it with 0 and a terminal as before."""
    url = f"http://127.0.0.1:{server.server_port}"
    with contextlib.closing(Terminal("top", "--api", url, "--interval", "0.1")) as terminal:
        terminal.shows("192.0.2.2")
        server.shutdown()
        server.socket.close()
        terminal.shows(f"{url} does not answer")
        terminal.shows("192.0.2.2")
        if end == "q":
            terminal.press(b"xq")
        else:
            terminal.interrupt()
        terminal.shows("\x1b[?1049l")  # back from the other screen
        assert terminal.ends() == 0
        assert "Traceback" not in terminal.shown
