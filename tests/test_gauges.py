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
    assert (found[0].metric, found[1]) == ("flowcoll_output_up", [("elasticsearch", 0.0)])
