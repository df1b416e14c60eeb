"""Files that are derived from the tables: `python -m flowcoll.generate` writes them, with `--check` it names the stale ones."""

from collections.abc import Callable, Iterable
from pathlib import Path

import click

from flowcoll.collect import docs as metric_docs
from flowcoll.document import docs as field_docs
from flowcoll.exporters import docs as exporter_docs
from flowcoll.options import docs as option_docs

Derived = tuple[str, Callable[[], str]]

DERIVED: tuple[Derived, ...] = (
    ("docs/exporters.md", exporter_docs.page),
    ("docs/fields.md", field_docs.fields_page),
    ("docs/metrics.md", metric_docs.page),
    ("docs/options.md", option_docs.page),
    ("packaging/flowcoll.conf", option_docs.drop_in),
)
"""Path from the root of the checkout, and the function that gives what the file holds."""


def stale(root: Path, derived: Iterable[Derived] = DERIVED) -> list[tuple[Path, str]]:
    """Files that are missing or differ from what the tables say, each with what it should hold."""
    wanted = [(root / path, render()) for path, render in derived]
    return [(path, text) for path, text in wanted if not path.is_file() or path.read_bytes() != text.encode()]


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
