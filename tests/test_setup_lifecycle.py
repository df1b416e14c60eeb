"""How long documents are kept."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.setup import lifecycle

UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
AGES = st.builds("{}{}".format, st.integers(1, 99_999), st.sampled_from(list(UNITS)))


def length(age: str) -> timedelta:
    unit = age.lstrip("0123456789")
    return timedelta(**{UNITS[unit]: int(age.removesuffix(unit))})


@given(AGES)
def test_a_document_is_kept_for_retention_and_a_tenth_more(retention: str) -> None:
    """An index takes documents for at most about a tenth of RETENTION, then lives for RETENTION."""
    phases = lifecycle.rolling(retention)
    collects = length(phases["hot"]["actions"]["rollover"]["max_age"])
    assert length(phases["delete"]["min_age"]) == length(retention)
    assert timedelta(0) < collects <= timedelta(30)
    assert collects <= max(length(retention) * 0.21, timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("retention", "rollover"),
    [("30d", "3d"), ("7d", "17h"), ("1d", "3h"), ("365d", "30d"), ("90d", "9d"), ("12h", "2h"), ("5ms", "1ms")],
)
def test_rollover_in_round_figures(retention: str, rollover: str) -> None:
    """It is a tenth, rounded up, and 30 days at most."""
    assert lifecycle.rolling(retention)["hot"]["actions"]["rollover"]["max_age"] == rollover


@given(AGES, st.sampled_from([("daily", 1), ("weekly", 7), ("monthly", 31)]))
def test_dated_indices_live_for_their_days_and_retention(retention: str, period: tuple[str, int]) -> None:
    """Their age counts from their first day, so the last document in them is kept for RETENTION as well."""
    (phase,) = lifecycle.dated(retention, period[0]).values()
    kept = length(phase["min_age"])
    assert length(retention) + timedelta(period[1]) <= kept < length(retention) + timedelta(period[1] + 2)
