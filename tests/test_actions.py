import itertools
import json

import pytest

from flowcoll.output.actions import Actions
from flowcoll.streams import dated

NOW = 1_795_301_667.5  # 2026-11-21T22:54:27.500Z


def document(day, number=1):
    return f'{{"@timestamp":"{day}T22:54:27.123Z","n":{number}}}'


def actions(lines):
    """The action of every other line, and the documents between them."""
    split = lines.decode().split("\n")
    assert split.pop() == ""
    return [json.loads(line)["create"] for line in split[0::2]], split[1::2]


def test_each_document_stands_behind_its_action():
    """A line that names index and id, then the document as it is; the last line ends too."""
    given = [document("2026-11-21", number) for number in range(3)]
    found, documents = actions(Actions("logs-flowcoll.flow-default").lines(given))
    assert documents == given
    assert {action["_index"] for action in found} == {"logs-flowcoll.flow-default"}


def test_an_id_is_given_once():
    """Ids are distinct within a start and between starts, even at the same moment."""
    ids = []
    for _ in range(50):
        made = Actions("i", lambda: NOW)
        for size in (1, 0, 5):
            ids += [action["_id"] for action in actions(made.lines(["{}"] * size))[0]] if size else []
    assert len(set(ids)) == len(ids) == 300


def test_ids_are_digits_and_grow():
    """Elasticsearch packs ids of digits best, and finds greater ones fastest; a later start has greater ones."""
    first, later = Actions("i", lambda: NOW), Actions("i", lambda: NOW + 0.001)
    ids = [action["_id"] for made in (first, later) for action in actions(made.lines(["{}"] * 1200))[0]]
    assert all(each.isascii() and each.isdigit() for each in ids)
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {36}


def test_a_document_goes_to_the_index_of_its_day():
    """The day is that of @timestamp, whatever the batch."""
    days = ["2026-11-20", "2026-11-21", "2026-11-20"]
    made = Actions(lambda day: dated("default", "daily", "", day), lambda: NOW)
    found, _ = actions(made.lines([document(day) for day in days]))
    assert [action["_index"][-10:] for action in found] == ["2026.11.20", "2026.11.21", "2026.11.20"]


@pytest.mark.parametrize("day", ["1970-01-01", "2026-11-13", "2026-11-29", "2106-02-07", "9999-99-99", "x"])
def test_a_wrong_clock_makes_no_index(day):
    """What is more than a week from now goes to today's index: nobody makes us open one for each day of a century."""
    made = Actions(lambda day: dated("default", "daily", "", day), lambda: NOW)
    found, _ = actions(made.lines([document(day), document("2026-11-14"), document("2026-11-28")]))
    assert [action["_index"][-10:] for action in found] == ["2026.11.21", "2026.11.14", "2026.11.28"]


def test_days_are_forgotten():
    """What is kept of days is bounded, within a day and over the days."""
    now = itertools.chain([NOW] * 3000, itertools.count(NOW, 86_400))
    made = Actions(lambda day: dated("default", "daily", "", day), lambda: next(now))
    for number in range(5000):
        made.lines([document(f"{1000 + number}-01-01")])
        assert len(made._heads) <= 1001


def test_today_moves_on():
    """A document whose time is far away goes to the index of the day on which it is written."""
    now = [NOW]
    made = Actions(lambda day: dated("default", "daily", "", day), lambda: now[0])
    for day in ("21", "22"):
        (action,), _ = actions(made.lines([document("1970-01-01")]))
        assert action["_index"][-10:] == f"2026.11.{day}"
        now[0] += 86_400
