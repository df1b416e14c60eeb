"""Log lines for machines and people: one line each, in one of two encodings.

json     {"level":"info","ts":1619704514.940934,"caller":"collect/worker.py:64","msg":"...", extras}
console  time, level, caller, message and the extras as JSON, separated by tabs
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from flowcoll.moments import utc

LEVELS = ("debug", "info", "warn", "error", "panic", "fatal")
_SILENT = len(LEVELS)
_PACKAGE = str(Path(__file__).parent) + "/"
_MAX_KEYS = 1024


class Log:
    """Writes what happened, from one level upwards; a line that cannot be written is given up, never raised."""

    def __init__(
        self,
        stream: TextIO,
        *,
        encoding: str = "json",
        level: str = "info",
        clock: Callable[[], float] = time.time,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._stream = stream
        self._encoding = encoding
        self._threshold = LEVELS.index(level)
        self._clock = clock
        self._extra = dict(extra or {})
        self._limits: dict[str, tuple[float, int]] = {}  # key -> when the next line may come, how many were left out

    def debug(self, msg: str, /, **extra: Any) -> None:
        """Tell what only someone hunting a fault wants to know."""
        self._line("debug", msg, extra)

    def info(self, msg: str, /, **extra: Any) -> None:
        """Tell what the service does."""
        self._line("info", msg, extra)

    def warn(self, msg: str, /, **extra: Any) -> None:
        """Tell what works worse than it should, and what to do."""
        self._line("warn", msg, extra)

    def error(self, msg: str, /, **extra: Any) -> None:
        """Tell what failed."""
        self._line("error", msg, extra)

    def limited(self, key: str, seconds: float) -> "Log":
        """Give a log that writes at most once per key and interval; that line says how many were left out before it."""
        now = self._clock()
        due, left_out = self._limits.get(key, (now, 0))
        if 0 < due - now <= seconds:  # further away than the interval: the clock was set back
            self._limits[key] = (due, left_out + 1)
            return self._with(_SILENT, {})
        if len(self._limits) >= _MAX_KEYS:
            self._limits.clear()
        self._limits[key] = (now + seconds, 0)
        return self._with(self._threshold, {"left_out": left_out} if left_out else {})

    def _with(self, threshold: int, extra: Mapping[str, Any]) -> "Log":
        log = Log(self._stream, encoding=self._encoding, clock=self._clock, extra={**self._extra, **extra})
        log._threshold = threshold
        return log

    def _line(self, level: str, msg: str, extra: Mapping[str, Any]) -> None:
        if LEVELS.index(level) < self._threshold:
            return
        caller = sys._getframe(2)  # noqa: SLF001  the line that called info() and its like
        place = f"{_below_package(caller.f_code.co_filename)}:{caller.f_lineno}"
        now = self._clock()
        extra = {**self._extra, **extra}
        if self._encoding == "json":
            head = {"level": level, "ts": round(now, 6), "caller": place, "msg": msg}
            line = _json({**head, **extra, **head})  # an extra can never take the place of the four keys
        else:
            when = utc(now)
            line = "\t".join([when, level, place, msg] + ([_json(extra)] if extra else []))
        with contextlib.suppress(OSError, ValueError):  # standard error may be closed or full; the service goes on
            self._stream.write(line.replace("\n", "\\n") + "\n")
            self._stream.flush()


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, default=str, separators=(",", ":"))


def _below_package(filename: str) -> str:
    """`collect/worker.py` for a module of ours, the last two parts of the path for any other."""
    if filename.startswith(_PACKAGE):
        return filename.removeprefix(_PACKAGE)
    return "/".join(filename.rsplit("/", 2)[-2:])
