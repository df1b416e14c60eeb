"""What becomes of each option of a file, and whether the collector would start with it."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flowcoll import cli, config
from flowcoll.errors import ConfigError
from flowcoll.options.docs import environment
from flowcoll.options.groups import SUPPORTED
from flowcoll.options.names import meaning
from flowcoll.transfer.reading import read
from flowcoll.transfer.report import Report, report, write

DATA = Path(__file__).parent / "data"
SECRET = "hush"


def judged(folder: Path, text: str) -> Report:
    """Judge a file of this text."""
    file = folder / "file"
    file.write_text(text)
    return report(file, read(file, {}), folder)


def here(folder: Path, *lines: str) -> dict[str, str]:
    """What becomes of each option of a flowcoll.yml."""
    return {row.name: row.here for row in judged(folder, "\n".join(lines)).rows}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("EF_API_PORT: 9", "supported"),
        ("EF_METRICS_PORT: 9", "renamed"),
        ("EF_LICENSE_ACCEPTED: true", "no effect"),
        ("EF_FLOW_RECORD_STREAM_MAX_SIZE: 5", "no effect"),
        ("EF_OUTPUT_OPENSEARCH_ENABLE: true", "refused"),
        ("EF_OUTPUT_OPENSEARCH_ENABLE: false", "not used"),
        ("EF_OUTPUT_OPENSEARCH_PASSWORD: hush", "not used"),
        ("EF_OUTPUT_KAFKA_ENABLE: true", "not yet"),
        ("EF_API_PORT: many", "wrong"),
        ("EF_API_PROT: 9", "unknown"),
        ("EF_API_PORT:", "ignored"),
    ],
)
def test_every_fate_has_a_word(tmp_path: Path, line: str, expected: str) -> None:
    """And a row that stops the start goes with a problem, and with no other."""
    found = judged(tmp_path, line)
    (row,) = found.rows
    assert row.here == expected
    assert row.stops is (not found.starts)


def test_the_later_one_counts(tmp_path: Path) -> None:
    """Of an older name and today's, and of two lines of a drop-in, one is ignored."""
    assert here(tmp_path, "EF_METRICS_PORT: 1", "EF_API_PORT: 2") == {
        "EF_METRICS_PORT": "ignored",
        "EF_API_PORT": "supported",
    }
    rows = judged(tmp_path, "[Service]\nEnvironment=EF_API_PORT=1 EF_API_PORT=2\n").rows
    assert [(row.value, row.here) for row in rows] == [("1", "ignored"), ("2", "supported")]


def test_todays_name_is_told(tmp_path: Path) -> None:
    """Of a name that was renamed, also of one that belongs to a named output."""
    rows = judged(tmp_path, "EF_FLOW_SITE_OUTPUT_FILE_PATH: /x\nEF_SITE_OUTPUT_FILE_ENABLE: true\n").rows
    assert [(row.today, row.here) for row in rows] == [("EF_SITE_OUTPUT_FILE_PATH", "renamed"), ("", "supported")]


def test_every_problem_is_told(tmp_path: Path) -> None:
    """Not only the first, those of the file and those of its options."""
    found = judged(tmp_path, "EF_API_PORT: x\nEF_API_PORT: 2\nEF_B: 1\nEF_OUTPUT_FILE_ENABLE: true\n")
    assert len(found.problems) == 4
    assert found.as_dict()["starts"] is False


@pytest.mark.parametrize(
    "line",
    [
        f"EF_OUTPUT_ELASTICSEARCH_PASSWORD: {SECRET}",
        f"EF_OUTPUT_ELASTICSEARCH_PASSWRD: {SECRET}",
        f"EF_FLOW_OUTPUT_RISKIQ_CUSTOMER_ENCRYPTION_KEY: {SECRET}",
        f"EF_KIBANA_URL: http://you:{SECRET}@127.0.0.1:5601",
        f"EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_ENDPOINT: '//you:{SECRET}@x'",
        f"AWS_SECRET_ACCESS_KEY: {SECRET}",
    ],
)
def test_no_secret_is_shown(tmp_path: Path, line: str) -> None:
    """Neither in a row nor in a message."""
    assert SECRET not in json.dumps(judged(tmp_path, line).as_dict())


def theirs() -> dict[str, str]:
    with (DATA / "elastiflow-options.tsv").open(newline="") as file:
        return {row["option"]: row["default"] for row in csv.DictReader(file, delimiter="\t")}


def test_all_of_elastiflows_options_at_their_defaults(tmp_path: Path) -> None:
    """The collector starts with the whole of ElastiFlow's drop-in and with the whole of its flowcoll.yml."""
    drop_in = "[Service]\n" + "\n".join(environment(name, value) for name, value in theirs().items())
    as_yaml = "\n".join(f"{name}: {json.dumps(value)}" for name, value in theirs().items())
    for text in (drop_in, as_yaml):
        found = judged(tmp_path, text)
        assert found.problems == ()
        assert len(found.rows) == len(theirs())
        assert {row.here for row in found.rows} <= {"supported", "renamed", "no effect", "not used", "ignored"}


def test_a_drop_in_means_what_it_means_to_the_service(tmp_path: Path) -> None:
    """What is read out of ElastiFlow's file is what `flowcoll run` has with that environment, for every shared option."""
    shared = {
        n: v
        for n, v in theirs().items()
        if (known := meaning(n)) and known.option and known.option.standing is SUPPORTED
    }
    assert len(shared) > 60
    shared |= {
        "EF_FLOW_SERVER_UDP_PORT": "2055,4739",
        "EF_OUTPUT_ELASTICSEARCH_ENABLE": "true",
        "EF_METRICS_PORT": "81",
    }
    shared |= {"EF_OUTPUT_ELASTICSEARCH_PASSWORD": 'p"a%s\\ word'}
    found = judged(tmp_path, "[Service]\n" + "\n".join(environment(*pair) for pair in shared.items()))
    (tmp_path / "void").mkdir()
    running = config.load(None, shared, [], root=tmp_path / "void")
    assert dict(found.judged.options) == dict(running)


def test_a_site_that_moves_over() -> None:
    """Its flowcoll.yml would start the collector."""
    file = DATA / "elastiflow-flowcoll.yml"
    assert report(file, read(file, {}), Path("/nowhere")).starts


def test_what_is_written_means_the_same(tmp_path: Path) -> None:
    """A flowcoll.yml of ours with what does something, for its owner alone; a file that is there is kept."""
    text = (
        "EF_METRICS_PORT: 81\nEF_LICENSE_ACCEPTED: true\nEF_OUTPUT_ELASTICSEARCH_PASSWORD: ' hush: '\n"
        "EF_FLOW_SERVER_UDP_PORT: [1, 2]\n"
    )
    found = judged(tmp_path, text)
    target = tmp_path / "ours.yml"
    assert write(target, found) == 3
    assert target.stat().st_mode & 0o777 == 0o600
    ours = config.load(target, {}, [], root=tmp_path)
    given = dict(found.judged.options) | {"EF_LICENSE_ACCEPTED": False}  # which does nothing here
    assert dict(ours) == given
    assert ours["EF_OUTPUT_ELASTICSEARCH_PASSWORD"] == " hush: "
    with pytest.raises(ConfigError, match="there is such a file"):
        write(target, found)


# the command


def flowcoll(*words: object) -> Result:
    return CliRunner().invoke(cli.commands, [str(word) for word in words], standalone_mode=False)


def test_the_command_shows_table_notices_problems_and_verdict(tmp_path: Path) -> None:
    """And its exit code is that of a collector that would not start."""
    file = tmp_path / "flowcoll.conf"
    file.write_text('[Service]\nEnvironment="EF_METRICS_PORT=81" "EF_API_PROT=1" "EF_LICENSE_ACCEPTED=true"\n')
    done = flowcoll("config", "--from", file)
    assert done.return_value == 78
    for words in ("systemd drop-in", "-> EF_API_PORT", "no effect", "did you mean EF_API_PORT?", "Notices", "Problems"):
        assert words in done.output
    assert done.output.rstrip().endswith("flowcoll would not start: 1 problem.")


def test_the_command_gives_json(tmp_path: Path) -> None:
    """For a program; exit code 0 where it would start."""
    file = tmp_path / "flowcoll.yml"
    file.write_text("EF_API_PORT: 81\n")
    done = flowcoll("config", "--from", file, "--json")
    assert done.return_value == 0
    said = json.loads(done.output)
    assert said["starts"]
    assert said["options"][0]["here"] == "supported"


@pytest.mark.parametrize(
    "words", [["--from", "x", "--changed"], ["--from", "x", "--set", "EF_A=1"], ["--write", "x"], ["--service", "x"]]
)
def test_words_that_make_no_sense_together(words: list[str]) -> None:
    """Are refused before anything is read."""
    assert cli.main(["config", *words]) == 2
