"""What a worker tells of exporters: who they are, what came of them, what their templates lack, what waits."""

import io

import pytest

from exported import FLOW, data, ipfix, netflow5, netflow9, sflow5, template
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.exporters.rows import PORTS, rows
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline

T0 = 1_750_000_000
NOW = T0 * 1000
ADDRESS = "192.0.2.1"
TIMES = {"flowStartMilliseconds": NOW - 5_000, "flowEndMilliseconds": NOW}


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(defaults(), Counts(), Log(io.StringIO()))


def only(pipeline: Pipeline, now: int = NOW) -> dict:
    """The one row that there is."""
    [row] = pipeline.exporters(now)["exporters"]
    return row


def test_a_domain_of_ipfix(pipeline: Pipeline) -> None:
    """A row says who sends, what came, by which clock, and what is missing."""
    sends = (
        ipfix(template(256, FLOW), time=T0 + 30),
        ipfix(data(256, FLOW, FLOW), time=T0 + 31),
        ipfix(data(256, FLOW), number=5, time=T0 + 32),
    )
    for second, octets in enumerate(sends):
        pipeline.handle(octets, (ADDRESS, 4739), NOW + 1_000 * second)
    row = only(pipeline, NOW + 2_000)
    for name in ("lacks", "lacks_in"):
        del row[name]
    size = sum(map(len, sends))
    assert row == {
        "address": ADDRESS,
        "ports": [4739],
        "port_count": 1,
        "protocol": "ipfix",
        "domain": 7,
        "templates": {"data": 1, "options": 0},
        "sampling": {"rate": None, "source": "none"},
        "datagrams": 3,
        "flows": 3,
        "bytes": size,
        "datagrams_per_second": 1.5,
        "flows_per_second": 1.5,
        "bits_per_second": 4 * size,
        "first_seen": "2025-06-15T15:06:40.000Z",
        "last_seen": "2025-06-15T15:06:42.000Z",
        "sequence": {
            "unit": "records",
            "received": 3,
            "lost": 3,
            "share": 0.5,
            "late": 0,
            "repeated": 0,
            "restarts": 0,
        },
        "clock_skew_ms": 30_000,
        "waiting": {"sets": 0, "bytes": 0},
    }


@pytest.mark.parametrize(
    ("said", "expected"), [(0x4000 | 100, {"rate": 100, "source": "header"}), (0, {"rate": None, "source": "none"})]
)
def test_a_domain_of_netflow5(pipeline: Pipeline, said: int, expected: dict) -> None:
    """The fixed layout has no direction, the header may have a rate, and its clock has milliseconds."""
    pipeline.handle(netflow5(2, engine=3, sampling=said, time=T0 - 0.25), (ADDRESS, 2055), NOW)
    row = only(pipeline)
    assert (row["protocol"], row["domain"], row["sampling"]) == ("netflow5", 3, expected)
    assert row["lacks"] == (["direction"] if said else ["direction", "sampling"])
    assert row["clock_skew_ms"] == -250
    assert row["sequence"]["unit"] == "records"


def test_a_domain_of_sflow(pipeline: Pipeline) -> None:
    """SFlow has the agent and its part, a rate in each sample, no clock, and nothing that a template lacks."""
    pipeline.handle(sflow5(1000, 512), (ADDRESS, 6343), NOW)
    row = only(pipeline)
    assert (row["protocol"], row["agent"], row["domain"], row["flows"]) == ("sflow5", "192.0.2.9", 3, 2)
    assert row["sampling"] == {"rate": 512, "source": "record"}
    assert (row["clock_skew_ms"], row["lacks"], row["lacks_in"]) == (None, [], {})
    assert row["sequence"]["unit"] == "datagrams"


def test_what_is_lacking(pipeline: Pipeline) -> None:
    """What all templates lack is told apart from what only some lack, which are named."""
    plain, timed = template(256, FLOW), template(257, {**FLOW, **TIMES})
    records = data(256, FLOW) + data(257, {**FLOW, **TIMES})
    pipeline.handle(ipfix(plain, timed, records, time=T0), (ADDRESS, 4739), NOW)
    row = only(pipeline)
    assert row["lacks"] == ["as_numbers", "direction", "interfaces", "sampling", "tcp_flags", "type_of_service"]
    assert row["lacks_in"] == {"times": [256]}


def test_templates_without_data_do_not_count(pipeline: Pipeline) -> None:
    """What only a template lacks that no data has used is not told; many exporters announce more than they send."""
    pipeline.handle(ipfix(template(256, FLOW), template(257, {**FLOW, **TIMES}), time=T0), (ADDRESS, 4739), NOW)
    assert only(pipeline)["lacks_in"] == {"times": [256]}
    pipeline.handle(ipfix(data(257, {**FLOW, **TIMES}), time=T0), (ADDRESS, 4739), NOW)
    row = only(pipeline)
    assert (row["templates"], row["lacks_in"]) == ({"data": 2, "options": 0}, {})
    assert "times" not in row["lacks"]


SAMPLER = {"samplerId": 1, "samplerRandomInterval": 100}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([SAMPLER], {"rate": 100, "source": "options", "samplers": {"1": 100}}, id="one"),
        pytest.param(
            [SAMPLER, {"samplerId": 2, "samplerRandomInterval": 1000}],
            {"rate": None, "source": "options", "samplers": {"1": 100, "2": 1000}},
            id="two",
        ),
    ],
)
def test_sampling_that_options_data_say(pipeline: Pipeline, records: list, expected: dict) -> None:
    """A rate from options data is shown, or those of all samplers where they differ; sampling is not lacking then."""
    options = template(300, SAMPLER, kind=3, scopes=1)
    flows = template(256, FLOW) + data(256, FLOW)
    pipeline.handle(ipfix(options, data(300, *records), flows, time=T0), (ADDRESS, 4739), NOW)
    row = only(pipeline)
    assert row["sampling"] == expected
    assert row["templates"] == {"data": 1, "options": 1}
    assert "sampling" not in row["lacks"]


def test_sampling_in_records(pipeline: Pipeline) -> None:
    """A rate that each record says has no one value."""
    names = {**FLOW, "samplingInterval": 10}
    pipeline.handle(netflow9(template(256, names, kind=0), data(256, names), time=T0), (ADDRESS, 2055), NOW)
    row = only(pipeline)
    assert row["sampling"] == {"rate": None, "source": "record"}
    assert "sampling" not in row["lacks"]


def test_data_that_wait(pipeline: Pipeline) -> None:
    """Data before their template wait, and are told with the domain to which they belong."""
    for domain in (1, 1, 2):
        pipeline.handle(ipfix(data(256, FLOW), time=T0, domain=domain), (ADDRESS, 4739), NOW)
    found = {row["domain"]: row["waiting"]["sets"] for row in pipeline.exporters(NOW)["exporters"]}
    assert found == {1: 2, 2: 1}
    assert only_domain(pipeline, 1)["templates"] == {"data": 0, "options": 0}


def test_flows_that_waited_count(pipeline: Pipeline) -> None:
    """Flows that waited for their template count for who sent them, be that another port than the template's."""
    pipeline.handle(ipfix(data(256, FLOW, FLOW), time=T0), (ADDRESS, 4739), NOW)
    assert only(pipeline)["flows"] == 0
    pipeline.handle(ipfix(template(256, FLOW), data(256, FLOW), time=T0), (ADDRESS, 4740), NOW)
    row = only(pipeline)
    assert (row["flows"], row["waiting"]["sets"]) == (3, 0)
    assert pipeline.counts["records.flow.ipfix"] == 3


def only_domain(pipeline: Pipeline, domain: int) -> dict:
    return next(row for row in pipeline.exporters(NOW)["exporters"] if row["domain"] == domain)


def test_protocols_and_domains_are_apart(pipeline: Pipeline) -> None:
    """NetFlow v9 and IPFIX of one address and number do not share templates, nor do domains."""
    pipeline.handle(ipfix(template(256, FLOW), time=T0), (ADDRESS, 4739), NOW)
    pipeline.handle(netflow9(template(256, FLOW, 0), template(257, FLOW, 0), time=T0), (ADDRESS, 4739), NOW)
    pipeline.handle(netflow9(time=T0, domain=8), (ADDRESS, 4739), NOW)
    found = {(row["protocol"], row["domain"]): row["templates"]["data"] for row in pipeline.exporters(NOW)["exporters"]}
    assert found == {("ipfix", 7): 1, ("netflow9", 7): 2, ("netflow9", 8): 0}


def test_ports_are_together(pipeline: Pipeline) -> None:
    """An exporter that was started anew is one row, with the numbers of each of its lives added up."""
    for life in range(PORTS + 4):
        for number in (0, 3):  # two of three datagrams came
            pipeline.handle(netflow9(number=number, time=T0), (ADDRESS, 50_000 - life), NOW + life)
    row = only(pipeline)
    assert (row["port_count"], row["ports"]) == (PORTS + 4, sorted(row["ports"]))
    assert len(row["ports"]) == PORTS
    assert (row["datagrams"], row["sequence"]["lost"]) == (2 * (PORTS + 4), 2 * (PORTS + 4))


def heard(pipeline: Pipeline, count: int) -> None:
    """Hear of so many exporters; the higher the number, the more flows."""
    for number in range(count):
        pipeline.handle(netflow5(1 + number % 30, time=T0), (f"10.0.{number // 256}.{number % 256}", 2055), NOW)


def test_the_most_active_are_given(pipeline: Pipeline) -> None:
    """When there are too many exporters, the most active are given, and how many others there are."""
    heard(pipeline, 30)
    view = rows(pipeline._domains, pipeline.memory, NOW, limit=3)
    assert sorted(row["flows"] for row in view["exporters"]) == [28, 29, 30]
    assert view["others"] == 27


def test_others_run_meanwhile(pipeline: Pipeline) -> None:
    """A long list gives way again and again, and exporters that come meanwhile do no harm."""
    heard(pipeline, 3_000)
    turns = []

    def give_way() -> None:
        turns.append(len(turns))
        pipeline.handle(netflow5(time=T0), (f"10.9.{len(turns) // 256}.{len(turns) % 256}", 2055), NOW)

    view = rows(pipeline._domains, pipeline.memory, NOW, give_way)
    assert (len(view["exporters"]), view["others"]) == (3_000, 0)
    assert len(turns) > 100


def test_nobody(pipeline: Pipeline) -> None:
    """Before anything came, there is nobody."""
    assert pipeline.exporters(NOW) == {"exporters": [], "others": 0}
