from flowcoll.output.actions import Actions
from flowcoll.output.queue import Limits, Queue


def document(day, number=1):
    return f'{{"@timestamp":"{day}T22:54:27.123Z","n":{number}}}'


def queue(octets=1 << 20, deadline_s=60.0, memory_octets=1 << 20, **kwargs):
    return Queue(Actions("i"), Limits(octets, deadline_s, memory_octets), **kwargs)


def given(made, count):
    """Have so many requests wait, of one document each."""
    for number in range(count):
        made.add([document("2026-11-21", number)])
        made.complete()


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


def test_what_waits_too_long_is_for_the_spool():
    """The oldest request is spare once it has waited for so long, and is held until somebody says that it is not."""
    now = [100.0]
    made = queue(clock=lambda: now[0])
    given(made, 1)
    now[0] += 3
    given(made, 1)
    assert made.spare(5) is None
    now[0] += 2
    first = made.spare(5)
    assert first is not None
    assert made.spare(5) is None
    assert (made.documents, made.waiting) == (2, 1)
    made.done(first)
    assert made.documents == 1


def test_what_is_too_much_is_for_the_spool():
    """With more than half of the memory in use there are spare requests, until there is no more than half."""
    made = queue(memory_octets=1000)
    given(made, 1)
    assert not made.much.is_set()
    given(made, 5)
    assert made.much.is_set()
    while (request := made.spare(1000)) is not None:
        made.done(request)
    assert 300 < made.octets <= 500


def test_what_was_put_aside_is_for_the_spool():
    """It goes first; when the spool takes none it waits to be sent again."""
    made = queue()
    given(made, 2)
    request = made.take()
    made.put_aside(request)
    assert made.much.is_set()
    assert made.spare(1000) is request
    made.put_back(request)
    assert made.spare(1000) is None
    assert made.waiting == 2


def test_the_rest():
    """At the end everything that nobody sends can be had, in any order."""
    made = queue()
    given(made, 3)
    made.put_aside(made.take())
    under_way = made.take()
    found = [made.rest(), made.rest()]
    assert None not in found
    assert made.rest() is None
    assert made.documents == 3
    assert under_way not in found
