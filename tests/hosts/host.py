"""A host on which nothing runs but what a test runs."""

import contextlib
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
    """A release's root folder; what is changed in it lies in memory, and is gone at the end."""

    def __init__(self, suite: str) -> None:
        self.suite = suite

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as made:
            self._begin(made)
            self._end = made.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end.close()

    def _begin(self, made: contextlib.ExitStack) -> None:
        """Make the host; what `made` holds is undone at the end, last things first."""
        self.folder = Path(tempfile.mkdtemp(prefix="flowcoll-host-"))
        made.callback(self.folder.rmdir)
        _mount(made, self.folder, "tmpfs", "mode=755")
        upper, work, self.root = (self.folder / name for name in ("upper", "work", "root"))
        for each in (upper, work, self.root):
            each.mkdir()
        _mount(made, self.root, "overlay", f"lowerdir={root(self.suite)},upperdir={upper},workdir={work}")

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


def _mount(made: contextlib.ExitStack, at: Path, kind: str, how: str) -> None:
    subprocess.run(["mount", "-t", kind, "-o", how, kind, str(at)], check=True)
    made.callback(subprocess.run, ["umount", str(at)], check=True)
