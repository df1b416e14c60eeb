"""The match table against the obvious: look at every span."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.locality import Address, parse
from flowcoll.threat.table import Spans, Table

BASES = {4: int.from_bytes(b"\x08\x08\x08\0", "big"), 6: 0x2A << 120}


def key(offset: int, version: int) -> Address:
    number = BASES[version] + offset
    return number if version == 4 else number.to_bytes(16, "big")


def table(*spans: tuple[str, str, bytes]) -> Table:
    collected = Spans()
    for first, last, said in spans:
        collected.add(parse(first), parse(last), said)
    return collected.table(lambda: None)


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.sampled_from([b"a", b"b", b"c"])), max_size=12),
    st.sampled_from([4, 6]),
)
def test_the_smallest_span_counts(spans: list[tuple[int, int, bytes]], version: int) -> None:
    """For any spans an address has what the smallest one over it says, of two as small the lower; once each, in order."""
    ranges = [(min(span[:2]), max(span[:2]), span[2]) for span in spans]
    collected = Spans()
    for first, last, said in ranges:
        collected.add(key(first, version), key(last, version), said)
    made = collected.table(lambda: None)
    assert made.entries == len({each[:2] for each in ranges})
    assert made.networks == len({each[:2] for each in ranges if each[0] != each[1]})
    first_said = list(dict.fromkeys(said for *_, said in ranges))
    for offset in range(-1, 257):
        over = sorted((last - first, first) for first, last, _ in ranges if first <= offset <= last)
        expected = {said for first, last, said in ranges if over and (last - first, first) == over[0]}
        assert made.find(key(offset, version)) == b"\n".join(sorted(expected, key=first_said.index))


def test_the_ends_of_the_address_space() -> None:
    """Spans may begin with the first address and end with the last."""
    made = table(
        ("0.0.0.0", "0.0.0.0", b"a"),
        ("128.0.0.0", "255.255.255.255", b"b"),
        ("::", "::1", b"c"),
        ("8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", b"d"),
    )
    found = {address: made.find(parse(address)) for address in ("0.0.0.0", "0.0.0.1", "127.255.255.255", "128.0.0.0")}
    assert list(found.values()) == [b"a", b"", b"", b"b"]
    assert made.find(parse("255.255.255.255")) == b"b"
    assert [made.find(parse(a)) for a in ("::", "::1", "::2", "7fff::", "8000::")] == [b"c", b"c", b"", b"", b"d"]
    assert made.find(parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")) == b"d"
    assert made.private == 3


def test_nothing_is_listed_in_an_empty_table() -> None:
    """Without spans nothing is found."""
    made = table()
    assert made.find(0) == made.find(bytes(16)) == b""
    assert made.entries == 0


def test_what_is_said_of_one_span_is_bounded() -> None:
    """A list that says a thousand things of one address cannot make documents of any size."""
    made = table(*(("8.8.8.8", "8.8.8.8", b"%d" % number) for number in range(1000)))
    assert made.find(parse("8.8.8.8")).count(b"\n") == 15


@pytest.mark.parametrize("last", ["8.8.8.8", "8.8.255.255"])
def test_others_may_work_meanwhile(last: str) -> None:
    """Many spans are sorted and laid out with pauses in between, also when one lies over all of them."""
    collected = Spans()
    collected.add(parse("8.8.0.0"), parse(last), b"wide")
    for number in range(20_000):
        address = 0x0808_0000 | number * 40_503 & 0xFFFF
        collected.add(address, address, b"%d" % (number % 50))
    pauses: list[int] = []
    made = collected.table(lambda: pauses.append(1))
    assert len(pauses) > 300
    assert made.entries > 19_000
