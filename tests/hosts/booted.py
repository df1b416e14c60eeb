"""A host whose systemd runs."""

import contextlib
import subprocess
import tempfile
import time
from pathlib import Path

from flowcoll.errors import SetupError
from hosts.host import Host

_BOOT = Path(__file__).parent / "boot.sh"
_BOOT_S = 60
_LOOK_S = 0.1


class Booted(Host):
    """A release with its service manager as process 1; what it logs is in `console`."""

    def _begin(self, made: contextlib.ExitStack) -> None:
        super()._begin(made)
        made.callback(self._remove_group)
        self.console = self.folder / "console.log"
        with self.console.open("wb") as console:
            self.process = subprocess.Popen(
                [str(_BOOT), str(self.root)], stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        made.callback(self.process.wait)
        made.callback(self.process.kill)  # and with it process 1 and all of its namespace
        self._await()

    def command(self, *command: str) -> list[str]:
        """Give the command that runs this one on the host."""
        return ["nsenter", "--target", self._first(), "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--", *command]

    def show(self, unit: str, name: str) -> str:
        """Give a property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def _first(self) -> str:
        """Give the number that process 1 has outside."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return children.split()[0]

    def _await(self) -> None:
        end = time.monotonic() + _BOOT_S
        while True:
            with contextlib.suppress(OSError, IndexError):
                if self.attempt("systemctl", "is-active", "multi-user.target").returncode == 0:
                    return
            if self.process.poll() is not None or time.monotonic() > end:
                raise SetupError(f"systemd did not boot:\n{self.console.read_text(errors='replace')[-2000:]}")
            time.sleep(_LOOK_S)

    def _remove_group(self) -> None:
        """Remove the control groups that it had, which are empty now."""
        own = Path("/proc/self/cgroup").read_text().partition("0::/")[2].splitlines()[0]
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["mount", "-t", "cgroup2", "cgroup2", folder], check=True)
            try:
                top = Path(folder) / own / self.folder.name
                groups = [*sorted(top.rglob("*/"), reverse=True), top] if top.exists() else []
                for group in groups:
                    while (group / "cgroup.procs").read_text():  # they were killed, and go one after the other
                        time.sleep(_LOOK_S)
                    group.rmdir()
            finally:
                subprocess.run(["umount", folder], check=True)
