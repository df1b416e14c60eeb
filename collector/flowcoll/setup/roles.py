"""Roles and API keys with no more rights than needed, printed ready to run; no secret is in them."""

from collections.abc import Iterator
from typing import Any

from flowcoll.config import OutputOptions
from flowcoll.setup.requests import Request
from flowcoll.setup.target import KIND, Target
from flowcoll.setup.templates import pipelines

Rights = dict[str, Any]


def writer(output: OutputOptions) -> Rights:
    """What `flowcoll run` needs: to see templates and to add documents; it can neither read nor change nor delete any."""
    names = [Target.of(output).written]
    return {"cluster": ["monitor"], "indices": [{"names": names, "privileges": ["auto_configure", "create_doc"]}]}


def installer(output: OutputOptions) -> Rights:
    """What `flowcoll setup-elasticsearch` needs; it sees no document either."""
    target = Target.of(output)
    cluster = ["monitor", "manage_index_templates", "manage_ilm"]
    if pipelines(output.values):
        cluster.append("read_pipeline")
    indices = ["view_index_metadata"]
    if not target.dated:
        indices += ["monitor", "indices:admin/rollover"]  # a rollover looks at the statistics of its index
    return {"cluster": cluster, "indices": [{"names": [target.written], "privileges": indices}]}


def page(output: OutputOptions) -> str:
    """Give roles and keys as requests for Kibana's console, and again as lines for a shell."""
    parts = [f"# Paste into Kibana: Dev Tools > Console. {_HEAD}\n"]
    parts += [f"# {text}\n{request.console()}" for text, request in _requests(output)]
    parts.append(f"# The same for a shell; curl asks for the password of {_ADMIN}.\n")
    url, extra = _server(output)
    parts += [f"# {text}\n{request.curl(url, extra)}" for text, request in _requests(output)]
    return "\n".join(parts)


_ADMIN = "elastic"
_HEAD = "A key needs no role: it carries its rights. Roles are for users."


def _requests(output: OutputOptions) -> Iterator[tuple[str, Request]]:
    own = Target.of(output).settings.name.removeprefix("flowcoll-flow").partition("@")[0]
    option = f"{output.option(KIND)}_API_KEY"
    setup, write = f"flowcoll_setup{own}", f"flowcoll_writer{own}"
    yield "May put templates and the lifecycle policy.", Request("PUT", f"/_security/role/{setup}", installer(output))
    yield "May see templates and add flows.", Request("PUT", f"/_security/role/{write}", writer(output))
    yield (
        f'A key for `flowcoll setup-elasticsearch`, for a day; "encoded" of the answer is the value of {option}.',
        _key(setup, installer(output), expiration="1d"),
    )
    yield f'A key for `flowcoll run`; "encoded" of the answer is the value of {option}.', _key(write, writer(output))


def _key(name: str, rights: Rights, **more: str) -> Request:
    return Request("POST", "/_security/api_key", {"name": name, **more, "role_descriptors": {name: rights}})


def _server(output: OutputOptions) -> tuple[str, str]:
    """Give the address for curl, and its options."""
    values = output.values
    extra = f"-u {_ADMIN}"
    if values["CLOUD_ID"]:
        return '"$ELASTICSEARCH_URL"', extra
    if not values["TLS_ENABLE"]:
        return f"http://{values['ADDRESSES'][0]}", extra
    if values["TLS_CA_CERT_FILEPATH"]:
        extra += f" --cacert {values['TLS_CA_CERT_FILEPATH']}"
    return f"https://{values['ADDRESSES'][0]}", extra
