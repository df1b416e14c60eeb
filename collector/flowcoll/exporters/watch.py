"""`flowcoll top` at work: looks again and again, also while nobody answers."""

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.live import Live

from flowcoll.errors import SetupError
from flowcoll.exporters import Row, choice
from flowcoll.exporters.asking import Api
from flowcoll.exporters.rates import Look, look, rates
from flowcoll.exporters.screen import screen

_PATIENCE = 20  # who took so long to list exporters is not asked for them before this many times as long
_TOP = 50


class Watch:
    """Looks at a collector, and gives the rates since the look before."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._before: Look | None = None
        self._exporters: list[Row] = []
        self._due = float("-inf")

    def again(self) -> dict[str, Any]:
        """Look again; SetupError."""
        now = look(self._api, self._clock())
        if now.at >= self._due:
            view = self._api.json("/exporters")
            self._exporters = choice.chosen(view, "flows")["exporters"][:_TOP]
            self._due = now.at + _PATIENCE * (self._clock() - now.at - 0.1)
        found = rates(self._before, now, self._exporters)
        self._before = now
        return found


def once(api: Api, seconds: float) -> dict[str, Any]:
    """Give the rates of a span of time; SetupError."""
    watch = Watch(api)
    watch.again()
    time.sleep(seconds)
    return watch.again()


def run(api: Api, seconds: float, console: Console) -> None:
    """Show rates on a terminal until somebody types q or Ctrl-C."""
    watch = Watch(api)
    found: dict[str, Any] | None = None
    with _keys() as ended, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            trouble = ""
            try:
                found = watch.again()
            except SetupError as exc:
                trouble = str(exc)
            clock = datetime.now().astimezone().strftime("%H:%M:%S")
            live.update(screen(api.name, found, clock, trouble, console.height), refresh=True)
            if ended(seconds):
                return


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Give what waits a while and tells whether somebody wants to end; the terminal is as before afterwards."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)

    def ended(seconds: float) -> bool:
        end = time.monotonic() + seconds
        while select.select([fd], [], [], max(end - time.monotonic(), 0))[0]:
            typed = os.read(fd, 64)
            if not typed or b"q" in typed.lower():
                return True
        return False

    try:
        yield ended
    except KeyboardInterrupt:
        pass
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
