"""Names and bodies of what an Elasticsearch output needs."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest

from flowcoll.config import OutputOptions, defaults
from flowcoll.errors import ConfigError, SetupError
from flowcoll.setup.plan import Body, Thing, normal
from flowcoll.setup.target import Target
from flowcoll.setup.templates import Server, ours, wanted

SERVER = Server("8.19.8")
SERVERLESS = Server("8.11.0", serverless=True, policies=False)
PREFIX = "EF_OUTPUT_ELASTICSEARCH_"


def output(**values: Any) -> OutputOptions:
    """The global output with some values of its own."""
    options = defaults(**{PREFIX + name: value for name, value in ({"ENABLE": True} | values).items()})
    return options.outputs("ELASTICSEARCH")[0]


def settings(server: Server = SERVER, **values: Any) -> Mapping[str, Any]:
    target = Target.of(output(**values))
    return wanted(output(**values), server)[target.settings]["template"]["settings"]


def template(**values: Any) -> Body:
    target = Target.of(output(**values))
    return wanted(output(**values), SERVER)[target.template]


def test_names_of_the_default_namespace() -> None:
    """They are the plain ones, in the order in which a server takes them."""
    assert list(wanted(output(), SERVER)) == [
        Thing("lifecycle policy", "flowcoll"),
        Thing("component template", "flowcoll-flow@mappings"),
        Thing("component template", "flowcoll-flow@settings"),
        Thing("index template", "logs-flowcoll.flow"),
    ]


def test_names_of_another_namespace() -> None:
    """What depends on options is its own; fields are shared."""
    assert [thing.name for thing in wanted(output(NAMESPACE="site1", CODEX_ALIASES_ENABLE=True), SERVER)] == [
        "flowcoll-site1",
        "flowcoll-flow@codex",
        "flowcoll-flow@mappings",
        "flowcoll-flow-site1@settings",
        "logs-flowcoll.flow-site1",
    ]


def test_names_of_dated_indices() -> None:
    """They have templates, settings and a policy of their own, since nothing rolls over there."""
    assert [thing.name for thing in wanted(output(INDEX_PERIOD="daily", INDEX_SUFFIX="x"), SERVER)] == [
        "flowcoll-default-x@dated",
        "flowcoll-flow@mappings",
        "flowcoll-flow-default-x@dated-settings",
        "flowcoll-flow-default-x",
    ]


TARGETS = [
    Target(namespace, suffix, dated)
    for namespace in ("default", "a", "b", "dated", "default.x", "a_x", "settings")
    for suffix in ("", "x", "a")
    for dated in (False, True)
    if dated or not suffix
]


def test_no_two_outputs_share_what_depends_on_options() -> None:
    """Names of settings, policies and templates tell namespaces, suffixes and kinds apart."""
    for kind in ("settings", "policy", "template"):
        names = [getattr(target, kind) for target in TARGETS]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_the_most_precise_template_wins(target: Target) -> None:
    """Of all templates that match what an output writes to, its own has the highest priority, and nobody else's the same."""
    matching = [each for each in TARGETS if _matches(each.pattern, target.example)]
    assert target in matching
    assert max(matching, key=lambda each: each.priority) == target
    assert len({each.priority for each in matching}) == len(matching)


def _matches(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def test_patterns_that_overlap_differ_in_priority() -> None:
    """Servers refuse index templates of the same priority whose patterns overlap."""
    for one, other in combinations(TARGETS, 2):
        if _matches(one.pattern, other.pattern) or _matches(other.pattern, one.pattern):
            assert one.priority != other.priority


def test_elastics_templates_have_lower_priority() -> None:
    """That of logs-*-* has 100, those of packages 200."""
    assert all(target.priority > 200 for target in TARGETS)


def test_the_user_has_the_last_word() -> None:
    """`@custom` comes last, may be missing, and nothing stands in the index template itself that would win over it."""
    body = template(NAMESPACE="site1")
    assert body["composed_of"][-2:] == ["logs-flowcoll.flow@custom", "logs-flowcoll.flow-site1@custom"]
    assert body["ignore_missing_component_templates"] == body["composed_of"][-2:]
    assert "template" not in body


def test_data_streams_and_dated_indices() -> None:
    """Only the former have a data stream."""
    assert template()["data_stream"] == {}
    assert template()["index_patterns"] == ["logs-flowcoll.flow-*"]
    assert "data_stream" not in template(INDEX_PERIOD="weekly")
    assert template(INDEX_PERIOD="weekly")["index_patterns"] == ["flowcoll-flow-*"]


def test_aliases_only_when_wanted() -> None:
    """By an option of its own, or because the documents were to be CODEX."""
    assert "flowcoll-flow@codex" not in template()["composed_of"]
    assert "flowcoll-flow@codex" in template(CODEX_ALIASES_ENABLE=True)["composed_of"]
    assert "flowcoll-flow@codex" in template(ECS_ENABLE=False)["composed_of"]


def test_options_become_settings() -> None:
    """Each of them under the name that Elasticsearch gives it."""
    found = settings(
        INDEX_TEMPLATE_SHARDS=3,
        INDEX_TEMPLATE_REPLICAS=2,
        INDEX_TEMPLATE_REFRESH_INTERVAL="30s",
        INDEX_TEMPLATE_CODEC="default",
        INDEX_TEMPLATE_PIPELINE_DEFAULT="first",
        INDEX_TEMPLATE_PIPELINE_FINAL="last",
        INDEX_TEMPLATE_ILM_LIFECYCLE="mine",
        INDEX_MODE="logsdb",
    )
    assert {
        "index.number_of_shards": 3,
        "index.number_of_replicas": 2,
        "index.refresh_interval": "30s",
        "index.codec": "default",
        "index.default_pipeline": "first",
        "index.final_pipeline": "last",
        "index.lifecycle.name": "mine",
        "index.mode": "logsdb",
        "index.mapping.ignore_malformed": True,
    }.items() <= found.items()


def test_indices_are_sorted_where_that_goes_with_nested_objects() -> None:
    """By time, the newest first, from 8.16 on; before, a server refuses to sort an index that holds nested objects."""
    assert settings()["index.sort.field"] == ["@timestamp"]
    assert settings(SERVERLESS)["index.sort.order"] == ["desc"]
    assert "index.sort.field" not in settings(Server("8.15.5"))


def test_no_pipeline_is_set_unless_named() -> None:
    """`_none` and an empty text leave the choice to `@custom`."""
    assert not [name for name in settings(INDEX_TEMPLATE_PIPELINE_FINAL="") if name.endswith("pipeline")]


def test_a_policy_of_the_users_takes_the_place_of_ours() -> None:
    """Ours is then not put."""
    things = wanted(output(INDEX_TEMPLATE_ILM_LIFECYCLE="mine"), SERVER)
    assert not [thing for thing in things if thing.kind == "lifecycle policy"]


def test_retention_is_in_the_policy() -> None:
    """RETENTION is the age at which indices are deleted."""
    things = wanted(output(RETENTION="90d"), SERVER)
    assert things[Target("default").policy]["phases"]["delete"]["min_age"] == "90d"


def test_serverless() -> None:
    """It has no policies and takes neither shards nor replicas; the data stream's own lifecycle keeps RETENTION."""
    things = wanted(output(RETENTION="90d", INDEX_MODE="logsdb"), SERVERLESS)
    assert not [thing for thing in things if thing.kind == "lifecycle policy"]
    body = things[Target("default").settings]["template"]
    assert body["lifecycle"] == {"enabled": True, "data_retention": "90d"}
    assert not {name for name in body["settings"] if name.startswith(("index.number_of", "index.lifecycle"))}


def test_dated_indices_have_no_lifecycle_of_a_data_stream() -> None:
    """Where there are no policies, nothing can be said about them."""
    things = wanted(output(INDEX_PERIOD="daily"), SERVERLESS)
    assert "lifecycle" not in things[Target("default", dated=True).settings]["template"]


@pytest.mark.parametrize("number", ["7.17.20", "8.13.4"])
def test_a_server_that_is_too_old(number: str) -> None:
    """It is named, and so is what is needed."""
    with pytest.raises(SetupError, match=rf"^Elasticsearch {number} is too old: flowcoll needs 8\.14 or newer$"):
        wanted(output(), Server(number))


def test_logsdb_needs_a_server_that_has_it() -> None:
    """One line names option, value and what to do; the start of 8.17 is new enough."""
    with pytest.raises(SetupError, match=r"^EF_OUTPUT_ELASTICSEARCH_INDEX_MODE = 'logsdb': .* not Elasticsearch 8\.16"):
        wanted(output(INDEX_MODE="logsdb"), Server("8.16.6"))
    assert wanted(output(INDEX_MODE="logsdb"), Server("8.17.0"))
    assert wanted(output(INDEX_MODE="logsdb"), SERVERLESS)


def test_a_suffix_that_no_name_can_hold() -> None:
    """It is refused before anything is asked of a server."""
    with pytest.raises(ConfigError, match="INDEX_SUFFIX = 'a-b'"):
        Target.of(output(INDEX_SUFFIX="a-b"))


def test_every_member_is_compared() -> None:
    """No body has a member that would not be noticed if it differed."""
    things = wanted(output(CODEX_ALIASES_ENABLE=True), SERVER)
    for body in things.values():
        assert set(normal(body)) == set(body)


def test_everything_tells_who_has_put_it() -> None:
    """`_meta` names us and the version, in the mapping of indices too."""
    things = wanted(output(CODEX_ALIASES_ENABLE=True), SERVER)
    for body in things.values():
        assert body["_meta"]["managed_by"] == "flowcoll"
        assert body["_meta"]["version"]
    assert ours(things[Thing("component template", "flowcoll-flow@mappings")]["template"]["mappings"])
