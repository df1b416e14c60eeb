"""A child of the supervisor: started by exec, started again when it ends, asked, stopped, and read when it has died."""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import gevent
from gevent.event import Event

from flowcoll.collect import channel as channels
from flowcoll.collect.board import Slot
from flowcoll.collect.channel import Channel, Message
from flowcoll.collect.handover import Handover
from flowcoll.collect.telling import Told

_SECOND_S, _MOST_S = 1.0, 60.0
_GOOD_S = 60.0  # who ran so long does not count as failing at the start
_REAP_S = 5.0
_OURS = ("EF_", "NOTIFY_SOCKET", "WATCHDOG_")  # what is meant for the supervisor alone
_LOOK_S = 0.01
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class End(NamedTuple):
    """How a process ended. failure: what it said itself; told: how things stood, read by whom its end is told first."""

    code: int
    failure: str
    was_ready: bool
    tally: int
    told: Told

    def __str__(self) -> str:
        if self.failure:
            return self.failure
        if self.code < 0:
            return f"signal {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


class Usage(NamedTuple):
    """What a process has used: seconds of processor time, and octets of memory it has now."""

    cpu_s: float
    memory_bytes: int


class ChildProcess:
    """One place in the service, and the process that has it now.

    hand: gives what a new process is handed, for the descriptor of its end of the channel. ended: is told of each end
    before anything else happens to the place, and says whether another process is to be started. heard: takes what the
    process tells by itself.
    """

    def __init__(
        self,
        name: str,
        slot: Slot,
        hand: Callable[[int], Handover],
        ended: Callable[["ChildProcess", End], bool],
        heard: Callable[[Message], object] = lambda _: None,
    ) -> None:
        self.name = name
        self.slot = slot
        self.pid = 0  # none runs
        self.ready = False  # the process that runs now
        self.was_ready = False  # any of them
        self.starts = 0
        self.since = time.time()
        self.waiting_since = time.monotonic()  # for the process to be ready
        self._hand = hand
        self._ended = ended
        self._heard = heard
        self._channel: Channel | None = None
        self._stopping = Event()
        self._failures = 0  # in a row

    def run(self) -> None:
        """Keep a process running until `stop`."""
        while not self._stopping.is_set():
            self._start()
            started = time.monotonic()
            failure = self._listen()
            end = self._reap(failure)
            if time.monotonic() - started >= _GOOD_S:
                self._failures = 0
            if not self._ended(self, end) or self._stopping.is_set():
                return
            wait_s = self.next_start_s
            self._failures += 1
            gevent.sleep(wait_s)

    @property
    def next_start_s(self) -> float:
        """Seconds to wait before the next process: none after a first end, then more each time."""
        return min(_MOST_S, _SECOND_S * 2.0 ** min(self._failures - 1, 10)) if self._failures else 0.0

    def told(self) -> Told:
        """Give what the process has told last."""
        return Told.by(self.slot)

    def ask(self, what: str, timeout_s: float) -> Any:
        """Give the answer of the process, None when there is none."""
        return self._channel.ask(what, timeout_s) if self._channel is not None and self.ready else None

    def do(self, what: str) -> None:
        """Have the process do something, if it runs."""
        if self._channel is not None:
            self._channel.send({"do": what})

    def stop(self) -> None:
        """Let the process end, and start no other."""
        self._stopping.set()
        if self.pid and not self.ready:
            os.kill(self.pid, signal.SIGTERM)  # it has nothing to hand over yet
        self.do("stop")

    def kill(self) -> None:
        """End the process at once."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)

    def usage(self) -> Usage:
        """Give what the process uses (proc(5), /proc/pid/stat)."""
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as file:  # noqa: PTH123  read for each scrape
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            return Usage(0.0, 0)
        return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE)

    def _start(self) -> None:
        ours, theirs = channels.pair()
        handover = self._hand(theirs.fileno())
        fd = handover.write()
        inherited = [fd, *handover.descriptors()]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        # as this process was started; `-m` must not add the folder where it stands to the places of modules
        flags = ["-I" if sys.flags.isolated else "-P", *(["-B"] if sys.flags.dont_write_bytecode else [])]
        command = [sys.executable, *flags, "-m", "flowcoll.collect.child", str(fd), self.name]
        try:
            for each in inherited:
                os.set_inheritable(each, True)
            # in a group of its own: an interrupt from the terminal is for the supervisor
            self.pid = os.posix_spawn(sys.executable, command, environ, setpgroup=0)
        finally:
            for each in inherited:
                os.set_inheritable(each, False)
            os.close(fd)
            theirs.close()
        self._channel = Channel(ours)
        self.starts += 1
        self.since, self.waiting_since = time.time(), time.monotonic()

    def _listen(self) -> str:
        """Hear the process until it ends, and give what it said of its failure."""
        failure = ""
        for message in self._channel.messages() if self._channel is not None else ():
            if "ready" in message:
                self.ready = self.was_ready = True
            failure = message.get("failed", failure)
            self._heard(message)
        return failure

    def _reap(self, failure: str) -> End:
        """Wait for the end of a process that has closed its channel; one that goes on nevertheless is killed."""
        deadline = time.monotonic() + _REAP_S
        while not (found := os.waitpid(self.pid, os.WNOHANG))[0]:
            if time.monotonic() > deadline:
                self.kill()
            gevent.sleep(_LOOK_S)
        end = End(os.waitstatus_to_exitcode(found[1]), failure, self.ready, self.slot.tally[0], self.told())
        if self._channel is not None:
            self._channel.close()
        self.pid, self.ready, self._channel = 0, False, None
        self.waiting_since = time.monotonic()
        return end
