"""The folder of what is kept of exporters: files are replaced as a whole, and go when nobody will ask for them."""

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from flowcoll.decode import kept
from flowcoll.decode.kept import TEMPLATES, WAITING
from flowcoll.decode.waiting import LONGEST_MS
from flowcoll.errors import KeptError

_FILES = 16_384  # as many exporters as there may be templates in memory
Files = list[tuple[Path, bytes]]
"""Files and what is to be in them; one without content is to go."""


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


def prune(folder: Path, now_s: float) -> int:
    """Remove files that are too old, and the oldest where there are too many; give how many sets waited in vain."""
    lost = 0
    templates: list[tuple[float, Path]] = []
    oldest = {".new": 60.0, f".{WAITING}": LONGEST_MS / 1000}
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):  # another worker may be quicker
                changed = path.stat().st_mtime
                if now_s - changed > oldest.get(path.suffix, kept.OUTDATED_MS / 1000):
                    lost += _lost(path)
                    path.unlink()
                elif path.suffix == f".{TEMPLATES}":
                    templates.append((changed, path))
    for _, path in sorted(templates)[: max(len(templates) - _FILES, 0)]:
        with suppress(OSError):
            path.unlink()
    return lost


def _lost(path: Path) -> int:
    """Give how many sets wait in a file."""
    if path.suffix != f".{WAITING}":
        return 0
    try:
        return kept.count_waiting(unquote(path.stem), path.read_bytes())
    except KeptError:
        return 0
