"""Times as feeds and servers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.threat.reading.times import http_date, iso


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("2021-03-05", "2021-03-05T00:00:00.000Z"),
        ("2021-03-05 08:01:02", "2021-03-05T08:01:02.000Z"),
        ("2021-03-05 08:01:02 UTC", "2021-03-05T08:01:02.000Z"),
        ("2021-03-05T08:01:02Z", "2021-03-05T08:01:02.000Z"),
        ("2021-03-05T08:01:02.5+0000", "2021-03-05T08:01:02.500Z"),
        ("2021-03-05T08:01:02+02:00", "2021-03-05T06:01:02.000Z"),
        ("20210305", "2021-03-05T00:00:00.000Z"),
        ("1614931262", "2021-03-05T08:01:02.000Z"),
        ("1614931262500", "2021-03-05T08:01:02.500Z"),
        (1614931262.5, "2021-03-05T08:01:02.500Z"),
        *((word, "") for word in ("", "never", "Mon Aug 29 20:00:00 VET 2016", "2021-13-01", "9" * 40)),
    ],
)
def test_iso(said: str | float, shown: str) -> None:
    """Every form of a time becomes one; what is no time becomes nothing, so that Elasticsearch takes the document."""
    assert iso(said) == shown


@given(st.text(max_size=40) | st.floats() | st.integers(-(10**20), 10**20).map(str))
def test_any_time(said: str | float) -> None:
    """Whatever a list says, it is a time or nothing."""
    shown = iso(said)
    assert shown == "" or (len(shown) == 24 and shown.endswith("Z"))


def test_http_dates() -> None:
    """An HTTP date is a number of seconds, anything else is 0."""
    assert http_date("Fri, 05 Mar 2021 08:01:02 GMT") == http_date("Fri, 05 Mar 2021 08:01:02 -0000") == 1_614_931_262
    assert [http_date(word) for word in ("", "tomorrow", "Fri, 99 Mar 2021 08:01:02 GMT")] == [0, 0, 0]
