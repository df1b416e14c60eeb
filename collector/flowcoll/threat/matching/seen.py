"""The rows of a list as they pass: those that are of use, and how many are not; a list of which too many are bad is refused."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from flowcoll.errors import ListError
from flowcoll.threat.reading.entries import Refused
from flowcoll.threat.reading.unwrap import Pause

T = TypeVar("T")

_OFTEN = 64  # rows between two pauses


class Seen(Generic[T]):
    """Counts the rows of a list, and judges it by them."""

    def __init__(self) -> None:
        self._used = self._refused = self._others = self._expired = 0
        self._first_refused = self._terms = ""

    def used(
        self, rows: Iterable[T | Refused], pause: Pause, expired: Callable[[T], bool] = lambda _: False
    ) -> Iterator[T]:
        """Give the rows that are to be used."""
        for number, row in enumerate(rows):
            if number % _OFTEN == 0:
                pause()
            if isinstance(row, Refused):
                self._leave_out(row)
            elif expired(row):
                self._expired += 1
            else:
                self._used += 1
                yield row

    def judge(self, *, may_be_empty: bool) -> None:
        """Raise ListError when more than a fifth of the rows is bad, or none could be used and that must not be."""
        worst = f" ({self._first_refused})" if self._first_refused else ""
        rows = self._used + self._expired + self._refused
        if not self._used + self._expired and (self._refused or not may_be_empty):
            raise ListError(f"holds no address{worst}", "empty")
        if self._refused * 5 > rows:
            raise ListError(f"holds no address in {self._refused} of its {rows} rows{worst}", "bad_rows")
        if not self._used and not may_be_empty:
            raise ListError(f"holds no address that has not expired; {self._expired} have", "empty")

    def left_out(self) -> dict[str, Any]:
        """Give how many rows were left out, and of the bad ones where the first is and what is wrong with it; and what has to be kept with the list."""
        first = {"first_refused": self._first_refused} if self._refused else {}
        terms = {"terms": self._terms} if self._terms else {}
        counts = {"others": self._others, "expired": self._expired}
        return {"refused": self._refused, **first, **terms, **{name: count for name, count in counts.items() if count}}

    def _leave_out(self, row: Refused) -> None:
        self._terms = self._terms or row.terms
        if row.terms:
            return
        if row.other:
            self._others += 1
        else:
            self._refused += 1
            self._first_refused = self._first_refused or f"{row.where}: {row.why}"
