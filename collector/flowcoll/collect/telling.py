"""What a child tells of itself on the board, and how that is read."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from flowcoll.collect.board import Slot
from flowcoll.collect.merge import State
from flowcoll.counters import Counts


class Holder(Protocol):
    """An output as the one who counts what is lost with its process sees it."""

    @property
    def name(self) -> str:
        """What its counters are called."""

    @property
    def held(self) -> int:
        """Documents that are in its memory and nowhere else."""


class Told(NamedTuple):
    """What a child has told last. turned: when its loop turned, as time.monotonic() has it; held: output -> documents."""

    turned: float = 0.0
    held: Mapping[str, int] = {}
    state: State = State()

    @classmethod
    def by(cls, slot: Slot) -> "Told":
        """Read what stands in a slot."""
        shown = slot.state()
        if not shown:
            return cls()
        told = orjson.loads(shown)
        return cls(told["turned"], told["held"], State(told["counts"], told["report"], told["gauges"]))


class Teller:
    """Tells on a slot. The report is made anew by `look`, counts and what is held are those of the moment.

    One that is killed has then lost what came after the last `tell`, no more: the tally says how much that was.
    """

    def __init__(self, slot: Slot, counts: Counts, outputs: Sequence[Holder] = ()) -> None:
        self.tally = slot.tally
        self._slot = slot
        self._counts = counts
        self._outputs = outputs
        self._report = self._gauges = orjson.Fragment(b"{}")

    def look(self, report: Mapping[str, Any], gauges: Mapping[str, float]) -> None:
        """Take a report of the parts, and tell it."""
        self._report = orjson.Fragment(orjson.dumps(report, default=str))
        self._gauges = orjson.Fragment(orjson.dumps(gauges))
        self.tell()

    def tell(self) -> None:
        """Tell how things stand."""
        told = {
            "turned": time.monotonic(),
            "held": {output.name: output.held for output in self._outputs},
            "counts": self._counts,
            "report": self._report,
            "gauges": self._gauges,
        }
        self._slot.show(orjson.dumps(told))
