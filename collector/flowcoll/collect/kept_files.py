"""The folder of what is kept of exporters: files are replaced as a whole, and go when nobody will ask for them.

A file is named after its exporter, `192.0.2.1.templates`; where several workers may have the same exporter, after the
worker that wrote it too, `192.0.2.1~3.templates`.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

from flowcoll.decode import kept
from flowcoll.decode.kept import FACTS, TEMPLATES, WAITING
from flowcoll.decode.waiting import LONGEST_MS
from flowcoll.errors import KeptError

_FILES = 16_384  # as many exporters as there may be templates in memory
_WORKERS = 1024  # more than that is no number of a worker
Files = list[tuple[Path, bytes]]
"""Files and what is to be in them; one without content is to go."""


def name(address: str, kind: str, worker: int | None) -> str:
    """Give the name of a file; worker: None where no other has the same exporter."""
    return f"{quote(address, safe=':')}{'' if worker is None else f'~{worker}'}.{kind}"


def address_of(path: Path) -> str:
    """Give the exporter of a file."""
    return unquote(path.stem.partition("~")[0])


def worker_of(path: Path) -> int | None:
    """Give the worker that wrote a file, None where its name tells none."""
    number = path.stem.partition("~")[2]
    return int(number) if number.isdecimal() and len(number) < 5 and int(number) < _WORKERS else None


def workers(folder: Path) -> set[int]:
    """Give the numbers in the names of all files."""
    with suppress(OSError), os.scandir(folder) as entries:
        found = {worker_of(Path(entry.name)) for entry in entries if "~" in entry.name}
        return {number for number in found if number is not None}
    return set()


def written_since(folder: Path, kinds: Sequence[str], since_s: float) -> tuple[list[str], float]:
    """Give the exporters of whom a worker has written a file since then, by the files' own times, and the last of these."""
    found: dict[str, None] = {}
    latest = since_s
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if "~" in entry.name and entry.name.rpartition(".")[2] in kinds:
                with suppress(OSError):  # it may go meanwhile
                    written = entry.stat().st_mtime
                    latest = max(latest, written)
                    if written >= since_s:
                        found[address_of(Path(entry.name))] = None
    return list(found), latest


def write(folder: Path, files: Files) -> None:
    """Replace each file by a new one, or remove it; OSError when any of them could not be, the others are."""
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    failure: OSError | None = None
    for path, octets in files:
        try:
            if not octets:
                path.unlink(missing_ok=True)
                continue
            beside = path.with_name(path.name + ".new")
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
            with os.fdopen(descriptor, "wb") as file:
                file.write(octets)
            beside.replace(path)
        except OSError as exc:
            failure = exc
    if failure is not None:
        raise failure


def prune(folder: Path, now_s: float, workers: int = 1) -> int:
    """Remove files that are too old, and the oldest where there are too many; give how many sets waited in vain.

    workers: how many write files of one exporter.
    """
    lost = 0
    lasting: dict[str, list[tuple[float, Path]]] = {f".{TEMPLATES}": [], f".{FACTS}": []}
    oldest = {".new": 60.0, f".{WAITING}": LONGEST_MS / 1000}
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):  # another worker may be quicker
                changed = path.stat().st_mtime
                if now_s - changed > oldest.get(path.suffix, kept.OUTDATED_MS / 1000):
                    octets = path.read_bytes() if path.suffix == f".{WAITING}" else b""
                    path.unlink()
                    lost += _sets(path, octets)
                elif path.suffix in lasting:
                    lasting[path.suffix].append((changed, path))
    for files in lasting.values():
        for _, path in sorted(files)[: max(len(files) - _FILES * workers, 0)]:
            with suppress(OSError):
                path.unlink()
    return lost


def _sets(path: Path, octets: bytes) -> int:
    """Give how many sets waited in a file."""
    try:
        return kept.count_waiting(address_of(path), octets) if octets else 0
    except KeptError:
        return 0
