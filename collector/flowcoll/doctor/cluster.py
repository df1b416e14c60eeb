"""What an Elasticsearch output finds at its server: asked in a few requests that change nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from flowcoll.config import OutputOptions
from flowcoll.elastic import connect, why
from flowcoll.errors import FlowcollError
from flowcoll.setup import roles
from flowcoll.setup.elasticsearch import Survey, survey

LIMIT_S = 15.0
"""How long all requests together may take."""

_TIMEOUT_S = 5.0
_DISK = "cluster.routing.allocation.disk"
_NO_SECURITY = frozenset({400, 405, 410, 500})


@dataclass
class Node:
    """Disk of a data node."""

    name: str
    total: int
    available: int


@dataclass
class Cluster:
    """Facts; None where they could not be had, `whys` says why by the name of what was asked."""

    output: OutputOptions
    version: str = ""
    serverless: bool = False
    licence: Mapping[str, Any] | None = None
    health: Mapping[str, Any] | None = None
    nodes: list[Node] | None = None
    disk_settings: Mapping[str, str] | None = None
    may_write: Mapping[str, Any] | None = None
    may_install: Mapping[str, Any] | None = None
    user: str = ""
    survey: Survey | None = None
    unreachable: str = ""
    refused: str = ""  # who we say we are
    whys: dict[str, str] = field(default_factory=dict)

    @property
    def answers(self) -> bool:
        """Whether it lets us ask anything."""
        return not self.unreachable and not self.refused


def probe(output: OutputOptions) -> Cluster:
    """Ask a server what is to be known; nothing is raised."""
    found = Cluster(output)
    try:
        client = connect(output, request_timeout_s=_TIMEOUT_S)
    except FlowcollError as exc:
        found.unreachable = str(exc)
        return found
    with client:
        _ask(client, output, found)
    return found


def _ask(client: Elasticsearch, output: OutputOptions, found: Cluster) -> None:
    try:
        version = client.info()["version"]
    except ApiError as exc:
        if exc.meta.status in {401, 403}:
            found.refused = why(exc)
        else:
            found.unreachable = why(exc)
        return
    except TransportError as exc:
        found.unreachable = why(exc)
        return
    found.version = version["number"]
    found.serverless = version.get("build_flavor") == "serverless"
    with _noting(found, "rights"):
        found.user = _who(client.security.authenticate().body)
        found.may_write = _rights(client, roles.writer(output))
        found.may_install = _rights(client, roles.installer(output))
    with _noting(found, "templates"):
        found.survey = survey(client, output)
    if found.serverless:
        return
    with _noting(found, "licence"):
        found.licence = client.license.get()["license"]
    with _noting(found, "health"):
        found.health = client.cluster.health(timeout="1s").body
    with _noting(found, "disk"):
        stats = client.nodes.stats(metric="fs", filter_path="nodes.*.name,nodes.*.roles,nodes.*.fs.total")["nodes"]
        found.nodes = [Node(n["name"], *_fs(n)) for n in stats.values() if _has_data(n)]
        settings = client.cluster.get_settings(include_defaults=True, flat_settings=True, filter_path=f"*.{_DISK}.*")
        found.disk_settings = _merged(settings.body)


def _who(said: Mapping[str, Any]) -> str:
    """Give the name of the key that is used, else of the user; behind a key stands whoever made it."""
    key = said.get("api_key", {}).get("name")
    return f"the key {key}" if key else str(said.get("username", ""))


def _rights(client: Elasticsearch, role: Mapping[str, Any]) -> Mapping[str, Any]:
    answer = client.security.has_privileges(cluster=role["cluster"], index=role["indices"])
    return dict(answer.body)


def missing(rights: Mapping[str, Any]) -> list[str]:
    """Give what a user lacks of what was asked for: a privilege of the cluster, or of an index."""
    lacking = [name for name, has in rights["cluster"].items() if not has]
    for index, held in rights["index"].items():
        lacking += [f"{name} on {index}" for name, has in held.items() if not has]
    return lacking


def _has_data(node: Mapping[str, Any]) -> bool:
    return "total" in node.get("fs", {}) and any(role.startswith("data") for role in node.get("roles", ["data"]))


def _fs(node: Mapping[str, Any]) -> tuple[int, int]:
    total = node["fs"]["total"]
    return int(total["total_in_bytes"]), int(total["available_in_bytes"])


def _merged(settings: Mapping[str, Any]) -> dict[str, str]:
    """Give the disk settings that count, by the end of their names."""
    every: dict[str, Any] = {}
    for kind in ("defaults", "persistent", "transient"):
        every |= settings.get(kind, {})
    return {name.removeprefix(f"{_DISK}."): str(value) for name, value in every.items()}


@contextmanager
def _noting(found: Cluster, what: str) -> Iterator[None]:
    """Note why something could not be asked, and go on."""
    try:
        yield
    except (ApiError, TransportError) as exc:
        security = what == "rights" and isinstance(exc, ApiError) and exc.meta.status in _NO_SECURITY
        found.whys[what] = "security is switched off there" if security else why(exc)
    except FlowcollError as exc:
        found.whys[what] = str(exc)
