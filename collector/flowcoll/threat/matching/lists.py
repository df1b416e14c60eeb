"""Lists of threats, and the match of an address against all of them.

Within one list the most specific entry counts: the longest prefix, or the smallest range. Every list has its say. A
private address never matches, even if it is listed. A list can be replaced at any time; whoever remembers what a match
said is told.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from flowcoll.enrich.locality import Address, is_private, unmapped
from flowcoll.threat.matching.seen import Seen
from flowcoll.threat.matching.spans import Spans
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading.entries import Entry
from flowcoll.threat.reading.readers import Row
from flowcoll.threat.reading.times import iso
from flowcoll.threat.reading.unwrap import Pause

_OFTEN = 64  # rows between two pauses
_FIELDS = 7  # of a line
_NOTHING: Mapping[str, Any] = {}


class Threat(NamedTuple):
    """What one list says of an address; confidence is the word ECS has for it, times are ISO 8601; empty: not said."""

    name: str
    feed: str
    confidence: str
    description: str
    first_seen: str
    last_seen: str
    reference: str
    listed: str  # when the list was made


Threats = tuple[Threat, ...]


class Stated(NamedTuple):
    """What is said of a list as a whole: it counts where a row says nothing."""

    name: str
    listed: str
    label: str = ""
    confidence: int | None = None


def confidence_word(confidence: int | None) -> str:
    """Give the value of threat.indicator.confidence for a score of 0 to 100; empty for none."""
    if confidence is None:
        return ""
    return "High" if confidence >= 70 else "Medium" if confidence >= 30 else "Low" if confidence else "None"


class ThreatList:
    """One list in use; `state` says how many entries it has and what was left out of it."""

    def __init__(self, table: Table) -> None:
        said = {"name": "", "listed": "", "label": "", "confidence": None, "state": {}, **table.about}
        self._table = table
        self._name, self._label, self._listed = (str(said[each]) for each in ("name", "label", "listed"))
        self._confidence = said["confidence"] if isinstance(said["confidence"], int) else None
        figures = {"entries": table.entries, "networks": table.networks, "private": table.private}
        left_out = said["state"] if isinstance(said["state"], dict) else {}
        self.state: Mapping[str, Any] = figures | left_out | {"listed": self._listed}

    def names(self, address: Address) -> bool:
        """Tell whether the list names an address, be it private or not; an IPv4-mapped address is given as int."""
        return self._table.find(address) != b""

    def match(self, address: Address) -> Iterator[Threat]:
        """Give what the list says of an address."""
        said = self._table.find(address)
        fields = said.decode("utf-8", "replace").split("\n") if said else []
        for start in range(0, len(fields) - _FIELDS + 1, _FIELDS):
            label, feed, confidence, description, first_seen, last_seen, link = fields[start : start + _FIELDS]
            score = int(confidence) if len(confidence) <= 3 and confidence.isdecimal() else self._confidence
            yield Threat(
                name=label or self._label or self._name,
                feed=feed or self._name,
                confidence=confidence_word(score),
                description=description,
                first_seen=iso(first_seen),
                last_seen=iso(last_seen),
                reference=link,
                listed=self._listed,
            )


class Lists:
    """Every list that is in use, in the order of their names."""

    def __init__(self, lists: Mapping[str, ThreatList]) -> None:
        self._lists = dict(sorted(lists.items()))
        self._watched: dict[str, Callable[[], Mapping[str, Any]]] = {}
        self._forget: list[Callable[[], Iterable[dict[Any, Any]]]] = []
        self._allowed: Callable[[str, Address], bool] | None = None

    def put(self, name: str, wanted: ThreatList, pause: Pause) -> None:
        """Use a list from now on, in the place of the one that had this name."""
        self.use({name: wanted}, pause)

    def use(self, wanted: Mapping[str, ThreatList], pause: Pause) -> None:
        """Use lists from now on, in the place of those that had their names; what matches have said is forgotten once."""
        self._lists = dict(sorted({**self._lists, **wanted}.items()))
        self.forget(pause)

    def rule(self, allowed: Callable[[str, Address], bool]) -> None:
        """Let a list match an address only where this allows it from now on, by the list's name and an unmapped address."""
        self._allowed = allowed

    def forget(self, pause: Pause) -> None:
        """Have forgotten what matches have said, since a list or what is allowed has changed."""
        dead = [known for forget in self._forget for known in forget()]
        for known in dead:  # half a million entries take long to go
            while known:
                known.popitem()
                if len(known) % _OFTEN == 0:
                    pause()

    def on_change(self, forget: Callable[[], Iterable[dict[Any, Any]]]) -> None:
        """Have something called whenever a list has been replaced: it forgets what matches have said, and gives it away."""
        self._forget.append(forget)

    def watch(self, name: str, state: Callable[[], Mapping[str, Any]]) -> None:
        """Let somebody else, who looks after a list, tell its state."""
        self._watched[name] = state

    def match(self, address: Address) -> Threats:
        """Give what all lists say of an address."""
        address = unmapped(address)
        return tuple(threat for _, each in self._naming(address) for threat in each.match(address))

    def listed(self, address: Address) -> bool:
        """True when `match` would give something."""
        return any(True for _ in self._naming(unmapped(address)))

    def naming(self, address: Address) -> tuple[str, ...]:
        """Give the names of the lists that match an address."""
        return tuple(name for name, _ in self._naming(unmapped(address)))

    def _naming(self, address: Address) -> Iterator[tuple[str, ThreatList]]:
        if not self._lists or is_private(address):
            return
        allowed = self._allowed
        for name, each in self._lists.items():
            if each.names(address) and (allowed is None or allowed(name, address)):
                yield name, each

    def states(self) -> dict[str, dict[str, Any]]:
        """Give state, entries, refused rows, private entries and age of each list."""
        states: dict[str, Mapping[str, Any]] = {
            name: {"state": "on", **each.state} for name, each in self._lists.items()
        }
        states |= {name: state() for name, state in self._watched.items()}
        return {f"threat_{name}": dict(state) for name, state in sorted(states.items())}


def compile_list(  # noqa: PLR0913  what a list is made of
    rows: Iterable[Row],
    stated: Stated,
    file: BinaryIO,
    pause: Pause,
    *,
    may_be_empty: bool = False,
    of: Mapping[str, Any] = _NOTHING,
    clock: Callable[[], float] = time.time,
) -> Mapping[str, Any]:
    """Write the table of a list, and give the list's state; `of` is for whoever wants to know what it was made of.

    ListError, worded to follow its name, when it names nobody or more than a fifth of its rows is bad. OSError.
    """
    spans, seen = Spans(), Seen[Entry]()
    for row in seen.used(rows, pause, partial(_expired, iso(clock()))):
        spans.add(row.first, row.last, _line(row))
    seen.judge(may_be_empty=may_be_empty)
    said = {"name": stated.name, "listed": stated.listed, "label": stated.label, "confidence": stated.confidence}
    figures = spans.write(file, said | {"state": seen.left_out(), "of": of}, pause)
    return {**figures, **seen.left_out(), "listed": stated.listed}


def _expired(now: str, row: Entry) -> bool:
    expires = row.expires and iso(row.expires)
    return expires != "" and expires <= now


def _line(row: Entry) -> bytes:
    """Give what a row says as so many lines."""
    confidence = "" if row.confidence is None else str(row.confidence)
    fields = (row.label, row.feed, confidence, row.description, row.first_seen, row.last_seen, row.link)
    text = "\n".join(fields)
    if text.count("\n") >= _FIELDS:
        text = "\n".join(" ".join(field.split()) for field in fields)
    return text.encode("utf-8", "replace")
