"""What several workers tell of exporters becomes one list, in which nothing is told twice and nothing is left out."""

import io

import pytest

from exported import FLOW, data, ipfix, netflow5, sflow5, template
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.exporters.lacks import LEGEND
from flowcoll.exporters.merge import merge
from flowcoll.exporters.rows import PORTS
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline

T0 = 1_750_000_000
NOW = T0 * 1000
TIMED = {**FLOW, "flowStartMilliseconds": NOW - 5_000, "flowEndMilliseconds": NOW}


def told(*received, now=NOW + 10_000):
    """What a worker tells that received datagrams: octets, address, port, seconds."""
    pipeline = Pipeline(defaults(), Counts(), Log(io.StringIO()))
    for octets, address, port, seconds in received:
        pipeline.handle(octets, (address, port), NOW + 1_000 * seconds)
    return pipeline.exporters(now)


def test_workers_with_exporters_of_their_own():
    """Every row of every worker is there as it was, the busiest exporter first."""
    one = told((netflow5(3, time=T0), "192.0.2.1", 2055, 0))
    other = told((netflow5(9, time=T0), "192.0.2.2", 2055, 0), (sflow5(100), "192.0.2.1", 2055, 0))
    view = merge([one, other])
    assert [row["address"] for row in view["exporters"]] == ["192.0.2.2", "192.0.2.1", "192.0.2.1"]
    assert sorted(view["exporters"], key=str) == sorted(one["exporters"] + other["exporters"], key=str)
    assert view["others"] == 0
    assert view["lacks"] == LEGEND


def test_an_exporter_that_went_to_another_worker():
    """What both counted is added up, times span both, and what the later one says counts."""
    one = told(
        (netflow5(4, time=T0 - 5), "192.0.2.1", 2055, 0),
        (netflow5(4, number=6, time=T0 - 4), "192.0.2.1", 2055, 1),
    )
    other = told((netflow5(2, number=10, sampling=50, time=T0 + 6), "192.0.2.1", 2066, 6))
    both = [one, other]
    for order in (both, both[::-1]):
        [row] = merge(order)["exporters"]
        assert (row["datagrams"], row["flows"], row["ports"], row["port_count"]) == (3, 10, [2055, 2066], 2)
        assert (row["first_seen"], row["last_seen"]) == ("2025-06-15T15:06:40.000Z", "2025-06-15T15:06:46.000Z")
        assert row["sampling"] == {"rate": 50, "source": "header"}
        assert row["clock_skew_ms"] == 0
        assert (row["sequence"]["lost"], row["sequence"]["received"], row["sequence"]["share"]) == (2, 10, 0.166667)
        rates = [each["exporters"][0]["flows_per_second"] for each in both]
        assert row["flows_per_second"] == pytest.approx(sum(rates), abs=0.01)


def test_what_one_of_them_knows_is_known():
    """What only one worker has seen a template for is lacking in some templates, not in all."""
    plain = template(256, FLOW) + data(256, FLOW)
    timed = template(257, TIMED) + data(257, TIMED)
    options = template(300, rate := {"samplerId": 1, "samplerRandomInterval": 100}, kind=3, scopes=1)
    one = told((ipfix(plain, options, data(300, rate), time=T0), "192.0.2.1", 4739, 0))
    other = told((ipfix(timed, time=T0), "192.0.2.1", 4739, 1))
    [row] = merge([one, other])["exporters"]
    assert row["lacks_in"] == {"times": []}
    assert "times" not in row["lacks"]
    assert "sampling" not in row["lacks"]
    assert "interfaces" in row["lacks"]
    assert row["sampling"]["rate"] == 100
    assert row["templates"] == {"data": 1, "options": 1}


def test_many_ports():
    """Ports beyond those that are listed are counted still."""
    one = told(*((netflow5(time=T0), "192.0.2.1", port, 0) for port in range(100, 100 + PORTS + 1)))
    other = told(*((netflow5(time=T0), "192.0.2.1", port, 0) for port in range(200, 203)))
    [row] = merge([one, other])["exporters"]
    assert (len(row["ports"]), row["port_count"]) == (PORTS, PORTS + 4)


def test_a_worker_that_does_not_answer():
    """The others are told all the same."""
    assert merge([None, told((netflow5(time=T0), "192.0.2.1", 2055, 0)), None])["exporters"]
    assert merge([]) == {"exporters": [], "others": 0, "lacks": LEGEND}


def test_too_many():
    """When there are too many together, the least active go, and are counted with those that workers left out."""
    busy = [told((netflow5(flows, time=T0), f"192.0.2.{flows}", 2055, 0)) for flows in (7, 9, 8)]
    view = merge([{**each, "others": 5} for each in busy], limit=2)
    assert [row["flows"] for row in view["exporters"]] == [9, 8]
    assert view["others"] == 16
