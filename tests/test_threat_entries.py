"""What a row of a list says, by whatever names."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.locality import parse, text
from flowcoll.threat.reading.entries import COLUMNS, Entry, OtherKindError, Places, entry, interval


def made(row: dict[str, Any], address: str = "") -> Entry:
    keys = list(row)
    return entry(row, Places.of(keys, keys), address)


@pytest.mark.parametrize(
    ("row", "first", "last"),
    [
        ("8.8.8.8", "8.8.8.8", "8.8.8.8"),
        (" 8.8.8.8 ", "8.8.8.8", "8.8.8.8"),
        ("8.8.8.8:53", "8.8.8.8", "8.8.8.8"),
        ("[2a00::1]:443", "2a00::1", "2a00::1"),
        ("2a00::1", "2a00::1", "2a00::1"),
        ("::ffff:8.8.8.8", "8.8.8.8", "8.8.8.8"),
        ("::ffff:9.9.9.0/120", "9.9.9.0", "9.9.9.255"),
        ("9.9.9.129/24", "9.9.9.0", "9.9.9.255"),
        ("1.1.1.1 - 1.1.1.9", "1.1.1.1", "1.1.1.9"),
        ("0.0.0.0/1", "0.0.0.0", "127.255.255.255"),
    ],
)
def test_an_interval(row: str, first: str, last: str) -> None:
    """An address, one with a port, a network or a range has a first and a last address."""
    assert interval(row) == (parse(first), parse(last))


@pytest.mark.parametrize(
    "row",
    [
        *("", "word", "1.2.3", "1.2.3.4/33", "1.2.3.9-1.2.3.4", "1.2.3.4-2a00::1", "1.2.3.4-", "-1.2.3.4", "1.2.3.4,x"),
        *("0.0.0.0/0", "::/0", "0.0.0.0-255.255.255.255", "<html>", "1.2.3.4:port", "\0", "::1-::ffff:1.2.3.4"),
    ],
)
def test_no_interval(row: str) -> None:
    """What is no address is refused; so is what names every address there is."""
    with pytest.raises(ValueError, match=r"is (not|every)|does not go|prefix length"):
        interval(row)


@given(
    st.sampled_from([4, 16]).flatmap(
        lambda size: st.lists(st.binary(min_size=size, max_size=size), min_size=2, max_size=2)
    )
)
def test_any_range(ends: list[bytes]) -> None:
    """A range of any two addresses is read with exactly these ends."""
    words = [str(ipaddress.ip_address(end)) for end in sorted(ends)]
    assert [text(end) for end in interval("-".join(words))] == [text(parse(word)) for word in words]


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, names in COLUMNS.items() for name in names])
def test_every_name(part: str, name: str) -> None:
    """A part is found under each of its names, whatever their case and with any of `_`, `-`, blank within."""
    value = {"confidence": 30, "link": "https://x.example/", "start": "8.8.8.1", "end": "8.8.8.9", "address": "8.8.8.8"}
    said = (value | {"expires": "2030-01-02T03:04:05Z"}).get(part, "word")
    others = {"start": {"End": "8.8.8.9"}, "end": {"Start": "8.8.8.1"}, "address": {}}.get(part, {"ip": "8.8.8.8"})
    spelled = "_".join(name.upper()) if part != "kind" else f"{name[:1]}-{name[1:]}"
    found = made({spelled: said, **others})
    if part in {"start", "end"}:
        assert (text(found.first), text(found.last)) == ("8.8.8.1", "8.8.8.9")
    elif part == "address":
        assert text(found.first) == "8.8.8.8"
    else:
        assert found._asdict()["label" if part == "kind" else part] == said


def test_the_first_name_with_a_value_counts() -> None:
    """Where several names would do, the one that stands first in COLUMNS and says something is taken."""
    assert made({"type": "ip", "tag": "low", "threat": " Botnet ", "ip": "8.8.8.8"}).label == "Botnet"
    assert made({"malware": "Botnet", "threat": None, "name": "", "ip": "8.8.8.8"}).label == "Botnet"
    assert made({"start": "1.1.1.1", "end": "1.1.1.3", "netblock": "24"}).last == parse("1.1.1.3")
    assert made({"start": "", "end": "", "ip": "8.8.8.8"}).last == parse("8.8.8.8")


def test_the_address_of_the_map_counts_last() -> None:
    """The key of a map is the address where the row names none."""
    assert made({"threat": "x"}, "8.8.8.8").first == parse("8.8.8.8")
    assert made({"ip": "9.9.9.9"}, "17").first == parse("9.9.9.9")


@pytest.mark.parametrize(
    ("kind", "value", "address"),
    [
        ("ip:port", "192.0.2.1:443", "192.0.2.1"),
        ("ip:port", "[2001:db8::1]:443", "2001:db8::1"),
        ("ip:port", "2001:db8::1:443", "2001:db8::1"),
        ("ip:port", "2001:db8::1", "2001:db8::1"),
        ("IP:port", " 2001:db8:0:0:0:0:0:1:443 ", "2001:db8::1"),
        ("ip-dst|port", "192.0.2.1|443", "192.0.2.1"),
        ("ip-dst|port", "2001:db8::1|443", "2001:db8::1"),
        ("ipv6", "2001:db8::1:443", "2001:db8::1:443"),
        ("", "2001:db8:0:0:0:0:0:1:443", "2001:db8::1"),
        ("ip:port", "::ffff:192.0.2.1:443", "192.0.2.1"),
    ],
)
def test_an_address_with_a_port(kind: str, value: str, address: str) -> None:
    """Where a kind says that a port follows, it is what stands behind the last colon; else only if no address has so many."""
    assert made({"ioc_type": kind, "ioc": value}).first == parse(address)


@pytest.mark.parametrize(
    ("expires", "kept"),
    [
        ("2026-12-31", "2026-12-31T23:59:59.999"),
        ("2026-12-31 12:00:00 UTC", "2026-12-31 12:00:00 UTC"),
        (1767225600, "1767225600"),
        ("soon", ""),
        ("2026-99-99", ""),
        (None, ""),
        ("", ""),
    ],
)
def test_expiry(expires: Any, kept: str) -> None:
    """A day counts to its end; what is no time is as if it were not said."""
    assert made({"ip": "192.0.2.1", "valid_until": expires}).expires == kept


@pytest.mark.parametrize(
    "kind", ["domain", "url", "sha3_384_hash", "hash_md5", "email-src", "certificate_sha1", "file"]
)
def test_other_kinds(kind: str) -> None:
    """What is about a name, a page or a file is no fault of the list."""
    with pytest.raises(OtherKindError):
        made({"ioc_type": kind, "ioc": "x"})


@pytest.mark.parametrize("kind", ["shadowserver", "hosting", "mailer", "botnet_cc", "host"])
def test_kinds_that_only_look_alike(kind: str) -> None:
    """A word for a threat that begins alike is none of them."""
    assert made({"type": kind, "ip": "192.0.2.1"}).first == parse("192.0.2.1")


def test_a_kind_is_a_label_unless_it_says_address() -> None:
    """`type` names the threat where nothing else does, except when it only says that the row is about an address."""
    assert made({"type": "botnet", "ip": "8.8.8.8"}).label == "botnet"
    assert made({"type": "IPv4", "ip": "8.8.8.8"}).label == ""
    with pytest.raises(OtherKindError, match="is about a URL"):
        made({"type": "URL", "value": "https://x.example/"})


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *((0, 0), (100, 100), (101, None), (-1, None), (0.9, 90), (1, 1), (72.6, 73), (True, None), ([], None)),
        *(("0", 0), ("100", 100), ("0.85", 85), ("LOW", 15), ("Critical", 95), ("?", None), ("", None), ("nan", None)),
    ],
)
def test_confidence(word: Any, value: int | None) -> None:
    """Confidence is 0 to 100, a share of one, or a word; anything else is as if it were not said."""
    assert made({"ip": "8.8.8.8", "score": word}).confidence == value


def test_long_texts_are_cut_and_half_links_left_out() -> None:
    """What a row says has bounds; a link that had to be cut would lead nowhere."""
    found = made({"ip": "8.8.8.8", "name": "n" * 999, "description": "d" * 9999, "link": "https://" + "x" * 9999})
    assert (len(found.label), len(found.description), found.link) == (256, 1024, "")
    assert made({"ip": "8.8.8.8", "link": "javascript:alert(1)"}).link == ""
