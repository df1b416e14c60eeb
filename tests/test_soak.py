"""The soak keeps account of what it should, sees what is wrong, and its short form finds nothing wrong."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from soak.ledger import Equation, Facts, Page, broken, equations
from soak.lines import Lines
from soak.load import SOUND, Load
from soak.watch import trend

TESTS = Path(__file__).parent


def page(**more: int) -> Page:
    """What a collector says that has carried 10 datagrams with 100 flows into a file, and kept two documents waiting."""
    counts = {
        "datagrams.received": 10,
        "datagrams.decoded.ipfix": 8,
        "datagrams.refused.length": 2,
        "records.flow.ipfix": 100,
        "documents.written": 100,
        "documents.delivered.file": 100,
        "documents.dropped.file": 0,
        "documents.delivered.elasticsearch": 90,
        "documents.rejected.elasticsearch.mapper_exception": 5,
        "dead_letters.written.elasticsearch": 5,
        "documents.spooled.elasticsearch": 4,
        "documents.replayed.elasticsearch": 1,
        "documents.dropped.elasticsearch": 2,
        "documents.dropped_because.elasticsearch.stopped": 2,
        "documents.left.elasticsearch": 3,
        "sets.waited": 5,
        "sets.read_late": 2,
        "sets.kept.no_template": 2,
        "sets.refused.waiting_full": 1,
        "sets.refused.length": 7,
    }
    return Page.stopped({"level": "info", "msg": "stopped", "kernel_drops": 1, **counts, **more})


def lines(whole: int, torn: int = 0) -> Lines:
    made = Lines()
    made.whole, made.torn = whole, torn
    made.by_exporter = Counter({"192.0.2.1": whole})
    return made


def facts(**more: Any) -> Facts:
    known = {"sent": 11, "flows": {"192.0.2.1": 100}, "lines": lines(100), "ids": {"elasticsearch": 90}}
    return Facts(**{**known, **more})


def test_an_account_that_is_right() -> None:
    """Where everything has its place every equation holds."""
    assert broken(equations(page(), facts())) == []


@pytest.mark.parametrize(
    ("counts", "known", "what"),
    [
        ({}, {"sent": 12}, "datagrams sent"),
        ({}, {"sent": 10}, "datagrams sent"),
        ({"datagrams.decoded.ipfix": 7}, {}, "datagrams received"),
        ({"bugs": 1, "datagrams.decoded.ipfix": 7}, {}, "bugs"),
        ({"records.flow.ipfix": 101}, {}, "flow records"),
        ({"sets.waited": 6}, {}, "sets waited"),
        ({"documents.replayed.elasticsearch": 2}, {}, "elasticsearch: documents written"),
        ({"documents.dropped_because.elasticsearch.stopped": 1}, {}, "elasticsearch: dropped"),
        ({"dead_letters.written.elasticsearch": 4}, {}, "elasticsearch: rejected"),
        ({}, {"ids": {"elasticsearch": 89}}, "elasticsearch: distinct ids"),
        ({}, {"lines": lines(101)}, "lines of the file"),
        ({}, {"lines": lines(100, torn=1)}, "torn lines"),
        ({}, {"flows": {"192.0.2.1": 200}}, "flows of sound exporters"),
        ({"sequence.lost.ipfix": 3, "sequence.found.ipfix": 1}, {"missing": {"ipfix": 3}}, "ipfix: lost on the way"),
    ],
)
def test_whatever_vanishes_breaks_an_equation(counts: dict[str, int], known: dict[str, Any], what: str) -> None:
    """One figure that is wrong breaks the equation that it belongs to."""
    found = broken(equations(page(**counts), facts(**known)))
    assert any(each.startswith(what) for each in found), found


def test_what_a_killed_worker_may_take_along() -> None:
    """A datagram that was read and not counted yet, and the flows of those that were lost, are allowed for; more is not."""
    counts = {"datagrams.received": 12, "datagrams.lost.worker_died": 2}
    assert broken(equations(page(**counts), facts(sent=14, killed=1, flows={"192.0.2.1": 172}))) == []
    assert len(broken(equations(page(**counts), facts(sent=15, killed=1, flows={"192.0.2.1": 300})))) == 2


def test_several_lives_are_one_account() -> None:
    """What a collector has counted before it was started again counts."""
    assert (
        broken(
            equations(
                page() + page(), facts(sent=22, flows={"192.0.2.1": 200}, lines=lines(200), ids={"elasticsearch": 180})
            )
        )
        == []
    )


def test_metrics_say_the_same_as_the_last_line() -> None:
    """Labels, their order and values that hold dots are understood."""
    metrics = {
        "datagrams_received": 3.0,
        'documents_rejected{output="elasticsearch.2",type="mapper_exception"}': 2.0,
        'documents_rejected{output="elasticsearch",type="mapper_exception"}': 1.0,
    }
    made = Page.metrics(metrics)
    assert made.sum("datagrams_received") == 3
    assert made.by("documents_rejected", "output") == {"elasticsearch.2": 2, "elasticsearch": 1}
    assert made.sum("documents_rejected", output="elasticsearch") == 1


def test_lines_are_read_as_they_come(tmp_path: Path) -> None:
    """A line counts once it is whole, a file may be moved, and what cannot be read is torn."""
    path, made = tmp_path / "flows", Lines()
    document = json.dumps({"observer": {"ip": "192.0.2.1"}})
    path.write_text(f"{document}\n{document[:9]}")
    made.read(path)
    assert (made.whole, made.torn) == (1, 0)
    path = path.rename(tmp_path / "moved")
    path.write_text(f"{document}\n{document}\n{document[:9]}")
    made.read(path)
    assert (made.whole, made.torn) == (2, 0)
    made.read(path, end=True)
    assert (made.whole, made.torn, made.by_exporter) == (2, 1, {"192.0.2.1": 2})


def test_the_same_load_for_a_seed() -> None:
    """The same seed sends the same datagrams but for their times, another one others."""
    first, second, third = (
        [(each.source, len(each.octets)) for _ in range(200) for each in load.next()]
        for load in (Load(7, 4), Load(7, 4), Load(8, 4))
    )
    assert first == second != third


def test_the_load_knows_what_it_sent() -> None:
    """Datagrams and flows are counted as they are given, those that come twice twice, those that are lost not."""
    load = Load(1, 8)
    given = [each for _ in range(500) for each in load.next()]
    given += [*load.announced(), *load.last()]
    assert load.sent.datagrams.total() == len(given)
    assert sum(load.sent.flows.values()) == sum(each.flows for each in given if each.source.startswith(SOUND))
    assert load.missing.total() > 0


def test_a_rise_is_told_from_peaks() -> None:
    """Memory that is taken and given back again and again does not rise; one that leaks a little does."""
    peaks = [(float(second), 100.0 + 50 * (second % 20 < 5)) for second in range(300)]
    assert abs(trend(peaks).rise) < 1
    leaking = [(second, value + second * 0.1) for second, value in peaks]
    assert 25 < trend(leaking).rise < 35
    assert trend([(0.0, 7.0)]) == (7.0, 0.0)


def test_slack_goes_one_way() -> None:
    """What may be more may not be less."""
    assert Equation("", 5, 5).holds
    assert Equation("", 7, 5, 2).holds
    assert not Equation("", 4, 5, 2).holds
    assert not Equation("", 8, 5, 2).holds


@pytest.mark.stack
def test_short_form(server: Path, tmp_path: Path) -> None:  # noqa: ARG001  it must be there
    """Two minutes under load with faults of every kind: nothing is lost without a word, nothing grows, all is answered."""
    found = tmp_path / "soak.json"
    command = [sys.executable, "-m", "soak", "--minutes", "2", "--flows", "1500", "--json", str(found)]
    seed = os.environ.get("FLOWCOLL_SEED")
    done = subprocess.run(
        [*command, *(["--seed", seed] if seed else [])],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(found.read_text())
    assert outcome["kept"]
    assert all(outcome["asked"].values())
    assert len(outcome["faults"]) > 5
