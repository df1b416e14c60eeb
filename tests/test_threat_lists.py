import json
import os
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from flowcoll.config import ThreatListOptions
from flowcoll.enrich.locality import MAPPED, is_private, packed, parse
from flowcoll.errors import ConfigError
from flowcoll.threat.entries import Entry
from flowcoll.threat.lists import Lists, Stated, Threat, build, confidence_word
from flowcoll.threat.unwrap import at_once

MADE = "2026-01-02T03:04:05.000Z"


@pytest.fixture
def write(tmp_path: Path) -> Any:
    numbers = count()

    def write(octets: str, name: str = "mine", **said: Any) -> ThreatListOptions:
        path = tmp_path / f"{next(numbers)}.list"
        path.write_text(octets)
        os.utime(path, (1767323045, 1767323045))
        given: dict[str, Any] = {"enable": True, "type": "auto", "path": path, "label": "", "confidence": None} | said
        return ThreatListOptions(
            name=name, url=None, username="", password="", header="", refresh_interval=1440, **given
        )

    return write


def threat(**said: str) -> Threat:
    nothing = dict.fromkeys(Threat._fields, "")
    return Threat(**(nothing | {"name": "mine", "feed": "mine", "listed": MADE} | said))


def test_what_a_match_says(write: Any) -> None:
    """A threat says name, feed, confidence, description, times, reference and when the list was made."""
    octets = (
        "ip,name,feed,confidence,description,first_seen,last_seen,link\n"
        "8.8.8.8,Botnet,abc,75,C2,2021-03-05 08:00:00,yesterday,https://x.example/\n"
    )
    lists = Lists.load([write(octets)])
    said = {
        "name": "Botnet",
        "feed": "abc",
        "confidence": "High",
        "description": "C2",
        "reference": "https://x.example/",
    }
    assert lists.match(parse("8.8.8.8")) == (threat(**said, first_seen="2021-03-05T08:00:00.000Z"),)
    assert lists.listed(parse("8.8.8.8")) is True
    assert lists.match(parse("8.8.8.9")) == ()
    assert lists.listed(parse("8.8.8.9")) is False


def test_what_a_row_does_not_say_the_options_say(write: Any) -> None:
    """Label and confidence come from the options where the row has none; without them, the name of the list."""
    octets = "ip,name,confidence\n8.8.8.8,,\n9.9.9.9,Botnet,10\n"
    lists = Lists.load([write(octets, label="Bad", confidence=50), write("1.1.1.1\n", name="other")])
    assert lists.match(parse("8.8.8.8")) == (threat(name="Bad", confidence="Medium"),)
    assert lists.match(parse("9.9.9.9")) == (threat(name="Botnet", confidence="Low"),)
    assert lists.match(parse("1.1.1.1")) == (threat(name="other", feed="other"),)


def test_texts_of_many_lines_become_one(write: Any) -> None:
    """What a row says is shown on one line, and cannot be taken for another row's words."""
    row = {"ip": "8.8.8.8", "name": "Bot\nnet", "description": "a\n\nb\n\u2028c\0", "feed": "x"}
    (found,) = Lists.load([write(json.dumps([row]))]).match(parse("8.8.8.8"))
    assert (found.name, found.description, found.feed) == ("Bot net", "a b c\0", "x")


def test_the_longest_prefix_of_a_list_counts(write: Any) -> None:
    """Within a list the most specific entry counts, on both sides of it the wider one; ranges go by their size."""
    entries = ["8.0.0.0/8", "8.8.8.0/24", "8.8.8.8", "8.8.8.4-8.8.8.20", "2a00::/16", "2a00:1::/32"]
    lists = Lists.load([write(json.dumps({each: each for each in entries}))])
    found = {
        address: [each.name for each in lists.match(parse(address))]
        for address in ("7.255.255.255", "8.0.0.0", "8.8.8.0", "8.8.8.3", "8.8.8.4", "8.8.8.8", "8.8.8.9", "8.8.8.20")
    }
    assert found == {
        "7.255.255.255": [],
        "8.0.0.0": ["8.0.0.0/8"],
        "8.8.8.0": ["8.8.8.0/24"],
        "8.8.8.3": ["8.8.8.0/24"],
        "8.8.8.4": ["8.8.8.4-8.8.8.20"],
        "8.8.8.8": ["8.8.8.8"],
        "8.8.8.9": ["8.8.8.4-8.8.8.20"],
        "8.8.8.20": ["8.8.8.4-8.8.8.20"],
    }
    assert [t.name for t in lists.match(parse("2a00:1::5"))] == ["2a00:1::/32"]
    assert [t.name for t in lists.match(parse("2a00:2::5"))] == ["2a00::/16"]
    assert lists.match(parse("2a01::")) == ()


def test_all_lists_are_kept(write: Any) -> None:
    """Every list that names an address has its say, in the order of the names."""
    lists = Lists.load([write("8.8.8.0/24\n", name="b"), write("8.8.8.8\n", name="a"), write("9.9.9.9\n", name="c")])
    assert [each.feed for each in lists.match(parse("8.8.8.8"))] == ["a", "b"]


def test_one_entry_twice(write: Any) -> None:
    """An entry that a list gives twice says each thing once."""
    lists = Lists.load([write("ip,name\n8.8.8.8,One\n8.8.8.8,Two\n8.8.8.8,One\n8.8.8.8/32,Two\n")])
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


@pytest.mark.parametrize("kind", ["auto", "plain"])
def test_a_few_bad_rows_are_counted(write: Any, kind: str) -> None:
    """Up to a fifth of the rows may be bad: the list is used, and its state says how many and where the first is."""
    lists = Lists.load([write("8.8.8.8\n9.9.9.9\nbad\n1.1.1.1\n1.1.1.2\n10.0.0.0/8\n", type=kind)])
    assert lists.states() == {
        "threat_mine": {
            "state": "on",
            "entries": 5,
            "networks": 1,
            "private": 1,
            "refused": 1,
            "first_refused": "line 3: 'bad' is not an IP address",
            "listed": MADE,
        }
    }


def test_rows_about_other_things_do_not_count_as_bad(write: Any) -> None:
    """A list of which most rows are domains is used for its addresses."""
    lists = Lists.load([write("type,value\nip,8.8.8.8\n" + "domain,bad.example\n" * 9)])
    state = lists.states()["threat_mine"]
    assert (state["entries"], state["refused"], state["others"]) == (1, 0, 9)


def test_too_many_bad_rows_refuse_the_list(write: Any) -> None:
    """More than a fifth is an error that names option, file, line and reason."""
    words = (
        r"^EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_PATH: \S+\.list holds no address in 1 of its 4 rows "
        r"\(line 2: 'bad' is not an IP address\)$"
    )
    with pytest.raises(ConfigError, match=words):
        Lists.load([write("8.8.8.8\nbad\n9.9.9.9\n1.1.1.1\n")])


@pytest.mark.parametrize("octets", [b"\x1f\x8b\x08", b"<html>", b'[{"ip":', b"x"])
def test_what_is_no_list_is_named(write: Any, octets: bytes) -> None:
    """A file that is damaged or something else is an error that names option, file and the type it was said to have."""
    wanted = write("", type="json")
    wanted.path.write_bytes(octets)
    with pytest.raises(ConfigError, match=r"^EF_\S+_MINE_PATH: \S+\.list (is|holds) [^\n]*; is json its type\?$"):
        Lists.load([wanted])


def test_a_file_that_cannot_be_read_is_named(write: Any, tmp_path: Path) -> None:
    """A path that cannot be read is an error that names option, path and reason."""
    for path, why in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=rf"^EF_\S+_MINE_PATH: cannot read {path} \({why}\); give"):
            Lists.load([write("", path=path)])


@pytest.mark.parametrize("octets", ["", "# nothing\n", "bad\n"])
def test_a_list_without_an_address_is_refused(write: Any, octets: str) -> None:
    """A list that names nobody is an error, since it would never match."""
    with pytest.raises(ConfigError, match=r"^EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_PATH: .* holds no address"):
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


def test_a_list_is_replaced_at_once(write: Any) -> None:
    """A new list counts from the moment it is put in, others stay; whoever remembers matches is told, and relieved."""
    lists = Lists.load([write("8.8.8.8\n", name="a"), write("9.9.9.9\n", name="c")])
    known = dict.fromkeys(range(1000), "remembered")
    asked: list[bool] = []

    def forget() -> list[dict[Any, Any]]:
        asked.append(lists.listed(parse("1.1.1.1")))
        return [known]

    lists.on_change(forget)
    pauses: list[int] = []
    address = parse("1.1.1.1")
    lists.put("b", build([Entry(address, address)], Stated("b", MADE), at_once), lambda: pauses.append(len(known)))
    assert asked == [True]
    assert known == {}
    assert max(a - b for a, b in zip([1000, *pauses], [*pauses, 0], strict=True)) <= 64
    assert [lists.listed(parse(text)) for text in ("8.8.8.8", "1.1.1.1", "9.9.9.9")] == [True, True, True]
    lists.put("b", build([Entry(0x08080404, 0x08080404)], Stated("b", MADE), at_once), at_once)
    assert [lists.listed(parse(text)) for text in ("1.1.1.1", "8.8.4.4")] == [False, True]
    assert list(lists.states()) == ["threat_a", "threat_b", "threat_c"]


def test_somebody_else_tells_the_state(write: Any) -> None:
    """Who looks after a list tells its state, also while there is none yet."""
    lists = Lists.load([write("8.8.8.8\n", name="z")])
    lists.watch("a", lambda: {"state": "failed"})
    assert lists.states()["threat_a"] == {"state": "failed"}
    assert list(lists.states()) == ["threat_a", "threat_z"]


def test_others_may_work_while_a_list_is_built() -> None:
    """Between two pauses lies a small piece of work."""
    taken: list[int] = []
    pauses: list[int] = []

    def rows() -> Any:
        for number in range(10_000):
            taken.append(number)
            yield Entry(number << 8, number << 8, "x", "", None, str(number))

    found = build(rows(), Stated("x", MADE), lambda: pauses.append(len(taken)))
    assert max(b - a for a, b in zip([0, *pauses], pauses, strict=False)) <= 64
    assert len(pauses) > 2 * 10_000 // 64
    assert found.state["entries"] == 10_000
