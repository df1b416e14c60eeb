"""Commands that read captures: `flowcoll replay` and `flowcoll explain`."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from flowcoll.cli.parameters import FILE, configured, say
from flowcoll.errors import FlowcollError

if TYPE_CHECKING:
    from flowcoll.counters import Counts
    from flowcoll.pipeline import Pipeline

_BATCH_DATAGRAMS = 16


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
    return click.argument("captures", nargs=-1, required=True, type=FILE, metavar="CAPTURE...")(port(command))


@click.command()
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
    from flowcoll.output.target import ndjson  # noqa: PLC0415
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


@click.command()
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


def _pipeline(config_path: Path | None, sets: Sequence[str], counts: "Counts") -> "Pipeline":
    """Make the pipeline of a command that reads captures; a collector's own file does not change what it prints."""
    from flowcoll import config, logs  # noqa: PLC0415
    from flowcoll.pipeline import Pipeline  # noqa: PLC0415
    from flowcoll.threat.matching import feeds, ruling  # noqa: PLC0415

    options = config.load(config_path or Path(os.devnull), os.environ, sets)
    chosen = options.origin("EF_LOGGER_LEVEL") != "default"
    log = logs.Log(sys.stderr, encoding="console", level=options["EF_LOGGER_LEVEL"] if chosen else "warn")
    for notice in options.notices:
        log.warn(notice)
    pipeline = Pipeline(options, counts, log)
    feeds.use(options, pipeline.lists, log, pipeline.users)
    ruling.rule(options, pipeline.lists, log)
    return pipeline


def _documents(pipeline: "Pipeline", captures: Iterable[Path], ports: Sequence[int]) -> Iterator[list[str]]:
    """Carry the datagrams of captures, and give the documents in batches that are not empty."""
    from flowcoll.decode.capture import payloads  # noqa: PLC0415

    for capture in captures:
        for number, payload in enumerate(payloads(capture, ports or None, say), 1):
            pipeline.handle(payload.octets, (payload.source, payload.source_port), int(payload.time * 1000))
            if number % _BATCH_DATAGRAMS == 0 and (documents := pipeline.take()):
                yield documents
    pipeline.finish()
    if documents := pipeline.take():
        yield documents
