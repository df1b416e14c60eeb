"""Exporters on a terminal: who they are, what their templates lack, and what that costs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flowcoll.exporters import Row, words

_WRAPPED = {"exporter": len("255.255.255.255"), "sampling": len("sampling")}  # what gives way, as far as that
_DROPPED = ("templ.", "waits", "domain", "sampling")  # columns that a narrow terminal does not show, in this order


class _Column(NamedTuple):
    """A column: its name, its side, and what it holds of a row."""

    name: str
    justify: Literal["left", "right"]
    of: Callable[[Row], str]


def show(console: Console, view: Mapping[str, Any], now: float, *, advice: bool = False) -> None:
    """Print what a view holds; `advice` adds the lines that mend a Cisco router."""
    rows: Sequence[Row] = view["exporters"]
    legend = view["lacks"]
    if not rows:
        console.print("no exporter to show", highlight=False)
        return
    _show_rows(console, rows, now, view["others"])
    lacking = [row for row in rows if row["lacks"] or row["lacks_in"]]
    if not lacking:
        return
    table = _table("What templates lack")
    for name in ("exporter", "protocol", "domain"):
        table.add_column(name, no_wrap=True, justify="right" if name == "domain" else "left")
    table.add_column("lacking")
    for row in lacking:
        table.add_row(_who(row), row["protocol"], str(row["domain"]), words.lacks(row, legend))
    console.print()
    console.print(table)
    console.print()
    console.print(Text("What that costs", "bold"))
    for name, lack in legend.items():
        if any(name in row["lacks"] or name in row["lacks_in"] for row in lacking):
            _show_cost(console, lack, advice=advice)


def _show_rows(console: Console, rows: Sequence[Row], now: float, others: int) -> None:
    columns = [column for column in _columns(now) if any(column.of(row) for row in rows)]
    width = {column.name: _width(column, rows) for column in columns}
    dropped: list[str] = []
    while sum(width.values()) + 2 * len(width) > console.width + 1 and len(dropped) < len(_DROPPED):
        dropped.append(_DROPPED[len(dropped)])
        width.pop(dropped[-1], None)
    table = _table("Exporters")
    for name, justify, _ in columns:
        if name in width:
            wraps = name in _WRAPPED
            table.add_column(name, justify=justify, min_width=width[name], no_wrap=not wraps, overflow="fold")
    for row in rows:
        table.add_row(*(Text(column.of(row)) for column in columns if column.name in width))
    notes = [f"and {others:,} others, less active"] if others else []
    notes += [f"a wider terminal shows more: {', '.join(dropped)}"] if dropped else []
    if notes:
        table.caption, table.caption_justify = "\n".join(notes), "left"
    console.print(table)


def _width(column: _Column, rows: Sequence[Row]) -> int:
    """Give the least width of a column."""
    longest = max(len(column.name), *(len(column.of(row)) for row in rows))
    return min(longest, _WRAPPED.get(column.name, longest))


def _columns(now: float) -> list[_Column]:
    """Give name, side and content of each column; one without any content is not shown."""
    return [
        _Column("exporter", "left", _who),
        _Column("protocol", "left", lambda row: str(row["protocol"])),
        _Column("domain", "right", lambda row: str(row["domain"])),
        _Column("templ.", "right", _templates),
        _Column("flows/s", "right", lambda row: words.rate(row.get("flows_per_second"))),
        _Column("lost", "right", words.loss),
        _Column("sampling", "left", words.sampling),
        _Column("clock", "right", words.skew),
        _Column("waits", "right", lambda row: f"{row['waiting']['sets']:,}" if row["waiting"]["sets"] else ""),
        _Column("heard", "right", lambda row: words.ago(row.get("last_seen"), now)),
        _Column("used", "right", lambda row: words.ago(row.get("last_used"), now)),
    ]


def _who(row: Row) -> str:
    """Give the address, and the sFlow agent where it is another."""
    agent = row.get("agent")
    return f"{row['address']} ({agent})" if agent and agent != row["address"] else str(row["address"])


def _templates(row: Row) -> str:
    """Give data templates and options templates."""
    if row["protocol"] not in {"netflow9", "ipfix"}:
        return ""
    data, options = row["templates"]["data"], row["templates"]["options"]
    return f"{data}+{options}" if options else str(data)


def _show_cost(console: Console, lack: Mapping[str, Any], *, advice: bool) -> None:
    console.print(Text.assemble((lack["what"], "bold"), ": ", lack["cost"]), highlight=False)
    lines = [f"said by {words.elements(lack)}"]
    if advice:
        lines.append(f"Cisco Flexible NetFlow: {lack['cisco']}")
    for line in lines:
        console.print(Padding(Text(line, "dim"), (0, 0, 0, 4), expand=False))


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.show_edge, table.padding = False, (0, 1, 0, 0)
    return table
