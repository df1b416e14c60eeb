"""The command `setup-elasticsearch`: which outputs, what it says, and how it ends."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from elastic_node import Node
from fakes.serverless import serverless
from flowcoll import cli, config
from flowcoll.errors import ConfigError
from flowcoll.setup.command import Report, Row, outputs, summary, unseen
from flowcoll.setup.rollover import differs

ENABLE = "EF_OUTPUT_ELASTICSEARCH_ENABLE=true"
SITE = "EF_SITE1_OUTPUT_ELASTICSEARCH_"


def chosen(name: str | None, *sets: str) -> list[str]:
    """Names of the outputs that are set up with these settings; the global one's is empty."""

    def load(more: Sequence[str]) -> config.Options:
        return config.load(Path("/dev/null"), {}, [*sets, *more])

    return [output.namespace for output in outputs(load, name)]


def test_enabled_outputs_are_set_up() -> None:
    """All of them, or the one that is named, in upper or lower case."""
    assert chosen(None, ENABLE) == [""]
    sets = [f"{SITE}ENABLE=true", "EF_B_OUTPUT_ELASTICSEARCH_ENABLE=true"]
    assert chosen(None, *sets) == ["site1", "b"]
    assert chosen("SITE1", *sets) == ["site1"]
    assert chosen("site1", *sets) == ["site1"]


def test_an_output_can_be_set_up_before_it_is_enabled() -> None:
    """The global one where none is enabled, a named one by its name."""
    assert chosen(None) == [""]
    assert chosen("site1", f"{SITE}NAMESPACE=x") == ["site1"]


def test_an_output_that_nobody_mentions() -> None:
    """Is not made up."""
    with pytest.raises(ConfigError, match=r"^--output site2: no option begins with EF_SITE2_OUTPUT_ELASTICSEARCH_"):
        chosen("site2", f"{SITE}ENABLE=true")


def test_what_is_wrong_counts_before_it_is_enabled() -> None:
    """Options of an output are read as if it were enabled."""
    with pytest.raises(ConfigError, match="RETENTION"):
        chosen(None, "EF_OUTPUT_ELASTICSEARCH_RETENTION=soon")


REPORT = Report(
    "Elasticsearch 8.19.8",
    "logs-flowcoll.flow-default",
    (
        Row("lifecycle policy", "flowcoll", "unseen", "may not be looked at by this user"),
        Row("component template", "flowcoll-flow@mappings", "created"),
        Row("index template", "logs-flowcoll.flow", "unchanged"),
    ),
    ("something else",),
)


def test_a_report_reads_as_a_table() -> None:
    """Server and place first, a thing a line in columns, notes below."""
    assert str(REPORT).splitlines() == [
        "Elasticsearch 8.19.8, for logs-flowcoll.flow-default",
        "  lifecycle policy    flowcoll                unseen     may not be looked at by this user",
        "  component template  flowcoll-flow@mappings  created",
        "  index template      logs-flowcoll.flow      unchanged",
        "note: something else",
    ]


def test_a_summary_says_what_it_came_to() -> None:
    """In one line, of all outputs."""
    done = [Report("", "", tuple(Row("", "", action) for action in ("created", "created", "updated", "keep")), ())]
    assert summary(done, dry_run=False) == "2 created, 1 updated."
    idle = [Report("", "", (Row("", "", "unchanged"),), ())]
    assert summary(idle, dry_run=False) == "Everything is in place; nothing was changed."
    due = [Report("", "", (Row("", "", "create"), Row("", "", "older")), ())]
    assert summary(due, dry_run=True) == "1 to be done; nothing was changed."
    assert summary(idle, dry_run=True) == "Nothing to be done."
    assert unseen([REPORT]) == ["flowcoll"]


def test_an_index_differs_by_fields_or_settings() -> None:
    """Constants that were learnt and settings besides do not count; a field or a setting does."""
    would = {
        "settings": {"index": {"codec": "default"}},
        "mappings": {"dynamic": "false", "properties": {"n": {"type": "constant_keyword"}, "a": {"type": "ip"}}},
    }
    index = {
        "settings": {"index": {"codec": "default", "uuid": "x"}},
        "mappings": {
            "dynamic": "false",
            "properties": {"n": {"type": "constant_keyword", "value": "x"}, "a": {"type": "ip"}},
        },
    }
    assert not differs(would, index)
    assert differs(would | {"settings": {"index": {"codec": "best_compression"}}}, index)
    assert differs(would, index | {"mappings": {"properties": {}}})


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command, with no options but these."""
    code = cli.main(["setup-elasticsearch", "--config", "/dev/null", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_serverless_takes_what_is_put(capsys: pytest.CaptureFixture[str]) -> None:
    """Without policies and settings of shards; a second run finds everything in place."""
    with serverless() as server:
        address = f"--set=EF_OUTPUT_ELASTICSEARCH_ADDRESSES={server.address}"
        code, out, _ = call(capsys, address)
        assert (code, out.splitlines()[-1]) == (0, "3 created.")
        assert out.startswith("Elasticsearch Serverless, for logs-flowcoll.flow-default\n")
        body = server.things["/_component_template/flowcoll-flow@settings"]["template"]
        assert body["lifecycle"] == {"enabled": True, "data_retention": "30d"}
        assert call(capsys, address)[1].splitlines()[-1] == "Everything is in place; nothing was changed."
        code, out, _ = call(capsys, address, "--set=EF_OUTPUT_ELASTICSEARCH_INDEX_PERIOD=daily")
        assert "note: this server has no lifecycle policies: nothing deletes dated indices" in out.splitlines()


def test_printing_needs_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    """Roles and templates are printed from the options alone."""
    nowhere = "--set=EF_OUTPUT_ELASTICSEARCH_ADDRESSES=127.0.0.1:1"
    code, out, err = call(capsys, nowhere, "--print-templates", "--set=EF_OUTPUT_ELASTICSEARCH_RETENTION=90d")
    assert (code, err) == (0, "")
    requests = [line for line in out.splitlines() if line.startswith("PUT ")]
    assert requests == [
        "PUT /_ilm/policy/flowcoll",
        "PUT /_component_template/flowcoll-flow@mappings",
        "PUT /_component_template/flowcoll-flow@settings",
        "PUT /_index_template/logs-flowcoll.flow",
    ]
    assert '"min_age": "90d"' in out
    assert call(capsys, nowhere, "--print-roles")[0] == 0


def test_errors_are_one_line_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """1 for trouble with the server, 78 for the configuration."""
    code, out, err = call(capsys, "--set=EF_OUTPUT_ELASTICSEARCH_ADDRESSES=127.0.0.1:1")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "127.0.0.1:1" in err
    assert "refused" in err
    for wrong in ("INDEX_SUFFIX=a-b", "RETENTION=soon", "TLS_CA_CERT_FILEPATH=/nowhere"):
        tls = "--set=EF_OUTPUT_ELASTICSEARCH_TLS_ENABLE=true"
        code, out, err = call(capsys, tls, f"--set=EF_OUTPUT_ELASTICSEARCH_{wrong}")
        assert (code, out, err.count("\n")) == (78, "", 1)
        assert wrong.partition("=")[0] in err


@pytest.mark.stack
def test_on_a_real_server(node: Node, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Dry run, run, run again; then other options, and the rollover that lets them count."""
    secret = tmp_path / "password"
    secret.write_text(node.password)
    options = [f"EF_OUTPUT_ELASTICSEARCH_{name}" for name in (
        f"ADDRESSES={node.address}", f"PASSWORD_FILE={secret}", "NAMESPACE=command",
    )]  # fmt: skip
    given = [f"--set={each}" for each in options]
    code, out, err = call(capsys, *given, "--dry-run")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] in {"3 to be done; nothing was changed.", "4 to be done; nothing was changed."}
    assert not node.es.indices.exists_index_template(name="logs-flowcoll.flow-command")
    code, out, _ = call(capsys, *given)
    assert "  lifecycle policy    flowcoll-command                created" in out.splitlines()
    assert "Everything is in place; nothing was changed." in call(capsys, *given)[1]
    written = "logs-flowcoll.flow-command"
    node.es.create(index=written, id="1", document={"@timestamp": "2026-01-01T00:00:00Z"})
    other = [*given, "--set=EF_OUTPUT_ELASTICSEARCH_CODEX_ALIASES_ENABLE=true"]
    (report,) = json.loads(call(capsys, *other, "--dry-run", "--rollover", "--json")[1])
    assert report["writes_to"] == written
    assert report["changes"][-1] == {"kind": "data stream", "name": written, "action": "rollover", "why": ""}
    assert "--rollover" in call(capsys, *other)[1]
    assert call(capsys, *other, "--rollover")[1].splitlines()[-1] == "1 rolled over."
    assert call(capsys, *other, "--rollover")[1].splitlines()[-1] == "Everything is in place; nothing was changed."
    assert node.es.field_caps(index=written, fields="flow.src.ip.addr")["fields"]


@pytest.mark.stack
def test_a_wrong_password(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """The line names the options to look at, and not what was in them."""
    sets = [f"--set=EF_OUTPUT_ELASTICSEARCH_{each}" for each in (f"ADDRESSES={node.address}", "PASSWORD=hush-hush")]
    code, out, err = call(capsys, *sets)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "EF_OUTPUT_ELASTICSEARCH_USERNAME" in err
    assert "hush-hush" not in err
