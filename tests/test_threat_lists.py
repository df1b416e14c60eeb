import ipaddress
import os
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.config import ThreatListOptions
from flowcoll.enrich.locality import MAPPED, is_private, packed, parse, text
from flowcoll.errors import ConfigError
from flowcoll.threat.lists import Lists, Threat, confidence_word

MADE = "2026-01-02T03:04:05.000Z"
BASE = int(ipaddress.IPv4Address("8.8.8.0"))


@pytest.fixture
def write(tmp_path: Path) -> Any:
    numbers = count()

    def write(octets: str, name: str = "mine", **said: Any) -> ThreatListOptions:
        path = tmp_path / f"{next(numbers)}.list"
        path.write_text(octets)
        os.utime(path, (1767323045, 1767323045))
        given: dict[str, Any] = {"enable": True, "type": "plain", "path": path, "label": "", "confidence": None} | said
        return ThreatListOptions(
            name=name, url=None, username="", password="", header="", refresh_interval=1440, **given
        )

    return write


def threat(prefix: str, **said: str) -> Threat:
    facts = {
        "name": "mine",
        "feed": "mine",
        "confidence": "",
        "description": "",
        "listed": MADE,
        "prefix": prefix,
    } | said
    return Threat(**facts)


def test_what_a_match_says(write: Any) -> None:
    """A threat says name, feed, confidence, description, time of the list and the entry that matched."""
    lists = Lists.load([write("ip,name,feed,confidence,description\n8.8.8.8,Botnet,abc,75,C2\n", type="csv")])
    said = threat("8.8.8.8/32", name="Botnet", feed="abc", confidence="High", description="C2")
    assert lists.match(parse("8.8.8.8")) == (said,)
    assert lists.listed(parse("8.8.8.8")) is True
    assert lists.match(parse("8.8.8.9")) == ()
    assert lists.listed(parse("8.8.8.9")) is False


def test_what_a_row_does_not_say_the_options_say(write: Any) -> None:
    """Label and confidence come from the options where the row has none; without them, the name of the list."""
    octets = "ip,name,confidence\n8.8.8.8,,\n9.9.9.9,Botnet,10\n"
    lists = Lists.load([write(octets, type="csv", label="Bad", confidence=50), write("1.1.1.1\n", name="other")])
    assert lists.match(parse("8.8.8.8")) == (threat("8.8.8.8/32", name="Bad", confidence="Medium"),)
    assert lists.match(parse("9.9.9.9")) == (threat("9.9.9.9/32", name="Botnet", confidence="Low"),)
    assert lists.match(parse("1.1.1.1")) == (threat("1.1.1.1/32", name="other", feed="other"),)


def test_the_longest_prefix_of_a_list_counts(write: Any) -> None:
    """Within a list the most specific entry counts, on both sides of it the wider one; ranges go by their size."""
    lists = Lists.load([write("8.0.0.0/8\n8.8.8.0/24\n8.8.8.8\n8.8.8.4-8.8.8.20\n2a00::/16\n2a00:1::/32\n")])
    found = {
        address: [each.prefix for each in lists.match(parse(address))]
        for address in ("7.255.255.255", "8.0.0.0", "8.8.8.0", "8.8.8.3", "8.8.8.4", "8.8.8.8", "8.8.8.9", "8.8.8.20")
    }
    assert found == {
        "7.255.255.255": [],
        "8.0.0.0": ["8.0.0.0/8"],
        "8.8.8.0": ["8.8.8.0/24"],
        "8.8.8.3": ["8.8.8.0/24"],
        "8.8.8.4": ["8.8.8.4-8.8.8.20"],
        "8.8.8.8": ["8.8.8.8/32"],
        "8.8.8.9": ["8.8.8.4-8.8.8.20"],
        "8.8.8.20": ["8.8.8.4-8.8.8.20"],
    }
    assert [t.prefix for t in lists.match(parse("2a00:1::5"))] == ["2a00:1::/32"]
    assert [t.prefix for t in lists.match(parse("2a00:2::5"))] == ["2a00::/16"]
    assert lists.match(parse("2a01::")) == ()


def test_all_lists_are_kept(write: Any) -> None:
    """Every list that names an address has its say, in the order of the names."""
    lists = Lists.load([write("8.8.8.0/24\n", name="b"), write("8.8.8.8\n", name="a"), write("9.9.9.9\n", name="c")])
    assert [(each.feed, each.prefix) for each in lists.match(parse("8.8.8.8"))] == [
        ("a", "8.8.8.8/32"),
        ("b", "8.8.8.0/24"),
    ]


def test_one_entry_twice(write: Any) -> None:
    """An entry that a list gives twice says each thing once."""
    lists = Lists.load([write("ip,name\n8.8.8.8,One\n8.8.8.8,Two\n8.8.8.8,One\n8.8.8.8/32,Two\n", type="csv")])
    assert [each.name for each in lists.match(parse("8.8.8.8"))] == ["One", "Two"]
    assert lists.states()["threat_mine"]["entries"] == 1


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.1", "127.0.0.1", "224.0.0.1", "fe80::1", "::ffff:10.1.2.3"])
def test_private_addresses_never_match(write: Any, address: str) -> None:
    """An address that is not public never matches, even if it is listed, alone or with the whole Internet round it."""
    lists = Lists.load([write(f"{address}\n0.0.0.0/1\n128.0.0.0/1\n::/1\n8000::/1\n")])
    assert lists.match(parse(address)) == ()
    assert lists.listed(parse(address)) is False
    assert lists.states()["threat_mine"]["private"] >= 1


def test_mapped_addresses_match_as_ipv4(write: Any) -> None:
    """An IPv4-mapped address is on the list if its IPv4 address is."""
    lists = Lists.load([write("8.8.8.8\n::ffff:9.9.9.0/120\n")])
    assert lists.listed(MAPPED + packed(parse("8.8.8.8")))
    assert lists.listed(parse("9.9.9.77"))


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=8), st.booleans())
def test_the_smallest_span_counts(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int]], six: bool
) -> None:
    """For any ranges, also such that overlap, an address has what the smallest one over it says, the lower first."""

    def key(offset: int) -> Any:
        return (0x2A << 120 | offset).to_bytes(16, "big") if six else BASE + offset

    ranges = [(min(span), max(span)) for span in spans]
    path = tmp_path_factory.getbasetemp() / "spans"
    path.write_text("1.1.1.1\n" + "".join(f"{text(key(first))}-{text(key(last))}\n" for first, last in ranges))
    wanted = ThreatListOptions("x", True, "plain", path, "", None, None, "", "", "", 1440)
    lists = Lists.load([wanted])
    for offset in range(256):
        over = [(last - first, first, last) for first, last in ranges if first <= offset <= last]
        found = lists.match(key(offset))
        assert bool(found) is bool(over)
        if over:
            first = min(over)[1]
            assert found[0].prefix.partition("/")[0].partition("-")[0] == text(key(first))
            assert len(found) == 1


def test_a_few_bad_rows_are_counted(write: Any) -> None:
    """Up to a fifth of the rows may be bad: the list is used, and its state says how many and where the first is."""
    lists = Lists.load([write("8.8.8.8\n9.9.9.9\nbad\n1.1.1.1\n1.1.1.2\n10.0.0.0/8\n")])
    assert lists.states() == {
        "threat_mine": {
            "state": "on",
            "entries": 5,
            "private": 1,
            "refused": 1,
            "first_refused_line": 3,
            "listed": MADE,
        }
    }


def test_too_many_bad_rows_refuse_the_list(write: Any) -> None:
    """More than a fifth is an error that names option, file, line and reason."""
    words = r"^EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_PATH: 1 of 4 rows of .* hold no address; line 2: 'bad' is not an IP address"
    with pytest.raises(ConfigError, match=words):
        Lists.load([write("8.8.8.8\nbad\n9.9.9.9\n1.1.1.1\n")])


@pytest.mark.parametrize("octets", ["", "# nothing\n", "bad\n"])
def test_a_list_without_an_address_is_refused(write: Any, octets: str) -> None:
    """A list that names nobody is an error, since it would never match."""
    with pytest.raises(ConfigError, match=r"^EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_PATH: .* lists no address"):
        Lists.load([write(octets)])


def test_a_list_without_a_path_is_refused(write: Any) -> None:
    """An enabled list must say where it is."""
    with pytest.raises(ConfigError, match=r"THREAT_MINE_PATH is empty; .* or set EF_\S+_THREAT_MINE_ENABLE to false$"):
        Lists.load([write("", path=None)])


def test_a_list_that_is_off_is_not_read(write: Any, tmp_path: Path) -> None:
    """A list that is not enabled is neither opened nor shown."""
    lists = Lists.load([write("", path=tmp_path / "none", enable=False)])
    assert lists.states() == {}
    assert lists.match(parse("8.8.8.8")) == ()


@pytest.mark.parametrize(
    ("value", "word"),
    [(None, ""), (0, "None"), (1, "Low"), (29, "Low"), (30, "Medium"), (69, "Medium"), (70, "High"), (100, "High")],
)
def test_confidence_words(value: int | None, word: str) -> None:
    """A score becomes the word that ECS has for it."""
    assert confidence_word(value) == word


def test_only_public_addresses_match_everything(write: Any) -> None:
    """A list of both halves of IPv4 matches exactly the public addresses."""
    lists = Lists.load([write("0.0.0.0/1\n128.0.0.0/1\n")])
    for address in range(0, 2**32, 15_485_863):
        assert lists.listed(address) is not is_private(address)
