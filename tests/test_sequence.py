"""What was lost on its way to us is told by the exporters' sequence numbers, and nothing else is."""

import random
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flowcoll.decode.sequence import Sequence, Way

Datagram = tuple[int, int]  # sequence number, records
WAYS = pytest.mark.parametrize("way", list(Way))
RECORDS = st.lists(st.integers(0, 30), min_size=12, max_size=60)


def sent(start: int, records: Iterable[int], way: Way) -> Iterator[Datagram]:
    """What an exporter sends that counts in one of the ways."""
    for held in records:
        yield (start + held if way is Way.RECORDS_AND_OWN else start) % (1 << 32), held
        start += 1 if way is Way.DATAGRAMS else held


def followed(datagrams: Iterable[Datagram], way: Way) -> Sequence:
    """A sequence that has seen datagrams."""
    sequence = Sequence(way)
    for number, records in datagrams:
        sequence.saw(number, records)
    return sequence


def story(sequence: Sequence) -> tuple[int, int, int, int]:
    numbers = sequence.numbers
    return numbers.lost, numbers.late, numbers.repeated, numbers.restarts


@WAYS
@given(start=st.integers(0, (1 << 32) - 1), records=RECORDS)
def test_nothing_lost(way: Way, start: int, records: list[int]) -> None:
    """A stream that arrives whole has lost nothing, wherever its numbers begin and wrap."""
    sequence = followed(sent(start, records, way), way)
    assert story(sequence) == (0, 0, 0, 0)


@WAYS
@given(start=st.integers(0, (1 << 32) - 1), records=RECORDS, missing=st.sets(st.integers(1, 10), max_size=6))
def test_what_is_missing_is_counted(way: Way, start: int, records: list[int], missing: set[int]) -> None:
    """Every record, or datagram, that does not arrive is counted once it is followed by another."""
    records = [held or 2 for held in records]
    datagrams = list(sent(start, records, way))
    arrived = [each for place, each in enumerate(datagrams) if place not in missing]
    lost = sum(1 if way is Way.DATAGRAMS else datagrams[place][1] for place in missing)
    sequence = followed(arrived, way)
    assume(sequence.way is way)  # gaps may fall so that they look like the other way of counting
    assert story(sequence) == (lost, 0, 0, 0)


@WAYS
@given(start=st.integers(0, (1 << 32) - 1), seed=st.integers(0, 1000))
def test_overtaking_is_no_loss(way: Way, start: int, seed: int) -> None:
    """Datagrams that only overtook each other leave nothing lost at the end."""
    rng = random.Random(seed)
    datagrams = list(sent(start, [rng.randint(2, 30) for _ in range(80)], way))
    places = sorted(range(80), key=lambda place: place and place + rng.uniform(0, 6))
    sequence = followed((datagrams[place] for place in places), way)
    assert (sequence.numbers.lost, sequence.numbers.repeated, sequence.numbers.restarts) == (0, 0, 0)
    assert bool(sequence.numbers.late) is (places != sorted(places))


@WAYS
def test_repeated(way: Way) -> None:
    """A network that delivers every datagram twice neither loses nor finds anything."""
    twice = [each for each in sent(7, [24] * 50, way) for _ in range(2)]
    assert story(followed(twice, way)) == (0, 0, 50, 0)


@WAYS
@pytest.mark.parametrize("before", [1 << 30, 100, 1500])
def test_restart(way: Way, before: int) -> None:
    """An exporter that begins anew at 0 has lost nothing, be its number before large or small."""
    datagrams = [*sent(before, [24] * 20, way), *sent(0, [24] * 3, way)]
    sequence = followed(datagrams, way)
    assert story(sequence) == (0, 0, 0, 1)
    *_, later = sent(0, [24] * 6, way)
    sequence.saw(*later)
    assert story(sequence) == (2 if way is Way.DATAGRAMS else 48, 0, 0, 1)  # and goes on counting


@WAYS
@pytest.mark.parametrize("meant", [Way.RECORDS, Way.DATAGRAMS])
def test_another_way_of_counting(way: Way, meant: Way) -> None:
    """An exporter that counts in another way than its protocol demands is understood after a few datagrams."""
    datagrams = list(sent(1000, [24, 20, 24, 7] * 10, way))
    sequence = followed(datagrams[:20], meant)
    assert sequence.way is way
    assert story(sequence) == (0, 0, 0, 0)
    for number, records in datagrams[24:]:
        sequence.saw(number, records)
    assert story(sequence) == (4 if way is Way.DATAGRAMS else 75, 0, 0, 0)


def test_records_that_cannot_be_told() -> None:
    """After a message whose records could not be counted there is no loss that one could be sure of."""
    sequence = Sequence(Way.RECORDS)
    lost = []
    for number, records in ((0, 10), (10, None), (50, 5), (60, 5)):
        sequence.saw(number, records)
        lost.append(sequence.numbers.lost)
    assert lost == [0, 0, 0, 5]


@given(st.lists(st.tuples(st.integers(0, (1 << 32) - 1), st.one_of(st.none(), st.integers(0, 65_535))), max_size=300))
def test_hostile_numbers(datagrams: list[tuple[int, int | None]]) -> None:
    """Whatever comes, no figure is negative and memory is bounded."""
    sequence = Sequence(Way.RECORDS)
    for number, records in datagrams:
        sequence.saw(number, records)
        assert min(story(sequence)) >= 0
        assert len(sequence.numbers._gaps or ()) <= 64
