"""Rows as they pass are counted, and a list is judged by them."""

import pytest

from flowcoll.errors import ListError
from flowcoll.threat.matching.seen import Seen
from flowcoll.threat.reading.entries import Refused
from flowcoll.threat.reading.unwrap import at_once

BAD, OTHER = Refused("line 7", "is bad"), Refused("line 8", "is a domain", other=True)


def seen(*rows: int | Refused) -> Seen[int]:
    """Rows that are numbers are of use if they are even, and have expired if they are odd."""
    counting = Seen[int]()
    used = list(counting.used(rows, at_once, lambda row: row % 2 == 1))
    assert used == [row for row in rows if isinstance(row, int) and row % 2 == 0]
    return counting


def test_what_was_left_out_is_told() -> None:
    """Bad rows are always counted, and the first one is told; what else was left out is told if there is any."""
    assert seen(2).left_out() == {"refused": 0}
    assert seen(2, BAD, Refused("line 9", "too"), OTHER, 1, 3).left_out() == {
        "refused": 2,
        "first_refused": "line 7: is bad",
        "others": 1,
        "expired": 2,
    }


def test_terms_are_kept_with_the_list() -> None:
    """What a list says of itself is no row that was left out; the first that has terms counts."""
    told = [Refused("line 9", "is about a metadata", other=True, terms=text) for text in ("(c) us", "(c) them")]
    assert seen(2, *told).left_out() == {"refused": 0, "terms": "(c) us"}


@pytest.mark.parametrize("rows", [(2,), (2, 2, 2, 2, BAD), (2, *[OTHER] * 9), (2, 1, 1, 1, BAD)])
def test_a_good_list(rows: tuple[int | Refused, ...]) -> None:
    """Up to a fifth of the rows may be bad; those about other things do not count, those that have expired are good ones."""
    seen(*rows).judge(may_be_empty=False)


@pytest.mark.parametrize(
    ("rows", "words", "reason"),
    [
        ((), "holds no address", "empty"),
        ((OTHER,), "holds no address", "empty"),
        ((BAD,), "holds no address (line 7: is bad)", "empty"),
        ((2, 2, 2, BAD), "holds no address in 1 of its 4 rows (line 7: is bad)", "bad_rows"),
        ((1, 1), "holds no address that has not expired; 2 have", "empty"),
    ],
)
def test_a_list_of_no_use(rows: tuple[int | Refused, ...], words: str, reason: str) -> None:
    """A list that names nobody, nobody any more, or is mostly bad, is refused."""
    with pytest.raises(ListError) as caught:
        seen(*rows).judge(may_be_empty=False)
    assert (str(caught.value), caught.value.reason) == (words, reason)


def test_a_list_that_may_be_empty() -> None:
    """Where a list may be empty, only bad rows make it useless."""
    for rows in ((), (OTHER,), (1, 1)):
        seen(*rows).judge(may_be_empty=True)
    with pytest.raises(ListError, match=r"^holds no address \(line 7: is bad\)$"):
        seen(BAD).judge(may_be_empty=True)


def test_others_may_work_meanwhile() -> None:
    """Between two pauses lie few rows, whatever they are."""
    pauses: list[int] = []
    rows: list[int | Refused] = [1, 2, BAD, OTHER] * 250
    assert len(list(Seen[int]().used(rows, lambda: pauses.append(1)))) == 500
    assert len(pauses) >= 1000 // 64
