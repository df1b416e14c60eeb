"""Sets of addresses, by edges."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.locality import parse
from flowcoll.threat.matching.blocks import Blocks, span


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        (" 192.0.2.9/24 ", "192.0.2.0", "192.0.2.255"),
        ("192.0.2.1-192.0.2.9", "192.0.2.1", "192.0.2.9"),
        ("2001:db8::1 - 2001:db8::9", "2001:db8::1", "2001:db8::9"),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
        ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("::ffff:192.0.2.0/120", "192.0.2.0", "192.0.2.255"),
    ],
)
def test_a_span(text: str, first: str, last: str) -> None:
    """An address, a network, even everything, or a range; IPv4-mapped is IPv4."""
    assert span(text) == (parse(first), parse(last))


@pytest.mark.parametrize("text", ["", "word", "192.0.2.9-192.0.2.1", "192.0.2.1-::1", "192.0.2.1/33", "-", "1.2.3.4:5"])
def test_no_span(text: str) -> None:
    """Anything else is an error that quotes it."""
    with pytest.raises(ValueError, match=r"'"):
        span(text)


NUMBERS = st.integers(0, 40)


@given(st.lists(st.tuples(NUMBERS, NUMBERS).map(lambda pair: (min(pair), max(pair)))), NUMBERS)
def test_what_is_in_them(spans: list[tuple[int, int]], number: int) -> None:
    """An address is among them when any span holds it, in both families; the ends of the space are no exception."""
    expected = any(first <= number <= last for first, last in spans)
    assert (number in Blocks(spans)) is expected
    top = 2**128 - 41
    sixes = [((first + top).to_bytes(16, "big"), (last + top).to_bytes(16, "big")) for first, last in spans]
    assert ((number + top).to_bytes(16, "big") in Blocks(sixes)) is expected
    assert bool(Blocks(spans)) is bool(spans)


def test_families_are_apart() -> None:
    """An IPv4 address is not the IPv6 address with the same number."""
    assert parse("::1") not in Blocks([span("0.0.0.0/0")])
    assert int(ipaddress.ip_address("0.0.0.1")) not in Blocks([span("::/0")])
