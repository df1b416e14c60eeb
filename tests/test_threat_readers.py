"""Every form of a list gives the same entries; what is no list is refused in words for a person."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.locality import parse
from flowcoll.errors import ListError
from flowcoll.threat.reading.entries import Entry, Refused
from flowcoll.threat.reading.readers import LISTS, form, read

KINDS = ["auto", "plain", "csv", "json"]


def rows(text: str | bytes, kind: str = "auto") -> list[Entry | Refused]:
    return list(read(text.encode() if isinstance(text, str) else text, kind))


def entry(first: str, last: str = "", *said: object) -> Entry:
    return Entry(parse(first), parse(last or first), *said)  # type: ignore[arg-type]


# plain


def test_plain() -> None:
    """An address, a network or a range in each line; comments, blank lines and CRLF do not count."""
    listed = rows(
        "# a list\r\n\r\n8.8.8.8\r\n 9.9.9.0/24 ; SBL1\r\n9.9.9.129/24# bits beyond the length\n"
        "1.1.1.1 - 1.1.1.9\n2a00::/32\n2a00::1-2a00::3\n::ffff:8.8.4.4\n;\n8.8.8.8:443\n[2a00::1]:443\n",
        "plain",
    )
    assert listed == [
        entry("8.8.8.8"),
        entry("9.9.9.0", "9.9.9.255"),
        entry("9.9.9.0", "9.9.9.255"),
        entry("1.1.1.1", "1.1.1.9"),
        entry("2a00::", "2a00:0:ffff:ffff:ffff:ffff:ffff:ffff"),
        entry("2a00::1", "2a00::3"),
        entry("8.8.4.4"),
        entry("8.8.8.8"),
        entry("2a00::1"),
    ]


def test_a_bad_line_is_handed_on_with_its_number() -> None:
    """A line without an address is refused with its number and the reason, and the next one is read."""
    assert rows("# first\nword\n8.8.8.8\n", "plain") == [
        Refused("line 2", "'word' is not an IP address"),
        entry("8.8.8.8"),
    ]


# csv


def test_csv() -> None:
    """Columns are found by name; what a row does not say is empty."""
    listed = rows(
        '# made by hand\n"First Seen",IP-Address,Threat_Name,Feed,Confidence_Level,Description\n'
        '2026-01-01,8.8.8.8,"Botnet, C2",abc,75,"says ""hello"""\n\n2026-01-01,9.9.9.0/24,Scanner\n,1.1.1.1:80,,,high,\r\n',
        "csv",
    )
    assert listed == [
        entry("8.8.8.8", "", "Botnet, C2", "abc", 75, 'says "hello"', "2026-01-01"),
        entry("9.9.9.0", "9.9.9.255", "Scanner", "", None, "", "2026-01-01"),
        entry("1.1.1.1", "", "", "", 85),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_of_ranges(separator: str) -> None:
    """Two columns start and end are a range; comma, semicolon and tabulator separate."""
    text = "Start|End|Netblock|Category\n1.1.1.0|1.1.1.255|24|Scanner\n".replace("|", separator)
    assert rows(text) == [entry("1.1.1.0", "1.1.1.255", "Scanner")]


def test_csv_whose_header_is_a_comment() -> None:
    """The last comment before the rows counts as header where the first row is none."""
    text = "# ours, made today\n# id,dst_ip,malware\n1,8.8.8.8,Botnet\n# in between\n2,9.9.9.9,Other\n"
    assert rows(text) == [entry("8.8.8.8", "", "Botnet"), entry("9.9.9.9", "", "Other")]


def test_an_open_quote_costs_one_row() -> None:
    """A quote that is left open does not swallow the rows behind it."""
    assert rows('ip,name\n8.8.8.8,"open\n9.9.9.9,Other\n')[1:] == [entry("9.9.9.9", "", "Other")]


@pytest.mark.parametrize("text", ["", "# nothing\n", "8.8.8.8\n9.9.9.9\n", "start,name\n1.1.1.1,x\n"])
def test_a_csv_without_addresses_is_refused(text: str) -> None:
    """A header that names no column of addresses is an error that says which names would do."""
    with pytest.raises(ListError, match="names a column of addresses; call one 'address', or two 'start' and 'end'"):
        rows(text, "csv")


# json


SAID = {"threat": "Botnet", "score": 90, "first-seen": "2021-03-05", "link": "https://x.example/1", "tags": ["a", "b"]}
ONE = entry("8.8.8.8", "", "Botnet", "", 90, "", "2021-03-05", "", "https://x.example/1")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"ip": "8.8.8.8", **SAID}], [ONE]),
        ([{"ip": "8.8.8.8", **SAID}, "9.9.9.0/24"], [ONE, entry("9.9.9.0", "9.9.9.255")]),
        (["8.8.8.8", "9.9.9.9"], [entry("8.8.8.8"), entry("9.9.9.9")]),
        ({"8.8.8.8": SAID}, [ONE]),
        ({"8.8.8.8": "Botnet", "9.9.9.9": ["a", "b"]}, [entry("8.8.8.8", "", "Botnet"), entry("9.9.9.9", "", "a, b")]),
        ({"8.8.8.8": 70, "9.9.9.9": None}, [entry("8.8.8.8", "", "", "", 70), entry("9.9.9.9")]),
        (
            {"17": [{"ioc_value": "8.8.8.8:443", "ioc_type": "ip:port", "malware": "Botnet"}, {"ioc": "9.9.9.9"}]},
            [entry("8.8.8.8", "", "Botnet"), entry("9.9.9.9")],
        ),
    ],
    ids=["objects", "objects and text", "texts", "map of objects", "map of texts", "map of numbers", "map of lists"],
)
def test_json(value: Any, expected: list[Entry]) -> None:
    """Arrays and maps are read, written on one line or on many."""
    assert rows(json.dumps(value)) == expected
    assert rows("\n" + json.dumps(value, indent=2) + "\n") == expected


@pytest.mark.parametrize("key", [*LISTS, LISTS[0].upper()])
def test_json_with_a_list_under_a_key(key: str) -> None:
    """The list may stand under one of some keys, wherever in the object."""
    other = [{"results": [1], "data": "x"}]
    for value in (
        {key: [{"ip": "8.8.8.8", **SAID}]},
        {"success": True, "pager": None, "before": other, key: [{"ip": "8.8.8.8", **SAID}], "after": other},
    ):
        assert rows(json.dumps(value)) == [ONE]
        assert rows(json.dumps(value, indent=1)) == [ONE]


def test_ndjson() -> None:
    """An object a line is read line by line: a broken one costs itself alone; the record of a feed's metadata is no row."""
    text = '{"cidr":"9.9.9.0/24","sblid":"SBL1"}\n\n{"cidr":\n{"ip":"8.8.8.8"}\n{"type":"metadata","records":2}\n'
    assert rows(text) == [
        entry("9.9.9.0", "9.9.9.255", "", "SBL1"),
        Refused("row 2", "is neither an object nor an address"),
        entry("8.8.8.8"),
        Refused("row 4", "is about a metadata", other=True),
    ]


def test_rows_about_other_things_are_told_apart() -> None:
    """A domain in a mixed list is no fault of the list."""
    listed = rows(json.dumps([{"type": "domain", "value": "bad.example"}, {"type": "ipv4", "value": "8.8.8.8"}]))
    assert listed == [Refused("row 1", "is about a domain", other=True), entry("8.8.8.8")]


@pytest.mark.parametrize(
    "value", [1, None, True, [], ["8.8.8.8"], {}, {"name": "x"}, {"ip": None}, {"ip": {"v": 4}}, "x"]
)
def test_a_bad_row_of_json(value: Any) -> None:
    """A row without an address is refused with its number, and the next one is read."""
    listed = rows(json.dumps([{"ip": "8.8.8.8"}, value, {"ip": "9.9.9.9"}]), "json")
    assert (listed[0], listed[2]) == (entry("8.8.8.8"), entry("9.9.9.9"))
    assert isinstance(listed[1], Refused)
    assert listed[1].where == "row 2"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"message": "quota_exceeded: 10 of 10"}, "is a message, not a list: quota_exceeded: 10 of 10"),
        ({"error": "no\nlicence"}, "is a message, not a list: no licence"),
        ({"error": {"message": "bad key", "developer_message": "x"}}, "is a message, not a list: bad key"),
        ({"error": {"developer_message": "bad key"}}, "is a message, not a list: bad key"),
        ({"success": False}, "is a message, not a list: success is false"),
    ],
)
def test_an_error_in_the_place_of_a_list(value: Any, words: str) -> None:
    """What a server says in the place of a list is told."""
    with pytest.raises(ListError) as caught:
        rows(json.dumps(value))
    assert str(caught.value) == words


@pytest.mark.parametrize(
    "text", ['[{"ip":"8.8.8.8"},{"ip":', '{"results":[{"ip":"8.8.8.8"}', '{"8.8.8.8":"x"', "[1,]", "[{}]x"]
)
def test_broken_json_is_refused(text: str) -> None:
    """JSON that is cut or wrong is an error, since nobody knows what else is missing."""
    with pytest.raises(ListError, match=r"^is broken or cut JSON"):
        rows(text, "json")


def test_something_else_is_no_json() -> None:
    """What is said to be JSON and is not is an error."""
    with pytest.raises(ListError, match=r"^is no JSON$"):
        rows("8.8.8.8\n", "json")


# which form it is


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.8.8.8\n", "plain"),
        ("", "plain"),
        ("# list\n; of addresses\n8.8.8.8 ; comment, with comma\n", "plain"),
        ("[2a00::1]:443\n", "plain"),
        ("a,b\n1,2\n", "plain"),
        ("address\n8.8.8.8\n", "csv"),
        ("\n# comment\nip;name\n8.8.8.8;x\n", "csv"),
        ("# id,ip\n1,8.8.8.8\n", "csv"),
        (" \n[ {", "json"),
        ('["8.8.8.8"]', "json"),
        ("[]", "json"),
        ("\t{", "json"),
    ],
)
def test_the_form_is_found_out(text: str, expected: str) -> None:
    """The first characters tell the form."""
    assert form(text.encode()) == expected


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.binary(max_size=200))
def test_any_octets(kind: str, text: bytes) -> None:
    """Whatever a list holds, it is entries, refused rows, or a ListError."""
    for before in (b"", b"ip,name\n", b'[{"ip":', b'{"results":[', b'{"8.8.8.8":'):
        try:
            listed = rows(before + text, kind)
        except ListError:
            continue
        assert all(isinstance(row, Entry | Refused) for row in listed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 300) | st.text(max_size=5) | st.just("8.8.8.8"),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["ip", "results", "8.8.8.8", "x"]), inner)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json(value: Any) -> None:
    """Whatever JSON says, it is entries, refused rows, or a ListError."""
    try:
        listed = rows(json.dumps(value), "json")
    except ListError:
        return
    assert all(isinstance(row, Entry | Refused) for row in listed)
