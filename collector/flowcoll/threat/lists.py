"""Lists of threats, and the match of an address against all of them.

Within one list the most specific entry counts: the longest prefix, or the smallest range. Every list has its say. A
private address never matches, even if it is listed. A list can be replaced at any time; whoever remembers what a match
said is told.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from flowcoll.config import ThreatListOptions
from flowcoll.enrich.locality import Address, is_private, unmapped
from flowcoll.errors import ConfigError, ListError
from flowcoll.threat.entries import Entry
from flowcoll.threat.readers import Row, read
from flowcoll.threat.table import Spans, Table
from flowcoll.threat.times import iso
from flowcoll.threat.unwrap import Pause, at_once, taken, unwrapped

_OFTEN = 64  # rows between two pauses
_FIELDS = 7  # of a line


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
    """One list in memory; `state` says how many entries it has and what was left out of it."""

    def __init__(self, table: Table, stated: Stated, state: Mapping[str, Any]) -> None:
        self._table = table
        self._stated = stated
        self.state = state

    def names(self, address: Address) -> bool:
        """Tell whether the list names an address, be it private or not; an IPv4-mapped address is given as int."""
        return self._table.find(address) != b""

    def match(self, address: Address) -> Iterator[Threat]:
        """Give what the list says of an address."""
        said = self._table.find(address)
        fields = said.decode().split("\n") if said else []
        for start in range(0, len(fields), _FIELDS):
            label, feed, confidence, description, first_seen, last_seen, link = fields[start : start + _FIELDS]
            stated = self._stated
            yield Threat(
                name=label or stated.label or stated.name,
                feed=feed or stated.name,
                confidence=confidence_word(int(confidence) if confidence else stated.confidence),
                description=description,
                first_seen=iso(first_seen),
                last_seen=iso(last_seen),
                reference=link,
                listed=stated.listed,
            )


class Lists:
    """Every list that is in use, in the order of their names."""

    def __init__(self, lists: Mapping[str, ThreatList]) -> None:
        self._lists = dict(sorted(lists.items()))
        self._watched: dict[str, Callable[[], Mapping[str, Any]]] = {}
        self._forget: list[Callable[[], Iterable[dict[Any, Any]]]] = []

    @classmethod
    def load(cls, wanted: Iterable[ThreatListOptions]) -> Self:
        """Read the lists that are enabled; ConfigError for one that cannot be used."""
        return cls({each.name: load(each, at_once) for each in wanted if each.enable})

    def put(self, name: str, wanted: ThreatList, pause: Pause) -> None:
        """Use a list from now on, in the place of the one that had this name."""
        self.use({name: wanted}, pause)

    def use(self, wanted: Mapping[str, ThreatList], pause: Pause) -> None:
        """Use lists from now on, in the place of those that had their names; what matches have said is forgotten once."""
        self._lists = dict(sorted({**self._lists, **wanted}.items()))
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
        if not self._lists:
            return ()
        address = unmapped(address)
        if is_private(address):
            return ()
        return tuple(threat for each in self._lists.values() for threat in each.match(address))

    def listed(self, address: Address) -> bool:
        """True when `match` would give something."""
        if not self._lists:
            return False
        address = unmapped(address)
        return not is_private(address) and any(each.names(address) for each in self._lists.values())

    def states(self) -> dict[str, dict[str, Any]]:
        """Give state, entries, refused rows, private entries and age of each list."""
        states: dict[str, Mapping[str, Any]] = {
            name: {"state": "on", **each.state} for name, each in self._lists.items()
        }
        states |= {name: state() for name, state in self._watched.items()}
        return {f"threat_{name}": dict(state) for name, state in sorted(states.items())}


def build(rows: Iterable[Row], stated: Stated, pause: Pause) -> ThreatList:
    """Make a list of rows; ListError, worded to follow its name, when it names nobody or more than a fifth is bad."""
    spans = Spans()
    entries = refused = others = 0
    first_refused = ""
    for row in rows:
        if isinstance(row, Entry):
            spans.add(row.first, row.last, _line(row))
            entries += 1
            if entries % _OFTEN == 0:
                pause()
            continue
        if row.other:
            others += 1
        else:
            refused += 1
            first_refused = first_refused or f"{row.where}: {row.why}"
        if (refused + others) % _OFTEN == 0:
            pause()
    worst = f" ({first_refused})" if first_refused else ""
    if not entries:
        raise ListError(f"holds no address{worst}", "empty")
    if refused * 5 > entries + refused:
        raise ListError(f"holds no address in {refused} of its {entries + refused} rows{worst}", "bad_rows")
    table = spans.table(pause)
    state: dict[str, Any] = {"entries": table.entries, "networks": table.networks, "private": table.private}
    state |= {"refused": refused, **({"first_refused": first_refused} if refused else {})}
    return ThreatList(table, stated, state | ({"others": others} if others else {}) | {"listed": stated.listed})


def _line(row: Entry) -> bytes:
    """Give what a row says as so many lines."""
    confidence = "" if row.confidence is None else str(row.confidence)
    fields = (row.label, row.feed, confidence, row.description, row.first_seen, row.last_seen, row.link)
    text = "\n".join(fields)
    if text.count("\n") >= _FIELDS:
        text = "\n".join(" ".join(field.split()) for field in fields)
    return text.encode("utf-8", "replace")


def load(wanted: ThreatListOptions, pause: Pause) -> ThreatList:
    """Read the list of a file; ConfigError when it cannot be used."""
    option = f"EF_PROCESSOR_ENRICH_IPADDR_THREAT_{wanted.name.upper()}_PATH"
    if wanted.path is None:
        raise ConfigError(f"{option} is empty; give the file of the list, or set {option[:-4]}ENABLE to false")
    try:
        with wanted.path.open("rb") as file:
            changed = os.fstat(file.fileno()).st_mtime
            octets = taken(file, pause)
        stated = Stated(wanted.name, iso(changed), wanted.label, wanted.confidence)
        return build(read(unwrapped(octets, pause), wanted.type), stated, pause)
    except OSError as exc:
        raise ConfigError(f"{option}: cannot read {wanted.path} ({exc.strerror}); give the path of a list") from None
    except ListError as exc:
        right = "" if wanted.type == "auto" else f"; is {wanted.type} its type?"
        raise ConfigError(f"{option}: {wanted.path} {exc}{right}") from None
