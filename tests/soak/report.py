"""What a soak has found: for a person while it runs and at the end, as JSON, and as a page."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.table import Table

from bench.report import machine
from flowcoll import __version__
from soak.outcome import Outcome, Rise, State

Row = tuple[str, str, str]

_MB = 1e6


def line(state: State) -> str:
    """How things stand, in one line."""
    page = state.page
    memory = " ".join(f"{name} {octets / _MB:.0f} MB" for name, octets in sorted(state.memory.items()))
    return (
        f"{state.seconds / 60:5.1f} min  {page.sum('datagrams_received')} datagrams  "
        f"{page.sum('documents_written')} documents  "
        f"{page.sum('documents_delivered', output='elasticsearch')} in Elasticsearch  "
        f"{page.sum('output_queued_documents')} queued  {page.sum('output_spooled_documents')} on disk  "
        f"{memory}  {state.fault}"
    )


def live(state: State) -> Table:
    """The same as a table that is drawn again and again."""
    page = state.page
    table = Table.grid(padding=(0, 2))
    rows = {
        "minutes": f"{state.seconds / 60:.1f}",
        "now": state.fault or "load alone",
        "datagrams received": f"{page.sum('datagrams_received'):,}",
        "documents written": f"{page.sum('documents_written'):,}",
        "in Elasticsearch": f"{page.sum('documents_delivered', output='elasticsearch'):,}",
        "queued": f"{page.sum('output_queued_documents'):,}",
        "in the spool": f"{page.sum('output_spooled_documents'):,}",
        "lost with workers": f"{page.sum('datagrams_lost'):,} datagrams",
        **{name: f"{octets / _MB:.1f} MB" for name, octets in sorted(state.memory.items())},
    }
    for name, text in rows.items():
        table.add_row(name, text)
    return table


def tables(outcome: Outcome) -> Group:
    """Everything at the end, for a terminal."""
    made = []
    for title, heads, rows in _sections(outcome):
        table = Table(*heads, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        made.append(table)
    return Group(*made, _verdict(outcome))


def page(outcome: Outcome) -> str:
    """Everything as Markdown."""
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    about = machine()
    parts = [
        (
            f"flowcoll {__version__}, {when}: {outcome.plan.minutes:g} minutes, seed {outcome.plan.seed}, "
            f"{outcome.plan.workers} workers, {outcome.store}, on {about['cores']} cores of {about['processor']}, "
            f"Python {about['python']}."
        ),
        f"**{_verdict(outcome)}**",
    ]
    for title, heads, rows in _sections(outcome):
        lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        parts.append(f"### {title}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Everything for programs."""
    return {
        "about": machine(),
        "kept": outcome.kept,
        "seed": outcome.plan.seed,
        "minutes": outcome.plan.minutes,
        "flows_per_s": outcome.plan.flows_per_s,
        "seconds": outcome.seconds,
        "sent": outcome.sent,
        "flows": outcome.flows,
        "faults": outcome.faults,
        "equations": [{**each._asdict(), "holds": each.holds} for each in outcome.equations],
        "rises": [
            {"process": each.process, "figure": each.figure, **each.trend._asdict(), "limit": each.limit}
            for each in outcome.rises
        ],
        "counters": _counters(outcome),
        "asked": outcome.asked,
        "refused": outcome.refused,
        "longest_answer_ms": outcome.longest_ms,
        "stored_twice": outcome.twice,
        "troubles": outcome.troubles,
    }


def write(outcome: Outcome, json_file: Path | None, report_file: Path | None) -> None:
    """Write the files that were asked for."""
    if json_file:
        json_file.write_text(json.dumps(as_json(outcome), indent=2) + "\n")
    if report_file:
        report_file.write_text(page(outcome))


def show(outcome: Outcome, console: Console) -> None:
    """Show it to a person."""
    console.print(tables(outcome))


def _verdict(outcome: Outcome) -> str:
    return "Everything has its place." if outcome.kept else "NOT everything has its place; see what is not kept."


def _sections(outcome: Outcome) -> Iterator[tuple[str, Row | tuple[str, ...], list[tuple[str, ...]]]]:
    yield "What was sent and done", ("", ""), [*_done(outcome)]
    yield (
        "Equations",
        ("", "left", "right", ""),
        [
            (each.text, f"{each.left:,}", _right(each.right, each.slack), "kept" if each.holds else "NOT KEPT")
            for each in outcome.equations
        ],
    )
    yield "What was lost, and said", ("counter", ""), [*_losses(outcome)]
    yield (
        "Second half: what rose",
        ("process", "figure", "median", "rise", "at most", ""),
        [_risen(each) for each in outcome.rises],
    )
    yield (
        "Answers",
        ("page", "asked", "not 200"),
        [(name, f"{count:,}", f"{outcome.refused.get(name, 0):,}") for name, count in sorted(outcome.asked.items())],
    )
    if outcome.troubles:
        yield "Troubles", ("",), [(each,) for each in outcome.troubles]


def _done(outcome: Outcome) -> Iterator[tuple[str, str]]:
    yield "flows of sound exporters", f"{outcome.flows:,}, {outcome.flows / (outcome.plan.minutes * 60):,.0f} a second"
    for kind, count in sorted(outcome.sent.items()):
        yield f"datagrams: {kind}", f"{count:,}"
    for name, count in sorted(outcome.faults.items()):
        yield f"fault: {name}", f"{count}"
    yield "until all was delivered", f"{outcome.seconds / 60:.1f} minutes"
    yield "slowest answer", f"{outcome.longest_ms:.0f} ms"


def _losses(outcome: Outcome) -> Iterator[tuple[str, str]]:
    names = ("datagrams_lost", "socket_drops", "documents_dropped_because", "documents_rejected", "sets_refused")
    yield from _grouped(outcome, names)
    yield "ids not in Elasticsearch, of documents written", f"{outcome.missing:,}"
    yield "documents stored twice", f"{outcome.twice:,}"


def _grouped(outcome: Outcome, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for key, value in _counters(outcome).items():
        if key.partition("{")[0] in names and value:
            yield f"`{key}`", f"{value:,}"


def _counters(outcome: Outcome) -> dict[str, int]:
    """All counters of all runs together."""
    found: dict[str, int] = {}
    for row in outcome.page.rows:
        labels = ",".join(f'{label}="{text}"' for label, text in row.labels.items())
        key = f"{row.name}{{{labels}}}" if labels else row.name
        found[key] = found.get(key, 0) + row.value
    return found


def _right(right: int, slack: int) -> str:
    return f"{right:,} to {right + slack:,}" if slack else f"{right:,}"


def _risen(each: Rise) -> tuple[str, ...]:
    show = (lambda value: f"{value / _MB:.1f} MB") if each.figure == "memory" else (lambda value: f"{value:.1f}")
    return (
        each.process,
        each.figure,
        show(each.trend.median),
        show(each.trend.rise),
        show(each.limit),
        "kept" if each.kept else "NOT KEPT",
    )
