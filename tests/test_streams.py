"""Names of data streams and dated indices."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.config import defaults
from flowcoll.errors import ConfigError
from flowcoll.streams import FLOW, dated, namespace_of

DAYS = st.dates(date(1970, 1, 1), date(9998, 12, 31))


def values(**overrides: str) -> dict[str, str]:
    return {"NAMESPACE": "default", "INDEX_SUFFIX": "", "INDEX_PERIOD": "rollover"} | overrides


def test_data_streams_follow_elastics_scheme() -> None:
    """A data stream is named type-dataset-namespace."""
    assert FLOW.name("default") == "logs-flowcoll.flow-default"
    assert FLOW.pattern == "logs-flowcoll.flow-*"


@pytest.mark.parametrize(
    ("period", "day", "name"),
    [
        ("daily", "2026-11-21", "flowcoll-flow-default-2026.11.21"),
        ("weekly", "2026-11-21", "flowcoll-flow-default-2026.w47"),
        ("weekly", "2027-01-01", "flowcoll-flow-default-2026.w53"),
        ("weekly", "2024-12-30", "flowcoll-flow-default-2025.w01"),
        ("monthly", "2026-11-21", "flowcoll-flow-default-2026.11"),
    ],
)
def test_dated_indices(period: str, day: str, name: str) -> None:
    """An index is named after the day, the ISO week with its own year, or the month."""
    assert dated("default", period, "", day) == name


def test_the_suffix_stands_before_the_date() -> None:
    """A suffix is a part of its own."""
    assert dated("default", "monthly", "site1", "2026-11-21") == "flowcoll-flow-default-site1-2026.11"


@given(DAYS, st.sampled_from(["daily", "weekly", "monthly"]))
def test_names_sort_as_days_do(day: date, period: str) -> None:
    """A later day never has an earlier name."""
    earlier, later = (dated("n", period, "", each.isoformat()) for each in (day, day + timedelta(1)))
    assert earlier <= later


def test_the_suffix_of_a_data_stream_joins_the_namespace() -> None:
    """Parts of a data stream's name hold no `-`; dated indices keep namespace and suffix apart."""
    assert namespace_of(values()) == "default"
    assert namespace_of(values(INDEX_SUFFIX="site1")) == "default_site1"
    assert namespace_of(values(INDEX_SUFFIX="site1", INDEX_PERIOD="daily")) == "default"


@pytest.mark.parametrize("suffix", ["site-1", "Site", "a b", "é", "x" * 101, "x" * 99])
def test_a_suffix_that_no_name_can_hold(suffix: str) -> None:
    """It is refused with the option's name and the value."""
    with pytest.raises(ConfigError, match=f"^EF_OUTPUT_ELASTICSEARCH_INDEX_SUFFIX = '{suffix}': "):
        namespace_of(values(INDEX_SUFFIX=suffix))


def test_the_options_are_those_of_the_table() -> None:
    """What the namespace depends on are options of the Elasticsearch output."""
    options = defaults()
    assert all(f"EF_OUTPUT_ELASTICSEARCH_{name}" in options for name in values())
