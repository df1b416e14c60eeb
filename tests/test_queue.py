from flowcoll.output.actions import Actions
from flowcoll.output.queue import Limits, Queue


def document(day, number=1):
    return f'{{"@timestamp":"{day}T22:54:27.123Z","n":{number}}}'


def queue(octets=1 << 20, deadline_s=60.0, memory_octets=1 << 20):
    return Queue(Actions("i"), Limits(octets, deadline_s, memory_octets))


def test_what_is_held_is_counted_until_it_is_done():
    """Documents and octets are held from the moment they are taken until what became of them is said."""
    made = queue()
    assert made.empty.is_set()
    assert made.add([document("2026-11-21", number) for number in range(10)])
    assert made.documents == 10
    made.complete()
    request = made.take()
    assert (made.documents, made.octets) == (10, request.octets)
    assert request.octets < request.raw_octets
    rest = request.only([1, 2])
    made.done(request, rest)
    assert (made.documents, made.octets) == (2, rest.octets)
    assert not made.empty.is_set()
    made.done(rest)
    assert (made.documents, made.octets) == (0, 0)
    assert made.empty.is_set()


def test_a_full_queue_takes_nothing():
    """What does not fit is refused as a whole, and leaves no trace."""
    made = queue(memory_octets=1)
    assert made.add([document("2026-11-21")])
    made.complete()
    held = made.documents, made.octets
    assert not made.add([document("2026-11-21")] * 5)
    assert (made.documents, made.octets) == held


def test_a_request_that_was_too_large_makes_later_ones_smaller():
    """The limit follows what was refused, and never falls so low that each document is a request."""
    made = queue(octets=1 << 20)
    assert made.shrink(1 << 19) == 1 << 19
    assert made.shrink(1 << 20) == 1 << 19
    assert made.shrink(10) == 64 * 1024
    assert queue(octets=1000).shrink(500) == 1000
