"""Whose turn it is to write, where several processes write to one file or pipe.

A turn is a lock on one octet of memory that the processes share, kept while a line is begun and not ended. The kernel
takes locks away from a process that dies (fcntl_locking(2): POSIX locks belong to processes), so that nobody waits for the
dead. The octet itself then still says that a line may be begun: whoever comes next ends it before he writes his own.
"""

import fcntl
import mmap
import os
import time
from collections.abc import Callable

_PLACES = 4096
_FIRST_LOOK_S, _LOOK_S = 0.0002, 0.001


class Turns:
    """The places of a shared descriptor, such as that of memfd_create(2); `alone`: nobody else has it, so nothing is locked.

    It is never closed before the process ends: a process that closes any descriptor of a file loses all locks on it.
    """

    def __init__(
        self,
        fd: int,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        *,
        alone: bool = False,
    ) -> None:
        if os.fstat(fd).st_size < _PLACES:
            os.ftruncate(fd, _PLACES)
        self.fd = fd
        self.begun = mmap.mmap(fd, _PLACES)
        self.sleep = sleep
        self.clock = clock
        self.alone = alone

    def at(self, place: int) -> "Turn":
        """Give what one output needs; the same place means the same output in every process."""
        return Turn(self, place)


class Turn:
    """One process's view of a place. mine: it is this one's turn; left_begun: the one before may not have ended his line."""

    def __init__(self, turns: Turns, place: int) -> None:
        self.mine = False
        self.left_begun = False
        self._turns = turns
        self._place = place

    @property
    def shared(self) -> bool:
        """Whether there may be others."""
        return not self._turns.alone

    def take(self, patience_s: float) -> bool:
        """Take the turn, waiting so long at most; False when somebody else has it all the time."""
        turns = self._turns
        if not turns.alone and not self._lock() and not self._wait(patience_s):
            return False
        self.mine = True
        self.left_begun = turns.begun[self._place] != 0
        turns.begun[self._place] = 1  # before the first octet goes: the end may come at any time
        return True

    def give_back(self, *, begun: bool = False) -> None:
        """Let others write; `begun` tells them that a line is begun which this process will not end."""
        turns = self._turns
        turns.begun[self._place] = begun
        self.mine = False
        if not turns.alone:
            fcntl.lockf(turns.fd, fcntl.LOCK_UN, 1, self._place)

    def _wait(self, patience_s: float) -> bool:
        clock, pause_s = self._turns.clock, _FIRST_LOOK_S
        deadline = clock() + patience_s
        while clock() < deadline:
            self._turns.sleep(pause_s)
            if self._lock():
                return True
            pause_s = _LOOK_S
        return False

    def _lock(self) -> bool:
        try:
            fcntl.lockf(self._turns.fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._place)
        except OSError:  # somebody has it; or the kernel has no room for locks, which may pass too
            return False
        return True
