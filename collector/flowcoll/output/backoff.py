"""How long to wait before the next try."""

import random
from collections.abc import Callable

MOST_S = 60.0
_LEAST_S = 0.001


class Backoff:
    """Twice as long at most with each try, a random part of it ("full jitter"): many who wait do not come back at once."""

    def __init__(self, base_s: float, chance: Callable[[], float] = random.random) -> None:
        self._base_s = max(base_s, _LEAST_S)
        self._chance = chance
        self.tries = 0

    def next(self, at_least_s: float = 0.0) -> float:
        """Count one more try and give the seconds to wait; a server that asked for more gets it."""
        ceiling = min(MOST_S, self._base_s * 2.0 ** min(self.tries, 32))
        self.tries += 1
        return max(ceiling * self._chance(), min(at_least_s, MOST_S))

    def reset(self) -> None:
        """Begin anew: a try was good."""
        self.tries = 0
