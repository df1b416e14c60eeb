"""Lists in the shape in which feeds publish them; addresses and texts are our own."""

import gzip
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.locality import parse
from flowcoll.errors import ListError
from flowcoll.threat.reading.entries import Entry, Refused
from flowcoll.threat.reading.readers import form, read
from flowcoll.threat.reading.unwrap import at_once, unwrapped

FORMS = ["auto", "plain", "csv", "json", "yaml", "dshield"]


def rows(text: str, kind: str = "auto") -> list[Entry | Refused]:
    return list(read(text.encode(), kind))


def entry(first: str, last: str = "", **said: Any) -> Entry:
    return Entry(parse(first), parse(last or first), **said)


# feeds

FEODO = """[
    {"ip_address": "192.0.2.7", "port": 443, "status": "online", "hostname": null, "as_number": 64496,
     "as_name": "EXAMPLE", "country": "ZZ", "first_seen": "2026-01-02 03:04:05", "last_online": "2026-05-06", "malware": "Ours"}
]"""


def test_feodo() -> None:
    """Feodo Tracker: an array of objects, which may be empty."""
    said = {"label": "Ours", "first_seen": "2026-01-02 03:04:05", "last_seen": "2026-05-06"}
    assert rows(FEODO) == [entry("192.0.2.7", **said)]
    assert rows("[\n]\n", "json") == []
    assert rows("[]") == []


FEODO_CSV = """\
################################################################\r
# a list of ours (CSV)                                         #\r
# Last updated: 2026-01-02 03:04:05 UTC, every 5 minutes       #\r
################################################################\r
#\r
# "first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"\r
"2026-01-02 03:04:05","192.0.2.7","443","online","2026-05-06","Ours"\r
"2026-01-02 03:04:05", "2001:db8::7", "443", "online", "2026-05-06", "Ours, too"\r
# END 2 entries\r
"""


def test_abuse_ch_csv() -> None:
    """abuse.ch's CSV names its columns in a comment."""
    said = {"first_seen": "2026-01-02 03:04:05", "last_seen": "2026-05-06"}
    assert rows(FEODO_CSV) == [
        entry("192.0.2.7", label="Ours", **said),
        entry("2001:db8::7", label="Ours, too", **said),
    ]
    after = FEODO_CSV.replace('malware"\r\n', 'malware"\r\n#\r\n', 1)
    assert rows(after) == rows(FEODO_CSV), "whatever comment follows"


def test_a_comment_that_only_looks_like_a_header() -> None:
    """A plain list stays one, whatever words its comments have."""
    assert rows("# name, address, and reason\n192.0.2.1\n") == [entry("192.0.2.1")]


def _ioc(value: str, kind: str) -> dict[str, Any]:
    said = {
        "ioc_value": value,
        "ioc_type": kind,
        "threat_type": "botnet_cc",
        "malware": "win.ours",
        "malware_alias": None,
    }
    more = {"malware_printable": "Ours", "first_seen_utc": "2026-01-02 03:04:05", "last_seen_utc": None}
    return said | more | {"confidence_level": 75, "reference": "", "tags": "a,b", "anonymous": "0", "reporter": "us"}


def test_threatfox_export() -> None:
    """ThreatFox: numbers, each with an array of indicators; only addresses are of use."""
    kinds = [("192.0.2.7:443", "ip:port"), ("bad.example", "domain"), ("2001:db8::7:443", "ip:port")]
    export = {str(number): [_ioc(*each)] for number, each in enumerate(kinds)}
    said = {"label": "Ours", "confidence": 75, "first_seen": "2026-01-02 03:04:05"}
    assert rows(json.dumps(export, indent=4)) == [
        entry("192.0.2.7", **said),
        Refused("row 2", "is about a domain", other=True),
        entry("2001:db8::7", **said),
    ]


DROP = """\
{"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"ours"}
{"cidr":"2001:db8::/32","sblid":"SBL2","rir":"ours"}
{"type":"metadata","timestamp":1767225600,"size":99,"records":2,"copyright":"(c) 2026 Example","terms":"https://x.example/"}
"""


def test_spamhaus_drop() -> None:
    """Spamhaus DROP: an object a line; the last one is about the list, and its copyright text is kept."""
    assert rows(DROP) == [
        entry("192.0.2.0", "192.0.2.255", feed="SBL1"),
        entry("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", feed="SBL2"),
        Refused("row 3", "is about a metadata", other=True, terms="(c) 2026 Example https://x.example/"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DROP.split("\n", 1)[1], "is cut: it says that it has 2 records, and has 1"),
        (DROP[: DROP.index('{"type"')], "is cut: the line that ends it is missing"),
        (DROP[:-30], "is cut: the line that ends it is missing"),
    ],
    ids=["a line is missing", "the end is missing", "the end is cut"],
)
def test_a_drop_that_is_cut(text: str, words: str) -> None:
    """A list that says how long it is has to be so long."""
    with pytest.raises(ListError) as caught:
        rows(text)
    assert (str(caught.value), caught.value.reason) == (words, "cut")


DSHIELD = """\
# a list of ours
#
#  updated: 2026-01-02
# columns (tab delimited):
#    (1) start of netblock
#
{}Start\tEnd\tNetmask\tAttacks\tName\tCountry\temail
192.0.2.0\t192.0.2.255\t24\t1234\tEXAMPLE-NET\tZZ\tabuse@example.org
198.51.100.0\t198.51.100.255\t24\t99\t\t\t
"""


@pytest.mark.parametrize("kind", ["auto", "dshield"])
@pytest.mark.parametrize("before", ["", "#", "# "], ids=["header", "comment", "spaced comment"])
def test_dshield(before: str, kind: str) -> None:
    """DShield: a range a line; the name in it is that of the network, and no threat."""
    assert rows(DSHIELD.format(before), kind) == [
        entry("192.0.2.0", "192.0.2.255", description="EXAMPLE-NET, ZZ"),
        entry("198.51.100.0", "198.51.100.255"),
    ]


def test_dshield_without_header() -> None:
    """The order of its columns is known."""
    text = "192.0.2.0\t192.0.2.255\t24\nword\n1\t2\n"
    assert rows(text)[0] == entry("192.0.2.0", "192.0.2.255")
    assert [row.where for row in rows(text)[1:] if isinstance(row, Refused)] == ["line 2", "line 3"]


# yaml


YAML = """\
# ours
- address: 192.0.2.0/24
  label: Scanner
  confidence: 80
  expires: 2030-01-01
- {ip: "2001:db8::1 - 2001:db8::9", tags: [a, b]}
- 192.0.2.7
- 2001:db8::
- name: no address
"""


@pytest.mark.parametrize("kind", ["auto", "yaml"])
def test_own_yaml(kind: str) -> None:
    """A list of mappings with the names that other forms have, or of bare addresses; a bad one costs itself alone."""
    expected = [
        entry("192.0.2.0", "192.0.2.255", label="Scanner", confidence=80, expires="2030-01-01T23:59:59.999"),
        entry("2001:db8::1", "2001:db8::9", label="a, b"),
        entry("192.0.2.7"),
        entry("2001:db8::"),
        Refused("line 9", "'' is not an IP address"),
    ]
    assert rows(YAML, kind) == expected
    assert rows("entries:\n" + YAML, "yaml")[:4] == expected[:4]
    assert rows("---\n" + YAML, kind)[:4] == expected[:4]


DICTIONARY = """\
"192.0.2.7": "malware, botnet"
'192.0.2.8': 'c&c'  # why
192.0.2.0/24: scanner
2001:db8::1: tor, exit

"word": "x"
"""


@pytest.mark.parametrize("kind", ["auto", "yaml"])
@pytest.mark.parametrize("more", ["", "'192.0.2.9':\n  score: 30\n192.0.2.10: [a, b]\n"], ids=["plain", "with others"])
def test_the_old_dictionary(more: str, kind: str) -> None:
    """A mapping address -> tags, read line by line, or as YAML where one line is not as simple: the rows are the same."""
    expected = [
        entry("192.0.2.7", label="malware, botnet"),
        entry("192.0.2.8", label="c&c"),
        entry("192.0.2.0", "192.0.2.255", label="scanner"),
        entry("2001:db8::1", label="tor, exit"),
        Refused("line 6", "'word' is not an IP address"),
    ]
    others = [entry("192.0.2.9", confidence=30), entry("192.0.2.10", label="a, b")] if more else []
    assert rows(DICTIONARY + more, kind) == expected + others


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- &a [192.0.2.1]\n- *a\n", "cannot be read as YAML: line 1: has an anchor (& or *); write out what it"),
        ("192.0.2.1: [\n", "cannot be read as YAML: line 2: is not YAML ("),
        ("word\n", "cannot be read as YAML: line 1: is one text; write a list or a mapping"),
        ("- " * 20, "cannot be read as YAML: line 1: is nested too deeply"),
    ],
)
def test_wrong_yaml(text: str, words: str) -> None:
    """What is no YAML, or would become gigantic, is refused in one line that names the place."""
    with pytest.raises(ListError) as caught:
        rows(text, "yaml")
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- address: 192.0.2.1\n", "yaml"),
        ("---\n- x\n", "yaml"),
        ('# ours\n"192.0.2.1": "x"\n', "yaml"),
        ("192.0.2.1: x\n", "yaml"),
        ("192.0.2.1:\n  name: x\n", "yaml"),
        ("192.0.2.1:53\n", "plain"),
        ("2001:db8::\n", "plain"),
        ("2001:db8:: # x\n", "plain"),
        ("2001:db8::/32 ; x: y\n", "plain"),
        ("192.0.2.1 - 192.0.2.9\n", "plain"),
        ("ip: x, y\n", "plain"),
    ],
)
def test_yaml_is_told_from_plain_lists(text: str, expected: str) -> None:
    """A first line with a dash, or with an address and a colon behind it, is YAML."""
    assert form(text.encode()) == expected


@given(st.text(alphabet="0123456789abcdef.:/-\"'[]{},# \n\t&*|>", max_size=80), st.sampled_from(FORMS))
def test_any_text(text: str, kind: str) -> None:
    """Whatever a list holds, in whatever form, it is entries, refused rows, or a ListError of one line."""
    try:
        found = rows(text, kind)
    except ListError as exc:
        assert "\n" not in str(exc)  # noqa: PT017
        return
    assert all(isinstance(row, Entry | Refused) for row in found)


@given(st.binary(max_size=100), st.sampled_from(FORMS))
def test_any_octets(octets: bytes, kind: str) -> None:
    """The same for octets, in a wrapping or not."""
    for wrapped in (octets, gzip.compress(octets)):
        try:
            found = list(read(unwrapped(wrapped, at_once), kind))
        except ListError:
            continue
        assert all(isinstance(row, Entry | Refused) for row in found)


N = 100_000
PATHOLOGICAL = {
    "brackets": b"[" * N,
    "objects": b'{"a":' * N,
    "lists": b'{"data":[' * N,
    "quotes": b'"' * N,
    "a quote in csv": b"ip,name\n" + b'"' * N,
    "blanks after a number": b"[1" + b" " * N,
    "blanks after a text": b'["a"' + b" " * N,
    "blanks after an object": b'[{"a":1}' + b" " * N,
    "blanks in a map": b'{"a":1' + b" " * N,
    "a long key": b'{"' + b"8" * 20 * N,
    "escapes": b'{"' + b"\\\\" * N,
    "a long line": b"8" * 20 * N,
    "a long line of columns": b"," * 20 * N,
    "closing brackets": b'[{"a":1}' + b"} " * N,
    "a broken second line": b'{"a":1}\n' + b"{" * N,
    "dashes": b"- " * N,
    "a long key of yaml": b"192.0.2.1" + b" " * N + b": x",
    "a long value of yaml": b"192.0.2.1: " + b"8 " * 30_000 + b"!",
    "a comment of yaml": b'"192.0.2.1": "a"' + b" #" * N,
    "anchors": b"- &a [x]\n" + b"- [*a, *a]\n" * 1000,
    "many columns": b"ip" + b",a" * 30_000 + b"\n192.0.2.1\n",
}


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_time_is_bounded(name: str, kind: str) -> None:
    """No text takes a time that grows faster than it does."""
    start = time.process_time()
    try:
        for _ in read(PATHOLOGICAL[name], kind):
            pass
    except ListError:
        pass
    assert time.process_time() - start < 3, "a hundred thousand squared would be minutes"


def test_a_long_line_is_refused() -> None:
    """A line that cannot be a row is one refused row, and is not told as a whole."""
    long = "8" * 1_000_000
    for text, kind in ((f"{long}\n192.0.2.1\n", "plain"), (f"ip,x\n{long}\n192.0.2.1\n", "csv")):
        bad, good = rows(text, kind)
        assert isinstance(bad, Refused)
        assert bad.why == "has more than 65,536 characters"
        assert good == entry("192.0.2.1")
