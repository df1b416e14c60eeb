"""EF_STATE_PATH/threat/hits.json: what matched in the last 30 days, kept over a restart."""

import os
from contextlib import suppress
from pathlib import Path

import orjson

from flowcoll.errors import KeptError
from flowcoll.moments import utc
from flowcoll.threat.hits.gathered import Hits
from flowcoll.threat.reading.unwrap import Pause, at_once

NAME = "hits.json"
VERSION = 1
_LARGEST = 67_108_864  # octets; what we write ourselves stays far below
_OFTEN = 256


def path_in(state: Path) -> Path:
    """Give the place of the file below EF_STATE_PATH."""
    return state / "threat" / NAME


def load(path: Path, hits: Hits, now_ms: int, pause: Pause = at_once) -> None:
    """Add what is kept, unless it is too old; a file that is not there holds nothing. KeptError, OSError."""
    try:
        with path.open("rb") as file:
            octets = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):  # where it cannot be, whoever writes there tells
        return
    try:
        found = orjson.loads(octets) if len(octets) <= _LARGEST else None
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or "version" not in found:
        raise KeptError("is not whole")
    if found["version"] != VERSION:
        raise KeptError(f"has version {str(found['version'])[:20]}, and this collector reads {VERSION}")
    if not isinstance(found.get("hits"), list):
        raise KeptError("is not whole")
    hits.add(found["hits"], pause)
    hits.expire(now_ms)


def save(path: Path, hits: Hits, now_s: float, pause: Pause = at_once) -> None:
    """Write the file anew, as a whole. OSError."""
    rows = []
    for number, hit in enumerate(hits, 1):
        rows.append(orjson.dumps(tuple(hit)))
        if number % _OFTEN == 0:
            pause()
    head = orjson.dumps({"version": VERSION, "written": utc(now_s)})[:-1]
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    os.fchmod(descriptor, 0o640)  # whatever the umask
    with os.fdopen(descriptor, "wb") as file:
        file.write(head + b',"hits":[\n' + b",\n".join(rows) + b"\n]}\n")
    beside.replace(path)


def set_aside(path: Path) -> Path:
    """Put a file that cannot be used out of the way, in the place of the one before it, and tell where it is."""
    aside = path.with_suffix(".corrupt")
    with suppress(OSError):
        path.replace(aside)
    return aside
