"""Lists of threats, and the match of an address against all of them.

Within one list the most specific entry counts: the longest prefix, or the smallest range. Every list has its say. A
private address never matches, even if it is listed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Any, NamedTuple, Self

from flowcoll.config import ThreatListOptions
from flowcoll.enrich.locality import Address, is_private, packed, unmapped, wholly_private
from flowcoll.errors import ConfigError
from flowcoll.threat.readers import Entry, Refused, read


class Threat(NamedTuple):
    """What one list says of an address; confidence is the word ECS has for it, or empty."""

    name: str
    feed: str
    confidence: str
    description: str
    listed: str  # when the list was made, ISO 8601
    prefix: str  # the entry that matched


Threats = tuple[Threat, ...]
Spans = dict[tuple[int, int], Threats]


def confidence_word(confidence: int | None) -> str:
    """Give the value of threat.indicator.confidence for a score of 0 to 100; empty for none."""
    if confidence is None:
        return ""
    return "High" if confidence >= 70 else "Medium" if confidence >= 30 else "Low" if confidence else "None"


class ThreatList:
    """One list in memory; `state` says how many entries it has and what was left out of it."""

    def __init__(self, threats: Iterable[tuple[Entry, Threat]], state: Mapping[str, Any]) -> None:
        spans4: Spans = {}
        spans6: Spans = {}
        private = 0
        for entry, threat in threats:
            spans = spans4 if isinstance(entry.first, int) else spans6
            span = int.from_bytes(packed(entry.first), "big"), int.from_bytes(packed(entry.last), "big")
            known = spans.get(span, ())
            if threat not in known:
                spans[span] = (*known, threat)
            private += wholly_private(entry.first, entry.last)
        self._starts4, self._found4 = _flattened(spans4)
        starts6, self._found6 = _flattened(spans6)
        self._starts6 = [start.to_bytes(16, "big") for start in starts6]
        self.state = {**state, "entries": len(spans4) + len(spans6), "private": private}

    def match(self, address: Address) -> Threats:
        """Give what the list says of an address, be it private or not; an IPv4-mapped address is given as int."""
        if isinstance(address, int):
            return self._found4[bisect_right(self._starts4, address) - 1]
        return self._found6[bisect_right(self._starts6, address) - 1]


class Lists:
    """Every list that is enabled, in the order of their names."""

    def __init__(self, lists: Mapping[str, ThreatList]) -> None:
        self._lists = dict(sorted(lists.items()))

    @classmethod
    def load(cls, wanted: Iterable[ThreatListOptions]) -> Self:
        """Read the lists that are enabled; ConfigError for one that cannot be used."""
        return cls({each.name: _load(each) for each in wanted if each.enable})

    def match(self, address: Address) -> Threats:
        """Give what all lists say of an address."""
        if not self._lists:
            return ()
        address = unmapped(address)
        if is_private(address):
            return ()
        return tuple(threat for each in self._lists.values() for threat in each.match(address))

    def listed(self, address: Address) -> bool:
        """True when `match` would give something."""
        return bool(self.match(address))

    def states(self) -> dict[str, dict[str, Any]]:
        """Give entries, refused rows, private entries and age of each list."""
        return {f"threat_{name}": {"state": "on", **each.state} for name, each in self._lists.items()}


def _load(wanted: ThreatListOptions) -> ThreatList:
    option = f"EF_PROCESSOR_ENRICH_IPADDR_THREAT_{wanted.name.upper()}_PATH"
    if wanted.path is None:
        raise ConfigError(f"{option} is empty; give the file of the list, or set {option[:-4]}ENABLE to false")
    rows = list(read(option, wanted.path, wanted.type))
    refused = [row for row in rows if isinstance(row, Refused)]
    entries = [row for row in rows if isinstance(row, Entry)]
    worst = f"; line {refused[0].line}: {refused[0].why}" if refused else ""
    if not entries:
        raise ConfigError(f"{option}: {wanted.path} lists no address{worst}; is it a {wanted.type} list?")
    if len(refused) * 5 > len(rows):
        raise ConfigError(
            f"{option}: {len(refused)} of {len(rows)} rows of {wanted.path} hold no address{worst}; is it a {wanted.type} list?"
        )
    changed = datetime.fromtimestamp(wanted.path.stat().st_mtime, UTC)
    listed = changed.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    state = {"listed": listed, "refused": len(refused), "first_refused_line": refused[0].line if refused else None}
    return ThreatList(((entry, _threat(entry, wanted, listed)) for entry in entries), state)


def _threat(entry: Entry, wanted: ThreatListOptions, listed: str) -> Threat:
    return Threat(
        name=entry.label or wanted.label or wanted.name,
        feed=entry.feed or wanted.name,
        confidence=confidence_word(wanted.confidence if entry.confidence is None else entry.confidence),
        description=entry.description,
        listed=listed,
        prefix=entry.prefix,
    )


def _flattened(spans: Spans) -> tuple[list[int], Sequence[Threats]]:
    """Give where each stretch of addresses begins and what counts in it: of the spans over it, the smallest."""
    starts: list[int] = [0]
    found: list[Threats] = [()]
    waiting = sorted(spans, reverse=True)
    open_: list[tuple[int, int, int]] = []  # size, first, last: a heap
    for place in sorted({edge for first, last in spans for edge in (first, last + 1)}):
        while waiting and waiting[-1][0] == place:
            first, last = waiting.pop()
            heappush(open_, (last - first, first, last))
        while open_ and open_[0][2] < place:
            heappop(open_)
        counts = spans[open_[0][1:]] if open_ else ()
        if counts is not found[-1] and place < 1 << 128:
            starts.append(place)
            found.append(counts)
    return starts, found
