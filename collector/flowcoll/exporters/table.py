"""Exporters on a terminal: who they are, what their templates lack, and what that costs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flowcoll.exporters import Row, words

_IPV4 = 15  # the longest address of IPv4


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
    table = _table("Exporters")
    if others:
        table.caption, table.caption_justify = f"and {others:,} others, less active", "left"
    columns = [column for column in _columns(now) if any(column[2](row) for row in rows)]
    longest = max(len(_who(row)) for row in rows)
    for name, justify, _ in columns:
        least = min(longest, _IPV4) if name == "exporter" else None
        table.add_column(
            name, justify=justify, min_width=least, no_wrap=name not in {"exporter", "sampling"}, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(of(row)) for _, _, of in columns))
    console.print(table)


def _columns(now: float) -> list[tuple[str, Literal["left", "right"], Callable[[Row], str]]]:
    """Give name, side and content of each column; one without any content is not shown."""
    return [
        ("exporter", "left", _who),
        ("protocol", "left", lambda row: str(row["protocol"])),
        ("domain", "right", lambda row: str(row["domain"])),
        ("templates", "right", _templates),
        ("flows/s", "right", lambda row: words.rate(row.get("flows_per_second"))),
        ("lost", "right", words.loss),
        ("sampling", "left", words.sampling),
        ("clock", "right", words.skew),
        ("waiting", "right", lambda row: f"{row['waiting']['sets']:,}" if row["waiting"]["sets"] else ""),
        ("heard", "right", lambda row: words.ago(row.get("last_seen"), now)),
        ("used", "right", lambda row: words.ago(row.get("last_used"), now)),
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
