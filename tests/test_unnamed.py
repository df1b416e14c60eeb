import mmap
import os
import subprocess
import sys

import pytest

from flowcoll.collect.unnamed import unnamed

_WAYS = pytest.mark.parametrize("way", [{}, {"create": None}], ids=["as it is", "without memfd_create"])


@_WAYS
def test_it_is_shared_memory_without_a_name(way):
    """What one process writes into its mapping, another reads that has the descriptor; no name leads to it."""
    fd = unnamed("test", **way)
    try:
        os.ftruncate(fd, mmap.PAGESIZE)
        assert os.fstat(fd).st_nlink == 0
        with mmap.mmap(fd, mmap.PAGESIZE) as memory:
            memory[:5] = b"hello"
            command = [sys.executable, "-c", f"import os; print(os.pread({fd}, 5, 0).decode())"]
            told = subprocess.run(command, pass_fds=[fd], capture_output=True, text=True, check=True)
        assert told.stdout == "hello\n"
    finally:
        os.close(fd)


@_WAYS
def test_no_other_process_inherits_it(way):
    """Only who is handed the descriptor has it."""
    fd = unnamed("test", **way)
    try:
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)
