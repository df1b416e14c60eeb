"""A list tried out: read as the collector would, and told what was found in it. Nothing is kept."""

import io
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, summarize_address_range
from typing import Any, NamedTuple

from flowcoll.enrich.locality import Address, is_private, text
from flowcoll.errors import ListError
from flowcoll.threat.keeping.kinds import Kind
from flowcoll.threat.matching.lists import Stated, Threat, ThreatList, compile_list
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading import readers
from flowcoll.threat.reading.entries import Entry, Refused
from flowcoll.threat.reading.readers import Row
from flowcoll.threat.reading.unwrap import at_once, unwrapped

SHOWN = 10
"""How many rows of a kind are shown."""


class Matching(NamedTuple):
    """An entry, and what a document would say of its first address."""

    addresses: str
    threats: tuple[Threat, ...]


class Trial(NamedTuple):
    """What was found; `problem` says why the list as a whole would be refused, if it would."""

    form: str = ""
    state: Mapping[str, Any] = {}
    bad: tuple[Refused, ...] = ()
    first: tuple[Matching, ...] = ()
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "usable": not self.problem,
            **({"problem": self.problem} if self.problem else {}),
            "form": self.form,
            **self.state,
            "refused_rows": [{"where": row.where, "why": row.why} for row in self.bad],
            "first": [
                {"addresses": each.addresses, "threats": [said(threat) for threat in each.threats]}
                for each in self.first
            ],
        }


def said(threat: Threat) -> dict[str, str]:
    """Give what a list says, as JSON has it; what it does not say is left out."""
    return {key: value for key, value in threat._asdict().items() if value}


class _Watched:
    """Rows on their way, of which the first are remembered."""

    def __init__(self) -> None:
        self.bad: list[Refused] = []
        self.entries: list[Entry] = []

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            if isinstance(row, Entry):
                if len(self.entries) < SHOWN and not is_private(row.first):
                    self.entries.append(row)
            elif not row.other and len(self.bad) < SHOWN:
                self.bad.append(row)
            yield row


def tried(octets: bytes, kind: Kind, name: str) -> Trial:
    """Read a list; `name` is what it would be called."""
    watched, form, file = _Watched(), "" if kind.form == "auto" else kind.form, io.BytesIO()
    try:
        plain = unwrapped(octets, at_once)
        form = form or readers.form(plain)
        stated = Stated(name, "", kind.label, kind.confidence)
        rows = watched.rows(readers.read(plain, kind.form))
        state = compile_list(rows, stated, file, at_once, may_be_empty=kind.may_be_empty)
    except ListError as exc:
        return Trial(form, bad=tuple(watched.bad), problem=str(exc))
    made = ThreatList(Table(file.getvalue()))
    first = tuple(Matching(span(row.first, row.last), tuple(made.match(row.first))) for row in watched.entries)
    return Trial(form, {key: value for key, value in state.items() if value != ""}, tuple(watched.bad), first)


def span(first: Address, last: Address) -> str:
    """Give addresses from first to last as people write them: one, a network, or a range."""
    if first == last:
        return text(first)
    one, other = ip_address(text(first)), ip_address(text(last))
    networks = list(summarize_address_range(one, other)) if one.version == other.version else []
    return str(networks[0]) if len(networks) == 1 else f"{text(first)}-{text(last)}"
