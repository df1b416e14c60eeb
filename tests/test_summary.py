import io
from typing import Any

import pytest
from rich.console import Console

from corpus import Golden, goldens
from flowcoll.counters import Counts
from flowcoll.reasons import REASONS
from flowcoll.summary import Summary

LONG = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"


def document(source: str = "192.0.2.1", destination: str = "192.0.2.2", octets: int = 100) -> dict[str, Any]:
    return {
        "observer": {"ip": "127.20.0.1"},
        "source": {"ip": source, "bytes": octets},
        "destination": {"ip": destination},
        "network": {"bytes": octets, "packets": 2},
        "flow": {"export": {"type": "netflow", "version": 9}},
    }


def threatened(document: dict[str, Any], end: str, name: str, feed: str) -> dict[str, Any]:
    threat = {"name": [name], "feed": {"name": [feed]}}
    document["flow"][{"source": "src", "destination": "dst"}[end]] = {"sec": {"threat": threat}}
    joined = document.setdefault("sec", {}).setdefault("threat", {"name": [], "feed": {"name": []}, "ip": {"addr": []}})
    joined["name"].append(name)
    joined["feed"]["name"].append(feed)
    joined["ip"]["addr"].append(document[end]["ip"])
    return document


@pytest.fixture
def summary() -> Summary:
    return Summary(Counts(), clock=iter(range(100)).__next__)


def shown(summary: Summary, width: int = 80) -> str:
    stream = io.StringIO()
    summary.render(Console(file=stream, width=width))
    return stream.getvalue()


def test_exporters(summary: Summary) -> None:
    """Flows, octets and packets are counted for each exporter and protocol, and in total."""
    summary.add(document(octets=100))
    summary.add(document(octets=20))
    summary.add(document() | {"flow": {"export": {"type": "sflow", "version": 5}}})
    found = summary.as_dict()
    assert found["exporters"] == [
        {"exporter": "127.20.0.1", "protocol": "netflow 9", "flows": 2, "bytes": 120, "packets": 4},
        {"exporter": "127.20.0.1", "protocol": "sflow 5", "flows": 1, "bytes": 100, "packets": 2},
    ]
    assert (found["flows"], found["bytes"], found["packets"]) == (3, 220, 6)


def test_talkers(summary: Summary) -> None:
    """The addresses that carried most come first, with what they sent and what they received, both ways of a biflow."""
    summary.add(document("192.0.2.1", "192.0.2.2", 100))
    biflow = document("192.0.2.3", "192.0.2.1", 1000)
    biflow["destination"]["bytes"] = 50
    biflow["source"] |= {"as": {"organization": {"name": "Example"}}, "geo": {"country_iso_code": "SE"}}
    summary.add(biflow)
    found = [tuple(row.values()) for row in summary.as_dict()["talkers"]]
    assert found == [
        ("192.0.2.1", "", "", 2, 150, 1000),
        ("192.0.2.3", "Example", "SE", 1, 1000, 50),
        ("192.0.2.2", "", "", 1, 0, 100),
    ]
    for last in range(20):
        summary.add(document(f"198.51.100.{last}", "192.0.2.1", 2000 + last))
    assert len(summary.as_dict()["talkers"]) == 10


def test_countries(summary: Summary) -> None:
    """A flow counts once for each country it touches."""
    inland = document()
    inland["source"]["geo"] = inland["destination"]["geo"] = {"country_iso_code": "SE", "country_name": "Sweden"}
    abroad = document()
    abroad["destination"]["geo"] = {"country_iso_code": "GB"}
    summary.add(inland)
    summary.add(abroad)
    summary.add(document())
    found = [(row["country"], row["flows"]) for row in summary.as_dict()["countries"]]
    assert found == [("GB", 1), ("SE Sweden", 1)]


def test_threats(summary: Summary) -> None:
    """Each listed address is shown with the names and feeds of its own endpoint, not those of the other."""
    summary.add(threatened(threatened(document(), "source", "Scanner", "one"), "destination", "Botnet", "two"))
    summary.add(threatened(document(octets=7), "destination", "Botnet", "two"))
    inner = document()
    inner["sec"] = {"threat": {"name": "Tor", "feed": {"name": ["one", "two"]}, "ip": {"addr": "203.0.113.5"}}}
    summary.add(inner)
    found = [tuple(row.values()) for row in summary.as_dict()["threats"]]
    assert found == [
        ("192.0.2.2", ["Botnet"], ["two"], 2, 107, 4),
        ("192.0.2.1", ["Scanner"], ["one"], 1, 100, 2),
        ("203.0.113.5", ["Tor"], ["one", "two"], 1, 100, 2),
    ]
    lines = shown(summary).splitlines()
    place = next(number for number, line in enumerate(lines) if "203.0.113.5" in line and "Tor" in line)
    assert lines[place].split()[1:3] == ["Tor", "one"]
    assert lines[place + 1].split() == ["two"]


def test_counters() -> None:
    """Everything that did not become a document is named with its reason; what went well is not in that table."""
    counts = Counts({"datagrams.received": 5, "datagrams.refused.short_header": 3, "records.flow.netflow9": 77})
    counts.add("sets.skipped.quite_new")
    summary = Summary(counts)
    text = shown(summary)
    assert "refused 3" in text
    assert "shorter than its header" in text
    assert "quite new" in text
    assert "77" not in text
    assert summary.as_dict()["counters"] == dict(counts)


def test_elapsed(summary: Summary) -> None:
    """The time from the start to the summary is shown."""
    assert summary.as_dict()["elapsed_s"] == 1
    assert "; 2.0 s" in shown(summary)


def test_nothing(summary: Summary) -> None:
    """Without a flow there is one line and no empty table."""
    assert shown(summary) == "flows 0, 0 B; datagrams 0, refused 0; 1.0 s\n"


def test_bare_document(summary: Summary) -> None:
    """A document may lack everything: dropped fields are no reason to fail."""
    summary.add({})
    summary.add({"source": {}, "destination": {"ip": "192.0.2.1"}, "sec": {"threat": {}}})
    assert summary.as_dict()["flows"] == 2
    assert "192.0.2.1" in shown(summary)


@pytest.mark.parametrize("width", [80, 120])
def test_width(width: int) -> None:
    """At 80 columns no line is longer, and no address and no figure is cut, however long the names are."""
    summary = Summary(Counts({"sets.refused." + "reason_" * 20: 1}), clock=lambda: 0.0)
    long = threatened(document(LONG, "192.0.2.2", 987_654_321), "source", "A malware family " * 4, "a feed " * 9)
    long["source"] |= {
        "as": {"organization": {"name": "An Organisation With A Long Name " * 3}},
        "geo": {"country_iso_code": "GB", "country_name": "The Country With The Longest Name " * 3},
    }
    summary.add(long)
    text = shown(summary, width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count(LONG) == 2
    assert text.count("987.7 MB") == 6


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (10**12, "1.0 TB"),
        (3 * 10**18, "3000.0 PB"),
    ],
)
def test_units(octets: int, text: str, summary: Summary) -> None:
    """Octets are shown in decimal units."""
    summary.add(document(octets=octets))
    assert shown(summary).startswith(f"flows 1, {text};")


def test_strange_names(summary: Summary) -> None:
    """A name from a list cannot write to the terminal: no markup, no escape sequence, no line of its own."""
    summary.add(threatened(document(), "source", "[red]x[/]\x1b[31m\nfake", "feed"))
    text = shown(summary)
    assert "[red]x[/]\ufffd[31m\ufffdfake" in text


def test_many_exporters(summary: Summary) -> None:
    """Exporters stand in the order of their addresses; a screen shows forty of them and says how many more there are."""
    for last in reversed(range(100)):
        summary.add(document() | {"observer": {"ip": f"192.0.2.{last}"}})
    summary.add(document() | {"observer": {"ip": "2001:db8::1"}})
    found = [row["exporter"] for row in summary.as_dict()["exporters"]]
    assert found == [*(f"192.0.2.{last}" for last in range(100)), "2001:db8::1"]
    text = shown(summary)
    assert "and 61 more" in text
    assert "192.0.2.40 " not in text


def test_names_of_exporters() -> None:
    """What a caller knows of exporters stands beside their addresses."""
    summary = Summary(Counts(), names={"127.20.0.1": "the router in the cellar"})
    summary.add(document())
    summary.add(document() | {"observer": {"ip": "127.20.0.2"}})
    rows = [line.split("  ") for line in shown(summary).splitlines() if line.startswith("127.20.0.")]
    assert [row[1].strip() for row in rows] == ["the router in the cellar", ""]


@pytest.mark.parametrize("case", goldens(), ids=str)
def test_reasons(case: Golden) -> None:
    """Every reason that the golden corpus gives for a refusal is told in words."""
    counted = dict(line.split() for line in (case.folder / "expected.counters").read_text().splitlines())
    reasons = {key for key in counted if ".refused." in key or ".skipped." in key}
    assert reasons <= REASONS.keys()
