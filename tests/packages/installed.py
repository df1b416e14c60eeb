"""The installed collector, run on a host as its service would be, or watched there as a service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from building import CHECKOUT
from exporters import softflowd
from hosts import Booted, Host
from service import Service, text
from traffic import truth, volumes

DROP_IN = "/etc/systemd/system/flowcoll.service.d/flowcoll.conf"
OUTPUT = "/var/lib/flowcoll/flows.ndjson"
_ETC = CHECKOUT / "packaging/common/etc"
TO_A_FILE = {"EF_STATE_PATH": "/var/lib/flowcoll", "EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": OUTPUT}


def documents(host: Host) -> Iterator[dict[str, Any]]:
    """Give what the collector wrote on a host."""
    return map(json.loads, host.path(OUTPUT).read_text().splitlines())


def see_it_work(host: Host, traffic: Path, folder: Path) -> None:
    """See that a new installation belongs to whom it should, and makes documents of what an exporter sends."""
    assert host.run("flowcoll", "--version").startswith("flowcoll ")
    helpers = [path.relative_to(_ETC) for path in _ETC.rglob("*")]
    for path in helpers:
        mode = 750 if (_ETC / path).is_dir() else 640
        assert owner(host, f"/etc/flowcoll/{path}") == f"root:flowcoll {mode}"
    assert owner(host, "/etc/flowcoll") == "root:flowcoll 750"
    assert owner(host, "/var/lib/flowcoll") == "flowcoll:flowcoll 750"
    with Installed(host, folder) as running:
        softflowd(traffic, running.port, folder, "-v", "9")
    assert volumes(list(documents(host))) == truth(traffic)


def owner(host: Host, name: str) -> str:
    """Give who owns a file or folder, and its mode."""
    return host.run("stat", "-c", "%U:%G %a", name).strip()


def edit(host: Host) -> str:
    """Edit the drop-in as an administrator does, and give what is in it now."""
    edited = host.path(DROP_IN).read_text() + "# edited\n"
    host.path(DROP_IN).write_text(edited)
    return edited


class Installed(Service):
    """`flowcoll run` on a host without a service manager, as the service's user, writing documents to a file."""

    def __init__(self, host: Host, folder: Path, **options: object) -> None:
        super().__init__(folder, **{**TO_A_FILE, **options})
        self._host = host

    def _command(self) -> list[str]:
        become = ["setpriv", "--reuid=flowcoll", "--regid=flowcoll", "--clear-groups", "--no-new-privs"]
        return self._host.command(*become, "/usr/bin/flowcoll", "run")


class Unit(Service):
    """flowcoll.service on a booted host; it is configured and started when its block begins, and goes with the host."""

    def __init__(self, host: Booted, folder: Path, **options: object) -> None:
        super().__init__(folder, **{**TO_A_FILE, "EF_PROCESSOR_POOL_SIZE": 2, **options})
        self.host = host
        self._process = host.process

    def __enter__(self) -> Self:
        self.configure()
        self.host.run("systemctl", "start", "flowcoll")
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._sockets.values():
            sock.close()

    def configure(self, *lines: str, **options: object) -> None:
        """Write the drop-in anew, with more lines of the section [Service] and other options."""
        told = [f'Environment="{name}={text(value)}"' for name, value in {**self._options, **options}.items()]
        self.host.path(DROP_IN).write_text("\n".join(["[Service]", *told, *lines, ""]))
        self.host.run("systemctl", "daemon-reload")

    def main(self) -> int:
        """Give the process id of the supervisor, on the host."""
        return int(self.host.show("flowcoll", "MainPID"))

    def log(self) -> str:
        """Give what the service has logged."""
        return self.host.run("journalctl", "--unit=flowcoll", "--output=cat", "--no-pager")
