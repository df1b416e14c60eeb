"""Documents as lines in a file, in a FIFO or on standard output, to which other processes may write too.

Lines are never torn: what a full disk or a slow reader leaves of a line is written before anything else, once there is
room again, and nobody else writes until then. A reader that stalls is waited for once; then documents are dropped, and
counted, until it reads again. A line that lost its rest with a process that was killed is ended before the next begins.
"""

import errno
import os
import select
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from flowcoll.counters import Counts
from flowcoll.errors import ConfigError, FlowcollError, SetupError
from flowcoll.logs import Log
from flowcoll.output.target import Target
from flowcoll.output.turn import Turn

Wait = Callable[[int, float], bool]

_PATIENCE_S = 5.0
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


def poll_writable(fd: int, timeout_s: float) -> bool:
    """Wait until a descriptor takes octets, at most so long; the whole process waits."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(timeout_s * 1000))


class Stop(NamedTuple):
    """Why documents do not go: the word of the counter, and the words of the log."""

    reason: str
    words: str


_SLOW = Stop("reader_slow", "its reader does not keep up")
_NO_READER = Stop("no_reader", "nobody reads it")
_NO_TURN = Stop("no_turn", "another worker has begun a line and cannot end it")
_CUT = Stop("cut", "it was closed before the rest of a line could be written")


class LineOutput:
    """Writes documents as lines to a target; `wait` waits for its reader, `turn` is there if other processes write too."""

    def __init__(
        self, target: Target, counts: Counts, log: Log, wait: Wait = poll_writable, turn: Turn | None = None
    ) -> None:
        self.name = target.name
        self.wanted = target.wanted
        self._open_descriptor = target.open
        self._render = target.render
        self._delivered = f"documents.delivered.{target.name}"
        self._dropped = f"documents.dropped.{target.name}"
        self._because = f"documents.dropped_because.{target.name}."
        self._counts = counts
        for key in (self._delivered, self._dropped):  # a counter that is seen from the start can be watched
            counts.setdefault(key, 0)
        self._log = log
        self._wait = wait
        self._turn = turn
        self._rest = b""  # the end of a document whose beginning is written
        self._torn = False  # a line is begun that nobody can end any more, or may be
        self._stalled = False
        self._fd = self._open()

    @property
    def held(self) -> int:
        """One document, if its line is begun and could not be ended yet."""
        return 1 if self._rest else 0

    def write(self, documents: Sequence[str], /) -> None:
        """Write a batch; what does not go is counted as dropped."""
        if not documents:
            return
        stop = self._take_turn() or self._end_line()
        if stop is None:
            body = self._render(documents)
            written, stop = self._put(body)
            if stop is None:
                self._counts.add(self._delivered, len(documents))
            else:
                documents = self._not_begun(documents, body, written)
        self._give_turn()
        if stop is not None and documents:
            self._drop(len(documents), stop)

    def flush(self) -> None:
        """End the line that was begun, if it goes now; nothing else is held here."""
        if self._rest:
            self._end_line()
            self._give_turn()

    def reopen(self) -> None:
        """Open anew, so that logrotate can move the file away; when that fails the old one goes on."""
        self.flush()
        try:
            fd = self._open()
        except FlowcollError as exc:
            self._log.error("the output goes on with the file it has open", output=self.name, reason=str(exc))
            return
        self._shut(_CUT)
        self._give_turn()
        self._fd = fd

    def state(self) -> Mapping[str, int]:
        """Give what waits, besides the counters: the line that is begun."""
        return {"queued_documents": self.held}

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._shut(_CUT)
        self._give_turn()

    def _open(self) -> int | None:
        """Open, or return None for a FIFO that nobody reads yet."""
        try:
            fd = self._open_descriptor()
        except OSError as exc:
            if exc.errno == errno.ENXIO:
                return None
            reason = _WRONG_PATH.get(exc.errno or 0)
            if reason:
                raise ConfigError(f"{exc.filename} cannot be written: {reason}; choose another path") from exc
            raise SetupError(f"{exc.filename} cannot be written: {exc.strerror}") from exc
        self._torn = self._torn or stat.S_ISREG(os.fstat(fd).st_mode)  # who wrote there last may have been killed
        return fd

    def _shut(self, why: Stop) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._rest:  # whoever reads next starts with a whole line
            self._rest = b""
            self._leave_torn()
            self._count(1, why)
        self._stalled = False

    def _take_turn(self) -> Stop | None:
        """Wait until nobody else writes, unless it is our turn since a line of ours is begun."""
        if self._turn is None or self._turn.mine:
            return None
        if not self._turn.take(0 if self._stalled else _PATIENCE_S):
            self._stalled = True
            return _NO_TURN
        self._torn = self._torn or self._turn.left_begun
        return None

    def _give_turn(self) -> None:
        """Let others write, unless a line of ours is begun."""
        if self._turn is not None and self._turn.mine and not self._rest:
            self._turn.give_back(begun=self._torn)

    def _end_line(self) -> Stop | None:
        """Write the rest of the line that was begun, or end one that has lost its rest; return why that is not possible."""
        if self._rest:
            written, stop = self._put(self._rest)
            self._rest = self._rest[written:]
            if stop is None:
                self._counts.add(self._delivered)
            return stop
        if self._torn:
            if self._within_line():
                _, stop = self._put(b"\n")
                if stop is not None:
                    return stop
            self._torn = False
        return None

    def _within_line(self) -> bool:
        """Whether what was written ends within a line; of a pipe nobody can know, so that it does."""
        if self._fd is None or not stat.S_ISREG(os.fstat(self._fd).st_mode):
            return True
        try:
            with open(f"/proc/self/fd/{self._fd}", "rb") as file:  # noqa: PTH123  no path: the file may have moved
                return file.seek(0, os.SEEK_END) > 0 and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n"
        except OSError:  # it may be written and not read
            return False

    def _put(self, body: bytes) -> tuple[int, Stop | None]:
        """Write as much as goes, and return how many octets went and why not all of them."""
        if self._fd is None:
            try:
                self._fd = self._open()
            except FlowcollError as exc:
                return 0, Stop("error", str(exc))
            if self._fd is None:
                return 0, _NO_READER
        view, written, deadline = memoryview(body), 0, 0.0
        while written < len(body):
            try:
                written += os.write(self._fd, view[written:])
            except BlockingIOError:
                now = time.monotonic()
                deadline = deadline or now + _PATIENCE_S
                if self._stalled or now >= deadline or not self._wait(self._fd, deadline - now):
                    self._stalled = True
                    return written, _SLOW
            except BrokenPipeError:
                self._shut(_NO_READER)
                return written, _NO_READER
            except OSError as exc:
                return written, Stop("error", exc.strerror or str(exc))
            else:
                self._stalled = False
        return written, None

    def _not_begun(self, documents: Sequence[str], body: bytes, written: int) -> Sequence[str]:
        """Account for the documents that went before writing stopped, and return the others."""
        whole, start, end = 0, 0, 0
        for document in documents:
            end = start + len(self._render([document]))
            if end > written:
                break
            whole, start = whole + 1, end
        self._counts.add(self._delivered, whole)
        if start < written:
            if self._fd is not None:
                self._rest = body[written:end]
                return documents[whole + 1 :]
            self._leave_torn()
        return documents[whole:]

    def _leave_torn(self) -> None:
        """Have a line ended that has lost its rest: while others have a pipe open, what is in it stays in it."""
        self._torn = self._torn or (self._turn is not None and self._turn.shared)

    def _count(self, documents: int, why: Stop) -> None:
        self._counts.add(self._dropped, documents)
        self._counts.add(self._because + why.reason, documents)

    def _drop(self, documents: int, why: Stop) -> None:
        self._count(documents, why)
        self._log.limited(f"output.{self.name}", 60).error(
            "documents are dropped", output=self.name, reason=why.words, dropped=self._counts[self._dropped]
        )
