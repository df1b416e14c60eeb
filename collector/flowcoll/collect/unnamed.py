"""Files in memory that have no name: what the supervisor and its processes share by descriptor."""

import ctypes
import os
from collections.abc import Callable

_MFD_CLOEXEC = 1


def by_libc(label: str) -> int:
    """Do what os.memfd_create does, with the host's C library."""
    fd = int(ctypes.CDLL(None, use_errno=True).memfd_create(label.encode(), _MFD_CLOEXEC))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


# an interpreter that was built for older hosts than this one lacks the function
unnamed: Callable[[str], int] = getattr(os, "memfd_create", by_libc)
"""Give the descriptor of a new file; its label is for who looks into /proc (memfd_create(2))."""
