"""What exporters say of themselves in options data, kept for each of them: bounded, and restored after a restart."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from flowcoll.counters import Counts
from flowcoll.decode.context import Context
from flowcoll.decode.option_data import Values, records
from flowcoll.decode.sampling import (
    TOLD_BY,
    Sampling,
    Told,
    sampling_of,
    sound_rate,
    sound_sequence,
    tell_rate,
    tell_sequence,
)
from flowcoll.decode.templates import Template

LIMIT = 32_768
_STALE_MS = 24 * 3_600_000  # of what is said again and again, what was not said for so long holds no more
_MOST = 65_536
_NOTHING: dict[object, "Fact"] = {}


class Kind(NamedTuple):
    """One kind of fact: elements of which options data that tell it have one, and how it is read from a record.

    sound: whether a value that was kept can be one. most: how many one exporter may have.
    """

    name: str
    told_by: frozenset[str]
    tell: Callable[[Values, frozenset[str], int], Iterator[Told]]
    sound: Callable[[tuple[int | str, ...]], bool]
    most: int


RATE, SELECTION = "rate", "selection"
KINDS = (
    Kind(RATE, TOLD_BY, tell_rate, sound_rate, 1024),
    Kind(SELECTION, frozenset({"selectionSequenceId"}), tell_sequence, sound_sequence, 1024),
)
"""Every kind there is; what a new one means to documents is said where they are made."""

_BY_NAME = {kind.name: kind for kind in KINDS}


class Fact(NamedTuple):
    """What was told, and when that was said last, in ms since 1970."""

    told: Told
    said: int


class KnownFact(NamedTuple):
    """One fact of an exporter: what has to be kept to know it again."""

    kind: str
    fact: Fact

    def sound(self) -> bool:
        """Tell whether it can be what an exporter said."""
        return self.kind in _BY_NAME and _BY_NAME[self.kind].sound(self.fact.told.value)


_Place = tuple[int, str, int]
"""Domain, what about, and its number."""


class _Shelf:
    """The facts of one kind, by exporter: the one that has said nothing for longest first."""

    def __init__(self, kind: Kind, limit: int) -> None:
        self._most = kind.most
        self._limit = limit
        self._size = 0
        self.exporters: OrderedDict[str, OrderedDict[_Place, Fact]] = OrderedDict()

    def __len__(self) -> int:
        return self._size

    def put(self, address: str, fact: Fact) -> tuple[Fact | None, str | None]:
        """Put a fact in its place; give the one that was there, and who lost one of his for it."""
        facts = self.exporters.setdefault(address, OrderedDict())
        self.exporters.move_to_end(address)
        place = fact.told[:3]
        before = facts.get(place)
        facts[place] = fact
        facts.move_to_end(place)
        if before is not None:
            return before, None
        self._size += 1
        loser = None
        if len(facts) > self._most or self._size > self._limit:
            # who has more than he may gives up his own, else who has said nothing for longest
            loser = address if 2 * len(facts) > min(self._most, self._limit) else next(iter(self.exporters))
            self.drop(loser)
        return None, loser

    def drop(self, address: str) -> None:
        """Forget the fact of an exporter that was said longest ago."""
        facts = self.exporters[address]
        facts.popitem(last=False)
        self._size -= 1
        if not facts:
            del self.exporters[address]

    def stale(self, address: str, before: int) -> int:
        """Forget what an exporter has not said since then, and give how much that was."""
        facts, count = self.exporters.get(address), 0
        while facts and next(iter(facts.values())).said < before:
            self.drop(address)
            count += 1
        return count


class Facts:
    """What every exporter said. changed: addresses of which something else is known than before, the first first.

    generation: another number whenever anything has changed; who has seen another one asks `brief`. changes: of each
    exporter of which anything is known, the generation in which that changed last.
    """

    def __init__(self, counts: Counts, limit: int = LIMIT) -> None:
        self._counts = counts
        self._shelves = {kind.name: _Shelf(kind, limit) for kind in KINDS}
        self.changes: dict[str, int] = {}
        self.generation = 0
        self.changed: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._shelves.values()))

    def learn(self, address: str, domain: int, template: Template, body: bytes, now: int) -> None:
        """Learn from a set of options data what it tells."""
        kinds = [kind for kind in KINDS if any(name in kind.told_by for name, _ in template.fields)]
        if not kinds:
            return
        earlier = dict.fromkeys((kind.name for kind in kinds), 0)
        for values in records(template, body):
            for kind in kinds:
                for told in kind.tell(values, template.scopes, domain):
                    before = self._put(kind.name, address, Fact(told, now))
                    if before is None or before.told != told:
                        self._counts.add(f"facts.learned.{kind.name}")
                    if before is not None:
                        earlier[kind.name] = max(earlier[kind.name], before.said)
        for name, said in earlier.items():
            # what was not said then, nor for long before: not by now, since after a silence all takes its time
            if outdated := self._shelves[name].stale(address, said - _STALE_MS):
                self._counts.add(f"facts.outdated.{name}", outdated)
                self._change(address)

    def restore(self, address: str, known: KnownFact) -> None:
        """Put back what was kept of an exporter, unless something newer is known."""
        facts = self._shelves[known.kind].exporters.get(address, _NOTHING)
        present = facts.get(known.fact.told[:3])
        if present is None or present.said < known.fact.said:
            self._put(known.kind, address, known.fact, kept=True)
            self._counts.add(f"facts.restored.{known.kind}")

    def _put(self, kind: str, address: str, fact: Fact, *, kept: bool = False) -> Fact | None:
        before, loser = self._shelves[kind].put(address, fact)
        if before is None or before.told != fact.told:
            self._change(address, kept=kept)
        if loser is not None:
            self._counts.add(f"facts.evicted.{kind}")
            self._change(loser)
        return before

    def _change(self, address: str, *, kept: bool = False) -> None:
        self.generation += 1
        if any(address in shelf.exporters for shelf in self._shelves.values()):
            self.changes[address] = self.generation
        else:
            self.changes.pop(address, None)
        if not kept:
            self.changed[address] = None
            if len(self.changed) > _MOST:  # faster than anybody keeps them: a flood of addresses
                self.changed.popitem(last=False)

    def of(self, address: str) -> Iterator[KnownFact]:
        """Give what is known of an exporter, what was said last first; it may change meanwhile."""
        for kind, shelf in self._shelves.items():
            for fact in reversed(list(shelf.exporters.get(address, _NOTHING).values())):
                yield KnownFact(kind, fact)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Give address and time of every fact."""
        return (
            (address, fact.said)
            for shelf in self._shelves.values()
            for address, facts in shelf.exporters.items()
            for fact in facts.values()
        )

    # -- what they mean ------------------------------------------------------------------------------------------

    def brief(self, context: Context, address: str, domain: int) -> None:
        """Bring what a context says of its exporter's domain up to date."""
        context.generation = self.generation
        at = self.changes.get(address, 0)
        if context.told != at:
            context.told = at
            context.learn(self.meaning(address, domain))

    def meaning(self, address: str, domain: int) -> Sampling:
        """Give what is known of the sampling of a domain; that of IPFIX is 2**32 more."""
        return sampling_of(self._told(RATE, address), self._told(SELECTION, address), domain)

    def _told(self, kind: str, address: str) -> Iterable[Told]:
        return [fact.told for fact in self._shelves[kind].exporters.get(address, _NOTHING).values()]

    def sampling(self, address: str, protocol: str, domain: int) -> list[tuple[int | None, int, str]]:
        """Give sampler, rate and where that comes from, of each; None stands for records that name no sampler.

        Nothing of a domain of which nothing is known. domain: as the header has it, or, for IPFIX, 2**32 more.
        """
        if protocol not in {"netflow9", "ipfix"}:
            return []
        meaning = self.meaning(address, domain % 2**32 + (2**32 if protocol == "ipfix" else 0))
        rows: list[tuple[int | None, int, str]] = [
            (sampler, *said) for sampler, said in sorted(meaning.samplers.items())
        ]
        return [(None, meaning.rate, meaning.source), *rows] if meaning.source != "none" else rows
