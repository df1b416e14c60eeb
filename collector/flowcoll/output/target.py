"""Where an output of lines writes, and what a document looks like there."""

import contextlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson

from flowcoll.document.fields import EVERYTHING, Wanted

Render = Callable[[Sequence[str]], bytes]

_STDOUT = 1


def ndjson(documents: Sequence[str]) -> bytes:
    """One document a line."""
    return ("\n".join(documents) + "\n").encode("ascii")


def pretty(documents: Sequence[str]) -> bytes:
    """Each document indented, over many lines."""
    form = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return b"".join(orjson.dumps(orjson.loads(document), option=form) for document in documents)


FORMATS: Mapping[str, Render] = {"json": ndjson, "json_pretty": pretty}


class Target(NamedTuple):
    """Where lines go: its name, how a descriptor is had (now, and again at every `reopen`), what a document looks like."""

    name: str
    open: Callable[[], int]
    render: Render = ndjson
    wanted: Wanted = EVERYTHING


def file_target(name: str, path: Path, wanted: Wanted = EVERYTHING) -> Target:
    """Append to a file, made with mode 0640 in a directory that exists, or to a FIFO."""
    return Target(name, partial(_open_path, path), ndjson, wanted)


def stdout_target(name: str, form: str) -> Target:
    """Write to standard output, as `json` (one line each) or `json_pretty`."""
    return Target(name, _open_stdout, FORMATS[form])


def _open_path(path: Path) -> int:
    # non-blocking matters for a FIFO: to open and to write it never waits for a reader
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK, 0o640)


def _open_stdout() -> int:
    mode = os.fstat(_STDOUT).st_mode
    if stat.S_ISFIFO(mode) or os.isatty(_STDOUT):
        # a descriptor of our own: O_NONBLOCK on the shared one would reach the shell and standard error
        with contextlib.suppress(PermissionError, FileNotFoundError):
            return os.open(f"/proc/self/fd/{_STDOUT}", os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    return os.dup(_STDOUT)
