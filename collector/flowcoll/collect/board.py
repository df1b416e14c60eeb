"""Where workers write down what they have counted, so that it can be read when they are busy, and when they have died.

The board is shared memory with a slot for each worker. A slot has two pages: the next state is written to the one that
is not shown, then shown. Whoever is killed while he writes leaves the state before it. Beside them stands one number that
costs next to nothing to write, the tally.
"""

import mmap
import os
from struct import Struct
from typing import Self
from zlib import crc32

from flowcoll.collect.unnamed import unnamed

SLOT = 1 << 20
"""Octets of a slot; a state has a few thousand."""

_PAGE = SLOT // 2 - 64
_STATE = Struct("=QII")  # the number of the state, its octets, their checksum
_TALLY = 8  # where the tally stands; in front of it is how many states were shown, whose last bit says which page
_STATES = 64  # where the pages begin


class Slot:
    """One worker's place: it alone calls `show` and sets `tally[0]`; anybody may call `state` and read the tally."""

    def __init__(self, memory: mmap.mmap, start: int) -> None:
        # stored as a whole, unlike what struct packs octet by octet: a kill never leaves half a number
        self._shown, self.tally = (memoryview(memory)[at : at + 8].cast("Q") for at in (start, start + _TALLY))
        self._memory = memory
        self._start = start
        self._number = self._shown[0]  # goes on where the worker before has stopped

    def show(self, state: bytes) -> None:
        """Replace the state; ValueError when it is larger than a page."""
        if len(state) > _PAGE - _STATE.size:
            raise ValueError(f"a state of {len(state)} octets does not fit into {_PAGE - _STATE.size}")
        number = self._number + 1
        page = self._page(number)
        body = page + _STATE.size
        self._memory[body : body + len(state)] = state
        _STATE.pack_into(self._memory, page, number, len(state), crc32(state))
        self._shown[0] = number
        self._number = number

    def state(self) -> bytes:
        """Give the last state that was shown, empty before the first; it is whole, even while the next is written."""
        while True:
            shown = self._shown[0]
            for number in (shown, shown - 1):  # the one before it, should this one not be whole
                if number < 1:
                    return b""
                page = self._page(number)
                said, size, checksum = _STATE.unpack_from(self._memory, page)
                body = page + _STATE.size
                state = self._memory[body : body + min(size, _PAGE)]
                if said == number and crc32(state) == checksum:
                    return state
            if self._shown[0] == shown:  # nobody has written meanwhile: it is lost
                return b""

    def release(self) -> None:
        """Let go of the memory."""
        self._shown.release()
        self.tally.release()

    def _page(self, number: int) -> int:
        return self._start + _STATES + number % 2 * _PAGE


class Board:
    """Slots in memory that processes share by its descriptor."""

    def __init__(self, fd: int, slots: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, slots * SLOT)
        self.slots = tuple(Slot(self._memory, number * SLOT) for number in range(slots))

    @classmethod
    def make(cls, slots: int) -> Self:
        """Make an empty board; its descriptor is to be handed on to the workers."""
        fd = unnamed("flowcoll-board")
        os.ftruncate(fd, slots * SLOT)
        return cls(fd, slots)

    def close(self) -> None:
        """Give the memory back."""
        for slot in self.slots:
            slot.release()
        self._memory.close()
        os.close(self.fd)
