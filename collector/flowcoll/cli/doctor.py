"""`flowcoll doctor`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from flowcoll.cli.parameters import configured, load
from flowcoll.errors import ConfigError

_WIDTH = 120  # of a table that is not read on a terminal


@click.command()
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(config_path: Path | None, sets: Sequence[str], as_json: bool) -> int:
    """Look whether everything is there and works: ports, kernel limits, clock, directories, Elasticsearch, lists.

    Nothing is changed. As root it sees more. The exit code is 0 if nothing fails, 1 if something does, 78 if the options
    cannot work.
    """
    import orjson  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from flowcoll.doctor import examination, screen  # noqa: PLC0415
    from flowcoll.doctor.findings import Row, Verdict, fail  # noqa: PLC0415

    code = 0
    try:
        world = examination.Surroundings(service=config_path is None)
        rows = examination.examine(load(config_path, sets), world)
    except ConfigError as exc:
        code = ConfigError.exit_code
        advice = "docs/options.md has every option; `flowcoll config --from FILE` explains one file"
        problems = [line.strip() for line in str(exc).splitlines()]
        rows = [Row("options", "", *fail(problem, advice)) for problem in problems[len(problems) > 1 :]]
    code = code or int(any(row.verdict is Verdict.FAIL for row in rows))
    if as_json:
        found = {"code": code, "checks": [row._asdict() for row in rows]}
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH, markup=False)
        screen.show(console, rows)
    return code
