"""`flowcoll threats`: whether lists are there, what they say, and what has matched."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from flowcoll.cli.exporters import of_api
from flowcoll.cli.parameters import configured, load, say
from flowcoll.errors import FlowcollError, ListError

if TYPE_CHECKING:
    from rich.console import Console

    from flowcoll.threat.showing.present import Present

_WIDTH = 120  # of a table that is not read on a terminal
_MORE_S = 120.0  # beyond the time that downloads may take

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def threats() -> None:
    """Lists of threats: state, refresh, look-ups, tests, and what has matched."""


@threats.command()
@of_api
@configured
@as_json
def status(url: str | None, config_path: Path | None, sets: Sequence[str], *, as_json: bool) -> int:
    """Show how each list is: off, loaded, or why it is not; how many flows it has matched, and what to do next.

    The running collector is asked; if none answers, the state directory is read, which knows less. The exit code is 1 if
    something is wrong with a list.
    """
    from flowcoll.threat.showing import screen  # noqa: PLC0415

    present = _present(url, config_path, sets)
    if as_json:
        _print_json(present.as_dict())
    else:
        screen.status(_console(), present, time.time())
    return int(present.summary.failed)


@threats.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@configured
def refresh(names: Sequence[str], config_path: Path | None, sets: Sequence[str]) -> int:
    """Fetch lists now, all of them or those named, and wait for the outcome.

    The running collector does it; if none runs, it is done here, and the collector finds the lists at its start. Owners of
    lists may ask for a time between two downloads; it is kept. The exit code is 1 if a list could not be had.
    """
    from gevent import monkey  # noqa: PLC0415

    monkey.patch_all()  # before anything imports ssl: a download ends when its time is up
    from flowcoll import logs  # noqa: PLC0415
    from flowcoll.threat.keeping import desk  # noqa: PLC0415
    from flowcoll.threat.showing import asked_refresh  # noqa: PLC0415

    options = load(config_path, sets)
    wanted = asked_refresh.names_of(options, names)
    folder = desk.folder_of(options)
    if asked_refresh.kept_by_another(folder):
        waiting = asked_refresh.Waiting(lambda: desk.states(folder), lambda: not (folder / desk.ASKED).exists())
        desk.request(options, wanted)
        outcomes = waiting.outcomes(wanted, asked_refresh.longest_s(options) + _MORE_S, say)
    else:
        say(f"no collector keeps lists in {folder}; they are fetched here")
        log = logs.Log(sys.stderr, encoding="console", level="info")
        outcomes = asked_refresh.by_ourselves(options, wanted, log)
    failed = False
    for outcome in outcomes:
        click.echo(f"{outcome.name}: {outcome.text}")
        failed = failed or outcome.failed
    return int(failed)


@threats.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@configured
@as_json
def lookup(addresses: Sequence[str], config_path: Path | None, sets: Sequence[str], *, as_json: bool) -> int:
    """Show which lists name an address and what each says, or why it cannot match.

    The tables of the collector are used where they fit the options; other lists in files are read. Nothing is downloaded.
    """
    from flowcoll import logs  # noqa: PLC0415
    from flowcoll.threat.showing import looked_up, screen  # noqa: PLC0415

    options = load(config_path, sets)
    keys = [looked_up.address(each) for each in addresses]
    found = looked_up.look_up(options, keys, logs.Log(sys.stderr, encoding="console", level="warn"))
    if as_json:
        _print_json({"addresses": [each.as_dict() for each in found]})
    else:
        screen.looked_up(_console(), found)
    return 0


@threats.command()
@of_api
@configured
def explain(url: str | None, config_path: Path | None, sets: Sequence[str]) -> None:
    """Explain what is compared with what, what comes of it, what the views mean, and what to do where nothing matches."""
    from flowcoll.threat.showing import screen  # noqa: PLC0415

    screen.explained(_console(), _present(url, config_path, sets))


@threats.command("test")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--type", "kind", default="auto", metavar="TYPE", help="Type of the list, as ..._TYPE has it.")
@click.option("--name", default="test", show_default=True, metavar="NAME", help="What the list would be called.")
@as_json
def test_list(file: BinaryIO, kind: str, name: str, *, as_json: bool) -> int:
    """Read a list as the collector would, and show what is in it; - is standard input.

    Its form, entries, networks, private ones, the rows that make no sense with place and cause, and the first entries as
    they would match. The exit code is 1 if the list would be refused.
    """
    from flowcoll.threat.keeping.kinds import KINDS  # noqa: PLC0415
    from flowcoll.threat.reading.unwrap import at_once, taken  # noqa: PLC0415
    from flowcoll.threat.showing import screen, trial  # noqa: PLC0415

    if kind not in KINDS:
        raise click.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--type")
    try:
        octets = taken(file, at_once)
    except ListError as exc:
        found = trial.Trial(problem=str(exc))
    except OSError as exc:
        raise FlowcollError(f"cannot read {file.name} ({exc.strerror})") from None
    else:
        found = trial.tried(octets, KINDS[kind], name.lower())
    if as_json:
        _print_json(found.as_dict())
    else:
        screen.tried(_console(), found, file.name)
    return int(bool(found.problem))


@threats.command()
@of_api
@configured
@click.option(
    "--since", default="24h", show_default=True, metavar="SPAN", help="How far back: 90s, 15min, 24h, 7d; at most 30d."
)
@click.option(
    "--format", "form", default="plain", show_default=True, metavar="plain|csv|json", help="Form of the list."
)
@click.option("--list", "name", default="", metavar="NAME", help="Only addresses that this list names.")
@click.option(
    "--min-flows", default="1", show_default=True, metavar="NUMBER", help="Only addresses with so many flows."
)
def blocklist(  # noqa: PLR0913  one parameter for each option
    *, url: str | None, config_path: Path | None, sets: Sequence[str], since: str, form: str, name: str, min_flows: str
) -> None:
    """Print the listed addresses that flows went to or came from, one a line, as a block-list.

    The running collector is asked; if none answers, the state directory is read. Private addresses are never among them, nor
    what false-positive rules cover now.
    """
    from urllib.parse import urlencode  # noqa: PLC0415

    from flowcoll.exporters.asking import Api, NoAnswerError  # noqa: PLC0415
    from flowcoll.threat.hits import blocklist  # noqa: PLC0415
    from flowcoll.threat.showing import looked_up, present  # noqa: PLC0415

    asked = {"since": since, "format": form, "list": name, "min-flows": min_flows}
    query = urlencode({key: value for key, value in asked.items() if value})
    wanted = blocklist.query(query)
    if url is not None:
        text = Api.at(url).text(f"/threats/blocklist?{query}").encode()
    else:
        options = load(config_path, sets)
        try:
            text = Api.of(options).text(f"/threats/blocklist?{query}").encode()
        except NoAnswerError as exc:
            now_ms = int(time.time() * 1000)
            hits = present.kept_hits(options, now_ms)
            say(f"{exc}; this is what {options['EF_STATE_PATH']} knows")
            text = blocklist.rendered(
                blocklist.chosen(hits, wanted, now_ms, looked_up.allowing(options)), wanted.format
            )
    sys.stdout.buffer.write(text)


def _present(url: str | None, config_path: Path | None, sets: Sequence[str]) -> "Present":
    """Ask the collector at a URL, or the one that these options run, else read what it has left."""
    from flowcoll.exporters.asking import Api, NoAnswerError  # noqa: PLC0415
    from flowcoll.threat.showing import present  # noqa: PLC0415

    if url is not None:
        return present.of_report(Api.at(url).json("/readyz"))
    options = load(config_path, sets)
    try:
        return present.of_report(Api.of(options).json("/readyz"))
    except NoAnswerError as exc:
        say(f"{exc}; this is what {options['EF_STATE_PATH']} knows")
        return present.of_files(options)


def _print_json(found: object) -> None:
    import orjson  # noqa: PLC0415

    sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415

    wide = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if wide else _WIDTH, markup=False, highlight=False)
