"""A worker's memory is in huge pages, where the kernel has them."""

import subprocess
import sys
from pathlib import Path

from flowcoll.collect.huge_pages import HUGE, anonymous

MAPS = f"""\
{HUGE:x}-{5 * HUGE:x} rw-p 00000000 00:00 0
{5 * HUGE + 4096:x}-{7 * HUGE:x} rw-p 00000000 00:00 0                          [heap]
{8 * HUGE:x}-{9 * HUGE:x} r--p 00000000 00:00 0
{9 * HUGE:x}-{10 * HUGE:x} rw-p 00000000 fd:01 4711                       /usr/lib/libpython3.so
{10 * HUGE - 4096:x}-{10 * HUGE:x} ---p 00000000 00:00 0
{10 * HUGE:x}-{14 * HUGE:x} rw-p 00000000 00:00 0
{15 * HUGE + 4096:x}-{16 * HUGE:x} rw-p 00000000 00:00 0
{20 * HUGE:x}-{24 * HUGE:x} rw-p 00000000 00:00 0                          [stack]
{30 * HUGE:x}-{34 * HUGE:x} rw-s 00000000 00:01 1025                       /memfd:flowcoll-board (deleted)
"""

GROW = """
from pathlib import Path
from flowcoll.collect.huge_pages import HugePages
def huge():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))
pages, before = HugePages(), huge()
held = [bytes(400) for _ in range(200_000)]
pages.look()
print(before, huge(), len(held))
"""


def test_what_is_asked_for() -> None:
    """Whole huge pages of the heap and of nameless memory; no files, no stacks, nothing shared."""
    assert list(anonymous(MAPS.splitlines())) == [(HUGE, 5 * HUGE), (6 * HUGE, 7 * HUGE)]


def test_what_the_kernel_gives() -> None:
    """Memory that Python has taken in small pieces is in huge pages afterwards, unless the kernel has none."""
    done = subprocess.run([sys.executable, "-c", GROW], capture_output=True, text=True, check=True)
    before, after, _ = map(int, done.stdout.split())
    enabled = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if enabled.exists() and "[never]" not in enabled.read_text():
        assert after > before + 20_000
    else:
        assert after == before == 0
