"""Huge pages for what a worker knows of addresses.

Each flow looks up two addresses in tens of megabytes that no cache holds. With pages of 4 KiB the processor must also look
up where each page is, in a virtual machine through two sets of tables; with pages of 2 MiB it mostly need not. Python's
allocator asks the kernel for 1 MiB at a time, which alone never gives a huge page; neighbours together do when the kernel
is told that they may (madvise(2)). On two virtual cores of an AMD EPYC a flow with known addresses cost 12 % less.
"""

import ctypes
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

HUGE = 2 * 1024 * 1024
"""Octets of a huge page on x86-64, and on arm64 with pages of 4 KiB."""

_MADV_HUGEPAGE = 14  # asm-generic/mman-common.h
_MADV_COLLAPSE = 25  # since Linux 6.1: now, and not when the kernel finds the time
_MORE = 8 * HUGE

Region = tuple[int, int]
"""First address, and the one behind the last."""


def anonymous(maps: Iterable[str]) -> Iterator[Region]:
    """Give the whole huge pages in each private, writable mapping without a file; `maps` as /proc/pid/maps (proc(5)).

    The allocator's 1 MiB pieces stand side by side, and the kernel joins them. Stacks of threads, which lie behind a
    guard that nobody may touch, are left out: most of them is never used.
    """
    guarded = 0
    for line in maps:
        addresses, rights, _, _, inode, *name = line.split()
        start, end = (int(address, 16) for address in addresses.split("-"))
        if rights == "---p":
            guarded = end
        elif rights == "rw-p" and inode == "0" and start != guarded and (not name or name[0] == "[heap]"):
            start, end = -(-start // HUGE) * HUGE, end // HUGE * HUGE
            if start < end:
                yield start, end


class HugePages:
    """Asks for huge pages whenever the process has grown. io: calls what waits for the kernel."""

    def __init__(self, io: Callable[..., object] = lambda act, arguments: act(*arguments)) -> None:
        self._io = io
        self._asked = 0
        self._madvise = ctypes.CDLL(None).madvise
        self._madvise.argtypes = (ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int)

    def look(self) -> None:
        """Ask if there is much more memory than when that was done last."""
        regions = list(anonymous(Path("/proc/self/maps").read_text().splitlines()))
        octets = sum(end - start for start, end in regions)
        if octets - self._asked >= _MORE or octets < self._asked // 2:
            self._asked = octets
            for start, end in regions:
                # a kernel without huge pages refuses, and nothing is lost
                self._madvise(start, end - start, _MADV_HUGEPAGE)
                for page in range(start, end, HUGE):
                    self._io(self._madvise, (page, HUGE, _MADV_COLLAPSE))
