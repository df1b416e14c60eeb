import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from flowcoll.enrich.locality import MAPPED, is_private, packed, parse
from flowcoll.errors import ListError
from flowcoll.threat.matching.lists import Lists, Stated, Threat, ThreatList, compile_list, confidence_word
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading.entries import Entry, Refused
from flowcoll.threat.reading.readers import Row, read
from flowcoll.threat.reading.unwrap import Pause, at_once

MADE = "2026-01-02T03:04:05.000Z"


def build(rows: Iterable[Row], stated: Stated, pause: Pause = at_once) -> ThreatList:
    """A list in memory."""
    file = io.BytesIO()
    compile_list(rows, stated, file, pause)
    return ThreatList(Table(file.getvalue()))


def listing(text: str, name: str = "mine", kind: str = "auto", **said: Any) -> dict[str, ThreatList]:
    """A list in some form, by its name."""
    return {name: build(read(text.encode(), kind), Stated(name, MADE, **said))}


def lists_of(*several: Mapping[str, ThreatList]) -> Lists:
    """Lists in use."""
    return Lists({name: made for some in several for name, made in some.items()})


def threat(**said: str) -> Threat:
    nothing = dict.fromkeys(Threat._fields, "")
    return Threat(**(nothing | {"name": "mine", "feed": "mine", "listed": MADE} | said))


def test_what_a_match_says() -> None:
    """A threat says name, feed, confidence, description, times, reference and when the list was made."""
    octets = (
        "ip,name,feed,confidence,description,first_seen,last_seen,link\n"
        "8.8.8.8,Botnet,abc,75,C2,2021-03-05 08:00:00,yesterday,https://x.example/\n"
    )
    lists = lists_of(listing(octets))
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


def test_what_a_row_does_not_say_the_options_say() -> None:
    """Label and confidence come from the options where the row has none; without them, the name of the list."""
    octets = "ip,name,confidence\n8.8.8.8,,\n9.9.9.9,Botnet,10\n"
    lists = lists_of(listing(octets, label="Bad", confidence=50), listing("1.1.1.1\n", name="other"))
    assert lists.match(parse("8.8.8.8")) == (threat(name="Bad", confidence="Medium"),)
    assert lists.match(parse("9.9.9.9")) == (threat(name="Botnet", confidence="Low"),)
    assert lists.match(parse("1.1.1.1")) == (threat(name="other", feed="other"),)


def test_texts_of_many_lines_become_one() -> None:
    """What a row says is shown on one line, and cannot be taken for another row's words."""
    row = {"ip": "8.8.8.8", "name": "Bot\nnet", "description": "a\n\nb\n\u2028c\0", "feed": "x"}
    (found,) = lists_of(listing(json.dumps([row]))).match(parse("8.8.8.8"))
    assert (found.name, found.description, found.feed) == ("Bot net", "a b c\0", "x")


def test_the_longest_prefix_of_a_list_counts() -> None:
    """Within a list the most specific entry counts, on both sides of it the wider one; ranges go by their size."""
    entries = ["8.0.0.0/8", "8.8.8.0/24", "8.8.8.8", "8.8.8.4-8.8.8.20", "2a00::/16", "2a00:1::/32"]
    lists = lists_of(listing(json.dumps({each: each for each in entries})))
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


def test_all_lists_are_kept() -> None:
    """Every list that names an address has its say, in the order of the names."""
    lists = lists_of(listing("8.8.8.0/24\n", name="b"), listing("8.8.8.8\n", name="a"), listing("9.9.9.9\n", name="c"))
    assert [each.feed for each in lists.match(parse("8.8.8.8"))] == ["a", "b"]


def test_one_entry_twice() -> None:
    """An entry that a list gives twice says each thing once."""
    lists = lists_of(listing("ip,name\n8.8.8.8,One\n8.8.8.8,Two\n8.8.8.8,One\n8.8.8.8/32,Two\n"))
    assert [each.name for each in lists.match(parse("8.8.8.8"))] == ["One", "Two"]
    assert lists.states()["threat_mine"]["entries"] == 1


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.1", "127.0.0.1", "224.0.0.1", "fe80::1", "::ffff:10.1.2.3"])
def test_private_addresses_never_match(address: str) -> None:
    """An address that is not public never matches, even if it is listed, alone or with the whole Internet round it."""
    lists = lists_of(listing(f"{address}\n0.0.0.0/1\n128.0.0.0/1\n::/1\n8000::/1\n"))
    assert lists.match(parse(address)) == ()
    assert lists.listed(parse(address)) is False
    assert lists.states()["threat_mine"]["private"] >= 1


def test_mapped_addresses_match_as_ipv4() -> None:
    """An IPv4-mapped address is on the list if its IPv4 address is."""
    lists = lists_of(listing("8.8.8.8\n::ffff:9.9.9.0/120\n"))
    assert lists.listed(MAPPED + packed(parse("8.8.8.8")))
    assert lists.listed(parse("9.9.9.77"))


@pytest.mark.parametrize("kind", ["auto", "plain"])
def test_a_few_bad_rows_are_counted(kind: str) -> None:
    """Up to a fifth of the rows may be bad: the list is used, and its state says how many and where the first is."""
    lists = lists_of(listing("8.8.8.8\n9.9.9.9\nbad\n1.1.1.1\n1.1.1.2\n10.0.0.0/8\n", kind=kind))
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


def test_rows_about_other_things_do_not_count_as_bad() -> None:
    """A list of which most rows are domains is used for its addresses."""
    lists = lists_of(listing("type,value\nip,8.8.8.8\n" + "domain,bad.example\n" * 9))
    state = lists.states()["threat_mine"]
    assert (state["entries"], state["refused"], state["others"]) == (1, 0, 9)


def test_too_many_bad_rows_refuse_the_list() -> None:
    """More than a fifth is an error that says where the first is and what is wrong with it."""
    words = r"^holds no address in 1 of its 4 rows \(line 2: 'bad' is not an IP address\)$"
    with pytest.raises(ListError, match=words) as found:
        listing("8.8.8.8\nbad\n9.9.9.9\n1.1.1.1\n")
    assert found.value.reason == "bad_rows"


@pytest.mark.parametrize("text", ["", "# nothing\n", "bad\n"])
def test_a_list_without_an_address_is_refused(text: str) -> None:
    """A list that names nobody is an error, since it would never match."""
    with pytest.raises(ListError, match=r"^holds no address"):
        listing(text)


@pytest.mark.parametrize(
    ("value", "word"),
    [(None, ""), (0, "None"), (1, "Low"), (29, "Low"), (30, "Medium"), (69, "Medium"), (70, "High"), (100, "High")],
)
def test_confidence_words(value: int | None, word: str) -> None:
    """A score becomes the word that ECS has for it."""
    assert confidence_word(value) == word


def test_only_public_addresses_match_everything() -> None:
    """A list of both halves of IPv4 matches exactly the public addresses."""
    lists = lists_of(listing("0.0.0.0/1\n128.0.0.0/1\n"))
    for address in range(0, 2**32, 15_485_863):
        assert lists.listed(address) is not is_private(address)


def test_a_list_is_replaced_at_once() -> None:
    """A new list counts from the moment it is put in, others stay; whoever remembers matches is told, and relieved."""
    lists = lists_of(listing("8.8.8.8\n", name="a"), listing("9.9.9.9\n", name="c"))
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


def test_somebody_else_tells_the_state() -> None:
    """Who looks after a list tells its state, also while there is none yet."""
    lists = lists_of(listing("8.8.8.8\n", name="z"))
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


def compiled(rows: Iterable[Row], **said: Any) -> tuple[Mapping[str, Any], Table]:
    """The state that a list of rows has, and its table."""
    file = io.BytesIO()
    given: dict[str, Any] = {"clock": lambda: 1767323045.0} | said
    state = compile_list(rows, Stated("mine", MADE, "Bad", 50), file, at_once, **given)
    return state, Table(file.getvalue())


def test_a_list_is_its_table() -> None:
    """A table alone says all of a list: name, label, confidence, age, state, and what it was made of."""
    rows = [Entry(parse("8.8.8.8"), parse("8.8.8.8")), Refused("row 2", "is bad"), *[Refused("", "", other=True)] * 3]
    rows += [Entry(address, address, "x") for address in range(9, 14)]
    state, table = compiled(rows, of={"stamps": [1]})
    found = ThreatList(table)
    assert table.about["of"] == {"stamps": [1]}
    assert found.state == state
    assert state == {
        "entries": 6,
        "networks": 0,
        "private": 5,
        "refused": 1,
        "first_refused": "row 2: is bad",
        "others": 3,
        "listed": MADE,
    }
    assert list(found.match(parse("8.8.8.8"))) == [threat(name="Bad", feed="mine", confidence="Medium")]


def test_what_has_expired_is_left_out() -> None:
    """A row counts until the moment it says, and is counted as expired from then on; a moment in other words does not end."""
    moments = ["", "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z", "2026-01-02 05:04:05+02:00", "2025-01-01", "soon"]
    rows = [Entry(number, number, str(number), expires=moment) for number, moment in enumerate(moments, 0x08080800)]
    state, table = compiled(rows)
    assert [table.find(row.first) != b"" for row in rows] == [True, False, True, False, False, True]
    assert (state["entries"], state["expired"], state["refused"]) == (3, 3, 0)
    with pytest.raises(ListError, match=r"^holds no address that has not expired; 2 have$"):
        compiled([rows[1], rows[3]])
    assert compiled([rows[1]], may_be_empty=True)[0]["expired"] == 1


def test_a_list_may_be_empty_where_that_is_allowed() -> None:
    """Some feeds are empty at times; a list that holds nothing but bad rows is none of them."""
    state, table = compiled([], may_be_empty=True)
    assert (state["entries"], table.find(parse("8.8.8.8"))) == (0, b"")
    with pytest.raises(ListError, match=r"^holds no address$") as found:
        compiled([])
    assert found.value.reason == "empty"
    with pytest.raises(ListError, match=r"^holds no address \(row 1: is bad\)$"):
        compiled([Refused("row 1", "is bad")], may_be_empty=True)


def test_rules_say_what_may_match() -> None:
    """A list matches an address only where the rule allows it, by the list's name; the rule can be replaced."""
    lists = Lists({name: build([Entry(8, 2**31)], Stated(name, MADE), at_once) for name in ("a", "b")})
    address = parse("8.8.8.8")
    asked: list[tuple[str, Any]] = []

    def allowed(name: str, address: Any) -> bool:
        asked.append((name, address))
        return name == "b"

    lists.rule(allowed)
    assert (lists.naming(address), [each.name for each in lists.match(address)]) == (("b",), ["b"])
    assert lists.listed(MAPPED + packed(address))
    assert set(asked) == {("a", address), ("b", address)}
    lists.rule(lambda _name, _address: False)
    assert (lists.listed(address), lists.naming(address), lists.match(address)) == (False, (), ())
    asked.clear()
    lists.rule(allowed)
    assert lists.naming(parse("10.0.0.1")) == lists.naming(parse("200.0.0.1")) == ()
    assert asked == []


def test_caches_forget_when_rules_change() -> None:
    """Whoever remembers matches forgets when told to, and is relieved in small pieces."""
    lists = Lists({})
    known = dict.fromkeys(range(1000), "remembered")
    lists.on_change(lambda: [known])
    pauses: list[int] = []
    lists.forget(lambda: pauses.append(len(known)))
    assert known == {}
    assert len(pauses) >= 15
