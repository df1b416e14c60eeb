import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.collect.merge import State, added, merged
from flowcoll.counters import Counts

counts = st.dictionaries(st.sampled_from(["documents.written", "sets.waited", "bugs"]), st.integers(0, 1 << 40))
states = st.lists(counts.map(State), max_size=5)


def reporting(*outputs, enrichers=None, sockets=()):
    return State(report={"outputs": list(outputs), "enrichers": enrichers or {}, "sockets": list(sockets)})


def output(merge):
    (only,) = merge.report["outputs"]
    return only


@given(states, counts)
def test_counts_are_added_up(several, gone):
    """Each counter is the sum over all workers, those that died included."""
    total = merged(several, gone).counts
    assert isinstance(total, Counts)
    assert total == {
        key: sum(each.get(key, 0) for each in [*(state.counts for state in several), gone])
        for key in {key for each in [*(state.counts for state in several), gone] for key in each}
    }


@given(states, st.randoms())
def test_the_order_of_workers_does_not_matter_for_sums(several, random):
    """Counts and gauges are the same in whatever order workers are read."""
    shuffled = random.sample(several, len(several))
    assert merged(several)[::2] == merged(shuffled)[::2]


def test_nobody_has_published():
    """Without any state there is an empty report of the usual form, and what the dead have counted."""
    empty = {"sockets": [], "enrichers": {}, "outputs": []}
    assert merged([]) == (Counts(), empty, {})
    assert merged([State(), State()], {"bugs": 2}) == ({"bugs": 2}, empty, {})


def test_a_counter_that_stands_at_nothing_is_kept():
    """A counter that is shown from the start stays shown."""
    assert added([{"documents.dropped.file": 0}, {}]) == {"documents.dropped.file": 0}


def test_gauges_add_up_but_times_do_not():
    """Of sizes the sum is given, of times the longest."""
    some = [State(gauges={"templates": 3, "uptime_seconds": 9}), State(gauges={"templates": 4, "uptime_seconds": 5})]
    assert merged([*some, State()]).gauges == {"templates": 7, "uptime_seconds": 9}


def test_an_output_is_up_where_it_is_up_everywhere():
    """Numbers are summed; `up` and what explains it come from the worker that is not up."""
    well = {"name": "elasticsearch", "up": True, "state": "connected", "version": "8", "queued_bytes": 5, "oldest_s": 1}
    badly = {"name": "elasticsearch", "up": False, "state": "waiting", "last_error": "refused", "queued_bytes": 7}
    for some in ([well, badly | {"oldest_s": 30}], [badly | {"oldest_s": 30}, well]):
        assert output(merged([reporting(each) for each in some])) == {
            "name": "elasticsearch",
            "up": False,
            "state": "waiting",
            "last_error": "refused",
            "queued_bytes": 12,
            "oldest_s": 30,
            "delivered": 0,
            "dropped": 0,
        }
    both = output(merged([reporting(well), reporting(well)]))
    assert (both["up"], both["state"], both["queued_bytes"]) == (True, "connected", 10)


def test_an_output_does_what_any_worker_does():
    """A flag such as `replaying` is set where any worker has set it."""
    some = [reporting({"name": "elasticsearch", "up": True, "replaying": each}) for each in (False, True, False)]
    assert output(merged(some))["replaying"] is True
    assert output(merged(some[:1]))["replaying"] is False


def test_what_the_dead_have_delivered_is_told():
    """Delivered and dropped documents of an output are those of the counters, so that both pages say the same."""
    living = reporting({"name": "file.dc1", "delivered": 3, "dropped": 0})._replace(
        counts={"documents.delivered.file.dc1": 3, "documents.dropped.file.dc1": 0}
    )
    gone = {"documents.delivered.file.dc1": 10, "documents.dropped.file.dc1": 4}
    assert output(merged([living], gone)) == {"name": "file.dc1", "delivered": 13, "dropped": 4}


def test_outputs_keep_their_order():
    """Outputs stand in the order in which the workers name them."""
    names = ["file", "stdout", "elasticsearch"]
    worker = reporting(*({"name": name} for name in names))
    assert [each["name"] for each in merged([State(), worker, worker]).report["outputs"]] == names


def test_sockets_of_a_port_are_one():
    """Drops of all workers' sockets are summed; the smallest receive buffer is told."""
    one = {"address": "::", "port": 9995, "receive_buffer_bytes": 4096, "kernel_drops": 2}
    other = {**one, "receive_buffer_bytes": 2048, "kernel_drops": 5}
    elsewhere = {**one, "port": 2055, "kernel_drops": 1}
    told = merged([reporting(sockets=[one, elsewhere]), reporting(sockets=[other])]).report["sockets"]
    assert told == [{**one, "receive_buffer_bytes": 2048, "kernel_drops": 7}, elsewhere]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"state": "failed", "entries": 9}, {"state": "on", "entries": 3}),
        ({"state": "loading", "entries": 9}, {"state": "on", "entries": 3}),
        ({"state": "failed", "entries": 9}, {"state": "loading", "entries": 3}),
        ({"state": "on", "entries": 3}, {"state": "on", "entries": 9}),
        ({"state": "on", "entries": 9, "age_s": 70}, {"state": "on", "entries": 9, "age_s": 60}),
    ],
)
def test_an_enricher_is_told_where_it_is_worst(worse, better, turned):
    """Every worker should have the same; the one that fails, lags behind or has less is shown, and nothing is summed."""
    some = [better, worse] if turned else [worse, better]
    found = merged([reporting(enrichers={"threat_x": each}) for each in some]).report["enrichers"]
    assert found == {"threat_x": worse}


def test_a_download_is_told_with_its_list():
    """A list shows how its download goes and what the workers match against: entries are theirs."""
    used = {"state": "on", "entries": 5}
    down = {"state": "on", "doing": "waiting", "entries": 6, "age_s": 3, "next_refresh": "soon"}
    report = merged([reporting(enrichers={"threat_riskiq": used})], refresher={"enrichers": {"threat_riskiq": down}})
    assert report.report["enrichers"]["threat_riskiq"] == {**down, "entries": 5}


def test_what_is_wrong_with_a_download_or_its_list_is_told():
    """The worse of both states is shown, with its own reason."""

    def told(used, down):
        merge = merged([reporting(enrichers={"threat_riskiq": used})], refresher={"enrichers": {"threat_riskiq": down}})
        return merge.report["enrichers"]["threat_riskiq"]

    serving = {"state": "on", "entries": 5}
    failed = {"state": "failed", "entries": 0, "last_error": "401", "failed_since": "noon"}
    assert told(serving, failed) == {**failed, "entries": 5}
    broken = {"state": "failed", "entries": 5, "last_error": "copy unreadable"}
    fine = {"state": "on", "entries": 6, "age_s": 3}
    assert told(broken, fine) == {**broken, "age_s": 3}


def test_a_list_that_nobody_uses_yet():
    """A list that no worker knows is told as the refresher tells it; a refresher without lists changes nothing."""
    down = {"state": "downloading", "entries": 0}
    assert merged([], refresher={"enrichers": {"threat_riskiq": down}}).report["enrichers"] == {"threat_riskiq": down}
    assert merged([], refresher={}).report["enrichers"] == {}
