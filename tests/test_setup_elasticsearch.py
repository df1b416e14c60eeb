"""The installer on a real server: what it puts is taken, works, and stays as it is."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from corpus import goldens
from elastic_node import Node
from flowcoll import elastic
from flowcoll.config import OutputOptions, defaults
from flowcoll.document.fields import load
from flowcoll.errors import SetupError
from flowcoll.logs import Log
from flowcoll.setup import requests
from flowcoll.setup.elasticsearch import carry_out, install, survey
from flowcoll.setup.plan import Change
from flowcoll.setup.rollover import outdated
from flowcoll.setup.target import MAPPINGS, Target
from flowcoll.setup.templates import Server, ours, wanted

pytestmark = pytest.mark.stack

Values = Mapping[str, Any]
PREFIX = "EF_OUTPUT_ELASTICSEARCH_"
DAY = "2025.06.15"
VARIANTS: Mapping[str, Values] = {
    "plain": {},
    "aliases": {"CODEX_ALIASES_ENABLE": True},
    "logsdb": {"INDEX_MODE": "logsdb"},
    "codec": {"INDEX_TEMPLATE_CODEC": "default", "INDEX_TEMPLATE_SHARDS": 2, "INDEX_TEMPLATE_REFRESH_INTERVAL": "1s"},
    "own_policy": {"INDEX_TEMPLATE_ILM_LIFECYCLE": "nobodys"},
    "suffix": {"INDEX_SUFFIX": "site1"},
    "daily": {"INDEX_PERIOD": "daily", "CODEX_ALIASES_ENABLE": True},
    "monthly": {"INDEX_PERIOD": "monthly", "INDEX_SUFFIX": "site1", "INDEX_MODE": "logsdb"},
}


def output(node: Node, namespace: str, **values: Any) -> OutputOptions:
    """An output that writes to the node as its superuser."""
    given = {"ENABLE": True, "ADDRESSES": [node.address], "PASSWORD": node.password, "NAMESPACE": namespace, **values}
    return defaults(**{PREFIX + name: value for name, value in given.items()}).outputs("ELASTICSEARCH")[0]


def put(made: OutputOptions) -> list[dict[str, Any]]:
    """Install, and give the lines of the log."""
    stream = io.StringIO()
    with elastic.connect(made) as client:
        install(client, made, Log(stream))
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def place(made: OutputOptions) -> str:
    return Target.of(made).written.replace("*", DAY)


def index(node: Node, made: OutputOptions, documents: Sequence[str]) -> list[Mapping[str, Any]]:
    """Write documents as the collector does, and give what was wrong with any of them."""
    namespace = json.dumps(Target.of(made).namespace)
    lines = [document.replace('"namespace":"default"', f'"namespace":{namespace}') for document in documents]
    body = "".join(f'{{"create":{{}}}}\n{line}\n' for line in lines).encode()
    answer = node.es.bulk(index=place(made), operations=body.splitlines(), refresh=True)
    return [item["create"]["error"] for item in answer["items"] if "error" in item["create"]]


@pytest.fixture(scope="session")
def documents() -> Sequence[str]:
    """Every document of the recorded corpus."""
    return [line for case in goldens() for line in (case.folder / "expected.ndjson").read_text().splitlines()]


def wrote(**more: Any) -> str:
    """A small document of flowcoll's, with other members."""
    return json.dumps(
        {
            "@timestamp": "2025-06-15T15:06:41.000Z",
            "data_stream": {"type": "logs", "dataset": "flowcoll.flow", "namespace": "default"},
            **more,
        },
        separators=(",", ":"),
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_second_run_changes_nothing(node: Node, variant: str) -> None:
    """Everything is created once; a second look, which compares bodies as the server gives them back, finds them equal."""
    made = output(node, f"again.{variant}", **VARIANTS[variant])
    created = put(made)[-1]
    assert created["msg"] == "templates are in place"
    assert Target.of(made).template.name in created["create"]
    with elastic.connect(made) as client:
        found = survey(client, made)
        assert found.names("unchanged") == [change.thing.name for change in found.changes]
        assert index(node, made, [wrote()]) == []
        assert not outdated(client, Target.of(made))
    assert {"create", "update", "keep"}.isdisjoint(put(made)[-1])


@pytest.mark.parametrize("variant", ["plain", "aliases", "logsdb", "daily"])
def test_every_recorded_document_is_taken(node: Node, documents: Sequence[str], variant: str) -> None:
    """None is rejected, none has a field that was ignored, and none is lost."""
    made = output(node, f"corpus.{variant}", **VARIANTS[variant])
    put(made)
    assert index(node, made, documents) == []
    ignored = node.es.search(index=place(made), query={"exists": {"field": "_ignored"}}, size=1)
    assert ignored["hits"]["hits"] == []
    assert node.es.count(index=place(made))["count"] == len(documents)


def test_fields_are_what_the_table_says(node: Node, documents: Sequence[str]) -> None:
    """Every field has its type, can be searched, and can be counted; charts and machine learning need the latter."""
    made = output(node, "fields")
    put(made)
    assert index(node, made, documents[:10]) == []
    found = node.es.field_caps(index=place(made), fields="*")["fields"]
    for field in load():
        ((kind, caps),) = found[field.path].items()
        # the node's constant_keyword is a stand-in that is a keyword
        assert kind == {"constant_keyword": "keyword"}.get(field.type, field.type)
        if kind != "nested":
            assert (caps["searchable"], caps["aggregatable"]) == (True, True), field.path


def test_aliases_count_what_their_fields_count(node: Node, documents: Sequence[str]) -> None:
    """Every CODEX name aggregates to what the field of its row does, and the corpus has values for most of them."""
    made = output(node, "codex", CODEX_ALIASES_ENABLE=True)
    put(made)
    assert index(node, made, documents) == []
    named = [field for field in load() if field.codex and field.type != "geo_point"]
    sums = {}
    for field in named:
        for name in (field.path, field.codex):
            sums[name] = {"terms": {"field": name, "size": 10_000}}
    found = node.es.search(index=place(made), size=0, aggs=sums)["aggregations"]
    differ = [field.codex for field in named if found[field.codex]["buckets"] != found[field.path]["buckets"]]
    assert differ == []
    assert sum(bool(found[field.codex]["buckets"]) for field in named) > len(named) * 0.6
    (bounds,) = node.es.search(
        index=place(made), size=0, aggs={"a": {"geo_bounds": {"field": "flow.dst.geo.loc.coord"}}}
    )["aggregations"].values()
    assert bounds["bounds"]


def test_a_counter_that_overflows_costs_its_field_only(node: Node) -> None:
    """The document is kept without that field in the index, and `_ignored` tells which one; so for a text without end."""
    made = output(node, "overflow")
    put(made)
    odd = wrote(source={"bytes": 2**63, "packets": 7}, network={"community_id": "x" * 70_000})
    assert index(node, made, [odd]) == []
    (hit,) = node.es.search(index=place(made), query={"term": {"source.packets": 7}})["hits"]["hits"]
    assert sorted(hit["_ignored"]) == ["network.community_id", "source.bytes"]


def test_a_search_without_a_field_name(node: Node) -> None:
    """Finds addresses and names in both of Kibana's languages, and is no error for words that are no address."""
    made = output(node, "search")
    put(made)
    odd = wrote(source={"ip": "192.0.2.77"}, server={"as": {"organization": {"name": "Nowhere Inc"}}})
    assert index(node, made, [odd, wrote()]) == []
    for sought, expected in (("192.0.2.77", 1), ("Nowhere Inc", 1), ("no-such-host", 0)):
        for query in (
            {"query_string": {"query": f'"{sought}"', "analyze_wildcard": True}},  # Lucene
            {"multi_match": {"type": "phrase", "query": sought, "lenient": True}},  # KQL
        ):
            assert node.es.count(index=place(made), query=query)["count"] == expected


def test_threat_matches_are_nested(node: Node, documents: Sequence[str]) -> None:
    """Address and list of one match are found together, and `indicator.ip` is an address that networks find."""
    made = output(node, "threats")
    put(made)
    assert index(node, made, documents) == []
    matched = [each for line in documents for each in json.loads(line).get("threat", {}).get("enrichments", [])]
    some = matched[0]["indicator"]
    both = [
        {"term": {"threat.enrichments.indicator.ip": f"{some['ip']}/32"}},
        {"term": {"threat.enrichments.indicator.provider": some["provider"]}},
    ]
    query = {"nested": {"path": "threat.enrichments", "query": {"bool": {"filter": both}}}}
    found = node.es.search(index=place(made), query=query, size=100)["hits"]["hits"]
    assert len(found) == sum(some["ip"] in line and '"enrichments"' in line for line in documents)


def test_our_template_wins_over_elastics(node: Node) -> None:
    """`logs-*-*` with priority 100, as every cluster has it, does not get our data streams."""
    node.es.indices.put_index_template(
        name="logs",
        index_patterns=["logs-*-*"],
        priority=100,
        data_stream={},
        template={"mappings": {"properties": {"source": {"properties": {"ip": {"type": "keyword"}}}}}},
    )
    made = output(node, "priority")
    put(made)
    assert index(node, made, [wrote(source={"ip": "192.0.2.1"})]) == []
    (mapping,) = node.es.indices.get_mapping(index=place(made)).values()
    assert ours(mapping["mappings"])
    assert mapping["mappings"]["properties"]["source"]["properties"]["ip"] == {"type": "ip"}
    (stream,) = node.es.indices.get_data_stream(name=place(made))["data_streams"]
    assert (stream["template"], stream["ilm_policy"]) == ("logs-flowcoll.flow-priority", "flowcoll-priority")


def test_a_template_that_wins_over_ours_is_named(node: Node) -> None:
    """Somebody's template with a higher priority would take our documents: a warning says which."""
    made = output(node, "rival")
    node.es.indices.put_index_template(
        name="rival", index_patterns=["logs-flowcoll.flow-riv*"], priority=900, data_stream={}
    )
    try:
        warned, done = put(made)
    finally:
        node.es.indices.delete_index_template(name="rival")
    assert warned["level"] == "warn"
    assert warned["msg"].startswith("index template rival has a higher priority than logs-flowcoll.flow-rival ")
    assert done["msg"] == "templates are in place"


def test_the_users_component_has_the_last_word(node: Node) -> None:
    """What `@custom` says counts, and is not taken for something outdated."""
    made = output(node, "custom")
    node.es.cluster.put_component_template(
        name="logs-flowcoll.flow-custom@custom",
        template={
            "settings": {"index.refresh_interval": "42s"},
            "mappings": {"properties": {"labels": {"properties": {"site": {"type": "keyword"}}}}},
        },
    )
    put(made)
    assert index(node, made, [wrote(labels={"site": "a"})]) == []
    assert not outdated(node.es, Target.of(made))
    (settings,) = node.es.indices.get_settings(index=place(made)).values()
    assert settings["settings"]["index"]["refresh_interval"] == "42s"
    assert node.es.count(index=place(made), query={"term": {"labels.site": "a"}})["count"] == 1


def _mark(node: Node, made: OutputOptions, version: str) -> None:
    """Let the settings look as if another version had put them, with another codec."""
    thing = Target.of(made).settings
    body = json.loads(json.dumps(wanted(made, Server("8.19.0"))[thing]))
    body["_meta"]["version"] = version
    body["template"]["settings"]["index.codec"] = "default"
    carry_out(node.es, (Change("update", thing, "", body),))


def _codec(node: Node, made: OutputOptions) -> str:
    thing = Target.of(made).settings
    answer = node.es.perform_request("GET", requests.path(thing), headers={"accept": "application/json"})
    return str(requests.body_of(thing, answer.body)["template"]["settings"]["index"]["codec"])


@pytest.mark.parametrize(
    ("version", "overwrite", "then"),
    [("0.0.1", True, "best_compression"), ("999.1", True, "default"), ("0.0.1", False, "default")],
)
def test_who_may_overwrite_whom(node: Node, version: str, overwrite: bool, then: str) -> None:
    """A newer collector overwrites, an older one does not, and none does where that is switched off."""
    made = output(node, f"v{version}.{overwrite}".lower(), INDEX_TEMPLATE_OVERWRITE=overwrite)
    put(made)
    _mark(node, made, version)
    done = put(made)[-1]
    assert done["keep" if then == "default" else "update"] == [Target.of(made).settings.name]
    assert _codec(node, made) == then


def test_what_changed_counts_from_the_next_index_on(node: Node) -> None:
    """An index keeps the fields it was made with; after a rollover the new ones are there."""
    before = output(node, "later")
    put(before)
    assert index(node, before, [wrote()]) == []
    after = output(node, "later", CODEX_ALIASES_ENABLE=True, INDEX_TEMPLATE_CODEC="default")
    put(after)
    assert outdated(node.es, Target.of(after))
    node.es.indices.rollover(alias=place(after))
    assert not outdated(node.es, Target.of(after))
    assert not outdated(node.es, Target("nothing.was.ever.written"))


def test_outputs_with_different_options_get_on(node: Node) -> None:
    """Neither changes what the other has put."""
    one = output(node, "site1", RETENTION="7d", INDEX_TEMPLATE_SHARDS=2)
    two = output(node, "site2", RETENTION="90d", CODEX_ALIASES_ENABLE=True)
    put(one)
    put(two)
    for made in (one, two):
        with elastic.connect(made) as client:
            assert survey(client, made).names("create", "update") == []
    ages = [node.es.ilm.get_lifecycle(name=f"flowcoll-site{n}")[f"flowcoll-site{n}"]["policy"] for n in (1, 2)]
    assert [age["phases"]["delete"]["min_age"] for age in ages] == ["7d", "90d"]


def test_pipelines(node: Node) -> None:
    """A pipeline that is named and missing is told, since every document would be rejected; one that is there is used."""
    made = output(node, "pipelines", INDEX_TEMPLATE_PIPELINE_FINAL="flowcoll.test")
    with pytest.raises(SetupError) as refused:
        put(made)
    assert str(refused.value) == (
        "EF_OUTPUT_ELASTICSEARCH_INDEX_TEMPLATE_PIPELINE_FINAL = 'flowcoll.test': there is no such ingest pipeline; make it first"
    )
    node.es.ingest.put_pipeline(id="flowcoll.test", processors=[{"set": {"field": "tags", "value": ["seen"]}}])
    put(made)
    assert index(node, made, [wrote()]) == []
    (hit,) = node.es.search(index=place(made))["hits"]["hits"]
    assert hit["_source"]["tags"] == ["seen"]


def test_a_policy_of_the_users_that_is_missing_is_told(node: Node) -> None:
    """Documents can be written all the same."""
    warned, done = put(output(node, "mine", INDEX_TEMPLATE_ILM_LIFECYCLE="mine"))
    assert "INDEX_TEMPLATE_ILM_LIFECYCLE = 'mine': there is no such policy" in warned["msg"]
    assert done["msg"] == "templates are in place"


def test_codex_documents_are_told_to_be_ecs(node: Node) -> None:
    """ECS_ENABLE=false adds aliases, and a line says that documents stay ECS."""
    warned, done = put(output(node, "notecs", ECS_ENABLE=False))
    assert "documents stay ECS" in warned["msg"]
    assert "flowcoll-flow@codex" in [*done.get("create", []), "flowcoll-flow@codex"]


def test_without_policies_the_data_stream_keeps_its_time(node: Node) -> None:
    """Where a server has no ILM, what is put there is taken too, and retention is the data stream's own."""
    made = output(node, "nopolicies", RETENTION="12d")
    things = wanted(made, Server("8.19.0", policies=False))
    carry_out(node.es, tuple(Change("create", thing, "", body) for thing, body in things.items()))
    would = node.es.indices.simulate_index_template(name=place(made))["template"]
    assert would["lifecycle"] == {"enabled": True, "data_retention": "12d"}
    assert "lifecycle" not in would["settings"]["index"]


def test_a_refusal_names_the_thing(node: Node) -> None:
    """What a server does not take is told in one line: kind, name, and the server's reason."""
    change = Change("create", MAPPINGS, "", {"template": {"mappings": {"properties": {"a": {"type": "nothing"}}}}})
    with pytest.raises(
        SetupError, match=r"^component template flowcoll-flow@mappings is refused: .*nothing"
    ) as refused:
        carry_out(node.es, (change,))
    assert "\n" not in str(refused.value)


@pytest.fixture
def keyed(node: Node) -> Iterator[Any]:
    """Makes outputs that come with an API key of certain rights."""

    def make(made: OutputOptions, rights: Mapping[str, Any]) -> OutputOptions:
        key = node.es.security.create_api_key(name="test", role_descriptors={"test": rights})["encoded"]
        values = {**made.values, "API_KEY": key}
        return OutputOptions("", values)

    return make


def test_who_may_not_look_is_told_what_to_do(node: Node, keyed: Any) -> None:
    """Without the right to see templates nothing is known, so nothing is written; the line names right and option."""
    made = output(node, "blind")
    blind = keyed(made, {"index": [{"names": ["logs-*"], "privileges": ["create_doc"]}]})
    with pytest.raises(SetupError, match="grant the cluster privilege `monitor`, or set EF_OUTPUT_ELASTICSEARCH_INDEX"):
        put(blind)


def test_who_may_only_write_goes_on(node: Node, keyed: Any) -> None:
    """403 is one line: it goes on where templates are present, whichever they are, and waits where they are not."""
    made = output(node, "onlywrites")
    writer = keyed(made, {"cluster": ["monitor"]})
    with pytest.raises(SetupError, match="not installed, and this user may not do it; run `flowcoll setup-elastic"):
        put(writer)
    put(made)
    assert [line["msg"] for line in put(writer)] == ["templates are in place"]
    _mark(node, made, "0.0.1")
    (line,) = put(writer)
    assert line["level"] == "warn"
    assert line["templates"] == [Target.of(made).settings.name]
