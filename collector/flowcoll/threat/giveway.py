"""Work in small pieces beside a receive loop."""

import time

import gevent

_TURN_S = 0.002
_LONGEST_TURN_S = 0.02


class GiveWay:
    """Called often, lets other greenlets run after two milliseconds of work, for as long as was worked."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Give way if it is time."""
        worked = time.perf_counter() - self._since
        if worked >= _TURN_S:
            gevent.sleep(min(worked, _LONGEST_TURN_S))
            self._since = time.perf_counter()
