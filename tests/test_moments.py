"""Times are written one way."""

from flowcoll.moments import utc


def test_a_time_in_utc() -> None:
    """Seconds since 1970 are ISO 8601 in UTC, as precise as was asked for."""
    assert utc(1_619_704_514.9409) == "2021-04-29T13:55:14.940Z"
    assert utc(1_619_704_514.9409, "seconds") == "2021-04-29T13:55:14Z"
