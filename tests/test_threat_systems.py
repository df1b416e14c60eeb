"""Lists of autonomous systems in whatever form."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.locality import parse
from flowcoll.errors import ListError
from flowcoll.threat.reading.entries import Refused
from flowcoll.threat.reading.systems import System, read

ONE = System(parse("8.8.8.0"), parse("8.8.8.255"), 64500, "Example Net")
SIX = System(parse("2a00::"), parse("2a00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 64501, "")


def row(**said: Any) -> str:
    return json.dumps([said])


FORMS = {
    "array": row(network="8.8.8.0/24", asn=64500, organization="Example Net"),
    "as-text": row(CIDR="8.8.8.0/24", AS="AS64500", org="Example Net"),
    "as-with-name": row(prefix="8.8.8.0/24", asn="AS64500 Example Net"),
    "asdot": row(prefix="8.8.8.0/24", asn="0.64500", holder="Example Net"),
    "range": row(start="8.8.8.0", end="8.8.8.255", as_number="64500", as_name="Example Net"),
    "range-of-numbers": row(range_start=134744064, range_end=134744319, number=64500, description="Example Net"),
    "range-in-one": row(ip="8.8.8.0-8.8.8.255", asn=64500, name="Example\nNet"),
    "maxmind": "network,autonomous_system_number,autonomous_system_organization\n8.8.8.0/24,64500,Example Net\n",
    "nested": row(network="8.8.8.0/24", asn={"asn": 64500, "name": "Example Net"}),
    "nested-number": row(
        network="8.8.8.0/24", **{"as": {"number": 64500, "organization": {"x": 1}, "org": "Example Net"}}
    ),
    "prefixes": row(asn=64500, org="Example Net", prefixes=["8.8.8.0/24"]),
    "envelope": '{"success": true, "systems": [{"network": "8.8.8.0/24", "asn": 64500, "org": "Example Net"}]}',
    "map": '{"8.8.8.0/24": {"asn": 64500, "org": "Example Net"}}',
    "map-of-text": '{"8.8.8.0/24": "AS64500 Example Net"}',
    "map-by-number": '{"AS64500": {"name": "Example Net", "prefixes": ["8.8.8.0/24"]}}',
    "ndjson": '{"network": "8.8.8.0/24", "asn": 64500, "org": "Example Net"}\n{"network": "9.9.9.0/24", "asn": 0}\n',
    "arrays": '[["8.8.8.0/24", 64500, "Example Net"]]',
    "header": "# network;asn;country;org\n8.8.8.0/24;64500;US;Example Net\n",
    "tabs": "8.8.8.0\t8.8.8.255\t64500\tUS\tExample Net\n",
    "numbers": "134744064\t134744319\t64500\tUS\tExample Net\n",
    "blanks": "# what belongs to whom\n\n8.8.8.0/24 AS64500 Example Net\n",
    "quoted": '"8.8.8.0/24","64500","Example Net"\r\n',
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_form_is_read(text: str) -> None:
    """A network with its system is found in every form that is known of such lists."""
    assert [found for found in read(text.encode()) if isinstance(found, System)] == [ONE]
    assert [found for found in read(text.encode()) if isinstance(found, Refused) and not found.other] == []


@pytest.mark.parametrize(
    "text",
    [
        '{"64501": ["2a00::/16"]}',
        "2a00::/16 64501",
        '{"2a00::/16": 64501}',
        row(network="2a00::/16", asn=64501, org=None),
    ],
)
def test_a_system_without_a_name(text: str) -> None:
    """A list need not name organizations; IPv6 networks are read as others."""
    assert list(read(text.encode())) == [SIX]


def test_several_networks_of_one_row() -> None:
    """A row may name many networks of one system."""
    found = list(read(row(asn=64500, networks=["8.8.8.0/24", "9.9.9.9", "bad"]).encode()))
    assert [each.first if isinstance(each, System) else each.why for each in found] == [
        parse("8.8.8.0"),
        parse("9.9.9.9"),
        "'bad' is not an IP address",
    ]


@pytest.mark.parametrize("number", [0, "0", "AS0"])
def test_what_belongs_to_nobody_is_passed_over(number: Any) -> None:
    """Networks that nobody announces have the number 0 in some lists; that is no fault."""
    assert list(read(row(network="8.8.8.0/24", asn=number).encode())) == [
        Refused("row 1", "belongs to no system", other=True)
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (row(network="8.8.8.0/24"), "row 1: '' is not the number of an autonomous system"),
        (row(network="8.8.8.0/24", asn="x"), "row 1: 'x' is not the number of an autonomous system"),
        (row(network="8.8.8.0/24", asn=True), "row 1: 'True' is not the number of an autonomous system"),
        (row(network="8.8.8.0/24", asn=4294967296), "row 1: '4294967296' is not the number of an autonomous system"),
        (row(network="8.8.8.0/24", asn=-1), "row 1: '-1' is not the number of an autonomous system"),
        (row(asn=5), "row 1: names no network"),
        (row(network="0.0.0.0/0", asn=5), "row 1: '0.0.0.0/0' is every address there is"),
        ("[{}, 5]", "row 2: is neither an object nor a network with its system"),
        ("8.8.8.0/24,AS5\n" + "x" * 200_000 + ",5\n", "line 2: field larger than field limit (131072)"),
        ("8.8.8.0/24 AS5\n" + "x" * 1_100_000, "line 2: has more than 1048576 octets"),
        ("8.8.8.0/24 AS5\nnobody", "line 2: '' is not the number of an autonomous system"),
        ('{"network": "8.8.8.8", "asn": 5}\n{"x\n', "row 2: is neither an object nor a network with its system"),
    ],
    ids=lambda value: value[:30],
)
def test_what_makes_no_sense_is_refused(text: str, why: str) -> None:
    """A row that says no system of no network is told with its place, and ends nothing."""
    assert f"{why}" in [f"{each.where}: {each.why}" for each in read(text.encode()) if isinstance(each, Refused)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"error": {"message": "quota  exceeded"}}', "is a message, not a list: quota exceeded"),
        ('{"message": "no such resource"}', "is a message, not a list: no such resource"),
        ('[{"network": ', "is broken or cut JSON "),
    ],
)
def test_what_is_no_list_is_refused(text: str, why: str) -> None:
    """A server's refusal, and JSON that is cut, are told as such."""
    with pytest.raises(ListError, match=f"^{why}"):
        list(read(text.encode()))


KEYS = st.sampled_from(["network", "asn", "as", "start", "end", "1.2.3.0/24", "5", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=9,
)


@given(st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode())))
def test_no_text_is_fatal(octets: bytes) -> None:
    """Whatever comes, there are rows, refusals, or an error of the list as a whole."""
    with suppress(ListError):
        assert all(isinstance(each, System | Refused) for each in read(octets))
