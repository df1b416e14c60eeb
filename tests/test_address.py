"""What a document shows of an address, and that remembering it stays within bounds."""

from collections.abc import Mapping

import orjson
import pytest

from flowcoll.document.fragment import Paths
from flowcoll.enrich.address import LISTED, PRIVATE, Addresses, Kept
from flowcoll.enrich.locality import Address, parse

ALL = Kept(*(Paths({"as.number", "as.organization.name", "geo.city_name"}) for _ in range(3)))


class Atlas:
    """Knows one network a block, and counts how often it is asked."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.asked: list[str] = []

    def network(self, text: str) -> tuple[Mapping[str, object], int]:
        self.asked.append(text)
        return {"as.number": 64_496, "as.organization.name": "Exämple", "geo.city_name": "Zürich"}, self.length


def addresses(
    atlas: Atlas | None = None, *, kept: Kept = ALL, limit: int = 100, listed: str = "", flow_first: bool = False
) -> Addresses:
    hit = parse(listed) if listed else None
    return Addresses([atlas] if atlas else [], lambda address: address == hit, kept, limit, flow_first=flow_first)


def members(text: str) -> dict[str, object]:
    found: dict[str, object] = orjson.loads("{" + text[:-1] + "}")
    return found


def test_what_is_shown() -> None:
    """Source and destination show all facts; client and server what they keep; all of it in ASCII."""
    kept = Kept(ALL.full, Paths({"as.organization.name"}), Paths())
    text, place = addresses(Atlas(24), kept=kept)[parse("1.2.3.4")]
    assert text == "1.2.3.4"
    system = {"as": {"number": 64_496, "organization": {"name": "Exämple"}}}
    assert members(place.full) == {"geo": {"city_name": "Zürich"}, **system}
    assert members(place.client) == {"as": {"organization": {"name": "Exämple"}}}
    assert place.server == ""
    assert place.flags == 0
    assert all(part.isascii() for part in (place.full, place.client))


@pytest.mark.parametrize(
    ("known", "flow_first", "without"),
    [
        (True, False, None),
        (True, True, '"geo":{"city_name":"Z\\u00fcrich"},'),
        (False, False, ""),
        (False, True, ""),
    ],
)
def test_an_as_of_the_exporter_counts(known: bool, flow_first: bool, without: str | None) -> None:
    """It stands beside the place where none is looked up or where it comes first; never with a private address."""
    some = addresses(Atlas(24) if known else None, flow_first=flow_first)
    assert some[parse("1.2.3.4")][1].open == without
    assert some[parse("10.2.3.4")][1].open is None


@pytest.mark.parametrize(
    ("address", "flags"),
    [("10.1.2.3", PRIVATE), ("1.2.3.4", LISTED), ("1.2.3.5", 0), ("fe80::1", PRIVATE), ("::ffff:10.1.2.3", PRIVATE)],
)
def test_flags(address: str, flags: int) -> None:
    """A private address is known as such and asked about nowhere; a listed one is known as listed."""
    atlas = Atlas(24)
    assert addresses(atlas, listed="1.2.3.4")[parse(address)][1].flags == flags
    assert bool(atlas.asked) is not bool(flags & PRIVATE)


def test_a_mapped_address_is_shown_as_ipv4() -> None:
    """An IPv4-mapped IPv6 address is the IPv4 address it holds, in text and in look-ups."""
    atlas = Atlas(24)
    text, *_ = addresses(atlas)[bytes(10) + b"\xff\xff\x01\x02\x03\x04"]
    assert text == "1.2.3.4"
    assert atlas.asked == ["1.2.3.4"]


@pytest.mark.parametrize(
    ("length", "one", "other", "asked"),
    [
        (16, "1.2.3.4", "1.2.3.5", 1),
        (24, "1.2.3.4", "1.2.3.255", 1),
        (24, "1.2.3.4", "1.2.4.4", 2),
        (25, "1.2.3.4", "1.2.3.5", 2),
        (48, "2001:db8:1::1", "2001:db8:1:ffff::1", 1),  # is_private is asked first: this one never asks
        (48, "2a00:1450:1::1", "2a00:1450:1:ffff::1", 1),
        (48, "2a00:1450:1::1", "2a00:1450:2::1", 2),
        (64, "2a00:1450:1::1", "2a00:1450:1::2", 2),
    ],
)
def test_neighbours_share_the_work(length: int, one: str, other: str, asked: int) -> None:
    """Addresses of a block are looked up once, when the facts hold for the whole block; each shows its own address."""
    atlas = Atlas(length)
    known = addresses(atlas)
    first, second = known[parse(one)], known[parse(other)]
    assert (first[0], second[0]) == (one, other)
    if not first[1].flags & PRIVATE:
        assert len(atlas.asked) == asked
        assert first[1] is second[1]


def test_two_generations() -> None:
    """What is in use survives a full cache without being looked up again; what is not is forgotten; memory is bounded."""
    atlas = Atlas(32)
    known = addresses(atlas, limit=10)
    favourite = parse("9.9.9.9")
    for number in range(200):
        known[favourite]
        known[parse(f"1.2.{number}.1")]
        assert len(known) + len(known._older) + len(known._dying) <= 30
    assert atlas.asked.count("9.9.9.9") == 1
    known[parse("1.2.0.1")]
    assert atlas.asked.count("1.2.0.1") == 2


def test_forgetting() -> None:
    """After `forget` every address is looked up anew."""
    atlas = Atlas(24)
    known = addresses(atlas)
    address: Address = parse("1.2.3.4")
    known[address]
    known.forget()
    known[address]
    assert atlas.asked == ["1.2.3.4", "1.2.3.4"]


def test_places_are_bounded() -> None:
    """Networks smaller than a block, each with a place of its own, do not fill the memory."""

    class Streets(Atlas):
        def network(self, text: str) -> tuple[Mapping[str, object], int]:
            return {"geo.city_name": text}, 32

    known = Addresses([Streets(32)], lambda _: False, ALL, 5, places=10)
    for number in range(100):
        assert members(known[parse(f"1.2.3.{number}")][1].full) == {"geo": {"city_name": f"1.2.3.{number}"}}
        assert len(known._places) <= 10
