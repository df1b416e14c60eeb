"""When a server is asked for its list again: ever later after failures, and not before it or the list's owner allows it."""

from collections.abc import Callable

from flowcoll.errors import ListError
from flowcoll.threat.keeping.feed import Feed

_FIRST_RETRY_S, _LAST_RETRY_S = 5.0, 1800.0
_UNANSWERED = {"connection", "dns", "proxy", "state_path", "tls"}  # the owner of the list has seen no request
_QUOTA = "quota"


class Tries:
    """What is known of the tries for one feed; times are seconds since 1970.

    earliest: when somebody may have the list fetched; since: when it began to fail, 0 while it does not.
    """

    def __init__(self, feed: Feed, chance: Callable[[], float]) -> None:
        self._feed = feed
        self._chance = chance
        self._failures = 0
        self.since = 0.0
        self.earliest = 0.0

    def known(self, confirmed: float) -> None:
        """Take when the list was had last, at the start."""
        if self._feed.shortest_s:
            self.earliest = confirmed + self._feed.shortest_s

    def answered(self, now: float) -> None:
        """Take note of a whole answer, whatever is in it."""
        self.earliest = now + self._feed.shortest_s

    def succeeded(self) -> float:
        """Begin anew, and give how many seconds to wait until the next time."""
        self._failures, self.since = 0, 0.0
        return self._feed.interval_s

    def failed(self, now: float, exc: ListError) -> float:
        """Give how many seconds to wait: less than the interval, unless server or owner want more."""
        self._failures += 1
        self.since = self.since or now
        longest = min(_LAST_RETRY_S, self._feed.interval_s / 2)
        backed_off = min(_FIRST_RETRY_S * 2.0 ** min(self._failures - 1, 30), longest)
        spread = backed_off * (0.8 + 0.2 * self._chance())  # many collectors, one server
        owner_s = self._feed.shortest_s if exc.reason not in _UNANSWERED else 0.0
        server_s = min(getattr(exc, "retry_after_s", 0.0), self._feed.interval_s)
        # somebody who asks may know that there is a quota again
        self.earliest = now + max(owner_s, server_s if exc.reason != _QUOTA else 0.0)
        return max(spread, owner_s, server_s)
