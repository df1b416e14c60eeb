"""What a run brought, on one screen: who exported how much, who talked, where to, which lists matched, what was lost."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flowcoll.counters import Counts
from flowcoll.reasons import REASONS

_TOP = 10
_SHOWN = 40
_Key = TypeVar("_Key")
_Hit = tuple[str, tuple[str, ...], tuple[str, ...]]  # an address, what lists call it, and which lists

# counters that tell of success; every other one is a loss or an oddity that the summary names
_EXPECTED = {
    "datagrams.received",
    "octets.received",
    "datagrams.decoded",
    "sequence.found",
    "sequence.repeated",
    "sequence.restarts",
    "sets.waited",
    "sets.read_late",
    "templates.learned",
    "records.flow",
    "records.option",
    "documents.written",
    "documents.delivered",
    "threats.refreshes.populated",
    "threats.refreshes.not_modified",
    "threats.tables.used",
    "threats.matches",
    "threats.list_matches",
}


@dataclass
class _Volume:
    """Flows and what they carried; `sent` and `received` are an address's own view."""

    flows: int = 0
    octets: int = 0
    packets: int = 0
    sent: int = 0
    received: int = 0


class Summary:
    """Takes documents one by one and keeps the figures a reader wants at the end; `names` say what an exporter is."""

    def __init__(
        self,
        counts: Counts,
        clock: Callable[[], float] = time.monotonic,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._counts = counts
        self._clock = clock
        self._names = names or {}
        self._started = clock()
        self._total = _Volume()
        self._exports: dict[tuple[str, str], _Volume] = {}
        self._talkers: dict[str, _Volume] = {}
        self._owners: dict[str, tuple[str, str]] = {}
        self._countries: dict[str, _Volume] = {}
        self._threats: dict[_Hit, _Volume] = {}

    def add(self, document: Mapping[str, Any]) -> None:
        """Count one document."""
        source, destination = document.get("source", {}), document.get("destination", {})
        network = document.get("network", {})
        octets, packets = network.get("bytes", 0), network.get("packets", 0)
        export = document.get("flow", {}).get("export", {})
        protocol = " ".join(str(export[key]) for key in ("type", "version") if key in export)
        for volume in (
            self._total,
            self._exports.setdefault((document.get("observer", {}).get("ip", ""), protocol), _Volume()),
            *(self._countries.setdefault(country, _Volume()) for country in _countries(source, destination)),
            *(self._threats.setdefault(hit, _Volume()) for hit in set(_hits(document))),
        ):
            volume.flows += 1
            volume.octets += octets
            volume.packets += packets
        forward, back = source.get("bytes", 0), destination.get("bytes", 0)
        for end, sent, received in ((source, forward, back), (destination, back, forward)):
            if "ip" in end:
                self._talk(end, sent, received)

    def _talk(self, end: Mapping[str, Any], sent: int, received: int) -> None:
        volume = self._talkers.get(end["ip"])
        if volume is None:
            volume = self._talkers[end["ip"]] = _Volume()
            organisation = end.get("as", {}).get("organization", {}).get("name", "")
            self._owners[end["ip"]] = organisation, end.get("geo", {}).get("country_iso_code", "")
        volume.flows += 1
        volume.sent += sent
        volume.received += received
        volume.octets += sent + received

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON; the longest lists are cut to their top."""
        return {
            "elapsed_s": round(self._clock() - self._started, 3),
            "flows": self._total.flows,
            "bytes": self._total.octets,
            "packets": self._total.packets,
            "exporters": [
                {"exporter": exporter, "protocol": protocol, **_carried(volume)}
                for (exporter, protocol), volume in sorted(self._exports.items(), key=_by_address)
            ],
            "talkers": [
                {
                    "address": address,
                    "organization": self._owners[address][0],
                    "country": self._owners[address][1],
                    "flows": volume.flows,
                    "bytes_sent": volume.sent,
                    "bytes_received": volume.received,
                }
                for address, volume in _top(self._talkers)
            ],
            "countries": [{"country": country, **_carried(volume)} for country, volume in _top(self._countries)],
            "threats": [
                {"address": address, "threats": list(threats), "feeds": list(feeds), **_carried(volume)}
                for (address, threats, feeds), volume in _top(self._threats, None)
            ],
            "counters": {key: self._counts[key] for key in sorted(self._counts)},
        }

    def render(self, console: Console) -> None:
        """Show the figures as tables that fit 80 columns."""
        found = self.as_dict()
        refused = sum(count for key, count in self._counts.items() if key.startswith("datagrams.refused."))
        console.print(
            f"flows {found['flows']:,}, {_volume(found['bytes'])};"
            f" datagrams {self._counts['datagrams.received']:,}, refused {refused:,}; {found['elapsed_s']:.1f} s",
            highlight=False,
        )
        self._show_exporters(console, found["exporters"])
        self._show_talkers(console, found["talkers"])
        _show(console, "Countries", ("country",), [(row["country"], row) for row in found["countries"]])
        threats = [(row["address"], row["threats"], row["feeds"], row) for row in found["threats"]]
        _show(console, "Threat hits", ("address", "threat", "feed"), threats)
        self._show_losses(console)

    def _show_exporters(self, console: Console, exporters: Iterable[Mapping[str, Any]]) -> None:
        columns = ("exporter", "name", "protocol") if self._names else ("exporter", "protocol")
        rows = [{"name": self._names.get(row["exporter"], ""), **row} for row in exporters]
        _show(console, "Exporters", columns, [(*(row[column] for column in columns), row) for row in rows])

    def _show_talkers(self, console: Console, talkers: Iterable[Mapping[str, Any]]) -> None:
        table = _table("Top talkers", ("address", "owner"), ("flows", "sent", "received"))
        for row in talkers:
            owner = f"{row['country']} {row['organization']}".strip()
            volumes = _volume(row["bytes_sent"]), _volume(row["bytes_received"])
            table.add_row(row["address"], _one_line(owner), f"{row['flows']:,}", *volumes)
        _print(console, table)

    def _show_losses(self, console: Console) -> None:
        table = _table("Refused, passed over, waiting, missing", ("what", "why"), ("count",))
        for counter, label, counted in self._counts.samples():
            late = self._counts[f"sequence.found.{label}"] if counter.name == "sequence.lost" else 0
            count = counted - late  # what came after all is no loss
            reason = label.rpartition(".")[2]  # of two labels the second
            if count and not {counter.name, f"{counter.name}.{reason}"} & _EXPECTED:
                why = REASONS.get(f"{counter.name}.{reason}", label.replace("_", " "))
                table.add_row(counter.name.replace(".", " "), _one_line(why), f"{count:,}")
        _print(console, table)


def _countries(*ends: Mapping[str, Any]) -> set[str]:
    found = set()
    for geo in (end.get("geo", {}) for end in ends):
        if "country_iso_code" in geo:
            name = geo.get("country_name")
            found.add(f"{geo['country_iso_code']} {name}" if name else geo["country_iso_code"])
    return found


def _hits(document: Mapping[str, Any]) -> Iterator[_Hit]:
    """Address, what the lists call it, and which lists: of its own endpoint where it is one, else of the document."""
    joined = document.get("sec", {}).get("threat")
    if not joined:
        return
    ends = {
        document.get(end, {}).get("ip"): document.get("flow", {}).get(short, {}).get("sec", {}).get("threat")
        for end, short in (("source", "src"), ("destination", "dst"))
    }
    for address in _listed(joined.get("ip", {}).get("addr")):
        own = ends.get(address) or joined
        yield address, tuple(_listed(own.get("name"))), tuple(_listed(own.get("feed", {}).get("name")))


def _listed(value: str | Sequence[str] | None) -> Sequence[str]:
    """The values of a field that Elasticsearch lets hold none, one or many."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


def _carried(volume: _Volume) -> dict[str, int]:
    return {"flows": volume.flows, "bytes": volume.octets, "packets": volume.packets}


def _top(volumes: Mapping[_Key, _Volume], limit: int | None = _TOP) -> list[tuple[_Key, _Volume]]:
    """The largest first; equals in the order of their keys, so that two runs look the same."""
    return sorted(sorted(volumes.items(), key=lambda kv: str(kv[0])), key=lambda kv: -kv[1].octets)[:limit]


def _by_address(export: tuple[tuple[str, str], _Volume]) -> tuple[int, int, str]:
    """Order of exporters: IPv4 before IPv6, each by number, with their protocols."""
    (exporter, protocol), _ = export
    try:
        address = ip_address(exporter)
    except ValueError:  # the field may be dropped
        return 0, 0, protocol
    return address.version, int(address), protocol


def _show(console: Console, title: str, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """A table of rows that end with what was carried; a long one is cut, and says so."""
    table = _table(title, names, ("flows", "bytes"))
    if len(rows) > _SHOWN:
        table.caption, table.caption_justify = f"and {len(rows) - _SHOWN:,} more", "left"
    for *cells, carried in rows[:_SHOWN]:
        table.add_row(*map(_cell, cells), f"{carried['flows']:,}", _volume(carried["bytes"]))
    _print(console, table)


def _table(title: str, names: tuple[str, ...], figures: tuple[str, ...]) -> Table:
    """An empty table: addresses and figures are never cut, names give way."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.show_edge, table.padding = False, (0, 1, 0, 0)
    for name in names:
        table.add_column(name, no_wrap=name in ("exporter", "address", "what"))
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _cell(content: str | Sequence[str]) -> Text:
    """A name, or several below each other."""
    return Text("\n", no_wrap=True, overflow="ellipsis").join(map(_one_line, _listed(content)))


def _one_line(text: str) -> Text:
    """A name as it stands, on one line; names come from lists and exporters, so no markup and no control characters."""
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return Text(text, no_wrap=True, overflow="ellipsis")


def _print(console: Console, table: Table) -> None:
    if table.row_count:
        console.print()
        console.print(table)


def _volume(octets: int) -> str:
    """Octets in decimal units, as exporters and links count."""
    if octets < 1000:
        return f"{octets} B"
    power = min((len(str(octets)) - 1) // 3, 5)
    return f"{octets / 1000**power:.1f} {'kMGTP'[power - 1]}B"
