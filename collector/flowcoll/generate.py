"""Files that are derived from the tables: `python -m flowcoll.generate` writes them, with `--check` it names the stale ones."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import click

from flowcoll.cli import commands, completions, manual
from flowcoll.collect import docs as metric_docs
from flowcoll.doctor import docs as doctor_docs
from flowcoll.document import docs as field_docs
from flowcoll.exporters import docs as exporter_docs
from flowcoll.options import docs as option_docs
from flowcoll.threat.showing import docs as feed_docs

Derived = tuple[str, Callable[[], str]]

DERIVED: tuple[Derived, ...] = (
    ("docs/exporters.md", exporter_docs.page),
    ("docs/doctor.md", doctor_docs.page),
    ("docs/feeds.md", feed_docs.page),
    ("docs/fields.md", field_docs.fields_page),
    ("docs/metrics.md", metric_docs.page),
    ("docs/options.md", option_docs.page),
    *(
        (f"packaging/completions/{file}", partial(completions.script, shell, commands))
        for shell, file in completions.FILES.items()
    ),
    ("packaging/flowcoll.conf", option_docs.drop_in),
    ("packaging/man/flowcoll.1", partial(manual.page, commands)),
)
"""Path from the root of the checkout, and the function that gives what the file holds."""


def stale(root: Path, derived: Iterable[Derived] = DERIVED) -> list[tuple[Path, str]]:
    """Files that are missing or differ from what the tables say, each with what it should hold."""
    wanted = [(root / path, render()) for path, render in derived]
    return [(path, text) for path, text in wanted if not path.is_file() or _differ(path.read_bytes(), text.encode())]


_TOOL = re.compile(rb"^# written with (\S+ \S+)", re.MULTILINE)


def _differ(there: bytes, wanted: bytes) -> bool:
    """Whether a file is not what it should be; one that another version of a library has written may be otherwise."""
    before, now = _TOOL.search(there), _TOOL.search(wanted)
    return there != wanted and not (before and now and before[1] != now[1])


def write(files: Iterable[tuple[Path, str]]) -> None:
    """Write these files."""
    for path, text in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a file is stale.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(__file__).parents[2],
    help="Root of the checkout.",
)
def main(check: bool, root: Path) -> None:
    """Write every file that is derived from the tables."""
    files = stale(root)
    if not check:
        write(files)
    for path, _ in files:
        click.echo(f"{path.relative_to(root)}: {'is stale; run python -m flowcoll.generate' if check else 'written'}")
    if check and files:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
