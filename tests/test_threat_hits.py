"""What matched lately: counted once for each flow, bounded, put together from all workers."""

import io
from pathlib import Path
from typing import Any

import pytest

from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.document.fields import EVERYTHING, Asked, Records, Wanted
from flowcoll.enrich.address import LISTED
from flowcoll.enrich.locality import Address, parse
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline
from flowcoll.threat.hits.gathered import KEPT_MS, Gathered, Hit, Hits
from flowcoll.threat.matching.feeds import use
from netflow5 import EXPORTER, datagram

A, B = parse("67.43.156.20"), parse("2a02:cf40::1")
NOW = 1_800_000_000_000


def naming(address: Address) -> tuple[str, ...]:
    return {A: ("one", "two"), B: ("two",)}.get(address, ())


@pytest.fixture
def counts() -> Counts:
    return Counts()


def test_a_flow_counts_once(counts: Counts) -> None:
    """However many lists name however many of its addresses; each list and each address counts it once too."""
    gathered = Gathered(naming, counts)
    gathered.match(A, LISTED, B, LISTED, NOW)
    gathered.match(A, LISTED, A, LISTED, NOW + 1)
    gathered.match(A, 0, B, LISTED, NOW + 2)
    gathered.match(None, 0, A, LISTED, NOW + 3)
    assert counts == {"threats.matches": 4, "threats.list_matches.one": 3, "threats.list_matches.two": 4}
    rows = sorted(gathered.take())
    assert rows == [
        ["2a02:cf40::1", NOW, NOW + 2, 2, ("two",)],
        ["67.43.156.20", NOW, NOW + 3, 3, ("one", "two")],
    ]
    assert not gathered.take(), "what was taken is not given again"


def test_an_address_that_no_list_names_any_more(counts: Counts) -> None:
    """A flag from before a list has changed counts for nothing."""
    gathered = Gathered(naming, counts)
    gathered.match(parse("8.8.8.8"), LISTED, B, 0, NOW)
    assert not counts
    assert not gathered.take()


def test_lists_that_change(counts: Counts) -> None:
    """What lists say is asked once, and again when they have changed; nothing of before is lost."""
    named = [("one",)]
    gathered = Gathered(lambda _: named[0], counts)
    gathered.match(A, LISTED, B, 0, NOW)
    named[0] = ("two",)
    gathered.match(A, LISTED, B, 0, NOW)
    (known,) = gathered.forget()
    assert known == {A: ("one",)}
    gathered.match(A, LISTED, B, 0, NOW)
    gathered.forget()
    rows = gathered.take()
    assert rows == [["67.43.156.20", NOW, NOW, 2, ("one",)], ["67.43.156.20", NOW, NOW, 1, ("two",)]]
    hits = Hits(counts)
    hits.add(rows)
    assert list(hits) == [Hit("67.43.156.20", NOW, NOW, 3, ("one", "two"))]
    assert counts == {"threats.matches": 3, "threats.list_matches.one": 2, "threats.list_matches.two": 1}


def test_a_worker_gathers_so_many(counts: Counts) -> None:
    """The address that came first goes first, and is counted; its flows are counted all the same."""
    gathered = Gathered(lambda _: ("one",), counts, most=2)
    for address in (1 << 24, 2 << 24, 3 << 24):
        gathered.match(address, LISTED, None, 0, NOW)
    assert [row[0] for row in gathered.take()] == ["2.0.0.0", "3.0.0.0"]
    assert (counts["threats.hits_forgotten"], counts["threats.matches"]) == (1, 3)
    for address in (4 << 24, 5 << 24, 6 << 24):
        gathered.match(address, LISTED, None, 0, NOW)
        gathered.forget()
    assert [row[0] for row in gathered.take()] == ["5.0.0.0", "6.0.0.0"]
    assert counts["threats.hits_forgotten"] == 2


def test_workers_together(counts: Counts) -> None:
    """Flows are summed up, times are the first and the last, lists are joined; an IPv4-mapped address is that address."""
    hits = Hits(counts)
    hits.add([["67.43.156.20", 5, 7, 2, ["one"]]])
    hits.add([["67.43.156.20", 3, 6, 4, ["two", "one"]], ["67.43.156.21", 1, 1, 1, ["one"]]])
    assert list(hits) == [Hit("67.43.156.20", 3, 7, 6, ("one", "two")), Hit("67.43.156.21", 1, 1, 1, ("one",))]
    gathered = Gathered(naming, counts)
    gathered.match(bytes(10) + b"\xff\xff" + A.to_bytes(4, "big"), LISTED, A, LISTED, NOW)  # type: ignore[union-attr]
    assert [row[0] for row in gathered.take()] == ["67.43.156.20", "67.43.156.20"]


def test_who_was_seen_longest_ago_goes_first(counts: Counts) -> None:
    """There is room for so many; one that goes is counted."""
    hits = Hits(counts, most=2)
    hits.add([[address, 1, 1, 1, []] for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3")])
    assert [hit.address for hit in hits] == ["192.0.2.1", "192.0.2.3"]
    assert counts["threats.hits_forgotten"] == 1


def test_old_ones_go(counts: Counts) -> None:
    """An address without a flow in 30 days is forgotten."""
    hits = Hits(counts)
    hits.add([["192.0.2.1", 1, NOW - KEPT_MS - 1, 1, []], ["192.0.2.2", 1, NOW - KEPT_MS, 1, []]])
    hits.expire(NOW)
    assert [hit.address for hit in hits] == ["192.0.2.2"]


@pytest.mark.parametrize(
    "row",
    [
        None,
        7,
        [],
        ["a", 1, 1, 1],
        ["a", 1, 1, "1", []],
        ["a", 1, 1, -1, []],
        ["a", 1, 2**63, 1, []],
        ["a", True, 1, 1, []],
        [1, 1, 1, 1, []],
        ["a", 1, 1, 1, [1]],
        ["a", 1, 1, 1, None],
    ],
)
def test_a_row_of_no_sense(counts: Counts, row: Any) -> None:
    """It counts for nothing, whatever it is."""
    hits = Hits(counts)
    hits.add([row, ["192.0.2.1", 1, 1, 1, []]])
    assert len(hits) == 1


def collecting(folder: Path, *wanted: Asked) -> Pipeline:
    path = folder / "list"
    path.write_text("67.43.156.20\n2.125.160.219\n")
    option = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_"
    options = defaults(**{option + "ENABLE": True, option + "PATH": path, "EF_STATE_PATH": folder})
    log = Log(io.StringIO())
    pipeline = Pipeline(options, Counts(), log, wanted)
    use(options, pipeline.lists, log)
    return pipeline


THREATS = ("threat", "sec", *(f"flow.{end}.sec" for end in ("src", "dst", "client", "server")))
LEAN = Wanted(THREATS, "collect", "EF_LEAN_OUTPUT_FILE_DROP_FIELDS")


@pytest.mark.parametrize(
    "wanted",
    [(EVERYTHING,), (EVERYTHING, LEAN), (LEAN, EVERYTHING), (LEAN,), (Records(), EVERYTHING), (Records(),)],
    ids=["one", "two", "two, the lean one first", "a lean one", "records first", "records alone"],
)
def test_outputs_do_not_count(tmp_path: Path, wanted: tuple[Asked, ...]) -> None:
    """A flow is one match for two outputs as for one, and for one whose documents show no threats."""
    pipeline = collecting(tmp_path, *wanted)
    flows = (("10.0.0.1", "67.43.156.20"), ("10.0.0.1", "8.8.8.8"), ("2.125.160.219", "67.43.156.20"))
    pipeline.handle(datagram(*flows), EXPORTER, NOW)
    assert pipeline.counts["threats.matches"] == 2
    assert pipeline.counts["threats.list_matches.mine"] == 2
    assert sorted(pipeline.gathered.take()) == [
        ["2.125.160.219", NOW, NOW, 1, ("mine",)],
        ["67.43.156.20", NOW, NOW, 2, ("mine",)],
    ]
    assert not pipeline.counts.undeclared()


def test_records_without_a_match_pay_nothing(tmp_path: Path) -> None:
    """The code of the branch that nearly all records take holds nothing of it."""
    pipeline = collecting(tmp_path, EVERYTHING)
    pipeline.handle(datagram(("10.0.0.1", "8.8.8.8")), EXPORTER, NOW)
    ((_, source),) = pipeline.explain()
    rare, _, common = source.partition("else:\n            out0(")
    assert common
    assert "MATCHED" not in common
    before, _, after = rare.partition("if listed:")
    assert "MATCHED" not in before
    assert after.count("MATCHED(") == 1
