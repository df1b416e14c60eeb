"""Who may write: keys made by the requests that `flowcoll setup-elasticsearch --print-roles` prints, and wrong ones."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from elasticsearch import AuthorizationException

from corpus import goldens
from elastic_node import Node
from service import Service
from stored import PREFIX, Stored, lost, output, settled

pytestmark = pytest.mark.stack

NAMESPACE = "access"
USER, PASSWORD = "collector", "the right password"
HEADERS = {"accept": "application/json", "content-type": "application/json"}


class Access(NamedTuple):
    """What an administrator was given when he had sent the printed requests: a role and a key for `flowcoll run`."""

    role: str
    key: str


def flowcoll(options: Mapping[str, object], *words: str) -> str:
    """What a command prints, run with these options and no others."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EF_")}
    environ |= {name: str(value) for name, value in options.items()}
    command = [sys.executable, "-m", "flowcoll", *words, "--config", os.devnull]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def access(node: Node) -> Access:
    """Roles and keys were made as printed, and everything was installed with the key that is for installing."""
    options = output(node, NAMESPACE)
    page = flowcoll(options, "setup-elasticsearch", "--print-roles")
    roles: list[str] = []
    keys: dict[str, str] = {}
    for method, path, body in re.findall(r"^(PUT|POST) (\S+)\n(^{\n.*?^}$)", page, re.MULTILINE | re.DOTALL):
        answer: Any = node.es.perform_request(method, path, headers=HEADERS, body=json.loads(body)).body
        if path.startswith("/_security/role/"):
            roles.append(path.rpartition("/")[2])
        else:
            keys[answer["name"]] = answer["encoded"]
    assert sorted(roles) == sorted(keys)
    setup, writer = sorted(roles)  # flowcoll_setup..., flowcoll_writer...
    flowcoll(options | {PREFIX + "API_KEY": keys[setup]}, "setup-elasticsearch")
    return Access(writer, keys[writer])


def send(service: Service) -> int:
    """Send a capture; give how many documents have come of all that was sent."""
    service.send(next(golden for golden in goldens() if golden.name == "cisco-1941").payloads)
    return service.count("documents_written")


def test_the_printed_key_is_enough_to_write(access: Access, node: Node, tmp_path: Path) -> None:
    """With the key for it, `flowcoll run` writes documents and warns of nothing; the key can neither read nor delete."""
    before = Stored(node, NAMESPACE).count()
    with Service(tmp_path, **output(node, NAMESPACE, API_KEY=access.key)) as service:
        written = send(service)
        assert settled(service) == written
        assert lost(service) == {}
        assert service.lines("warn") == []
    assert access.key not in service.log()
    stored = Stored(node, NAMESPACE)
    assert stored.count() == before + written
    with node.client(api_key=access.key) as writer:
        with pytest.raises(AuthorizationException):
            writer.search(index=stored.name)
        with pytest.raises(AuthorizationException):
            writer.delete(index=stored.name, id=stored.ids()[0])


def complain_then_deliver(service: Service, node: Node, mend: Any) -> str:
    """Documents wait while who we are is not accepted; once it is mended, all of them arrive. Gives the one complaint."""
    before = Stored(node, NAMESPACE).count()
    written = send(service)
    service.until("a complaint", lambda: service.lines("warn"))
    assert service.count("documents_delivered") == 0
    assert service.status("/readyz") == 200
    mend()
    assert settled(service) == written
    assert lost(service) == {}
    assert Stored(node, NAMESPACE).count() == before + written
    (line,) = service.lines("warn")
    return str(line["reason"])


def test_a_wrong_password_until_it_is_changed_there(access: Access, node: Node, tmp_path: Path) -> None:
    """With a wrong password one line says where to look; once the server has that password, nothing was lost."""
    security = node.es.security
    security.put_user(username=USER, password="not " + PASSWORD, roles=[access.role])
    options = output(node, NAMESPACE, USERNAME=USER, PASSWORD=PASSWORD, RETRY_BACKOFF=1)
    with Service(tmp_path, **options) as service:
        reason = complain_then_deliver(
            service, node, lambda: security.change_password(username=USER, password=PASSWORD)
        )
    assert "401" in reason
    assert PREFIX + "USERNAME" in reason
    assert PASSWORD not in service.log()


def test_a_wrong_key_until_its_file_is_corrected(access: Access, node: Node, tmp_path: Path) -> None:
    """With a wrong key in its file one line says where to look; once the file is right, nothing was lost."""
    file = tmp_path / "key"
    file.write_text(access.key[:-8] + "AAAAAA==\n")
    options = output(node, NAMESPACE, API_KEY_FILE=file, RETRY_BACKOFF=1)
    with Service(tmp_path, **options) as service:
        reason = complain_then_deliver(service, node, lambda: file.write_text(access.key + "\n"))
    assert "401" in reason
    assert "_API_KEY" in reason
    assert access.key not in service.log()
