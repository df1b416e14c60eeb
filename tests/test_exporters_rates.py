"""Rates are what went on between two looks at the API, and nothing is made up where there was none."""

import pytest

from flowcoll.exporters.rates import Look, metrics, rates

PAGE = """\
# HELP flowcoll_datagrams_received_total Datagrams read from the sockets or from a capture.
# TYPE flowcoll_datagrams_received_total counter
flowcoll_datagrams_received_total {datagrams}
# TYPE flowcoll_octets_received_total counter
flowcoll_octets_received_total {octets}
# TYPE flowcoll_records_flow_total counter
flowcoll_records_flow_total{{protocol="ipfix"}} {ipfix}
flowcoll_records_flow_total{{protocol="sflow5"}} 10.0
# TYPE flowcoll_datagrams_refused_total counter
flowcoll_datagrams_refused_total{{reason="too_short"}} {short}
flowcoll_datagrams_refused_total{{reason="not_allowed"}} 500.0
# TYPE flowcoll_records_refused_total counter
flowcoll_records_refused_total{{reason="over_limit"}} 0.0
# TYPE flowcoll_documents_delivered_total counter
flowcoll_documents_delivered_total{{output="elasticsearch.dc"}} {delivered}
# TYPE flowcoll_socket_drops_total counter
flowcoll_socket_drops_total{{port="9995"}} 3.0
flowcoll_socket_drops_total{{port="2055"}} {drops}
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.0
"""


def seen(at, *, uptime=None, workers=(), **figures):
    """A look at a collector that counts so much a second, more or less."""
    page = PAGE.format(**{"datagrams": 0, "octets": 0, "ipfix": 0, "short": 0, "delivered": 0, "drops": 0, **figures})
    state = {
        "ready": True,
        "uptime_s": at if uptime is None else uptime,
        "workers": list(workers),
        "outputs": [{"name": "elasticsearch.dc", "delivered": 7, "dropped": 1, "up": True, "queued_documents": 5}],
    }
    return Look(at, metrics(page), state)


def test_metrics():
    """Of a page of metrics our own figures are taken, by name and labels."""
    found = seen(1, datagrams=5).metrics
    assert found["datagrams_received_total", ""] == 5
    assert found["documents_delivered_total", "elasticsearch.dc"] == 0
    assert not any(name.startswith("process") for name, _ in found)


def test_rates():
    """A counter's rate is its rise, over all its labels, by the time between."""
    figures = {"datagrams": 100, "octets": 1_000, "ipfix": 40, "delivered": 60, "drops": 4}
    found = rates(seen(10, short=1), seen(12, short=9, **figures), [{"address": "192.0.2.1"}])
    assert found["interval_s"] == 2
    assert found["datagrams_per_second"] == 50
    assert found["bits_per_second"] == 4_000
    assert found["flows_per_second"] == 20
    assert (found["kernel_drops"], found["kernel_drops_per_second"]) == (7, 2)
    assert found["exporters"] == [{"address": "192.0.2.1"}]
    assert found["sequence_lost_per_second"] == 0


def test_refused():
    """Every reason that has ever counted is told, the busiest first, with words for it."""
    found = rates(seen(10), seen(12, short=9))["refused"]
    assert found == [
        {"what": "datagrams", "reason": "too_short", "why": "too short to tell its protocol", "total": 9, "per_second": 4.5},
        {"what": "datagrams", "reason": "not_allowed", "why": "from a source that EF_FLOW_SERVER_ALLOW does not name", "total": 500, "per_second": 0},
    ]  # fmt: skip


def test_outputs():
    """An output has its rates, and what it holds."""
    [found] = rates(seen(10), seen(20, delivered=60))["outputs"]
    assert found == {
        "name": "elasticsearch.dc",
        "delivered_per_second": 6,
        "delivered": 7,
        "dropped_per_second": 0,
        "dropped": 1,
        "up": True,
        "queued_documents": 5,
    }


def worker(pid, cpu_s, datagrams=0):
    return {
        "number": 0,
        "pid": pid,
        "up": True,
        "restarts": 1,
        "memory_bytes": 9,
        "cpu_s": cpu_s,
        "datagrams": datagrams,
    }


def test_workers():
    """A worker takes a part of a core; of one that was started anew that is not known yet."""
    before = seen(10, workers=[worker(1, 3.0, 10)])
    [found] = rates(before, seen(12, workers=[worker(1, 4.0, 50)]))["workers"]
    assert (found["cpu_share"], found["datagrams_per_second"], found["restarts"]) == (0.5, 20, 1)
    [found] = rates(before, seen(12, workers=[worker(2, 0.1)]))["workers"]
    assert "cpu_share" not in found
    assert "datagrams_per_second" not in found


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(None, seen(10), id="the first look"),
        pytest.param(seen(10, datagrams=9), seen(12, uptime=1), id="after a restart"),
        pytest.param(seen(10), seen(10), id="no time between"),
    ],
)
def test_nothing_to_compare_with(before, now):
    """With nothing to compare with there are totals and no rates."""
    found = rates(before, now)
    assert found["interval_s"] is None
    assert found["datagrams_per_second"] is None
    assert found["kernel_drops"] == 3
    assert found["refused"][0]["per_second"] is None


def test_a_counter_that_falls():
    """What a worker takes with it when it dies makes no rate below nothing."""
    assert rates(seen(10, datagrams=100), seen(12, datagrams=90))["datagrams_per_second"] == 0
