"""Supervisor and child understand each other, and each learns that the other is gone."""

import gevent
import pytest

from flowcoll.collect.channel import Channel, end_of, pair


@pytest.fixture
def ends():
    made = [Channel(end) for end in pair()]
    yield made
    for end in made:
        end.close()


def listen(channel):
    heard = []

    def run():
        heard.extend(channel.messages())

    return heard, gevent.spawn(run)


def test_messages_arrive_whole_and_in_order(ends):
    """Whatever their size, messages arrive as they were sent, until the other side closes its end."""
    one, other = ends
    sent = [{"n": number, "filler": "x" * (number * 9973 % 300_000)} for number in range(40)]
    heard, listening = listen(other)
    for message in sent:
        assert one.send(message)
    one.close()
    listening.get(timeout=10)
    assert heard == sent


def test_each_question_gets_its_answer(ends):
    """Answers find their question, whatever order they come in, among other messages."""
    one, other = ends
    questions, _ = listen(other)
    heard, listening = listen(one)
    asked = [gevent.spawn(one.ask, word, 10) for word in ("a", "b", "c")]
    with gevent.Timeout(10):
        while len(questions) < 3:
            gevent.sleep(0.001)
    other.send({"ready": True})
    for question in reversed(questions):
        other.answer(question, question["ask"] * 2)
    gevent.joinall(asked, timeout=10)
    assert [each.value for each in asked] == ["aa", "bb", "cc"]
    assert heard == [{"ready": True}]
    listening.kill()


def test_no_answer_is_none(ends):
    """Who does not answer in time, or is gone, has answered None; a late answer disturbs nobody."""
    one, other = ends
    questions, _ = listen(other)
    _, listening = listen(one)
    assert one.ask("late", 0.02) is None
    other.answer(questions[0], "too late")
    asking = gevent.spawn(one.ask, "gone", 10)
    with gevent.Timeout(10):
        while len(questions) < 2:
            gevent.sleep(0.001)
    other.close()
    assert asking.get(timeout=10) is None
    listening.get(timeout=10)
    assert one.ask("nobody", 10) is None
    assert not one.send({"do": "stop"})


def test_an_end_goes_by_its_descriptor():
    """A process that was handed the descriptor of an end talks through it."""
    ours, theirs = pair()
    heard, listening = listen(Channel(ours))
    theirs = Channel(end_of(theirs.detach()))
    theirs.send({"ready": True})
    theirs.close()
    listening.get(timeout=10)
    assert heard == [{"ready": True}]
    ours.close()
