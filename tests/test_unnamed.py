import mmap
import os
import subprocess
import sys

import pytest

from flowcoll.collect.unnamed import by_libc, unnamed

_WAYS = pytest.mark.parametrize("way", [unnamed, by_libc], ids=["as it is", "without os.memfd_create"])


@_WAYS
def test_it_is_shared_memory_without_a_name(way):
    """What one process writes into its mapping, another reads that has the descriptor; no name leads to it."""
    fd = way("test")
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
    fd = way("test")
    try:
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


def test_what_the_kernel_refuses():
    """A refusal of the kernel is an OSError: a label may have 249 octets."""
    with pytest.raises(OSError, match="Invalid argument"):
        by_libc("x" * 250)
