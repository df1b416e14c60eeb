"""Documents as lines of a bulk request: each behind an action line that names its index and its id.

An id is given once and kept over retries: what was stored, although its answer was lost, is a conflict at the next try and
not a second document.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta

# An id is digits only, always as many: Elasticsearch packs two into an octet, and later ones are greater, so that it sees
# from the largest id of a segment that it need not look there. With more digits they would still be nobody else's.
_FIRST = 100_000_000_000
_MAX_DAYS = 1000
_FAR = timedelta(days=7)


class Actions:
    """Writes documents behind action lines; `index` gives the index of a day, or is that of all of them."""

    def __init__(
        self, index: str | Callable[[str], str], clock: Callable[[], float] = time.time, start: str | None = None
    ) -> None:
        self._start = start or f"{int(clock() * 1000):013d}{secrets.randbelow(10**11):011d}"
        self._next = _FIRST
        self._head = self._action(index) if isinstance(index, str) else ""
        self._heads = None if isinstance(index, str) else _Heads(lambda day: self._action(index(day)), clock)

    def lines(self, documents: Sequence[str]) -> bytes:
        """Give each document behind its action line, newlines included."""
        start = self._next
        self._next = end = start + len(documents)
        # interleaved by slices: to copy each document into a line of its own first would take twice the time
        lines = [""] * (2 * len(documents) + 1)
        if self._heads is None:
            head = self._head
            lines[0:-1:2] = [f'{head}{number}"}}}}' for number in range(start, end)]
        else:
            heads = self._heads.of_today()
            numbered = zip(documents, range(start, end), strict=True)
            lines[0:-1:2] = [f'{heads[document[15:25]]}{number}"}}}}' for document, number in numbered]
        lines[1::2] = documents
        return "\n".join(lines).encode("ascii")

    def _action(self, index: str) -> str:
        return f'{{"create":{{"_index":"{index}","_id":"{self._start}'


class _Heads(dict[str, str]):
    """Day, written 2026-11-21 -> how the action lines of its documents begin.

    A clock that is wrong must not make an index for every day of its century: what is more than a week away from now goes
    to today's.
    """

    def __init__(self, head: Callable[[str], str], clock: Callable[[], float]) -> None:
        super().__init__()
        self._head = head
        self._clock = clock
        self._today = 0

    def of_today(self) -> "_Heads":
        """Forget what held for another day."""
        today = int(self._clock() // 86_400)
        if today != self._today or len(self) > _MAX_DAYS:
            self.clear()
            self._today = today
        return self

    def __missing__(self, day: str) -> str:
        today = date(1970, 1, 1) + timedelta(days=self._today)
        try:
            far = abs(date.fromisoformat(day) - today) > _FAR
        except ValueError:
            far = True
        self[day] = head = self._head(today.isoformat() if far else day)
        return head
