"""The examination as a whole, and the command."""

import io
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from flowcoll import cli, config
from flowcoll.doctor.examination import CHECKS, Surroundings, examine, probed, together
from flowcoll.doctor.findings import Check, Finding, Part, Row, Verdict, ok
from flowcoll.doctor.screen import show, skipped, summary

OK, WARN, FAIL, SKIP = Verdict
WORLD = Surroundings(service=False)
"""This machine; what its own service may do does not count."""

PLAIN = (Check("name", "what", lambda facts: ok(str(facts))),)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


def test_probes_run_together_and_come_in_order(gate: threading.Event) -> None:
    """The first waits for the second, so they cannot run one after the other."""
    second = Part(PLAIN, lambda: gate.set() or "two")
    first = Part(PLAIN, lambda: gate.wait(5) and "one")
    assert [row.finding for part in together([first, second]) for row in part] == ["one", "two"]


def test_a_probe_that_hangs_costs_only_itself(gate: threading.Event) -> None:
    """It has failed within its limit, and the others have not waited for it."""
    hanging = Part(PLAIN, gate.wait, "disk", 0.05)
    first, second = probed([hanging, Part(PLAIN, lambda: "two")])
    assert isinstance(first, Finding)
    assert (first.verdict, "no answer within" in first.text) == (FAIL, True)
    assert second == "two"


def test_a_probe_that_may_not_look_has_failed() -> None:
    """In words."""

    def denied() -> None:
        raise PermissionError(13, "Permission denied")

    ((row,),) = together([Part(PLAIN, denied, "x")])
    assert (row.verdict, "Permission denied" in row.finding, row.subject) == (FAIL, True, "x")


def free(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    return {
        "EF_FLOW_SERVER_UDP_IP": "127.0.0.1",
        "EF_FLOW_SERVER_UDP_PORT": str(free(socket.SOCK_DGRAM)),
        "EF_API_PORT": free(socket.SOCK_STREAM),
        "EF_STATE_PATH": tmp_path,
        "EF_OUTPUT_FILE_ENABLE": "true",
        "EF_OUTPUT_FILE_PATH": tmp_path / "flows.ndjson",
    }


def by_name(rows: list[Row]) -> dict[str, Row]:
    return {row.check: row for row in rows}


def test_this_machine_can_be_examined(settings: dict[str, object], tmp_path: Path) -> None:
    """Every part is looked at, and nothing is made."""
    found = by_name(examine(config.defaults(**settings), WORLD))
    assert found["UDP port"].verdict is found["output file"].verdict is found["state directory"].verdict is OK
    assert found["collector"].verdict is SKIP
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "verdict"), [("/usr/bin/flowcoll run", OK), ("/usr/share/elastiflow/bin/flowcoll", FAIL), ("", SKIP)]
)
def test_elastiflows_unit_hides_ours(
    settings: dict[str, object], tmp_path: Path, command: str, verdict: Verdict
) -> None:
    """It has the same name, and lies where it wins."""
    if command:
        unit = tmp_path / "etc/systemd/system/flowcoll.service"
        unit.parent.mkdir(parents=True)
        unit.write_text(f"[Service]\nExecStart={command}\n")
    found = by_name(examine(config.defaults(**settings), Surroundings(tmp_path)))["service unit"]
    assert found.verdict is verdict
    assert command in found.finding


def test_every_finding_belongs_to_a_check_of_the_table(settings: dict[str, object]) -> None:
    """What is shown is declared, with what is looked at."""
    rows = examine(config.defaults(**settings), WORLD)
    assert {row.check for row in rows} <= {check.name for check in CHECKS} | {"threat lists"}
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.probed for check in CHECKS)


def test_documents_that_go_nowhere(settings: dict[str, object]) -> None:
    """Are worth a warning."""
    rows = examine(config.defaults(**settings | {"EF_OUTPUT_FILE_ENABLE": "false"}), WORLD)
    assert any(row.verdict is WARN and "documents go nowhere" in row.finding for row in rows)


ROWS = [
    Row("options", "", OK, "3 are set", ""),
    Row("UDP port", "9995", FAIL, "port 9995 is taken", "stop it"),
    Row("rights", "es:9200", SKIP, "it does not answer", ""),
    Row("version", "es:9200", SKIP, "it does not answer", ""),
    Row("rights", "b:9200", WARN, "something", "do"),
]


def test_what_was_not_looked_at_is_told_by_its_reason() -> None:
    """Once, with all the checks that it concerns."""
    assert skipped(ROWS) == ["not looked at: rights, version: es:9200: it does not answer"]


def test_the_table_shows_finding_and_advice() -> None:
    """The subject stands before the finding, unless that names it."""
    text = io.StringIO()
    show(Console(width=80, markup=False, file=text), ROWS)
    for words in ("fail  UDP port  port 9995 is taken", "-> stop it", "b:9200: something"):
        assert words in text.getvalue()
    assert summary(ROWS) == "It cannot work like this: 1 fail, 1 warn, 1 ok, 2 skip."
    assert summary(ROWS[:1]) == "It can work: 1 ok."
    runs = Row("collector", "", OK, "runs", "")
    assert summary([runs, ROWS[0]]) == "It works: 2 ok."
    assert summary([runs, ROWS[1]]) == "Something does not work: 1 fail, 1 ok."


# the command


def flowcoll(settings: dict[str, object], *words: str) -> Result:
    sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    command = ["doctor", "--config", "/dev/null", *sets, *words]
    return CliRunner().invoke(cli.commands, command, standalone_mode=False)


def test_exit_codes(settings: dict[str, object]) -> None:
    """0 where nothing fails, 1 where something does, 78 where the options cannot work; every problem is a finding."""

    def ran(**more: object) -> tuple[int, list[dict[str, Any]]]:
        done = flowcoll(settings | more, "--json")
        said = json.loads(done.output)
        assert done.return_value == said["code"]
        return said["code"], said["checks"]

    assert ran()[0] == 0
    assert ran(EF_OUTPUT_FILE_PATH="/nowhere/x/y")[0] == 1
    code, checks = ran(EF_API_PROT=1, EF_LOGGER_LEVEL="loud")
    assert code == 78
    assert [check["verdict"] for check in checks] == ["fail", "fail"]


def test_the_command_prints_a_table(settings: dict[str, object]) -> None:
    """With its last line saying what it comes to."""
    done = flowcoll(settings)
    assert done.return_value == 0
    assert done.output.rstrip().splitlines()[-1].startswith("It can work")


def test_secrets_are_not_shown(settings: dict[str, object]) -> None:
    """Neither in the table nor as JSON."""
    secret = {
        "EF_OUTPUT_ELASTICSEARCH_ENABLE": "true",
        "EF_OUTPUT_ELASTICSEARCH_ADDRESSES": f"127.0.0.1:{free(socket.SOCK_STREAM)}",
        "EF_OUTPUT_ELASTICSEARCH_PASSWORD": "hush-hush",
    }
    for words in ([], ["--json"]):
        assert "hush-hush" not in flowcoll(settings | secret, *words).output
