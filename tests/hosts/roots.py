"""Root folders of Debian releases, made once and kept."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from flowcoll.errors import SetupError

SUITES = {"bullseye": (), "bookworm": (), "trixie": ("systemd", "dbus", "procps")}
"""Release -> what it has beyond the least that dpkg needs.

Debian 11 and 12 have no service manager, Debian 13 has one. Debian 11 is the oldest: Ubuntu 20.04 has the same C library,
glibc 2.31.
"""

_TOOLS = {"debootstrap": "debootstrap", "unshare": "util-linux", "nsenter": "util-linux", "mount": "mount"}


def root(suite: str) -> Path:
    """Give the root folder of a release, not to be changed; the first time, this takes a minute and the network."""
    if os.geteuid():
        raise SetupError("root is needed for the tests of packages: they make hosts to install them on")
    for tool, package in _TOOLS.items():
        if shutil.which(tool) is None:
            raise SetupError(f"{tool} is needed for the tests of packages: apt-get install {package}")
    cache = Path(os.environ.get("FLOWCOLL_TEST_CACHE") or "/var/cache/flowcoll-tests").resolve()
    made = cache / "-".join(["debian", suite, *SUITES[suite]])
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "hosts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _make(suite, made)
    return made


def _make(suite: str, made: Path) -> None:
    """Make it beside the place where it belongs, then move it there in one step."""
    with tempfile.TemporaryDirectory(dir=made.parent) as folder:
        new = Path(folder) / "root"
        more = [f"--include={','.join(SUITES[suite])}"] if SUITES[suite] else []
        command = ["debootstrap", "--variant=minbase", *more, suite, str(new)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            told = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["it said nothing"]
            raise SetupError(f"debootstrap could not make a root folder of {suite}: {told[-1]}")
        shutil.rmtree(new / "var/cache/apt/archives", ignore_errors=True)
        (new / "etc/machine-id").write_text("")
        new.rename(made)
