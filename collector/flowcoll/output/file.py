"""Documents as lines in a file, in a FIFO or on standard output.

Lines are never torn: what a full disk or a slow reader leaves of a line is written before anything else, once there is
room again. A reader that stalls is waited for once; then documents are dropped, and counted, until it reads again.
"""

import contextlib
import errno
import os
import select
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson

from flowcoll.counters import Counts
from flowcoll.document.fields import EVERYTHING, Wanted
from flowcoll.errors import ConfigError, FlowcollError, SetupError
from flowcoll.logs import Log

Wait = Callable[[int, float], bool]
Render = Callable[[Sequence[str]], bytes]

_PATIENCE_S = 5.0
_STDOUT = 1
_WRONG_PATH = {
    errno.EACCES: "this user may not write there",
    errno.EISDIR: "that is a directory",
    errno.ELOOP: "that is a loop of symbolic links",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOENT: "its directory does not exist",
    errno.ENOTDIR: "its parent is not a directory",
    errno.EPERM: "this user may not write there",
    errno.EROFS: "the file system is read-only",
}


def ndjson(documents: Sequence[str]) -> bytes:
    """One document a line."""
    return ("\n".join(documents) + "\n").encode("ascii")


def pretty(documents: Sequence[str]) -> bytes:
    """Each document indented, over many lines."""
    form = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return b"".join(orjson.dumps(orjson.loads(document), option=form) for document in documents)


FORMATS: Mapping[str, Render] = {"json": ndjson, "json_pretty": pretty}


def poll_writable(fd: int, timeout_s: float) -> bool:
    """Wait until a descriptor takes octets, at most so long; the whole process waits."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(timeout_s * 1000))


class Target(NamedTuple):
    """Where lines go: its name, how a descriptor is had (now, and again at every `reopen`), what a document looks like."""

    name: str
    open: Callable[[], int]
    render: Render = ndjson
    wanted: Wanted = EVERYTHING


class LineOutput:
    """Writes documents as lines to a target; `wait` waits for its reader."""

    def __init__(self, target: Target, counts: Counts, log: Log, wait: Wait = poll_writable) -> None:
        self.name = target.name
        self.wanted = target.wanted
        self._open_descriptor = target.open
        self._render = target.render
        self._delivered = f"documents.delivered.{target.name}"
        self._dropped = f"documents.dropped.{target.name}"
        self._counts = counts
        for key in (self._delivered, self._dropped):  # a counter that is seen from the start can be watched
            counts.setdefault(key, 0)
        self._log = log
        self._wait = wait
        self._rest = b""  # the end of a document whose beginning is written
        self._stalled = False
        self._fd = self._open()

    def write(self, documents: Sequence[str], /) -> None:
        """Write a batch; what does not go is counted as dropped."""
        if not documents:
            return
        why_not = self._end_line()
        if not why_not:
            body = self._render(documents)
            written, why_not = self._put(body)
            if not why_not:
                self._counts.add(self._delivered, len(documents))
                return
            documents = self._not_begun(documents, body, written)
        self._counts.add(self._dropped, len(documents))
        self._log.limited(f"output.{self.name}", 60).error(
            "documents are dropped", output=self.name, reason=why_not, dropped=self._counts[self._dropped]
        )

    def flush(self) -> None:
        """End the line that was begun, if it goes now; nothing else is held here."""
        self._end_line()

    def reopen(self) -> None:
        """Open anew, so that logrotate can move the file away; when that fails the old one goes on."""
        self.flush()
        try:
            fd = self._open()
        except FlowcollError as exc:
            self._log.error("the output goes on with the file it has open", output=self.name, reason=str(exc))
            return
        self._shut()
        self._fd = fd

    def state(self) -> Mapping[str, str]:
        """Nothing besides the counters."""
        return {}

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._shut()

    def _open(self) -> int | None:
        """Open, or return None for a FIFO that nobody reads yet."""
        try:
            return self._open_descriptor()
        except OSError as exc:
            if exc.errno == errno.ENXIO:
                return None
            reason = _WRONG_PATH.get(exc.errno or 0)
            if reason:
                raise ConfigError(f"{exc.filename} cannot be written: {reason}; choose another path") from exc
            raise SetupError(f"{exc.filename} cannot be written: {exc.strerror}") from exc

    def _shut(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._rest:  # whoever reads next starts with a whole line
            self._rest = b""
            self._counts.add(self._dropped)
        self._stalled = False

    def _end_line(self) -> str:
        """Write the rest of the line that was begun, and return why that is not possible."""
        if not self._rest:
            return ""
        written, why_not = self._put(self._rest)
        if why_not:
            self._rest = self._rest[written:]
        else:
            self._rest = b""
            self._counts.add(self._delivered)
        return why_not

    def _put(self, body: bytes) -> tuple[int, str]:
        """Write as much as goes, and return how many octets went and why not all of them."""
        if self._fd is None:
            try:
                self._fd = self._open()
            except FlowcollError as exc:
                return 0, str(exc)
            if self._fd is None:
                return 0, "nobody reads it"
        view, written, deadline = memoryview(body), 0, 0.0
        while written < len(body):
            try:
                written += os.write(self._fd, view[written:])
            except BlockingIOError:
                now = time.monotonic()
                deadline = deadline or now + _PATIENCE_S
                if self._stalled or now >= deadline or not self._wait(self._fd, deadline - now):
                    self._stalled = True
                    return written, "its reader does not keep up"
            except BrokenPipeError:
                self._shut()
                return written, "its reader has gone"
            except OSError as exc:
                return written, exc.strerror or str(exc)
            else:
                self._stalled = False
        return written, ""

    def _not_begun(self, documents: Sequence[str], body: bytes, written: int) -> Sequence[str]:
        """Account for the documents that went before writing stopped, and return the others."""
        whole, start, end = 0, 0, 0
        for document in documents:
            end = start + len(self._render([document]))
            if end > written:
                break
            whole, start = whole + 1, end
        self._counts.add(self._delivered, whole)
        if start < written and self._fd is not None:
            self._rest = body[written:end]
            return documents[whole + 1 :]
        return documents[whole:]


def file_target(name: str, path: Path, wanted: Wanted = EVERYTHING) -> Target:
    """Append to a file, made with mode 0640 in a directory that exists, or to a FIFO."""
    return Target(name, partial(_open_path, path), ndjson, wanted)


def stdout_target(name: str, form: str) -> Target:
    """Write to standard output, as `json` (one line each) or `json_pretty`."""
    return Target(name, _open_stdout, FORMATS[form])


def _open_path(path: Path) -> int:
    # non-blocking matters for a FIFO: to open and to write it never waits for a reader
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK, 0o640)


def _open_stdout() -> int:
    mode = os.fstat(_STDOUT).st_mode
    if stat.S_ISFIFO(mode) or os.isatty(_STDOUT):
        # a descriptor of our own: O_NONBLOCK on the shared one would reach the shell and standard error
        with contextlib.suppress(PermissionError, FileNotFoundError):
            return os.open(f"/proc/self/fd/{_STDOUT}", os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    return os.dup(_STDOUT)
