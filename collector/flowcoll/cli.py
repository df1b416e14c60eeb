"""The command line: parse, call, print; standard output is data, standard error is talk.

Exit codes: 0 done, 1 failed, 2 usage, 78 configuration. Each command imports what it needs.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from flowcoll import __version__
from flowcoll.errors import FlowcollError, SetupError

if TYPE_CHECKING:
    from flowcoll.config import Row
    from flowcoll.counters import Counts
    from flowcoll.pipeline import Pipeline

_BATCH_DATAGRAMS = 16
_FILE = click.Path(path_type=Path)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = commands.main(argv, prog_name="flowcoll", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except click.Abort:
        return 1
    except FlowcollError as exc:
        _say(str(exc))
        return exc.exit_code
    except (BrokenPipeError, SystemExit):  # click turns the first into the second
        # whoever read standard output has seen enough; nothing may be flushed to it at the end of the process
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code or 0


def configured(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --config and --set."""
    one = click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set an option; may be repeated.")
    return click.option("--config", "config_path", type=_FILE, metavar="FILE", help="YAML file of options.")(
        one(command)
    )


def reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the captures to read, and which of their datagrams."""
    port = click.option(
        "--port",
        "ports",
        multiple=True,
        type=int,
        metavar="PORT",
        help="Read only what was sent to this UDP port; may be repeated.",
    )
    return click.argument("captures", nargs=-1, required=True, type=_FILE, metavar="CAPTURE...")(port(command))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def commands() -> None:
    """NetFlow, IPFIX and sFlow in, enriched ECS documents out.

    Options are named EF_... and come from a YAML file, the environment and --set; the later one wins. `flowcoll config`
    shows them all.
    """


@commands.command()
@configured
def run(config_path: Path | None, sets: Sequence[str]) -> int:
    """Collect until SIGTERM.

    Options are read from /etc/flowcoll/flowcoll.yml unless --config names another file. SIGHUP opens output files anew.
    """
    from gevent import monkey  # noqa: PLC0415

    monkey.patch_all()  # before anything imports ssl: what speaks to servers must not hold up the receive loop
    from flowcoll import config, logs  # noqa: PLC0415

    options = config.load(config_path, os.environ, sets)  # what is wrong is told before anything heavy is imported
    from flowcoll.collect import service  # noqa: PLC0415

    log = logs.Log(sys.stderr, encoding=options["EF_LOGGER_ENCODING"], level=options["EF_LOGGER_LEVEL"])
    return service.run(options, log)


@commands.command()
@reading
@configured
@click.option("--no-summary", is_flag=True, help="Do not show the summary on standard error.")
@click.option(
    "--json-summary",
    "summary_file",
    type=click.File("wb"),
    metavar="FILE",
    help="Write the summary's figures to a file.",
)
def replay(  # noqa: PLR0913  one parameter for each option
    *,
    captures: Sequence[Path],
    ports: Sequence[int],
    config_path: Path | None,
    sets: Sequence[str],
    no_summary: bool,
    summary_file: BinaryIO | None,
) -> None:
    """Write the documents of captures (pcap, pcapng), one a line.

    The time of capture is the time of arrival, so that a capture always gives the same documents. No file of options is
    read unless --config names one.
    """
    import orjson  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from flowcoll.counters import Counts  # noqa: PLC0415
    from flowcoll.output.file import ndjson  # noqa: PLC0415
    from flowcoll.summary import Summary  # noqa: PLC0415

    counts = Counts()
    summary = Summary(counts)
    wanted = summary_file or not no_summary
    for documents in _documents(_pipeline(config_path, sets, counts), captures, ports):
        sys.stdout.buffer.write(ndjson(documents))
        if wanted:
            for document in documents:
                summary.add(orjson.loads(document))
    sys.stdout.flush()
    if summary_file:
        summary_file.write(orjson.dumps(summary.as_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if not no_summary:
        summary.render(Console(stderr=True))


@commands.command()
@reading
@configured
@click.option("--template", metavar="WORD", help="Show only templates whose title holds this word, such as an id.")
def explain(
    captures: Sequence[Path], ports: Sequence[int], config_path: Path | None, sets: Sequence[str], template: str | None
) -> None:
    """Print the source generated for each template that captures use."""
    from flowcoll.counters import Counts  # noqa: PLC0415

    pipeline = _pipeline(config_path, sets, Counts())
    for _ in _documents(pipeline, captures, ports):
        pass
    found = [
        (title, source)
        for title, source in pipeline.explain()
        if not template or template in title.replace(",", " ").split()
    ]
    if not found:
        raise FlowcollError(
            f"no template{f' {template}' if template else ''} is used by data in {', '.join(map(str, captures))}"
        )
    for title, source in found:
        click.echo(f"# {title}\n{source}")


@commands.command("config")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--changed", is_flag=True, help="Show only what is not at its default.")
def show_config(config_path: Path | None, sets: Sequence[str], as_json: bool, changed: bool) -> None:
    """Show every option with its value, where the value comes from, and what it means; secrets are masked."""
    import orjson  # noqa: PLC0415

    from flowcoll import config  # noqa: PLC0415

    options = config.load(config_path, os.environ, sets)
    for notice in options.notices:
        _say(notice)
    rows = [row for row in config.describe(options) if not changed or row.source != "default"]
    if as_json:
        click.echo(orjson.dumps([row._asdict() for row in rows], option=orjson.OPT_INDENT_2))
    elif sys.stdout.isatty():
        _show_table(rows)
    else:  # whole, for grep and cut
        for row in rows:
            click.echo("\t".join((row.name, row.value, row.source, _meaning(row))))


@commands.command("setup-elasticsearch")
@configured
@click.option("--output", "name", metavar="NAMESPACE", help="Only the output EF_<NAMESPACE>_OUTPUT_ELASTICSEARCH_...")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option(
    "--rollover", is_flag=True, help="Let a data stream that older templates have made begin a new index now."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--print-roles", is_flag=True, help="Print requests for roles and API keys, and do nothing else.")
@click.option("--print-templates", is_flag=True, help="Print what would be installed as requests, and do nothing else.")
def setup_elasticsearch(  # noqa: PLR0913  one parameter for each option
    *,
    config_path: Path | None,
    sets: Sequence[str],
    name: str | None,
    dry_run: bool,
    rollover: bool,
    as_json: bool,
    print_roles: bool,
    print_templates: bool,
) -> int:
    """Install index templates and the lifecycle policy in Elasticsearch.

    A second run changes nothing. The options are those of `flowcoll run`; the output need not be enabled yet. Who writes
    needs fewer rights than who installs: --print-roles.
    """
    import orjson  # noqa: PLC0415

    from flowcoll import config, elastic  # noqa: PLC0415
    from flowcoll.setup import command, roles  # noqa: PLC0415

    outputs = command.outputs(lambda more: config.load(config_path, os.environ, [*sets, *more]), name)
    if print_roles or print_templates:
        page = roles.page if print_roles else command.templates_page
        click.echo("\n".join(map(page, outputs)), nl=False)
        return 0
    reports = []
    for output in outputs:
        with elastic.connect(output) as client:
            reports.append(command.setup(client, output, command.Wish(dry_run=dry_run, rollover=rollover)))
        if not as_json:
            click.echo(f"{reports[-1]}\n")
    if as_json:
        click.echo(orjson.dumps([report.as_dict() for report in reports], option=orjson.OPT_INDENT_2))
    else:
        click.echo(command.summary(reports, dry_run=dry_run))
    if hidden := command.unseen(reports):
        raise SetupError(f"{', '.join(hidden)}: this user may not see it; --print-roles shows the role that may")
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


def _pipeline(config_path: Path | None, sets: Sequence[str], counts: "Counts") -> "Pipeline":
    """Make the pipeline of a command that reads captures; a collector's own file does not change what it prints."""
    from flowcoll import config, logs  # noqa: PLC0415
    from flowcoll.pipeline import Pipeline  # noqa: PLC0415
    from flowcoll.threat.feeds import use_copy  # noqa: PLC0415

    options = config.load(config_path or Path(os.devnull), os.environ, sets)
    chosen = options.origin("EF_LOGGER_LEVEL") != "default"
    log = logs.Log(sys.stderr, encoding="console", level=options["EF_LOGGER_LEVEL"] if chosen else "warn")
    for notice in options.notices:
        log.warn(notice)
    pipeline = Pipeline(options, counts, log)
    use_copy(options, pipeline.lists, log)
    return pipeline


def _documents(pipeline: "Pipeline", captures: Iterable[Path], ports: Sequence[int]) -> Iterator[list[str]]:
    """Carry the datagrams of captures, and give the documents in batches that are not empty."""
    from flowcoll.decode.capture import payloads  # noqa: PLC0415

    for capture in captures:
        for number, payload in enumerate(payloads(capture, ports or None, _say), 1):
            pipeline.handle(payload.octets, (payload.source, payload.source_port), int(payload.time * 1000))
            if number % _BATCH_DATAGRAMS == 0 and (documents := pipeline.take()):
                yield documents
    pipeline.finish()
    if documents := pipeline.take():
        yield documents


def _say(text: str) -> None:
    click.echo(f"flowcoll: {text}", err=True)
