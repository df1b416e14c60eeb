"""The figures as tables for people and as JSON for programs."""

import json
import math
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from bench import flood, load, threats
from bench.endtoend import Result


class Figure(NamedTuple):
    """One measured figure in all its runs; `text` says in a line what it is, `quiet_us` what it is undisturbed."""

    name: str
    text: str
    us_per_flow: Sequence[float]
    quiet_us: float = math.nan

    def as_json(self) -> dict[str, Any]:
        best, middle, worst = spread(self.us_per_flow)
        quiet = {} if math.isnan(self.quiet_us) else {"quiet": self.quiet_us}
        return {"text": self.text, "runs": list(self.us_per_flow), "min": best, "median": middle, "max": worst} | quiet


class Goal(NamedTuple):
    """What was promised, and what came out; a binding one that is missed fails the bench."""

    text: str
    wanted: str
    found: str
    kept: bool
    binding: bool = False


class Fed(NamedTuple):
    """One run: documents a second until the last was taken, CPU microseconds per document of who wrote and of the node."""

    per_second: float
    writer_us: float
    node_us: float


class Way(NamedTuple):
    """All runs of one way to write."""

    name: str
    text: str
    runs: list[Fed]


class Room(NamedTuple):
    """What documents take on disk, merged into one segment."""

    name: str
    text: str
    octets: float  # a document


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Best, median and worst."""
    return min(values), statistics.median(values), max(values)


class Report:
    """Collects figures, prints each table when it is complete, writes all of it as JSON at the end."""

    def __init__(self, console: Console, about: dict[str, Any]) -> None:
        self._console = console
        self._json: dict[str, Any] = {"about": {**machine(), **about}}
        for key, value in self._json["about"].items():
            console.print(f"{key}: {value}", highlight=False)

    def figures(self, title: str, key: str, protocol: str, figures: Sequence[Figure]) -> None:
        """Show CPU microseconds per flow, a line a figure."""
        quiet = any(not math.isnan(figure.quiet_us) for figure in figures)
        single = all(len(figure.us_per_flow) == 1 for figure in figures)
        columns = ["µs"] if single else [*(["quiet"] if quiet else []), "best", "median", "worst"]
        table = Table("", title=f"{title}, {protocol}: CPU µs per flow", title_justify="left")
        for column in columns:
            table.add_column(column, justify="right")
        table.add_column("")
        for figure in figures:
            values = [*([figure.quiet_us] if quiet else []), *spread(figure.us_per_flow)][: len(columns)]
            table.add_row(figure.name, *(f"{value:.2f}" for value in values), figure.text)
        self._console.print(table)
        section = self._json.setdefault(key, {})
        section[protocol] = {figure.name: figure.as_json() for figure in figures}

    def sustained(self, verdict: load.Verdict) -> None:
        """Show what became of a load."""
        median, most, worst = load.spread_ms(verdict.answers_ms)
        offer = verdict.offer
        rows = [
            (
                "offered",
                f"{offer.flows} flows in {offer.datagrams} datagrams, {offer.flows / offer.seconds:.0f} flows/s",
            ),
            ("sender late by at most", f"{offer.late_s * 1_000:.0f} ms"),
            ("received", f"{verdict.datagrams_received} datagrams (the collector's own counter)"),
            ("documents", f"{verdict.documents} delivered, {verdict.lost} flows lost"),
            ("dropped at the socket", f"{verdict.kernel_drops} datagrams (the kernel's counter)"),
            ("worker's CPU", f"{verdict.cpu_share:.0%} of one processor"),
            ("answers to /livez", f"{median:.1f} ms median, {most:.1f} ms 99th percentile, {worst:.1f} ms worst"),
        ]
        self._rows(f"load, {verdict.protocol}", rows)
        found = {"flows": offer.flows, "documents": verdict.documents, "lost": verdict.lost, "seconds": offer.seconds}
        found |= {"kernel_drops": verdict.kernel_drops, "cpu_share": verdict.cpu_share, "kept": verdict.kept}
        self._json.setdefault("load", []).append(
            {**found, "protocol": verdict.protocol, "livez_ms": {"median": median, "p99": most, "max": worst}}
        )

    def flooded(self, verdict: flood.Verdict) -> None:
        """Show what a flood of templates left behind."""
        rows = [
            ("templates", f"{verdict.templates}, all different, from {verdict.source_ports} source ports"),
            ("flows", f"{verdict.flows} sent with them, {verdict.documents} documents"),
            ("memory", f"{verdict.peak_octets / 1e6:.0f} MB resident at most"),
            ("CPU", f"{verdict.cpu_s / verdict.templates * 1e3:.2f} ms a template with its data"),
        ]
        self._rows("flood of templates", rows)
        self._json.setdefault("flood", []).append({**verdict._asdict(), "kept": verdict.kept})

    def listed(self, verdict: threats.Verdict) -> None:
        """Show what lists of threats cost."""
        made, shared = verdict.made, verdict.shared
        best, middle, worst = spread([each.seconds for each in made])
        rows = [
            ("list", f"{made[0].entries} entries, {made[0].octets / 1e6:.1f} MB of JSON"),
            ("ready", f"{best:.1f} s from octets to table, median {middle:.1f} s, worst {worst:.1f} s"),
            (
                "CPU, memory",
                f"{min(e.cpu_s for e in made):.1f} s, {max(e.peak_octets for e in made) / 1e6:.0f} MB at most",
            ),
            ("table", f"{made[0].table_octets / 1e6:.1f} MB"),
            ("shared table", f"{verdict.hosts} addresses, {verdict.networks} networks, {shared.octets / 1e6:.1f} MB"),
            ("look-ups", f"{shared.per_second:.0f} a second of processor time, random addresses"),
            ("memory", f"{shared.mapped / 1e6:.1f} MB mapped, {shared.added / 1e6:.1f} MB added in all (PSS)"),
        ]
        self._rows("lists of threats", rows)
        self._json["threats"] = {"made": [each._asdict() for each in made], "shared": shared._asdict()}

    def indexed(self, ways: Sequence[Way]) -> None:
        """Show how fast documents got into Elasticsearch, and at whose cost."""
        table = Table("", title="documents into Elasticsearch", title_justify="left")
        for column in ("docs/s", "median", "worst", "µs, writer", "µs, node", "writer's share"):
            table.add_column(column, justify="right")
        table.add_column("")
        for way in ways:
            rates = sorted((run.per_second for run in way.runs), reverse=True)
            writer, node = (
                min(times) for times in zip(*((run.writer_us, run.node_us) for run in way.runs), strict=True)
            )
            figures = [*(f"{rate:.0f}" for rate in (rates[0], statistics.median(rates), rates[-1]))]
            figures += [f"{writer:.1f}", f"{node:.0f}", f"{writer / (writer + node):.0%}"]
            table.add_row(way.name, *figures, way.text)
        self._console.print(table)
        self._json["indexing"] = {
            way.name: {"text": way.text, "runs": [run._asdict() for run in way.runs]} for way in ways
        }

    def stored(self, rooms: Sequence[Room]) -> None:
        """Show what documents take on disk."""
        last = rooms[-1].octets
        rows = [
            (room.name, f"{room.octets:.0f} octets a flow, {room.octets / last:.2f}; {room.text}") for room in rooms
        ]
        self._rows("on disk, merged into one segment", rows)
        self._json["on_disk"] = [room._asdict() for room in rooms]

    def goals(self, goals: Sequence[Goal]) -> None:
        """Show what was promised beside what was found."""
        table = Table("goal", "wanted", "found", "", title="goals", title_justify="left")
        for goal in goals:
            table.add_row(goal.text, goal.wanted, goal.found, "kept" if goal.kept else "MISSED")
        self._console.print(table)
        self._json["goals"] = [goal._asdict() for goal in goals]

    def _rows(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        table = Table("", "", title=title, title_justify="left", show_header=False)
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def write(self, path: Path) -> None:
        """Write everything that was shown."""
        path.write_text(json.dumps(self._json, indent=2) + "\n")


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "python": platform.python_version(),
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
    }


def end_to_end_figures(results: Sequence[Result]) -> list[Figure]:
    """Give results as figures, each with the rates it was measured at and what was lost."""
    figures = []
    for name, text, runs in results:
        rates = sorted({round(run.offer.flows / run.offer.seconds, -2) for run in runs})
        rate = " to ".join(f"{rates[index]:.0f}" for index in ([0] if rates[0] > rates[-1] * 0.8 else [0, -1]))
        lost = sum(run.lost for run in runs)
        figures.append(
            Figure(name, f"{text}; {rate} flows/s, {lost or 'none'} lost", [run.us_per_flow for run in runs])
        )
    return figures
