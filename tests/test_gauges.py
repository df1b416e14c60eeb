from flowcoll import gauges
from flowcoll.config import defaults
from flowcoll.counters import COUNTERS, Counts
from flowcoll.gauges import GAUGES
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline


def test_no_name_is_taken_twice():
    """Every counter and gauge has a name of its own on /metrics."""
    names = [f"flowcoll_{counter.metric}_total" for counter in COUNTERS] + [gauge.metric for gauge in GAUGES]
    assert len(set(names)) == len(names)


def test_every_gauge_of_the_pipeline_is_declared(capsys):
    """What the pipeline measures has a row, so that it is shown and explained."""
    with capsys.disabled():
        pipeline = Pipeline(defaults(), Counts(), Log(None))
    assert gauges.undeclared(pipeline.gauges()) == []
    assert gauges.undeclared(["templates", "nonsense"]) == ["nonsense"]


def test_units_stand_in_names():
    """A gauge of octets or seconds says so in its name, as Prometheus asks for."""
    for gauge in GAUGES:
        ends = {"octets": "_bytes", "seconds": "_seconds"}.get(gauge.unit)
        assert ends is None or gauge.name.endswith(ends), gauge.name


def test_what_is_not_told_is_not_shown():
    """A part that says nothing of a figure has no value, and a figure that nobody has is left out."""
    assert list(gauges.read({}, {})) == []
    report = {"outputs": [{"name": "file"}, {"name": "elasticsearch", "up": False}]}
    (found,) = gauges.read(report, {})
    assert (found[0].metric, found[1]) == ("flowcoll_output_up", [(("elasticsearch",), 0.0)])


def test_lists_of_threats():
    """How each list is stands beside its figures; one that never came has no time of success."""
    states = {
        "threat_one": {"state": "on", "entries": 5, "age_s": 7, "confirmed": "2027-01-15T08:00:00.000Z"},
        "threat_two": {"state": "failed", "entries": 0, "reason": "timeout"},
        "threat_three": {"state": "on", "entries": 1, "listed": "2027-01-15T08:00:01.000Z"},
        "maxmind_asn": {"state": "on"},
    }
    found = {
        gauge.name.removeprefix("threat_list_"): values for gauge, values in gauges.read({"enrichers": states}, {})
    }
    assert found == {
        "entries": [(("one",), 5.0), (("two",), 0.0), (("three",), 1.0)],
        "age_seconds": [(("one",), 7.0)],
        "last_success_timestamp_seconds": [(("one",), 1_800_000_000.0), (("three",), 1_800_000_001.0)],
        "state": [(("one", "on"), 1.0), (("two", "timeout"), 1.0), (("three", "on"), 1.0)],
    }
