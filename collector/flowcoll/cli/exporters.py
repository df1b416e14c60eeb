"""`flowcoll exporters`: who sends, and what is wrong with it. `flowcoll top`: live rates."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowcoll.cli.parameters import configured, load, say
from flowcoll.errors import SetupError

if TYPE_CHECKING:
    from flowcoll.config import Options

_WIDTH = 100  # of a table that is not read on a terminal

of_api = click.option(
    "--api", "url", metavar="URL", help="Ask the collector there, such as http://192.0.2.1:8080, and no other."
)


@click.command()
@click.argument("networks", nargs=-1, metavar="[ADDRESS|NETWORK]...")
@of_api
@configured
@click.option("--sort", "order", type=click.Choice(["flows", "loss", "address"]), default="flows", help="Who is first.")
@click.option("--advice", is_flag=True, help="Show what to configure on a Cisco router for what is lacking.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def exporters(  # noqa: PLR0913  one parameter for each option
    *,
    networks: Sequence[str],
    url: str | None,
    config_path: Path | None,
    sets: Sequence[str],
    order: str,
    advice: bool,
    as_json: bool,
) -> None:
    """Show exporters: what each sends, loses and lacks.

    The running collector is asked, whose options are those of `flowcoll run`. If none answers, the state directory is
    read, which knows less.
    """
    import orjson  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from flowcoll.exporters import choice, table  # noqa: PLC0415

    wanted = [choice.network(each) for each in networks]
    view = _asked(url) if url is not None else _asked_or_kept(load(config_path, sets))
    view = choice.chosen(view, order, wanted)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(view, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return
    table.show(Console(width=_width()), view, time.time(), advice=advice)


def _asked(url: str) -> Mapping[str, Any]:
    from flowcoll.exporters.asking import Api  # noqa: PLC0415

    return Api.at(url).json("/exporters")


def _asked_or_kept(options: "Options") -> Mapping[str, Any]:
    """Ask the collector that these options run, else read what it has kept."""
    from flowcoll.exporters import kept  # noqa: PLC0415
    from flowcoll.exporters.asking import Api, NoAnswerError  # noqa: PLC0415

    try:
        return Api.of(options).json("/exporters")
    except NoAnswerError as exc:
        state: Path | None = options["EF_STATE_PATH"]
        if state is None:
            raise
        try:
            view = kept.read(state / "templates")
        except SetupError as problem:
            raise SetupError(f"{exc}; {problem}") from None
        unusable = f", {view['unusable']} of its files cannot be used" if view["unusable"] else ""
        say(f"{exc}; this is what {state} knows{unusable}")
        return view


@click.command()
@of_api
@configured
@click.option(
    "--interval",
    "seconds",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@click.option("--once", is_flag=True, help="Look twice, print the rates, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --once.")
def top(  # noqa: PLR0913  one parameter for each option
    *, url: str | None, config_path: Path | None, sets: Sequence[str], seconds: float, once: bool, as_json: bool
) -> None:
    """Show live rates of the running collector: what comes in, what is refused, where it goes, who sends most.

    It is found by the options of `flowcoll run`, or by --api. q ends.
    """
    import orjson  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from flowcoll.exporters import screen, watch  # noqa: PLC0415
    from flowcoll.exporters.asking import Api  # noqa: PLC0415

    if not once and (as_json or not sys.stdout.isatty() or not sys.stdin.isatty()):
        raise click.UsageError("live rates need a terminal and are no JSON; use --once")
    api = Api.at(url) if url is not None else Api.of(load(config_path, sets))
    if not once:
        watch.run(api, seconds, Console())
        return
    found = watch.once(api, seconds)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        Console(width=_width()).print(screen.summary(api.name, found))


def _width() -> int | None:
    """Give the width of what is printed: that of the terminal, else one that suits a file."""
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH
