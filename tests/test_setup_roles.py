"""Roles and API keys as they are printed, run on a real server: they suffice, and give nothing more."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from elasticsearch import AuthorizationException

from elastic_node import Node
from flowcoll import elastic
from flowcoll.config import OutputOptions, defaults
from flowcoll.errors import SetupError
from flowcoll.setup import command, roles
from flowcoll.setup.target import Target

PREFIX = "EF_OUTPUT_ELASTICSEARCH_"
DOCUMENT = {"@timestamp": "2026-01-01T00:00:00.000Z", "source": {"ip": "192.0.2.1"}}


class Printed(NamedTuple):
    """A request as a person would paste it."""

    method: str
    path: str
    body: dict[str, Any]


def output(**values: Any) -> OutputOptions:
    given = {PREFIX + name: value for name, value in ({"ENABLE": True} | values).items()}
    return defaults(**given).outputs("ELASTICSEARCH")[0]


def console(page: str) -> list[Printed]:
    """What Kibana's console makes of the page: comments aside, a method, a path and a body each."""
    first, _, _ = page.partition("# The same for a shell")
    text = re.sub(r"^#.*\n", "", first, flags=re.MULTILINE)
    parts = re.split(r"^(GET|PUT|POST|DELETE) (/\S+)\n", text, flags=re.MULTILINE)[1:]
    return [Printed(*parts[at : at + 2], json.loads(parts[at + 2])) for at in range(0, len(parts), 3)]


def shell(page: str) -> Iterator[tuple[str, Printed]]:
    """The options before the method, and the request, of each line for a shell."""
    for line in page.splitlines():
        if line.startswith("curl "):
            words = shlex.split(line)
            at = words.index("-X")
            method, url, _, header, _, body = words[at + 1 :]
            assert header == "Content-Type: application/json"
            path = "/" + url.split("/", 3)[3]
            yield " ".join([*words[1:at], url.removesuffix(path)]), Printed(method, path, json.loads(body))


@pytest.mark.parametrize("values", [{}, {"INDEX_PERIOD": "daily"}, {"NAMESPACE": "site1"}], ids=str)
def test_both_forms_say_the_same(values: dict[str, Any]) -> None:
    """Kibana's console and the shell run the same requests."""
    page = roles.page(output(**values))
    assert [request for _, request in shell(page)] == console(page)


def test_curl_reaches_the_server_of_the_options() -> None:
    """With TLS and the authority where those are set; a cloud id gives no address, so a variable stands for it."""

    def called(**values: Any) -> set[str]:
        return {how for how, _ in shell(roles.page(output(**values)))}

    assert called(ADDRESSES=["es1:9200", "es2:9200"]) == {"-u elastic http://es1:9200"}
    tls = {"TLS_ENABLE": True, "TLS_CA_CERT_FILEPATH": "/etc/my ca.pem"}
    assert called(ADDRESSES=["es1:9200"], **tls) == {"-u elastic --cacert /etc/my ca.pem https://es1:9200"}
    assert '"$ELASTICSEARCH_URL"/_security/api_key' in roles.page(output(CLOUD_ID="a:b"))


def test_no_secret_is_printed() -> None:
    """Neither password nor key of the options is in the page."""
    page = roles.page(output(PASSWORD="hush-hush", API_KEY="c2VjcmV0OmtleQ=="))
    assert "hush-hush" not in page
    assert "c2VjcmV0OmtleQ==" not in page


def test_rights_end_at_the_namespace() -> None:
    """Indices are those that the output writes to, and no others."""
    for values, name in (
        ({}, "logs-flowcoll.flow-default"),
        ({"NAMESPACE": "site1"}, "logs-flowcoll.flow-site1"),
        ({"INDEX_PERIOD": "daily", "INDEX_SUFFIX": "x"}, "flowcoll-flow-default-x-*"),
    ):
        made = output(**values)
        for rights in (roles.writer(made), roles.installer(made)):
            assert [each["names"] for each in rights["indices"]] == [[name]]


def test_every_option_that_a_key_goes_into_is_named() -> None:
    """Of a named output, its own."""
    named = defaults(EF_SITE_OUTPUT_ELASTICSEARCH_ENABLE=True).outputs("ELASTICSEARCH")[0]
    assert "EF_SITE_OUTPUT_ELASTICSEARCH_API_KEY." in roles.page(named)


def run(node: Node, made: OutputOptions) -> dict[str, OutputOptions]:
    """Run the printed requests as the superuser; give the output with each key, by the key's name."""
    outputs = {}
    for request in console(roles.page(made)):
        headers = {"accept": "application/json", "content-type": "application/json"}
        answer = node.es.perform_request(request.method, request.path, headers=headers, body=request.body).body
        if "encoded" in answer:
            outputs[request.body["name"]] = OutputOptions("", {**made.values, "API_KEY": answer["encoded"]})
    return outputs


VARIANTS = {
    "streams": {"NAMESPACE": "roles"},
    "daily": {"NAMESPACE": "roles", "INDEX_PERIOD": "daily"},
    "pipeline": {"NAMESPACE": "roles.pipeline", "INDEX_TEMPLATE_PIPELINE_DEFAULT": "flowcoll.roles"},
}


@pytest.mark.stack
@pytest.mark.parametrize("variant", VARIANTS)
def test_keys_suffice_and_give_no_more(node: Node, variant: str) -> None:
    """One key installs and rolls over, the other sees that all is in place and adds documents; neither reads any."""
    made = output(ADDRESSES=[node.address], PASSWORD=node.password, **VARIANTS[variant])
    node.es.ingest.put_pipeline(id="flowcoll.roles", processors=[])
    keys = run(node, made)
    setup, write = (next(keys[name] for name in keys if word in name) for word in ("setup", "writer"))
    written = Target.of(made).written
    place = Target.of(made).example
    with elastic.connect(setup) as client:
        report = command.setup(client, setup, command.Wish())
        assert {row.action for row in report.rows} <= {"created", "unchanged"}
    with elastic.connect(write) as client:
        assert {row.action for row in command.setup(client, write, command.Wish()).rows} == {"unchanged"}
        client.create(index=place, id=f"{variant}.1", document=DOCUMENT)
        for forbidden in (
            lambda: client.search(index=written),
            lambda: client.get(index=place, id=f"{variant}.1"),
            lambda: client.delete(index=place, id=f"{variant}.1"),
            lambda: client.indices.delete(index=place),
            lambda: client.create(index="logs-flowcoll.flow-elsewhere", id="1", document=DOCUMENT),
            lambda: client.indices.put_index_template(name="logs-flowcoll.flow-roles", index_patterns=["x"]),
        ):
            with pytest.raises(AuthorizationException):
                forbidden()
    changed = OutputOptions("", {**setup.values, "INDEX_TEMPLATE_CODEC": "default"})
    with elastic.connect(setup) as client:
        rows = command.setup(client, changed, command.Wish(rollover=True)).rows
        wanted = {"updated", "unchanged"} | ({"rolled over"} if not Target.of(made).dated else set())
        assert {row.action for row in rows} == wanted
        for forbidden in (
            lambda: client.search(index=written),
            lambda: client.create(index=place, id="2", document=DOCUMENT),
            lambda: client.indices.delete(index=place),
        ):
            with pytest.raises(AuthorizationException):
                forbidden()


@pytest.mark.stack
def test_users_of_the_printed_roles(node: Node) -> None:
    """A user with the role does what the key does, and one without the role that installs is told where to find it."""
    made = output(ADDRESSES=[node.address], PASSWORD=node.password, NAMESPACE="users")
    run(node, made)
    for role in ("setup", "writer"):
        node.es.security.put_user(username=f"flow_{role}", password="secret1", roles=[f"flowcoll_{role}-users"])
    users = {
        role: OutputOptions("", {**made.values, "USERNAME": f"flow_{role}", "PASSWORD": "secret1"})
        for role in ("setup", "writer")
    }
    with elastic.connect(users["writer"]) as client, pytest.raises(SetupError, match="--print-roles shows the role"):
        command.setup(client, users["writer"], command.Wish())
    with elastic.connect(users["setup"]) as client:
        assert {row.action for row in command.setup(client, users["setup"], command.Wish()).rows} >= {"created"}
    with elastic.connect(users["writer"]) as client:
        client.create(index="logs-flowcoll.flow-users", id="1", document=DOCUMENT)
