"""The installed collector, run on a host as its service would be, or watched there as a service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from hosts import Booted, Host
from service import Service

DROP_IN = "/etc/systemd/system/flowcoll.service.d/flowcoll.conf"
OUTPUT = "/var/lib/flowcoll/flows.ndjson"


def documents(host: Host) -> Iterator[dict[str, Any]]:
    """Give what the collector wrote on a host."""
    return map(json.loads, host.path(OUTPUT).read_text().splitlines())


class Installed(Service):
    """`flowcoll run` on a host without a service manager, as the service's user, writing documents to a file."""

    def __init__(self, host: Host, folder: Path, **options: object) -> None:
        super().__init__(
            folder,
            **{
                "EF_STATE_PATH": "/var/lib/flowcoll",
                "EF_OUTPUT_FILE_ENABLE": True,
                "EF_OUTPUT_FILE_PATH": OUTPUT,
                **options,
            },
        )
        self._host = host

    def _command(self) -> list[str]:
        become = ["setpriv", "--reuid=flowcoll", "--regid=flowcoll", "--clear-groups", "--no-new-privs"]
        return self._host.command(*become, "/usr/bin/flowcoll", "run")


class Unit(Service):
    """flowcoll.service on a booted host; it is configured and started when its block begins, and goes with the host."""

    def __init__(self, host: Booted, folder: Path, **options: object) -> None:
        super().__init__(
            folder,
            **{
                "EF_STATE_PATH": "/var/lib/flowcoll",
                "EF_OUTPUT_FILE_ENABLE": True,
                "EF_OUTPUT_FILE_PATH": OUTPUT,
                "EF_PROCESSOR_POOL_SIZE": 2,
                **options,
            },
        )
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
        told = [f'Environment="{name}={_text(value)}"' for name, value in {**self._options, **options}.items()]
        self.host.path(DROP_IN).write_text("\n".join(["[Service]", *told, *lines, ""]))
        self.host.run("systemctl", "daemon-reload")

    def main(self) -> int:
        """Give the process id of the supervisor, on the host."""
        return int(self.host.show("flowcoll", "MainPID"))

    def log(self) -> str:
        """Give what the service has logged."""
        return self.host.run("journalctl", "--unit=flowcoll", "--output=cat", "--no-pager")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
