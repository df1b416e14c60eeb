"""A host on which nothing runs but what a test runs."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from hosts.roots import root

_ENTER = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
_ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
_PATIENCE_S = 120


class Host:
    """A copy of a release's root folder, removed at the end."""

    def __init__(self, suite: str) -> None:
        self.suite = suite

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="flowcoll-host-"))
        self._folder.chmod(0o755)
        self.root = self._folder / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", str(root(self.suite)), str(self.root)], check=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        at: TracebackType | None = None,
    ) -> None:
        shutil.rmtree(self._folder)

    def path(self, name: str) -> Path:
        """Give where a file of the host is."""
        return self.root / name.lstrip("/")

    def put(self, file: Path, name: str) -> None:
        """Copy a file to the host."""
        shutil.copy(file, self.path(name))

    def command(self, *command: str) -> list[str]:
        """Give the command that runs this one on the host."""
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, str(self.root)]
        return [*enter, *command]

    def attempt(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as root; both of its outputs are in `stdout`."""
        return subprocess.run(
            self.command(*command),
            env=_ENVIRON,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )

    def run(self, *command: str) -> str:
        """Run a command that must succeed, and give what it said."""
        done = self.attempt(*command)
        assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def files(self) -> set[str]:
        """Give every file and folder with its mode and owner, but for what is in /tmp, /proc and dpkg's own journals."""
        found = set()
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if not name.startswith(("tmp/", "proc/", "var/lib/dpkg/", "var/log/", "var/cache/")):
                stat = path.lstat()
                found.add(f"{name} {stat.st_mode:o} {stat.st_uid}:{stat.st_gid}")
        return found
