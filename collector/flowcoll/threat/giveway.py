"""Work in small pieces beside a receive loop."""

import time

import gevent

_TURN_S = 0.002
_LONGEST_REST_S = 0.02


class GiveWay:
    """Called often, lets other greenlets run after a few milliseconds of work, for as long as was worked at most."""

    def __init__(self, turn_s: float = _TURN_S, longest_rest_s: float = _LONGEST_REST_S) -> None:
        self._turn_s = turn_s
        self._longest_rest_s = longest_rest_s
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Give way if it is time."""
        worked = time.perf_counter() - self._since
        if worked >= self._turn_s:
            gevent.sleep(min(worked, self._longest_rest_s))
            self._since = time.perf_counter()
