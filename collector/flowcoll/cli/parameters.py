"""What several commands take: options of the collector, and the line that an error or a notice is."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flowcoll.config import Options

FILE = click.Path(path_type=Path)


def configured(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --config and --set."""
    one = click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set an option; may be repeated.")
    return click.option(
        "--config",
        "config_path",
        type=FILE,
        metavar="FILE",
        help="YAML file of options, in the place of the service's own.",
    )(one(command))


def say(text: str) -> None:
    """Tell a person something, on standard error."""
    click.echo(f"flowcoll: {text}", err=True)


def load(config_path: Path | None, sets: Sequence[str]) -> "Options":
    """Give the options that the service on this machine has: unless --config names another file, what its unit sets, too."""
    from flowcoll import config  # noqa: PLC0415
    from flowcoll.transfer.unit import of_service  # noqa: PLC0415

    found = of_service(Path("/")) if config_path is None else None
    if found is None:
        return config.load(config_path, os.environ, sets)
    for line in (*found.problems, *found.notices):
        say(line)
    return config.load(config_path, os.environ, sets, unit=found.given)
