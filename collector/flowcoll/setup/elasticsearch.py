"""Puts what an Elasticsearch output needs on its server: looks, plans, carries out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from elasticsearch import ApiError, AuthorizationException, Elasticsearch, NotFoundError

from flowcoll import __version__
from flowcoll.config import OutputOptions
from flowcoll.elastic import why
from flowcoll.errors import SetupError
from flowcoll.logs import Log
from flowcoll.setup import requests
from flowcoll.setup.plan import Body, Change, Thing, plan
from flowcoll.setup.target import KIND, Target
from flowcoll.setup.templates import Server, pipelines, wanted

_ABSENT = frozenset({400, 405, 410})
"""How servers say that they have no such endpoint; 410 is Serverless."""

_JSON = {"accept": "application/json", "content-type": "application/json"}


@dataclass(frozen=True)
class Survey:
    """What a server is, what has to change on it, and what else somebody should know."""

    server: Server
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    def names(self, *actions: str) -> list[str]:
        """Give what these actions are to be done with."""
        return [change.thing.name for change in self.changes if change.action in actions]


def install(client: Elasticsearch, output: OutputOptions, log: Log) -> None:
    """Put what is missing or older, and log one line.

    Raises SetupError where that cannot be done now, ConfigError where it never can. Errors of connection pass through.
    """
    found = survey(client, output)
    for note in found.notes:
        log.warn(note)
    try:
        carry_out(client, found.changes)
    except AuthorizationException:
        if missing := found.names("create"):
            raise SetupError(
                f"{', '.join(missing)}: not installed, and this user may not do it; run `flowcoll setup-elasticsearch` "
                "as one who may"
            ) from None
        log.warn(
            "templates differ from what this collector would put, and its user may not change them",
            templates=found.names("update"),
        )
        return
    did = {action: found.names(action) for action in ("create", "update", "keep")}
    log.info("templates are in place", **{action: names for action, names in did.items() if names})


def survey(client: Elasticsearch, output: OutputOptions) -> Survey:
    """Look at the server and say what is to be done; changes nothing. Raises as `install` does."""
    target = Target.of(output)
    try:
        server = _server(client, target)
        want = wanted(output, server)
        present = {thing: body for thing in want for body in _read(client, thing)}
        _check_pipelines(client, output)
        notes = tuple(_notes(client, output, server))
    except AuthorizationException as exc:
        raise SetupError(
            f"may not look at templates ({why(exc)}); grant the cluster privilege `monitor`, or set "
            f"{output.option(KIND)}_INDEX_TEMPLATE_ENABLE to false"
        ) from None
    except ApiError as exc:
        raise SetupError(why(exc)) from None
    changes = plan(want, present, overwrite=output.values["INDEX_TEMPLATE_OVERWRITE"], version=__version__)
    return Survey(server, tuple(changes), notes)


def carry_out(client: Elasticsearch, changes: tuple[Change, ...]) -> None:
    """Do what is to be done. Raises SetupError where the server refuses a body, AuthorizationException for no right."""
    for change in changes:
        if change.action not in {"create", "update"}:
            continue
        request = requests.put(change.thing, change.body)
        try:
            client.perform_request(request.method, request.path, headers=_JSON, body=request.body)
        except AuthorizationException:
            raise
        except ApiError as exc:
            raise SetupError(f"{change.thing.kind} {change.thing.name} is refused: {why(exc)}") from None


def _server(client: Elasticsearch, target: Target) -> Server:
    version = client.info()["version"]
    serverless = version.get("build_flavor") == "serverless"
    return Server(version["number"], serverless, not serverless and _has_policies(client, target))


def _has_policies(client: Elasticsearch, target: Target) -> bool:
    try:
        list(_read(client, target.policy))
    except ApiError as exc:
        if exc.meta.status in _ABSENT:
            return False
        raise
    return True


def _read(client: Elasticsearch, thing: Thing) -> Iterator[Body | None]:
    """Give the body of a thing if it is there, None if this user may not know."""
    try:
        answer = client.perform_request("GET", requests.path(thing), headers={"accept": _JSON["accept"]})
    except NotFoundError:
        return
    except AuthorizationException:
        if thing.kind != "lifecycle policy":  # one who writes needs no right to see those
            raise
        yield None
        return
    yield requests.body_of(thing, answer.body)


def _check_pipelines(client: Elasticsearch, output: OutputOptions) -> None:
    """Refuse a pipeline that does not exist: every document would be rejected."""
    for setting, name in pipelines(output.values).items():
        try:
            client.ingest.get_pipeline(id=name)
        except NotFoundError:
            option = f"{output.option(KIND)}_INDEX_TEMPLATE_PIPELINE_{setting.removesuffix('_pipeline').upper()}"
            raise SetupError(f"{option} = {name!r}: there is no such ingest pipeline; make it first") from None
        except AuthorizationException:
            continue  # who does not know cannot say


def _notes(client: Elasticsearch, output: OutputOptions, server: Server) -> Iterator[str]:
    target = Target.of(output)
    if not output.values["ECS_ENABLE"]:
        yield f"{output.option(KIND)}_ECS_ENABLE is false: documents stay ECS, and have the CODEX names as aliases"
    if target.dated and not server.policies:
        yield "this server has no lifecycle policies: nothing deletes dated indices"
    policy = output.values["INDEX_TEMPLATE_ILM_LIFECYCLE"]
    if policy and not server.policies:
        yield f"{output.option(KIND)}_INDEX_TEMPLATE_ILM_LIFECYCLE = {policy!r}: this server has no lifecycle policies"
    elif policy and not list(_read(client, Thing("lifecycle policy", policy))):
        yield (
            f"{output.option(KIND)}_INDEX_TEMPLATE_ILM_LIFECYCLE = {policy!r}: there is no such policy; until there is, "
            "indices neither roll over nor are they deleted"
        )
    templates = client.indices.get_index_template(filter_path=_PATTERNS).get("index_templates", [])
    if rival := stronger(templates, target):
        yield f"index template {rival} has a higher priority than {target.template.name} and wins for {target.example}"


_PATTERNS = (
    "index_templates.name",
    "index_templates.index_template.index_patterns",
    "index_templates.index_template.priority",
)


def stronger(templates: list[Mapping[str, Any]], target: Target) -> str:
    """Give the name of an index template that wins over ours, or an empty text."""
    for each in templates:
        body = each["index_template"]
        matches = any(fnmatchcase(target.example, pattern) for pattern in body["index_patterns"])
        if matches and body.get("priority", 0) > target.priority and each["name"] != target.template.name:
            return str(each["name"])
    return ""
