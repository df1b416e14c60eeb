"""Block-lists of what matched: what is in them, in which form, and what may be asked."""

import json

import pytest

from flowcoll.enrich.locality import Address, parse
from flowcoll.errors import SetupError
from flowcoll.threat.hits.blocklist import Query, chosen, query, rendered, span
from flowcoll.threat.hits.gathered import Hit

NOW = 1_800_000_000_000
HOUR = 3_600_000

HITS = (
    Hit("2a02:cf40::1", NOW - HOUR, NOW - 10, 3, ("two",)),
    Hit("67.43.156.20", NOW - 3 * HOUR, NOW - 2 * HOUR, 7, ("one", "two")),
    Hit("9.9.9.9", NOW - 40 * HOUR, NOW - 30 * HOUR, 1, ("one",)),
)


def everybody(_: str, __: Address) -> bool:
    return True


def addresses(wanted: Query) -> list[str]:
    return [hit.address for hit in chosen(HITS, wanted, NOW, everybody)]


def test_what_is_in_it() -> None:
    """Who was seen in the time asked for, by the list asked for, often enough; IPv4 first, by number."""
    assert addresses(Query()) == ["67.43.156.20", "2a02:cf40::1"]
    assert addresses(Query(since_s=3600)) == ["2a02:cf40::1"]
    assert addresses(Query(since_s=40 * 3600)) == ["9.9.9.9", "67.43.156.20", "2a02:cf40::1"]
    assert addresses(Query(list="one")) == ["67.43.156.20"]
    assert addresses(Query(list="nobody")) == []
    assert addresses(Query(min_flows=4)) == ["67.43.156.20"]


@pytest.mark.parametrize("private", ["10.1.2.3", "192.168.0.1", "fd00::1", "::ffff:10.0.0.1", "224.0.0.1", "0.0.0.0"])
def test_never_a_private_address(private: str) -> None:
    """Whatever a file of hits says; nor anything that is no address."""
    hits = [Hit(private, NOW, NOW, 1, ("one",)), Hit("no address", NOW, NOW, 1, ("one",))]
    assert chosen(hits, Query(), NOW, everybody) == []


def test_rules_of_now() -> None:
    """An address of which rules have excluded every list since is left out, and those lists with it."""
    good = parse("67.43.156.20")

    def allowed(name: str, address: Address) -> bool:
        return (name, address) != ("one", good)

    found = chosen(HITS, Query(), NOW, allowed)
    assert [(hit.address, hit.lists) for hit in found] == [("67.43.156.20", ("two",)), ("2a02:cf40::1", ("two",))]
    assert chosen(HITS, Query(list="one"), NOW, allowed) == []
    assert chosen(HITS, Query(), NOW, lambda *_: False) == []


def test_forms() -> None:
    """An address a line, CSV with a head, JSON with an array."""
    hits = chosen(HITS, Query(), NOW, everybody)
    assert rendered(hits, "plain") == b"67.43.156.20\n2a02:cf40::1\n"
    assert rendered(hits, "csv").decode().splitlines() == [
        "address,first,last,flows,lists",
        "67.43.156.20,2027-01-15T05:00:00.000Z,2027-01-15T06:00:00.000Z,7,one two",
        "2a02:cf40::1,2027-01-15T07:00:00.000Z,2027-01-15T07:59:59.990Z,3,two",
    ]
    assert json.loads(rendered(hits, "json")) == {
        "addresses": [
            {
                "address": "67.43.156.20",
                "first": "2027-01-15T05:00:00.000Z",
                "last": "2027-01-15T06:00:00.000Z",
                "flows": 7,
                "lists": ["one", "two"],
            },
            {
                "address": "2a02:cf40::1",
                "first": "2027-01-15T07:00:00.000Z",
                "last": "2027-01-15T07:59:59.990Z",
                "flows": 3,
                "lists": ["two"],
            },
        ]
    }
    assert rendered([], "plain") == b""
    assert json.loads(rendered([], "json")) == {"addresses": []}


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15min", 900), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600)]
)
def test_spans(text: str, seconds: int) -> None:
    """A number and a unit."""
    assert span(text) == seconds


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("", Query()),
        ("since=1h", Query(since_s=3600)),
        ("since=7d&format=csv&list=RiskIQ&min-flows=3", Query(604_800, "csv", "riskiq", 3)),
    ],
)
def test_queries(asked: str, wanted: Query) -> None:
    """What is not said has its default."""
    assert query(asked) == wanted


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("since=", "since = '': give a number and a unit"),
        ("since=0h", "matches are kept for 30 days"),
        ("since=31d", "give at most 30d"),
        ("since=1e3h", "give a number and a unit"),
        ("since=-1h", "give a number and a unit"),
        ("since=٣h", "give a number and a unit"),
        ("format=xml", "format = 'xml': give one of plain, csv, json"),
        ("list=a/../b", "give the name of one list"),
        ("list=", "give the name of one list"),
        ("min-flows=0", "give a number from 1"),
        ("min-flows=x", "give a number from 1"),
        ("limit=5", "'limit' is unknown; a block-list takes since"),
        ("nonsense", "the query cannot be read"),
        ("&", "the query cannot be read"),
        ("a=1&" * 40, "the query cannot be read"),
        ("since=%ff", "the query cannot be read"),
    ],
)
def test_what_cannot_be_asked(asked: str, words: str) -> None:
    """One line: what, which value, what to do."""
    with pytest.raises(SetupError) as caught:
        query(asked)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
