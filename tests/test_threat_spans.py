"""The match table against the obvious: look at every span."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.locality import MAPPED, Address, packed, parse, unmapped, wholly_private
from tables import Said, table

BITS = {4: 32, 6: 128}
PUBLIC = {4: int.from_bytes(b"\x08\x08\x08\0", "big"), 6: 0x2A << 120}


def key(number: int, version: int) -> Address:
    return number if version == 4 else number.to_bytes(16, "big")


def numbers(version: int) -> st.SearchStrategy[int]:
    """Addresses that often meet: round one place, at both ends of the space, at powers of two, where halves meet."""
    highest = (1 << BITS[version]) - 1
    near = [0, highest, PUBLIC[version], 1 << BITS[version] // 2, 0xFFFF << 32 if version == 6 else 0x0A00_0000]
    close = st.builds(lambda at, by: min(max(at + by, 0), highest), st.sampled_from(near), st.integers(-20, 20))
    return st.one_of(close, close, st.builds(lambda bit: 1 << bit, st.integers(0, BITS[version] - 1)))


@st.composite
def spans(draw: st.DrawFn) -> list[Said]:
    """Spans of both families, hosts among them, some of them more than once."""
    found: list[Said] = []
    for _ in range(draw(st.integers(0, 8))):
        version = draw(st.sampled_from([4, 6]))
        first, last = sorted((draw(numbers(version)), draw(numbers(version))))
        if draw(st.booleans()):
            last = first
        span = key(first, version), key(last, version)
        if found and draw(st.integers(0, 4)) == 0:
            span = draw(st.sampled_from(found))[:2]
        found.append((*span, draw(st.sampled_from([b"a", b"b", b"c", b""]))))
    return found


def number(address: Address) -> int:
    return address if isinstance(address, int) else int.from_bytes(address, "big")


def joined(given: list[Said]) -> list[Said]:
    """Rows about one and the same span as one, each thing said once, in the order in which the list says it first."""
    rank = {said: place for place, said in enumerate(dict.fromkeys(said for *_, said in given))}
    found: dict[tuple[Address, Address], set[bytes]] = {}
    for first, last, said in given:
        four = unmapped(first), unmapped(last)
        span = four if isinstance(four[0], int) and isinstance(four[1], int) else (first, last)
        found.setdefault(span, set()).add(said)
    return [
        (*span, b"\n".join(sorted(said, key=lambda each: (each != b"", rank[each])))) for span, said in found.items()
    ]


def expected(rows: list[Said], address: Address) -> bytes:
    over = [row for row in rows if type(row[0]) is type(address) and row[0] <= address <= row[1]]  # type: ignore[operator]
    return min(over, key=lambda row: (number(row[1]) - number(row[0]), number(row[0])), default=(0, 0, b""))[2]


def places(rows: list[Said]) -> set[Address]:
    """Addresses at which something may change, and some beside."""
    found = {key(at, version) for version in BITS for at in (0, (1 << BITS[version]) - 1, PUBLIC[version])}
    for row in rows:
        version = 4 if isinstance(row[0], int) else 6
        for each in row[:2]:
            near = (number(each) + by for by in (-1, 0, 1))
            found |= {key(at, version) for at in near if 0 <= at < 1 << BITS[version]}
    return {address for address in found if unmapped(address) == address}


@given(spans())
def test_the_smallest_span_counts(given: list[Said]) -> None:
    """For any spans an address has what the smallest one over it says, of two as small the lower; once each, in order."""
    made, rows = table(given), joined(given)
    assert made.entries == len(rows)
    assert made.networks == sum(first != last for first, last, _ in rows)
    assert made.private == sum(wholly_private(first, last) for first, last, _ in rows)
    for address in places(rows):
        assert made.find(address) == expected(rows, address)


@given(spans())
def test_a_block_says_the_same_everywhere(given: list[Said]) -> None:
    """The block round an address says what the address says, from its first address to its last, and holds the address."""
    made = table(given)
    found = {address: made.find(address) for address in places(joined(given))}
    for address in found:
        version = 4 if isinstance(address, int) else 6
        said, length = made.block(address)
        free = BITS[version] - length
        first = number(address) >> free << free
        last = first + (1 << free) - 1
        within = {what for at, what in found.items() if type(at) is type(address) and first <= number(at) <= last}
        assert within | {made.find(key(first, version)), made.find(key(last, version))} == {said}


@pytest.mark.parametrize(
    ("address", "length"),
    [("8.8.8.8", 32), ("8.8.8.9", 32), ("8.8.8.10", 31), ("8.8.9.0", 24), ("8.9.0.0", 16), ("200.0.0.0", 1)],
)
def test_a_block_is_as_wide_as_it_can_be(address: str, length: int) -> None:
    """A block reaches to where something else is said; round a host it is the host."""
    made = table([(parse("8.8.0.0"), parse("8.8.255.255"), b"a"), (parse("8.8.8.8"), parse("8.8.8.8"), b"b")])
    assert made.block(parse(address))[1] == length
    assert table([]).block(parse(address)) == (b"", 0)
    assert table([]).block(parse("2a00::1")) == (b"", 0)


def test_a_block_of_ipv6() -> None:
    """Blocks of IPv6 addresses are found over both halves of them."""
    network = parse("2a00:1::"), parse("2a00:1:ffff:ffff:ffff:ffff:ffff:ffff"), b"a"
    made = table([network, (parse("2a00:1::8"), parse("2a00:1::8"), b"b")])
    found = {address: made.block(parse(address)) for address in ("2a00:1::8", "2a00:1::9", "2a00:1:1::", "2a00::1")}
    assert list(found.values()) == [(b"b", 128), (b"a", 128), (b"a", 48), (b"", 32)]


def test_the_ends_of_the_address_space() -> None:
    """Spans may begin with the first address and end with the last."""
    highest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    texts = [("0.0.0.0", "0.0.0.0", b"a"), ("128.0.0.0", "255.255.255.255", b"b")]
    texts += [("::", "::1", b"c"), ("8000::", highest, b"d")]
    made = table((parse(first), parse(last), said) for first, last, said in texts)
    found = {address: made.find(parse(address)) for address in ("0.0.0.0", "0.0.0.1", "127.255.255.255", "128.0.0.0")}
    assert list(found.values()) == [b"a", b"", b"", b"b"]
    assert made.find(parse("255.255.255.255")) == b"b"
    assert [made.find(parse(a)) for a in ("::", "::1", "::2", "7fff::", "8000::")] == [b"c", b"c", b"", b"", b"d"]
    assert made.find(parse(highest)) == b"d"
    assert made.private == 3


def test_mapped_addresses_are_ipv4() -> None:
    """A span of IPv4-mapped addresses is one of IPv4 addresses."""
    made = table([(MAPPED + packed(parse("8.8.8.0")), MAPPED + packed(parse("8.8.8.7")), b"a")])
    assert made.find(parse("8.8.8.7")) == b"a"


def test_nothing_is_listed_in_an_empty_table() -> None:
    """Without spans nothing is found."""
    made = table([])
    assert made.find(0) == made.find(bytes(16)) == b""
    assert made.entries == 0


def test_what_is_said_of_one_span_is_bounded() -> None:
    """A list that says a thousand things of one address, or network, cannot make documents of any size."""
    for last in ("8.8.8.8", "8.8.8.9"):
        made = table((parse("8.8.8.8"), parse(last), b"%d" % number) for number in range(1000))
        assert made.find(parse("8.8.8.8")).count(b"\n") == 15


@pytest.mark.parametrize("prefix", ["8.0.0.0", "2a00:1::"])
def test_many_spans_are_sorted(prefix: str) -> None:
    """More spans than are sorted at once come into order, wherever they differ and however often they come."""
    base = parse(prefix)
    start, version = number(base), 4 if isinstance(base, int) else 6
    hosts = {start + (each * 40_503 & 0xFFFF) for each in range(20_000)}
    same = [(key(start, version), key(start, version), b"%d" % (each % 3)) for each in range(5_000)]
    made = table([*((key(each, version), key(each, version), b"host") for each in hosts if each != start), *same])
    assert made.entries == len(hosts | {start})
    assert made.find(key(start, version)) == b"0\n1\n2"
    assert all((made.find(key(each, version)) != b"") is (each in hosts) for each in range(start + 1, start + 4_000))


@pytest.mark.parametrize("last", ["8.8.8.8", "8.8.255.255"])
@pytest.mark.parametrize("wide", [0, 1])
def test_others_may_work_meanwhile(last: str, wide: int) -> None:
    """Many spans are sorted and laid out with pauses in between, also when one lies over all of them."""
    addresses = [0x0808_0000 | each * 40_503 & 0xFFFE for each in range(20_000)]
    pauses: list[int] = []
    rows = ((each, each + wide, b"%d" % (each % 50)) for each in addresses)
    made = table([(parse("8.8.0.0"), parse(last), b"wide"), *rows], lambda: pauses.append(1))
    assert len(pauses) > 300
    assert made.entries > 9_000
    assert all(made.find(a) != b"" for a, _ in pairwise(addresses))
