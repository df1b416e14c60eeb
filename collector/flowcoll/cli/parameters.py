"""What several commands take: options of the collector, and the line that an error or a notice is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FILE = click.Path(path_type=Path)


def configured(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --config and --set."""
    one = click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set an option; may be repeated.")
    return click.option("--config", "config_path", type=FILE, metavar="FILE", help="YAML file of options.")(
        one(command)
    )


def say(text: str) -> None:
    """Tell a person something, on standard error."""
    click.echo(f"flowcoll: {text}", err=True)
