"""`flowcoll config`."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowcoll.cli.parameters import FILE, configured, load, say
from flowcoll.errors import ConfigError

if TYPE_CHECKING:
    from flowcoll.config import Row
    from flowcoll.transfer.report import Report

_WIDTH = 120  # of a table that is not read on a terminal


@click.command("config")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--changed", is_flag=True, help="Show only what is not at its default.")
@click.option(
    "--from",
    "source",
    type=FILE,
    metavar="FILE",
    help="Show what this file, of ElastiFlow's or ours, means here, and nothing else.",
)
@click.option("--service", metavar="NAME", help="With --from a Docker Compose file: the service that is meant.")
@click.option(
    "--write",
    "target",
    type=FILE,
    metavar="FILE",
    help="With --from: write what does something here as a new flowcoll.yml, secrets included, for its owner to read.",
)
def show_config(  # noqa: PLR0913  one parameter for each option
    *,
    config_path: Path | None,
    sets: Sequence[str],
    as_json: bool,
    changed: bool,
    source: Path | None,
    service: str | None,
    target: Path | None,
) -> int:
    """Show every option with its value, where the value comes from, and what it means; secrets are masked.

    With --from, read a systemd drop-in, a flowcoll.yml, a Docker Compose file or a list of NAME=value instead, show what
    becomes of each option in it, and every problem; the exit code is 78 if the collector would not start with it.
    """
    import orjson  # noqa: PLC0415

    from flowcoll import config  # noqa: PLC0415

    if source is not None:
        if config_path is not None or sets or changed:
            raise click.UsageError("--from reads one file alone; leave out --config, --set and --changed")
        return _show_file(source, service, target, as_json=as_json)
    if service is not None or target is not None:
        raise click.UsageError("--service and --write need --from")
    options = load(config_path, sets)
    for notice in options.notices:
        say(notice)
    rows = [row for row in config.describe(options) if not changed or row.source != "default"]
    if as_json:
        click.echo(orjson.dumps([row._asdict() for row in rows], option=orjson.OPT_INDENT_2))
    elif sys.stdout.isatty():
        _show_table(rows)
    else:  # whole, for grep and cut
        for row in rows:
            click.echo("\t".join((row.name, row.value, row.source, _meaning(row))))
    return 0


def _show_table(rows: Iterable["Row"]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("option", "value", "source", "meaning")
    for row in rows:
        table.add_row(row.name, row.value, row.source, _meaning(row))
    Console(markup=False).print(table)


def _meaning(row: "Row") -> str:
    return row.meaning if row.standing == "supported" else f"({row.standing}) {row.meaning}"


def _show_file(source: Path, service: str | None, target: Path | None, *, as_json: bool) -> int:
    """Show what a file means here, and give the exit code."""
    import orjson  # noqa: PLC0415

    from flowcoll.transfer.reading import read  # noqa: PLC0415
    from flowcoll.transfer.report import report, write  # noqa: PLC0415

    found = report(source, read(source, os.environ, service), Path("/"))
    if as_json:
        click.echo(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2))
    else:
        _show_report(found)
    if target is not None:
        count = write(target, found)
        say(f"{target} written: {count} options, readable for its owner alone")
    return 0 if found.starts else ConfigError.exit_code


def _show_report(report: "Report") -> None:
    """Print the table first, then what is worth a word, and how it ends."""
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console(
        markup=False, highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH
    )
    if report.rows:
        table = Table(title=f"{report.file}: {report.form}", title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
        table.add_column("option", overflow="fold")
        for name in ("value", "line", "here", "meaning"):
            table.add_column(name, overflow="fold", no_wrap=name in {"line", "here"})
        for row in report.rows:
            name = f"{row.name}\n-> {row.today}" if row.today else row.name
            table.add_row(name, row.value, row.where.rpartition(":")[2], row.here, row.meaning)
        console.print(table)
    for head, lines in (("Notices", report.notices), ("Problems", report.problems)):
        if lines:
            click.echo(f"\n{head}")
            for line in lines:
                click.echo(f"  {line}")
    count = len(report.problems)
    verdict = f"would not start: {count} problem{'s' * (count != 1)}" if count else "would start"
    click.echo(f"\nflowcoll {verdict}.")
