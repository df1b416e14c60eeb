"""What goes wrong during a soak, and when: drawn from the seed, one thing after the other."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from service import Service
from soak.store import Store

AWAY_S = (5.0, 20.0)
"""How long Elasticsearch, or a disk, is away."""

_BALLAST = 1024 * 1024

Act = Callable[[Service], None]


class Faults:
    """Does faults to a service and its Elasticsearch.

    disk: a small file system that holds the state directory, None where there is none. done: how often each was done.
    `spare_one` leaves one worker and the refresher alone from then on, so that their memory can be judged.
    """

    def __init__(self, seed: int, store: Store, disk: Path | None, folder: Path) -> None:
        self.done: Counter[str] = Counter()
        self.killed = 0
        self.spare_one = False
        self.away_s = AWAY_S
        self._rng = random.Random(seed)
        self._store = store
        self._disk = disk
        self._folder = folder
        self._rotated = 0

    def brief(self, more: Mapping[str, Callable[[], None]]) -> "Deck":
        """Give the faults that are done at once. more: those of the load, by name."""
        own = {
            "worker killed": self._kill_worker,
            "refresher killed": self._kill_refresher,
            "SIGHUP after the file was moved": self._rotate,
        }
        return Deck(self._rng, {**own, **{name: _ignoring(act) for name, act in more.items()}})

    def lasting(self, *, short: bool) -> "Deck":
        """Give the faults that take a while, during which the others go on. short: without a second start of a node, which takes long."""
        own = {
            **({} if short else {"Elasticsearch stopped": self._away(self._store.stop)}),
            "Elasticsearch killed": self._away(self._store.kill),
            **{f"Elasticsearch: {fault}": self._in_store(fault) for fault in self._store.faults},
            **({"disk of the state directory full": self._fill} if self._disk else {}),
        }
        return Deck(self._rng, own)

    def _kill_worker(self, service: Service) -> None:
        workers = sorted((name, pid) for name, pid in service.children().items() if name.startswith("worker"))
        if workers:
            _, pid = workers[0] if self.spare_one else self._rng.choice(workers)
            os.kill(pid, signal.SIGKILL)
            self.killed += 1

    def _kill_refresher(self, service: Service) -> None:
        pid = service.children().get("refresher")
        if pid and not self.spare_one:
            os.kill(pid, signal.SIGKILL)

    def _rotate(self, service: Service) -> None:
        """Do what logrotate does."""
        self._rotated += 1
        current = self._folder / "flows.ndjson"
        if current.exists():
            current.rename(self._folder / f"flows.{self._rotated}.ndjson")
        os.kill(service.pid, signal.SIGHUP)

    def _away(self, end: Callable[[], None]) -> Act:
        def act(_: Service) -> None:
            end()
            self._pause()
            self._store.start()

        return act

    def _in_store(self, fault: str) -> Act:
        def act(_: Service) -> None:
            self._store.do(fault)
            self._pause()
            self._store.undo(fault)

        return act

    def _fill(self, _: Service) -> None:
        """Fill the disk of the state directory for a while, while Elasticsearch takes nothing."""
        assert self._disk is not None
        ballast = self._disk / "ballast"
        busy = self._store.faults[0]
        self._store.do(busy)
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(bytes(_BALLAST)) == _BALLAST:
                pass
        self._pause()
        ballast.unlink()
        self._store.undo(busy)

    def _pause(self) -> None:
        time.sleep(self._rng.uniform(*self.away_s))


class Deck:
    """Faults in an order that the seed shuffles; each comes once before any comes again."""

    def __init__(self, rng: random.Random, acts: Mapping[str, Act]) -> None:
        self._rng = random.Random(rng.random())
        self._acts = acts
        self._left: list[str] = []

    def draw(self) -> tuple[str, Act]:
        """Give the next one."""
        if not self._left:
            self._left = list(self._acts)
            self._rng.shuffle(self._left)
        name = self._left.pop()
        return name, self._acts[name]


def _ignoring(act: Callable[[], None]) -> Act:
    return lambda _: act()
