"""When a server is asked again."""

from dataclasses import replace

import pytest

from flowcoll.errors import ListError
from flowcoll.threat.keeping.refusals import DownloadError
from flowcoll.threat.keeping.tries import Tries
from making import downloaded, riskiq

NOW, HOUR_S = 1_800_000_000.0, 3600
DROP = "https://www.spamhaus.org/drop/drop_v4.json"
FAULT = DownloadError("down", "server_error")


def test_failures_are_tried_again_ever_later() -> None:
    """The waits double up to half an hour, each shortened by up to a fifth; success begins anew."""
    tries = Tries(riskiq().feed, lambda: 0.5)
    assert [tries.failed(NOW, FAULT) for _ in range(12)] == [0.9 * min(5 * 2**n, 1800) for n in range(12)]
    assert tries.since == NOW
    assert tries.succeeded() == 24 * HOUR_S
    assert tries.since == 0
    assert tries.failed(NOW, FAULT) == 4.5


def test_never_later_than_half_the_interval() -> None:
    """However short the interval."""
    tries = Tries(replace(riskiq().feed, interval_s=600), lambda: 1.0)
    assert max(tries.failed(NOW, FAULT) for _ in range(12)) == 300


@pytest.mark.parametrize(("asked", "waited"), [(1, 4.5), (120, 120), (10**9, 24 * HOUR_S)])
def test_a_server_may_ask_for_more(asked: float, waited: float) -> None:
    """Retry-After makes the wait longer, not longer than the interval; nobody may ask before."""
    tries = Tries(riskiq().feed, lambda: 0.5)
    error = DownloadError("later", "too_many_requests", retry_after_s=asked)
    assert tries.failed(NOW, error) == waited
    assert tries.earliest == NOW + min(asked, 24 * HOUR_S)


def test_a_quota_keeps_nobody_from_asking() -> None:
    """It is tried again late by itself, at once for somebody who asks."""
    tries = Tries(riskiq().feed, lambda: 0.5)
    assert tries.failed(NOW, DownloadError("quota", "quota", retry_after_s=HOUR_S)) == HOUR_S
    assert tries.earliest == NOW


@pytest.mark.parametrize(
    ("error", "waited"),
    [
        (FAULT, HOUR_S),
        (ListError("is no list", "html"), HOUR_S),
        (DownloadError("no name", "dns"), 4.5),
        (DownloadError("refused", "connection"), 4.5),
    ],
)
def test_an_owner_is_asked_as_often_as_he_allows(error: ListError, waited: float) -> None:
    """His time between two requests counts for those that he has seen."""
    tries = Tries(downloaded(DROP).feed, lambda: 0.5)
    assert tries.failed(NOW, error) == waited
    assert tries.earliest == NOW + (waited if waited == HOUR_S else 0)


def test_over_a_restart() -> None:
    """What was had before the start counts for a feed that has a rule, and for no other."""
    own, passivetotal = Tries(downloaded(DROP).feed, lambda: 0.5), Tries(riskiq().feed, lambda: 0.5)
    for tries in (own, passivetotal):
        tries.known(NOW)
    assert (own.earliest, passivetotal.earliest) == (NOW + HOUR_S, 0)
