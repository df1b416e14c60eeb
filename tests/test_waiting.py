"""Data that wait for their template: bounded, fair, and each of them accounted for."""

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.counters import Counts
from flowcoll.decode.context import Budget
from flowcoll.decode.waiting import Waiting, WaitingSet
from strategies import NOW, examples

HERE, THERE = "192.0.2.1", "192.0.2.2"
LIMIT = 160_000
LONGEST_MS = 60_000


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def waiting(counts: Counts) -> Waiting:
    return Waiting(counts, LIMIT, LONGEST_MS)


def one(number: int = 256, *, now: int = NOW, domain: int = 0, port: int = 4000, body: bytes = b"") -> WaitingSet:
    return WaitingSet(port, domain, number, (now, now, 0), Budget(64), body)


def accounts(counts: Counts, waiting: Waiting) -> bool:
    """Whether every set that waited came out, was given up, or waits still."""
    refused = sum(count for key, count in counts.items() if key.startswith("sets.refused."))
    return counts["sets.waited"] == counts["sets.read_late"] + refused + len(waiting)


def test_order(waiting: Waiting) -> None:
    """The sets of a template come out in their order, once, and no others."""
    sets = [one(body=bytes([place])) for place in range(3)]
    for each in (*sets, other := one(257), elsewhere := one(domain=1)):
        waiting.add(HERE, each)
    waiting.add(THERE, there := one())
    assert list(waiting.claim(HERE, 0, 256, NOW)) == sets
    assert list(waiting.claim(HERE, 0, 256, NOW)) == []
    assert waiting.of(HERE) == [other, elsewhere]
    assert waiting.of(THERE) == [there]
    assert len(waiting) == 3


def test_claim_in_steps(waiting: Waiting) -> None:
    """What is not taken any more waits on: an error in the middle loses one set at most."""
    for place in range(3):
        waiting.add(HERE, one(body=bytes([place])))
    assert next(waiting.claim(HERE, 0, 256, NOW)).body == b"\0"
    assert len(waiting) == 2


def test_age(waiting: Waiting, counts: Counts) -> None:
    """A set that has waited too long is given up, whether another comes, its template comes or nothing does."""
    for number in (256, 257, 258):
        waiting.add(HERE, one(number))
    late = NOW + LONGEST_MS + 1
    waiting.add(HERE, one(256, now=late))
    assert counts["sets.refused.no_template"] == 1
    assert list(waiting.claim(HERE, 0, 257, late)) == []
    assert counts["sets.refused.no_template"] == 2
    waiting.expire(late)
    assert counts["sets.refused.no_template"] == 3
    assert len(waiting) == 1
    waiting.expire(late + LONGEST_MS + 1)
    assert (len(waiting), waiting.octets, waiting.addresses()) == (0, 0, [])


def _one_template(number: int) -> tuple[str, WaitingSet]:
    return HERE, one(body=bytes(100), now=NOW + number)


def _many_templates(number: int) -> tuple[str, WaitingSet]:
    return HERE, one(256 + number % 60_000, body=bytes(100))


def _many_domains(number: int) -> tuple[str, WaitingSet]:
    return HERE, one(domain=number, body=bytes(100))


def _many_ports(number: int) -> tuple[str, WaitingSet]:
    return HERE, one(256 + number % 60_000, port=number % 65_536, body=bytes(100))


def _large(number: int) -> tuple[str, WaitingSet]:
    return HERE, one(256 + number % 3, body=bytes(8_000))


def _spoofed_addresses(number: int) -> tuple[str, WaitingSet]:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", one(body=bytes(100))


FLOODS = [_one_template, _many_templates, _many_domains, _many_ports, _large, _spoofed_addresses]
Flood = Callable[[int], tuple[str, WaitingSet]]


@pytest.mark.parametrize("flood", FLOODS)
def test_flood(flood: Flood, waiting: Waiting, counts: Counts) -> None:
    """However much comes, the buffer stays in its bounds, and each set is accounted for."""
    for number in range(5_000):
        address, last = flood(number)
        waiting.add(address, last)
        assert waiting.octets <= LIMIT
    assert accounts(counts, waiting)
    assert counts["sets.refused.waiting_full"] > 4_000
    assert last in waiting.of(address)


@pytest.mark.parametrize("flood", FLOODS[:-1])
def test_a_flood_is_the_floods_own_loss(flood: Flood, waiting: Waiting) -> None:
    """One exporter that floods, by whatever means, takes nothing from the others."""
    for number in range(10):
        waiting.add(THERE, one(body=bytes([number])))
    before = waiting.of(THERE)
    for number in range(5_000):
        waiting.add(*flood(number))
    assert waiting.of(THERE) == before


def test_memory() -> None:
    """What the limit counts is what the buffer takes, whoever fills it by whatever means."""
    for flood in FLOODS:
        tracemalloc.start()
        try:
            waiting = Waiting(Counts(), 1_000_000)
            for number in range(5_000):
                waiting.add(*flood(number))
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert taken < 1_300_000


def test_who_goes_on_sending_keeps_his_sets(waiting: Waiting) -> None:
    """A flood of addresses takes from those who have been silent longest."""
    for number in range(1_000):
        waiting.add(*_spoofed_addresses(number))
        if number % 25 == 0:
            waiting.add(THERE, one(now=NOW + number))
    assert len(waiting.of(THERE)) >= 14


def test_templates_share_an_exporters_room(waiting: Waiting) -> None:
    """A template that never comes takes nothing from what waits for the others of its exporter."""
    waiting.add(HERE, kept := one(257))
    for number in range(1_000):
        waiting.add(HERE, one(256, body=bytes([number % 256])))
    assert list(waiting.claim(HERE, 0, 257, NOW)) == [kept]


_ADDRESS = st.sampled_from((HERE, THERE))
_NUMBER = st.integers(256, 258)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), _ADDRESS, _NUMBER, st.integers(1, 2), st.integers(0, 9_000)),
        st.tuples(st.just("claim"), _ADDRESS, _NUMBER),
        st.tuples(st.just("give up"), _ADDRESS, st.one_of(st.none(), _NUMBER), st.integers(1, 2)),
        st.tuples(st.just("later"), st.integers(0, LONGEST_MS)),
        st.tuples(st.just("expire")),
    ),
    max_size=60,
)


@examples(200)
@given(steps=_STEPS)
def test_accounts(steps: list[tuple[object, ...]]) -> None:
    """Whatever happens, sets that waited = came out + given up by reason + still waiting, and octets add up."""
    counts = Counts()
    waiting = Waiting(counts, LIMIT, LONGEST_MS)
    now = NOW
    for step in steps:
        match step:
            case "add", str(address), int(number), int(port), int(size):
                waiting.add(address, one(number, port=port, now=now, body=bytes(size)))
            case "claim", str(address), int(number):
                assert all(each.number == number for each in waiting.claim(address, 0, number, now))
            case "give up", str(address), number, int(port):
                assert number is None or isinstance(number, int)
                waiting.give_up((address, port), 0, number, "template_withdrawn")
                assert not [e for e in waiting.of(address) if e.port == port and number in (None, e.number)]
            case "later", int(ms):
                now += ms
            case _:
                waiting.expire(now)
                assert all(now - e.times[0] <= LONGEST_MS for a in waiting.addresses() for e in waiting.of(a))
        assert accounts(counts, waiting)
        held = [each for address in waiting.addresses() for each in waiting.of(address)]
        assert len(held) == len(waiting)
        queues = {(address, e.number) for address in waiting.addresses() for e in waiting.of(address)}
        octets = sum(512 + len(each.body) for each in held) + 1024 * (len(queues) + len(waiting.addresses()))
        assert waiting.octets == octets <= LIMIT
    waiting.give_up_all()
    assert accounts(counts, waiting)
    assert (len(waiting), waiting.octets) == (0, 0)
