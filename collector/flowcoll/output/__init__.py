"""Outputs: where finished documents go, a batch at a time."""

from collections.abc import Sequence
from typing import Protocol

from flowcoll.config import Options, OutputOptions
from flowcoll.counters import Counts
from flowcoll.document.fields import Wanted
from flowcoll.logs import Log
from flowcoll.output.file import LineOutput, Wait, file_target, stdout_target


class Output(Protocol):
    """Takes batches of finished documents; what it cannot hand over it counts and tells, it never raises."""

    @property
    def name(self) -> str:
        """What its counters are called: `documents.delivered.<name>`, `documents.dropped.<name>`."""

    @property
    def wanted(self) -> Wanted:
        """Which documents it takes."""

    def write(self, documents: Sequence[str], /) -> None:
        """Take a batch; each document is a JSON object as ASCII text without a newline."""

    def flush(self) -> None:
        """Hand over what is still held, as far as that is possible now."""

    def close(self) -> None:
        """Flush and give up what is open."""


def open_outputs(options: Options, counts: Counts, log: Log, wait: Wait) -> list[Output]:
    """Open every output that is switched on; `wait` waits for a slow reader."""
    outputs: list[Output] = [
        LineOutput(
            file_target(_name("file", file.namespace), file.values["PATH"], _wanted("FILE", file)), counts, log, wait
        )
        for file in options.outputs("FILE")
    ]
    outputs += [
        LineOutput(stdout_target(_name("stdout", stdout.namespace), stdout.values["FORMAT"]), counts, log, wait)
        for stdout in options.outputs("STDOUT")
    ]
    return outputs


def _name(kind: str, namespace: str) -> str:
    return f"{kind}.{namespace}" if namespace else kind


def _wanted(kind: str, output: OutputOptions) -> Wanted:
    prefix = f"EF_{output.namespace.upper()}_OUTPUT" if output.namespace else "EF_OUTPUT"
    drop = tuple(output.values["DROP_FIELDS"])
    return Wanted(drop, output.values["TIMESTAMP_SOURCE"], f"{prefix}_{kind}_DROP_FIELDS" if drop else "")
