"""How far the spool has been sent: told at the start, every ten seconds, and at the end."""

import time
from collections.abc import Callable

from flowcoll.logs import Log

_EVERY_S = 10.0
_QUIET_S = 60.0


class Progress:
    """Tells of one replay after the other; short ones that follow each other closely are told of once a minute."""

    def __init__(self, output: str, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self.running = False
        self._output = output
        self._log = log
        self._clock = clock
        self._done = 0
        self._began = 0.0
        self._told_at = 0.0
        self._told_done = 0
        self._rate = 0.0  # documents a second
        self._quiet_until = float("-inf")
        self._said = False  # whether this one was told of

    def begin(self, documents: int, octets: int) -> None:
        """Take note that there is something to send."""
        if self.running:
            return
        self.running = True
        self._done = self._told_done = 0
        self._rate = 0.0
        self._began = self._told_at = self._clock()
        self._said = self._began >= self._quiet_until
        if self._said:
            self._log.info("sending what waits on disk", output=self._output, documents=documents, octets=octets)

    def did(self, documents: int, left: int) -> None:
        """Take note of documents that were sent."""
        self._done += documents
        now = self._clock()
        since = now - self._told_at
        if since < _EVERY_S:
            return
        self._rate = (self._done - self._told_done) / since
        self._told_at, self._told_done, self._said = now, self._done, True
        seconds = self.left_s(left)
        estimate = {} if seconds is None else {"left_s": round(seconds)}
        self._log.info("sending what waits on disk", output=self._output, done=self._done, left=left, **estimate)

    def left_s(self, left: int) -> float | None:
        """Give how long the rest takes at the last rate, None when there is none yet."""
        passed = self._clock() - self._began
        rate = self._rate or (self._done / passed if passed > 0 else 0.0)
        return left / rate if rate else None

    def end(self) -> None:
        """Take note that nothing is left."""
        if not self.running:
            return
        self.running = False
        now = self._clock()
        if self._said:
            self._quiet_until = now + _QUIET_S
            self._log.info(
                "nothing waits on disk any more",
                output=self._output,
                documents=self._done,
                after_s=round(now - self._began, 1),
            )
