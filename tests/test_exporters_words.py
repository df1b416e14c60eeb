"""Figures are written so that a person sees at once what they mean."""

import pytest

from flowcoll.exporters import words
from flowcoll.exporters.lacks import LEGEND


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3_599, "60 min"), (3_600, "1.0 h"), (9.96 * 3_600, "10 h"), (86_400 * 1.5, "1.5 d"), (86_400 * 400, "1.1 y"), (-7_200, "2.0 h")],
)  # fmt: skip
def test_span(seconds, expected):
    """A span has one unit and two digits or so."""
    assert words.span(seconds) == expected


def test_ago():
    """A time is told by how long ago it was; one to come is now, and none is nothing."""
    assert words.ago("2025-06-15T15:06:40.000Z", 1_750_000_045) == "45 s"
    assert words.ago("2025-06-15T15:06:40.000Z", 1_749_999_000) == "0 s"
    assert words.ago(None, 0) == words.ago("", 0) == ""


@pytest.mark.parametrize(
    ("protocol", "skew", "expected"),
    [
        ("ipfix", 0, "right"),
        ("ipfix", -1_000, "right"),
        ("netflow9", 999, "right"),
        ("netflow9", 2_000, "+2 s"),
        ("netflow5", 100, "right"),
        ("netflow5", -250, "-250 ms"),
        ("ipfix", -7_200_000, "-2.0 h"),
        ("sflow5", None, ""),
    ],
)
def test_skew(protocol, skew, expected):
    """A clock is right if it is as right as can be told: NetFlow v9 and IPFIX send whole seconds."""
    assert words.skew({"protocol": protocol, "clock_skew_ms": skew}) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"rate": 1000, "source": "header"}, "1:1000 header"),
        ({"rate": 1, "source": "options", "samplers": {"1": 1}}, "1:1 options"),
        ({"rate": None, "source": "options", "samplers": {"1": 50, "2": 1000, "3": 50}}, "1:50, 1:1000 options"),
        ({"rate": None, "source": "options", "samplers": dict(zip("abcd", range(2, 6), strict=True))}, "1:2, 1:3, 1:4, ... options"),
        ({"rate": None, "source": "record"}, "record"),
        ({"rate": None, "source": "none"}, "not said"),
    ],
)  # fmt: skip
def test_sampling(said, expected):
    """The rate is shown as people write it, and who says it."""
    assert words.sampling({"sampling": said}) == expected


@pytest.mark.parametrize(
    ("lost", "share", "expected"), [(0, 0.0, "0"), (1, 0.0000004, "1 (<0.1%)"), (12_345, 0.0512, "12,345 (5.1%)"), (90, 0.9, "90 (90%)")]
)  # fmt: skip
def test_loss(lost, share, expected):
    """A loss is a number and what part of all it is."""
    assert words.loss({"sequence": {"lost": lost, "share": share}}) == expected
    assert words.loss({}) == ""


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0"), (0.126, "0.13"), (1.26, "1.3"), (99.94, "99.9"), (1234.5, "1,234"), (None, "")]
)
def test_rate(value, expected):
    """A rate has as many digits as it is worth."""
    assert words.rate(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0 bit/s"), (999, "999 bit/s"), (1_500, "1.5 kbit/s"), (123_456_789, "123 Mbit/s"), (2e15, "2000 Tbit/s")],
)
def test_bits(value, expected):
    """Bits have decimal units."""
    assert words.bits(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(0, "0 B"), (37_200_000, "37.2 MB"), (1_073_741_824, "1.1 GB")])
def test_size(value, expected):
    """So have octets."""
    assert words.size(value) == expected


def test_lacks():
    """What all templates lack comes first, then what some lack, with their numbers; each in the order of its weight."""
    row = {"lacks": ["direction", "times"], "lacks_in": {"sampling": [1, 2, 3, 4, 5], "interfaces": [256]}}
    expected = "times, direction, interfaces (in template 256), sampling (in templates 1, 2, 3 and 2 more)"
    assert words.lacks(row, LEGEND) == expected
    assert words.lacks({"lacks": [], "lacks_in": {"times": []}}, LEGEND) == "times (in some templates)"


def test_elements():
    """It is said what goes together, and what is instead of what."""
    assert words.elements({"elements": [["a", "b c"], ["d"]]}) == "a or b with c; and d"
