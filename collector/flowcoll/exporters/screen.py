"""The screen of `flowcoll top`."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.styled import Styled
from rich.table import Table
from rich.text import Text

from flowcoll import __version__
from flowcoll.exporters import words

_REFUSED = 6  # reasons that are shown
_LONG = 1000
_AROUND = 10  # lines that are always there, the head of the exporters included
_HEAD = 3  # lines round a table
_LEAST = 3  # exporters that are shown however small the screen is


def screen(name: str, found: Mapping[str, Any] | None, clock: str, trouble: str, height: int) -> RenderableType:
    """Give what is shown: the rates found last, and what is wrong with asking, if anything is."""
    parts: list[RenderableType] = [Text.assemble((f"flowcoll {__version__}", "bold"), f"  {name}  {clock}")]
    parts.append(Text(f"{trouble}; asking again" if trouble else _state(found), style="bold red" if trouble else ""))
    if found is not None:
        parts.append(Styled(Group(*_parts(found, height)), "dim" if trouble else ""))  # what was found before is old
    return Group(*parts, Text(), Text("q ends", "dim"))


def summary(name: str, found: Mapping[str, Any]) -> RenderableType:
    """Give the same for a file or a page that goes on: it may be as long as it needs."""
    head = Text(f"{name}  {_state(found)}, rates of {found['interval_s']:.1f} s")
    return Group(head, *_parts(found, _LONG))


def _parts(found: Mapping[str, Any], height: int) -> list[RenderableType]:
    refused = found["refused"][:_REFUSED]
    wrong = [
        Text(f"{row['name']}: {row['last_error']}", "red", no_wrap=True, overflow="ellipsis")
        for row in found["outputs"]
        if "last_error" in row and not row.get("up", True)
    ]
    taken = sum(len(rows) + _HEAD for rows in (refused, found["outputs"], found["workers"]) if rows) + len(wrong)
    exporters = found["exporters"][: max(height - _AROUND - taken, _LEAST)]
    return [
        Text(),
        _figures(found),
        *_part(_refusals(refused)),
        *_part(_outputs(found["outputs"])),
        *wrong,
        *_part(_workers(found["workers"])),
        *_part(_exporters(exporters)),
    ]


def _state(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "asking"
    ready = "ready" if found["ready"] else "not ready yet"
    return f"{ready}, up {words.span(found['uptime_s'])}, {_many(len(found['workers']), 'worker')}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _figures(found: Mapping[str, Any]) -> Table:
    bits = found["bits_per_second"]
    table = Table.grid(padding=(0, 3))
    for _ in range(4):
        table.add_column(justify="right")
        table.add_column()
    cells = [
        (_rate(found["flows_per_second"]), "flows/s"),
        (_rate(found["datagrams_per_second"]), "datagrams/s"),
        ("-" if bits is None else words.bits(bits), "of exports"),
        (_rate(found["documents_per_second"]), "documents/s"),
        (_rate(found["kernel_drops_per_second"]), "kernel drops/s"),
        (_whole(found["kernel_drops"]), "kernel drops"),
        (_rate(found["sequence_lost_per_second"]), "lost before us/s"),
        (_whole(found["sets_waiting"]), "sets waiting"),
    ]
    for four in (cells[:4], cells[4:]):
        table.add_row(*(Text(each, "bold" if at % 2 == 0 else "") for at, each in enumerate(sum(four, ()))))
    return table


def _refusals(refused: Sequence[Mapping[str, Any]]) -> Table | None:
    table = _table(["refused", "why"], ["/s", "total"])
    for row in refused:
        table.add_row(row["what"], Text(row["why"]), _rate(row["per_second"]), _whole(row["total"]))
    return table if refused else None


def _outputs(outputs: Sequence[Mapping[str, Any]]) -> Table | None:
    table = _table(["output", "state"], ["delivered/s", "queued", "spooled", "dropped"])
    for row in outputs:
        table.add_row(
            Text(row["name"]),
            _output_state(row),
            _rate(row["delivered_per_second"]),
            _held(row, "queued"),
            _held(row, "spooled"),
            Text(_whole(row["dropped"]), "red" if row["dropped"] else ""),
        )
    return table if outputs else None


def _output_state(row: Mapping[str, Any]) -> Text:
    up = row.get("up", True)
    state = str(row.get("state", "up" if up else "down"))
    if "replay_left_s" in row:
        state += f", replay {words.span(row['replay_left_s'])}"
    return Text(state, "" if up else "bold red")


def _held(row: Mapping[str, Any], kind: str) -> str:
    documents = row.get(f"{kind}_documents")
    if documents is None:
        return ""
    return f"{documents:,} ({words.size(row[f'{kind}_bytes'])})" if documents else "0"


def _workers(workers: Sequence[Mapping[str, Any]]) -> Table | None:
    table = _table(["worker", "state"], ["datagrams/s", "cpu", "memory", "restarts"])
    for row in workers:
        up = row.get("up", True)
        share = row.get("cpu_share")
        table.add_row(
            str(row["number"]),
            Text("up" if up else "down", "" if up else "bold red"),
            _rate(row.get("datagrams_per_second")),
            "-" if share is None else f"{100 * share:.0f}%",
            words.size(row.get("memory_bytes", 0)),
            _whole(row.get("restarts", 0)),
        )
    return table if workers else None


def _exporters(rows: Sequence[Mapping[str, Any]]) -> Table | None:
    table = _table(["exporter", "protocol"], ["domain", "flows/s", "datagrams/s", "lost", "clock"])
    for row in rows:
        table.add_row(
            Text(row["address"]),
            row["protocol"],
            str(row["domain"]),
            words.rate(row["flows_per_second"]),
            words.rate(row["datagrams_per_second"]),
            words.loss(row),
            words.skew(row),
        )
    return table if rows else None


def _part(table: Table | None) -> list[RenderableType]:
    return [] if table is None else [Text(), table]


def _rate(value: float | None) -> str:
    return "-" if value is None else words.rate(value)


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _table(names: Sequence[str], figures: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table
