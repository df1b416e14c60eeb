import ipaddress
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich import locality
from flowcoll.enrich.locality import BLOCKS4, BLOCKS6, PRIVATE, Address

ADDRESSES = st.one_of(st.integers(0, 2**32 - 1), st.binary(min_size=16, max_size=16))
BLOCKS = [(ipaddress.ip_network(block), private) for block, private in (BLOCKS4 | BLOCKS6).items()]

DIFFERENT = {
    "224.0.0.0/4": "multicast is no unicast; is_global calls its global scopes global",
    "ff00::/8": "the same",
    "fec0::/10": "site-local addresses, deprecated by RFC 3879, were private; is_global knows is_site_local beside it",
    "::/3": "reserved, apart from what is named below it; is_global goes by the special-purpose registry alone",
    "4000::/2": "reserved; the same",
    "8000::/2": "reserved; the same",
    "c000::/3": "reserved; the same",
    "e000::/4": "reserved; the same",
    "f000::/5": "reserved; the same",
    "f800::/6": "reserved; the same",
    "fe00::/9": "reserved; the same",
    "2001::/32": "Teredo: the registry says N/A; its hosts are in the Internet, so they count as public",
    "2002::/16": "6to4: the registry says N/A; the same",
    "192.0.0.0/24": "exceptions in it are missing in older Pythons",
    "2001::/23": "the same",
    "3fff::/20": "documentation since RFC 9637; missing in older Pythons",
}
"""Where the answer is not that of ipaddress.is_global (in this or another Python), and why."""


def standard(address: Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(address)


def near_the_edges() -> Iterator[Address]:
    for block, _ in BLOCKS:
        size = block.max_prefixlen // 8
        for value in (int(block.network_address), int(block.broadcast_address)):
            for each in (value - 1, value, value + 1):
                if 0 <= each < 1 << 8 * size:
                    yield each if size == 4 else each.to_bytes(16, "big")


def by_longest_prefix(address: Address) -> bool:
    plain = standard(locality.unmapped(address))
    holding = [(block.prefixlen, private) for block, private in BLOCKS if plain in block]
    return max(holding)[1]


@given(ADDRESSES)
def test_the_most_specific_block_counts(address: Address) -> None:
    """Private is what the longest prefix of the tables says."""
    assert locality.is_private(address) is by_longest_prefix(address)


def test_the_most_specific_block_counts_at_every_edge() -> None:
    """Private is what the longest prefix of the tables says, also beside the first and last address of each block."""
    assert [a for a in near_the_edges() if locality.is_private(a) is not by_longest_prefix(a)] == []


def test_is_global_differs_only_where_explained() -> None:
    """Public is ipaddress.is_global, apart from the blocks in DIFFERENT."""
    explained = [ipaddress.ip_network(block) for block in DIFFERENT]
    rng = random.Random(1)
    sample = [*near_the_edges(), *(rng.getrandbits(32) for _ in range(5000))]
    sample += [(1 << 125 | rng.getrandbits(125)).to_bytes(16, "big") for _ in range(5000)]
    for address in map(locality.unmapped, sample):
        plain = standard(address)
        if locality.is_private(address) is plain.is_global:
            assert any(plain in block for block in explained), plain


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.1.1", "172.16.0.1"),
        *("172.31.255.255", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.251"),
        *("239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "fec0::1"),
        *("ff02::1", "ff0e::1", "2001:db8::1", "2001:2::1", "3fff::1", "100::1", "5f00::1", "4000::1", "::8.8.8.8"),
        *("::ffff:10.0.0.1", "64:ff9b:1::1"),
    ],
)
def test_not_globally_routable_unicast_is_private(address: str) -> None:
    """Private: everything that the Internet does not route to one host."""
    assert locality.is_private(locality.parse(address)) is True


@pytest.mark.parametrize(
    "address",
    [
        *("1.0.0.0", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.0.9"),
        *("192.88.99.1", "223.255.255.255", "2001:4860:4860::8888", "2001::1", "2002::1", "2001:20::1", "2a00::1"),
        *("3ffe::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
    ],
)
def test_globally_routable_unicast_is_public(address: str) -> None:
    """Public: what the Internet may route to one host."""
    assert locality.is_private(locality.parse(address)) is False


@given(st.integers(0, 2**32 - 1))
def test_mapped_is_ipv4(address: int) -> None:
    """An IPv4-mapped address has key, text, octets and locality of its IPv4 address."""
    mapped = locality.MAPPED + address.to_bytes(4, "big")
    assert locality.unmapped(mapped) == address
    assert locality.text(mapped) == locality.text(address) == str(ipaddress.IPv4Address(address))
    assert locality.packed(mapped) == locality.packed(address)
    assert locality.is_private(mapped) is locality.is_private(address)
    assert locality.parse(f"::ffff:{locality.text(address)}") == address


@given(ADDRESSES)
def test_text_and_key_are_the_same_address(address: Address) -> None:
    """Parsing the text gives the key back, and the text is the one of RFC 5952."""
    shown = locality.text(address)
    assert locality.parse(shown) == locality.unmapped(address)
    if "." not in shown:
        assert shown == str(ipaddress.IPv6Address(address))


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_network_is_that_of_ipaddress(address: int, length: int) -> None:
    """First and last address are those ipaddress gives, written as IPv4 and as IPv4-mapped."""
    shown = locality.text(address)
    expected = ipaddress.ip_network(f"{shown}/{length}", strict=False)
    ends = int(expected.network_address), int(expected.broadcast_address)
    assert locality.network(f"{shown}/{length}") == ends
    assert locality.network(f"::ffff:{shown}/{96 + length}") == ends


@given(st.binary(min_size=16, max_size=16), st.integers(0, 128))
def test_network_of_ipv6_is_that_of_ipaddress(address: bytes, length: int) -> None:
    """First and last IPv6 address are those ipaddress gives."""
    expected = ipaddress.ip_network((address, length), strict=False)
    if not expected.network_address.ipv4_mapped or length < 96:
        ends = expected.network_address.packed, expected.broadcast_address.packed
        assert locality.network(f"{ipaddress.IPv6Address(address)}/{length}") == ends


@pytest.mark.parametrize(
    "words",
    ["", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.4 ", "::g", "fe80::1%eth0", "x\0", "\udc80", "²::"],
)
def test_not_an_address(words: str) -> None:
    """What is no address in its usual form is refused in one line that repeats it."""
    with pytest.raises(ValueError, match="is not an IP address"):
        locality.parse(words)


@pytest.mark.parametrize("words", ["1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "::/129", "1.2.3.4/²", "1.2.3.4/x"])
def test_not_a_prefix_length(words: str) -> None:
    """A prefix length that the family cannot have is refused."""
    with pytest.raises(ValueError, match="is not 0 to"):
        locality.network(words)


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_wholly_private(address: int, length: int) -> None:
    """A network is wholly private when its first address is and no edge lies within it."""
    first, last = locality.network(f"{locality.text(address)}/{length}")
    assert isinstance(first, int)
    assert isinstance(last, int)
    inside = {a for a in near_the_edges() if isinstance(a, int) and first <= a <= last} | {first, last}
    assert locality.wholly_private(first, last) is all(map(locality.is_private, inside))


def test_wholly_private_over_neighbours() -> None:
    """Blocks that touch are one: multicast and reserved, the reserved IPv6 space and unique local addresses."""
    assert locality.wholly_private(*locality.network("224.0.0.0/3"))
    assert locality.wholly_private(*locality.network("f800::/5"))
    assert not locality.wholly_private(*locality.network("2001::/16"))


def test_a_block_is_the_opposite_of_its_surroundings() -> None:
    """No row of the tables says what its surroundings say already."""
    for block, private in BLOCKS:
        around = [b for b in BLOCKS if b[0].version == block.version and block != b[0] and block.subnet_of(b[0])]  # type: ignore[arg-type]
        if around:
            assert max(around, key=lambda b: b[0].prefixlen)[1] is not private, block
        else:
            assert block.prefixlen == 0
            assert private is (block.version == 6) is (PRIVATE if block.version == 6 else not PRIVATE)
