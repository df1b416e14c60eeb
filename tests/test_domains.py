"""Of each domain of an exporter it is known how much came, at which rate, by which clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.counters import Counts
from flowcoll.decode.context import Context
from flowcoll.decode.domains import SILENT_MS, SKEW_MS, WINDOW_MS, Domain, Domains, Rates
from flowcoll.decode.sequence import Way

T0 = 1_750_000_000_000
EXPORTER = ("192.0.2.1", 50_000)


class Hearing:
    """Domains that hear of one exporter, datagram by datagram."""

    def __init__(self, limit: int = 100) -> None:
        self.counts = Counts()
        self.domains = Domains(self.counts, limit)
        self._context = Context("", "")
        self._number = 0

    def hear(
        self, now: int, *, behind: int = 0, flows: int = 10, exporter=EXPORTER, number: int | None = None
    ) -> Domain:
        """Hear a datagram, of an exporter whose clock is `behind` ms behind."""
        self._context.at(now, now - behind)
        number = self._number if number is None else number
        self._number = number + flows
        return self.domains.heard("netflow5", exporter, 0, number, flows, flows, 1_000, self._context)


@pytest.fixture
def hearing() -> Hearing:
    return Hearing()


def test_what_came_is_added_up(hearing: Hearing) -> None:
    """Datagrams, flows and octets of a domain are added up, with the times of the first and the last."""
    for second in range(3):
        found = hearing.hear(T0 + 1_000 * second, flows=second)
    assert (found.datagrams, found.flows, found.octets) == (3, 3, 3_000)
    assert (found.first, found.last) == (T0, T0 + 2_000)
    assert [(key, one is found) for key, one in hearing.domains] == [((EXPORTER, "netflow5", 0), True)]


@given(
    per_second=st.integers(1, 50), seconds=st.integers(12, 60), asked_ms=st.integers(0, 999), flows=st.integers(1, 30)
)
def test_rates_are_of_late(per_second: int, seconds: int, asked_ms: int, flows: int) -> None:
    """What comes evenly has the rate at which it comes, however long it has come before."""
    hearing = Hearing()
    for each in range(seconds * per_second):
        found = hearing.hear(T0 + 1_000 * each // per_second, flows=flows)
    rates = found.rates(T0 + 1_000 * seconds + asked_ms)
    assert rates.datagrams == pytest.approx(per_second, rel=0.25)
    assert rates.flows == pytest.approx(flows * rates.datagrams)
    assert rates.octets == pytest.approx(1_000 * rates.datagrams)


def test_rates_follow_a_change(hearing: Hearing) -> None:
    """Ten seconds and a bit after a change nothing is left of the rate before."""
    for ms in range(0, 60_000, 100):
        hearing.hear(T0 + ms, flows=100)
    for ms in range(60_000, 72_000, 100):
        found = hearing.hear(T0 + ms, flows=1)
    assert found.rates(T0 + 72_000).flows == pytest.approx(10, rel=0.05)


def test_one_who_sends_seldom_has_a_rate(hearing: Hearing) -> None:
    """Who sends twice a minute has the rate at which he does, not that of a burst."""
    for minute in range(4):
        found = hearing.hear(T0 + 30_000 * minute, flows=30)
    assert found.rates(T0 + 90_000).flows == pytest.approx(1)


def test_the_first_datagram_is_no_flood(hearing: Hearing) -> None:
    """What has just begun is not taken for thousands a second."""
    assert hearing.hear(T0, flows=30).rates(T0) == Rates(1, 30, 1_000)


def test_silence_has_no_rate(hearing: Hearing) -> None:
    """Who has sent nothing for a minute has no rate any more."""
    for ms in range(0, 20_000, 100):
        found = hearing.hear(T0 + ms)
    assert found.rates(found.last + SILENT_MS).flows > 0
    assert found.rates(found.last + SILENT_MS + 1) == Rates()


def test_rates_when_our_clock_is_set_back(hearing: Hearing) -> None:
    """A clock that was set back by an hour costs the rates of a few seconds, no more."""
    hour = 3_600_000
    hearing.hear(T0 + hour)
    for ms in range(0, 3 * WINDOW_MS, 100):
        found = hearing.hear(T0 + ms)
        found.rates(T0 + ms)
    assert found.rates(T0 + 3 * WINDOW_MS).datagrams == pytest.approx(10, rel=0.1)


@given(ahead=st.integers(-(10**12), 10**12), delays=st.lists(st.integers(0, 5_000), min_size=1, max_size=50))
def test_the_clock_is_judged_by_the_quickest_datagram(ahead: int, delays: list[int]) -> None:
    """A network that delays most datagrams does not make an exporter's clock wrong."""
    hearing = Hearing()
    for number, delay in enumerate(delays):
        now = T0 + 100 * number
        found = hearing.hear(now, behind=delay - ahead)
    assert found.skew() == ahead - min(delays)


def test_a_clock_that_is_set_right_is_right(hearing: Hearing) -> None:
    """Two windows after a clock was set right, nothing is left of what it was."""
    for ms in range(0, 3 * SKEW_MS, 1_000):
        found = hearing.hear(T0 + ms, behind=-600_000 if ms < SKEW_MS else 0)
    assert found.skew() == 0


def test_clock_before_any_datagram() -> None:
    """Nothing is said of a clock that nobody has seen."""
    assert Domain(Way.RECORDS, T0).skew() is None


def test_what_is_missing_is_counted_once(hearing: Hearing) -> None:
    """What is lost, found again, repeated and begun anew adds to the counters by as much as it changed."""
    for each in range(80):
        hearing.hear(T0, number=10 * each)
    hearing.hear(T0, number=850)  # 50 are missing
    hearing.hear(T0, number=820)  # 10 of them come late
    hearing.hear(T0, number=820)
    hearing.hear(T0, number=1 << 31)
    assert dict(hearing.counts) == {
        "sequence.lost.netflow5": 50,
        "sequence.found.netflow5": 10,
        "sequence.repeated.netflow5": 1,
        "sequence.restarts.netflow5": 1,
    }


def test_who_is_silent_longest_goes() -> None:
    """However many exporters there are, only so many are remembered, those heard last."""
    hearing = Hearing(limit=3)
    for port in (1, 2, 3, 1, 4, 5):
        hearing.hear(T0, exporter=("192.0.2.1", port), number=0)
    assert [port for ((_, port), _, _), _ in hearing.domains] == [1, 4, 5]
    assert len(hearing.domains) == 3
