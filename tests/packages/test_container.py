"""The container image: its steps, done on a Debian 12 without a container engine; and the compose file."""

import base64
import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from building import CHECKOUT, Built
from exporters import softflowd
from flowcoll import config
from hosts import Host
from service import Service
from traffic import truth, volumes

FOLDER = CHECKOUT / "packaging/container"
_GIVEN = {
    "EF_OUTPUT_RISKIQ_CUSTOMER_UUID": str(uuid.UUID(int=1)),
    "EF_OUTPUT_RISKIQ_CUSTOMER_ENCRYPTION_KEY": base64.b64encode(bytes(16)).decode(),
}
"""What is to be filled in and may not be anything."""

_ENTER = """
mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"
mount --bind "$1" "$0/var/lib/flowcoll" && mount -t tmpfs tmpfs "$0/dev/shm" && mount -t proc proc "$0/proc"
root=$0; shift; exec chroot "$root" "$@"
"""


def steps() -> Iterator[tuple[str, str]]:
    """Give what the Dockerfile says, instruction by instruction."""
    for line in (FOLDER / "Dockerfile").read_text().splitlines():
        if line and not line.startswith("#"):
            instruction, _, rest = line.partition(" ")
            yield instruction, rest


class Contained(Service):
    """The collector as the image starts it: its user, its command, a root folder that cannot be written."""

    def __init__(self, host: Host, volume: Path, folder: Path, said: dict[str, str]) -> None:
        output = "/var/lib/flowcoll/flows.ndjson"
        super().__init__(
            folder, EF_STATE_PATH="/var/lib/flowcoll", EF_OUTPUT_FILE_ENABLE=True, EF_OUTPUT_FILE_PATH=output
        )
        self._host, self._volume, self._said = host, volume, said

    def _command(self) -> list[str]:
        user, group = self._said["USER"].split(":")
        become = [
            "setpriv",
            f"--reuid={user}",
            f"--regid={group}",
            "--clear-groups",
            "--no-new-privs",
            "--bounding-set=-all",
        ]
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER]
        command = [*json.loads(self._said["ENTRYPOINT"]), *json.loads(self._said["CMD"])]
        return [*enter, str(self._host.root), str(self._volume), *become, *command]


@pytest.mark.stack
@pytest.mark.usefixtures("hosts")
def test_the_image(debs: Built, traffic: Path, tmp_path: Path) -> None:
    """What the Dockerfile says gives a collector that works without rights, and writes to its volume alone."""
    with Host("bookworm") as host:
        said = {}
        for instruction, rest in steps():
            match instruction:
                case "FROM":
                    assert rest.startswith(f"debian:{host.suite}")
                case "COPY":
                    pattern, to = rest.split()
                    assert debs.now.match(pattern)
                    host.put(debs.now, to)
                case "RUN":
                    host.run("sh", "-c", rest)
                case _:
                    said[instruction] = rest
        volume = tmp_path / "volume"
        volume.mkdir()
        owner = host.path(said["VOLUME"]).stat()
        os.chown(volume, owner.st_uid, owner.st_gid)  # an engine gives a new volume the owner of what it lies over
        volume.parent.chmod(0o755)
        with Contained(host, volume, tmp_path, said) as running:
            softflowd(traffic, running.port, tmp_path, "-v", "9")
            status = Path(f"/proc/{running.pid}/status").read_text()
        assert re.search(r"^Uid:\t10001\t10001\t10001\t10001$", status, re.MULTILINE)
        assert re.search(r"^CapBnd:\t0+$", status, re.MULTILINE)
        written = [json.loads(line) for line in (volume / "flows.ndjson").read_text().splitlines()]
        assert volumes(written) == truth(traffic)


def compose() -> dict[str, Any]:
    """Give the services of the compose file."""
    return dict(yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"])


def test_the_compose_file_names_our_options() -> None:
    """Options of the compose file, those in comments included, are options of ours, with values that they take."""
    text = re.sub(r"^( +)#(EF_)", r"\1\2", (FOLDER / "docker-compose.yml").read_text(), flags=re.MULTILINE)
    text = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", text)
    services = yaml.safe_load(text)["services"]
    ours = [service for service in services.values() if service["image"] == "flowcoll"]
    assert len(ours) == 2
    for service in ours:
        environ = {name: value or _GIVEN.get(name, "x") for name, value in service["environment"].items()}
        assert not config.load(None, environ, (), root=FOLDER).notices


def test_what_waits_for_what() -> None:
    """The collector starts when templates are in place; each service that is waited for exists."""
    services = compose()
    for service in services.values():
        assert services.keys() >= service.get("depends_on", {}).keys()
    assert services["flowcoll"]["depends_on"] == {
        "setup-elasticsearch": {"condition": "service_completed_successfully"}
    }
    assert services["flowcoll"]["network_mode"] == "host"
