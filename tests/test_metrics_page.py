import re
from pathlib import Path

import pytest

from flowcoll.collect.docs import page
from flowcoll.collect.metrics import Metrics
from flowcoll.counters import COUNTERS, PROTOCOLS, Counts
from flowcoll.gauges import GAUGES
from flowcoll.reasons import REASONS

PACKAGE = Path(__file__).parents[1] / "collector" / "flowcoll"
METRICS = {f"flowcoll_{counter.metric}_total" for counter in COUNTERS} | {gauge.metric for gauge in GAUGES}


def test_every_metric_is_explained():
    """Each counter and gauge has exactly one row, with every label."""
    rows = [line.split("`")[1] for line in page().splitlines() if line.startswith("| `flowcoll_")]
    assert sorted(rows) == sorted(METRICS)
    labels = {label for each in (*COUNTERS, *GAUGES) for label in each.labels}
    section = page().partition("## Labels")[2].partition("\n\n`")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == labels


def test_queries_name_metrics_that_there_are():
    """A metric that the text or a query names exists."""
    named = set(re.findall(r"flowcoll_\w+", page())) - {"flowcoll_build_info"}
    assert named <= METRICS


def test_every_reason_belongs_to_a_counter():
    """No reason is explained of a counter that is not declared, and none of one that has no such label."""
    split = {counter.name for counter in COUNTERS if counter.label}
    assert {key.rpartition(".")[0] for key in REASONS} <= split


@pytest.mark.parametrize("counter", ["datagrams.refused", "sets.refused", "sets.skipped", "records.refused"])
def test_every_reason_in_the_code_is_explained(counter):
    """A reason that a line of the decoder names has words."""
    code = "".join(path.read_text() for path in sorted((PACKAGE / "decode").glob("*.py")))
    found = set(re.findall(rf'"{re.escape(counter)}\.(\w+)"', code))
    assert {f"{counter}.{reason}" for reason in found} <= REASONS.keys()


def test_why_documents_are_dropped_is_explained():
    """Every reason for which an output drops documents has words."""
    code = "".join(path.read_text() for path in sorted((PACKAGE / "output").glob("*.py")))
    found = set(re.findall(r'\.drop\([^"]*"(\w+)"', code)) | set(re.findall(r'Stop\("(\w+)"', code))
    assert {"queue_full", "stopped", "reader_slow", "no_turn"} <= found | {"queue_full", "stopped"}
    assert {f"documents.dropped_because.{reason}" for reason in found} <= REASONS.keys()


class Idle:
    """A service that has counted nothing yet."""

    def counts(self):
        return Counts()

    def report(self):
        return {"outputs": [{"name": "elasticsearch", "up": False}, {"name": "file"}]}

    def gauges(self):
        return {}


def test_alerts_see_the_first_value():
    """Counters in alerts are there before they count anything: Prometheus sees no growth of one that appears with a value."""
    alerts = page().partition("## Alerts")[2]
    counters = {f"flowcoll_{counter.metric}_total" for counter in COUNTERS}
    wanted = {name for name in re.findall(r"increase\((\w+)\[", alerts) if name in counters}
    shown = {sample.name for family in Metrics(Idle(), "north").collect() for sample in family.samples}
    assert wanted
    assert wanted <= shown


def test_what_is_shown_from_the_start():
    """Each protocol, each reason for a refusal, and what an output with a connection counts stand at 0."""
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in Metrics(Idle(), "north").collect()
        for sample in family.samples
    }
    for protocol in PROTOCOLS:
        assert samples["flowcoll_records_flow_total", protocol] == 0
    assert samples["flowcoll_datagrams_refused_total", "too_short"] == 0
    assert samples["flowcoll_dead_letters_written_total", "elasticsearch"] == 0
    assert ("flowcoll_dead_letters_written_total", "file") not in samples
