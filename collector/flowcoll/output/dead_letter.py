"""Documents that Elasticsearch rejected, kept in a file with the reason: one JSON object a line.

Two files of bounded size: when one is full it becomes the older one, and the older one before it goes.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import orjson

from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.moments import utc
from flowcoll.output.bulk import Refusal

MAX_OCTETS = 64 * 1024 * 1024
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_PIECE = 1024 * 1024


class Letter(NamedTuple):
    """A document that was rejected, with its action line, as they were sent."""

    action: bytes
    document: bytes
    refusal: Refusal


class DeadLetters:
    """Appends to `path` for an output; what cannot be written is counted and told, and a line is never torn."""

    def __init__(  # noqa: PLR0913  what it needs, and two bounds for tests
        self,
        folder: Path,
        output: str,
        counts: Counts,
        log: Log,
        *,
        max_octets: int = MAX_OCTETS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = folder / f"{output}.ndjson"
        self.older = folder / f"{output}.1.ndjson"
        self.output = output
        self._counts = counts
        self._log = log
        self._max_octets = max_octets
        self._clock = clock

    def append(self, letters: Iterable[Letter]) -> None:
        """Keep some letters; it never raises."""
        lines = [self._line(letter) for letter in letters]
        try:
            self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._put(b"".join(lines))
        except OSError as exc:
            self._counts.add(f"dead_letters.failed.{self.output}", len(lines))
            self._log.limited(f"dead_letters.{self.output}", 60).error(
                "rejected documents cannot be kept; check EF_STATE_PATH, who may write there, and the space",
                output=self.output,
                path=str(self.path),
                reason=exc.strerror or str(exc),
            )
        else:
            self._counts.add(f"dead_letters.written.{self.output}", len(lines))

    def _put(self, body: bytes) -> None:
        fd = os.open(self.path, _FLAGS, 0o640)
        try:
            size = os.fstat(fd).st_size
            if size and size + len(body) > self._max_octets:
                os.close(fd)
                fd = -1
                self._turn()
                fd, size = os.open(self.path, _FLAGS, 0o640), 0
            try:
                written = 0
                while written < len(body):
                    written += os.write(fd, body[written:])
            except OSError:
                os.ftruncate(fd, size)
                raise
        finally:
            if fd >= 0:
                os.close(fd)

    def _turn(self) -> None:
        """Make the file the older one, and count what the older one held."""
        try:
            with self.older.open("rb") as file:
                gone = sum(piece.count(b"\n") for piece in iter(lambda: file.read(_PIECE), b""))
        except FileNotFoundError:
            gone = 0
        self.path.replace(self.older)
        self._counts.add(f"dead_letters.removed.{self.output}", gone)

    def _line(self, letter: Letter) -> bytes:
        action = orjson.loads(letter.action)["create"]
        refusal = letter.refusal
        return orjson.dumps(
            {
                "time": utc(self._clock()),
                "index": action["_index"],
                "id": action["_id"],
                "status": refusal.status,
                "type": refusal.type,
                "reason": refusal.reason,
                "document": _readable(letter.document),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )


def _readable(document: bytes) -> orjson.Fragment | str:
    """Give the document as the JSON it is, or as text where it is none after all."""
    try:
        orjson.loads(document)
    except ValueError:
        return document.decode(errors="replace")
    return orjson.Fragment(document)
