"""Bodies of what an Elasticsearch output needs on its server.

The index template itself says nothing that a `...@custom` component template, the user's, could not say otherwise: what an
index template says would win over all of its components.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowcoll import __version__
from flowcoll.config import OutputOptions
from flowcoll.document import schema
from flowcoll.document.fields import load
from flowcoll.errors import SetupError
from flowcoll.setup import lifecycle
from flowcoll.setup.plan import OWNER, Body, Thing
from flowcoll.setup.target import CODEX, KIND, MAPPINGS, Target
from flowcoll.streams import ROLLOVER

OLDEST = (8, 14)
"""Oldest Elasticsearch that is written to."""

LOGSDB_SINCE = (8, 17)
NESTED_SORT_SINCE = (8, 16)
"""Since then an index that holds nested objects can be sorted."""

_NO_PIPELINE = "_none"


@dataclass(frozen=True)
class Server:
    """What bodies depend on: version, and whether there are lifecycle policies."""

    number: str
    serverless: bool = False
    policies: bool = True

    @property
    def version(self) -> tuple[int, ...]:
        """Major and minor version."""
        return tuple(map(int, self.number.split(".")[:2]))

    def __str__(self) -> str:
        return "Elasticsearch Serverless" if self.serverless else f"Elasticsearch {self.number}"


RECENT = Server("9.0.0")


def wanted(output: OutputOptions, server: Server) -> dict[Thing, Body]:
    """Give everything the output needs, in the order in which a server takes it.

    Raises SetupError where the server is too old, ConfigError for a name that cannot be.
    """
    _check(output, server)
    values, target, fields = output.values, Target.of(output), load()
    components = {}
    if aliases(
        output
    ):  # first: it has to repeat the fields that it points at, and the mapping has the last word on them
        components[CODEX] = _component({"mappings": schema.with_aliases(fields)}, "CODEX names of fields of flows.")
    components[MAPPINGS] = _component({"mappings": schema.mappings(fields) | _MARK}, "Fields of flows.")
    components[target.settings] = _component(_settings(values, server, target), "What INDEX_TEMPLATE_... options say.")
    policies = {}
    if server.policies and not values["INDEX_TEMPLATE_ILM_LIFECYCLE"]:
        policies[target.policy] = {"phases": _phases(values), "_meta": _meta(_POLICY_HINT)}
    template = {
        "index_patterns": [target.pattern],
        "priority": target.priority,
        "composed_of": [*(thing.name for thing in components), *target.custom],
        "ignore_missing_component_templates": target.custom,
        "_meta": _meta(f"Flows. Changes of yours belong into a component template {target.custom[-1]}."),
    }
    if not target.dated:
        template["data_stream"] = {}
    return {**policies, **components, target.template: template}


def aliases(output: OutputOptions) -> bool:
    """Whether CODEX names are added as aliases."""
    return bool(output.values["CODEX_ALIASES_ENABLE"] or not output.values["ECS_ENABLE"])


def pipelines(values: Mapping[str, Any]) -> dict[str, str]:
    """Give the ingest pipelines that are named, by the index setting."""
    named = {f"{which}_pipeline": values[f"INDEX_TEMPLATE_PIPELINE_{which.upper()}"] for which in ("default", "final")}
    return {setting: name for setting, name in named.items() if name not in {"", _NO_PIPELINE}}


def ours(mappings: Mapping[str, Any]) -> bool:
    """Whether the mapping of an index comes from our template."""
    return (mappings.get("_meta") or {}).get("managed_by") == OWNER


def _check(output: OutputOptions, server: Server) -> None:
    if server.serverless:
        return
    if server.version < OLDEST:
        raise SetupError(f"{server} is too old: flowcoll needs 8.14 or newer")
    if output.values["INDEX_MODE"] == "logsdb" and server.version < LOGSDB_SINCE:
        raise SetupError(
            f"{output.option(KIND)}_INDEX_MODE = 'logsdb': needs Elasticsearch 8.17 or newer, not {server}; set it to "
            "standard"
        )


def _phases(values: Mapping[str, Any]) -> Body:
    retention, period = values["RETENTION"], values["INDEX_PERIOD"]
    return lifecycle.rolling(retention) if period == ROLLOVER else lifecycle.dated(retention, period)


def _settings(values: Mapping[str, Any], server: Server, target: Target) -> dict[str, Any]:
    """Give settings, and the data stream's lifecycle where there are no policies."""
    index: dict[str, Any] = {
        "mode": values["INDEX_MODE"],
        "codec": values["INDEX_TEMPLATE_CODEC"],
        "refresh_interval": values["INDEX_TEMPLATE_REFRESH_INTERVAL"],
        "mapping.ignore_malformed": True,
        "query.default_field": schema.searched(load()),
        "query_string.lenient": True,  # a word that is no address is not an error of the field that holds addresses
    }
    if server.serverless or server.version >= NESTED_SORT_SINCE:
        # the newest first: twice as fast for charts over time, ten times for lists of the latest; docs/elasticsearch.md
        index |= {"sort.field": ["@timestamp"], "sort.order": ["desc"]}
    if not server.serverless:  # which makes shards as it sees fit
        index["number_of_shards"] = values["INDEX_TEMPLATE_SHARDS"]
        index["number_of_replicas"] = values["INDEX_TEMPLATE_REPLICAS"]
    index |= pipelines(values)
    if server.policies:
        index["lifecycle.name"] = values["INDEX_TEMPLATE_ILM_LIFECYCLE"] or target.policy.name
    body: dict[str, Any] = {"settings": {f"index.{name}": value for name, value in index.items()}}
    if not server.policies and not target.dated:
        body["lifecycle"] = {"enabled": True, "data_retention": values["RETENTION"]}
    return body


_MARK = {"_meta": {"managed_by": OWNER}}
_POLICY_HINT = (
    "flowcoll writes this anew when it differs. "
    "For a policy of your own, name it in EF_OUTPUT_ELASTICSEARCH_INDEX_TEMPLATE_ILM_LIFECYCLE."
)


def _component(template: Body, description: str) -> Body:
    return {"template": template, "_meta": _meta(description)}


def _meta(description: str) -> Body:
    return {"managed": True, "managed_by": OWNER, "version": __version__, "description": description}
