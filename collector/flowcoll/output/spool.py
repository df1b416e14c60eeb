"""Requests on disk while Elasticsearch is away: appended to segments, taken oldest first, bounded in octets.

A record is a header (magic, octets and checksum of the body, documents, checksum of the header) and a packed request.
What a crash tore off at the end of a segment is cut. A damaged body costs its record; a damaged header costs the rest
of its segment, since where the next record begins is not known any more. How far was taken is marked in a file beside;
after a crash a little may be sent twice, which the ids of the documents make harmless.
"""

import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from flowcoll.errors import SetupError

SEGMENT = 64 * 1024 * 1024
"""Octets at which a new segment is begun; a segment is deleted when all of it has been taken."""

FULL = "the spool is full"
"""Why a request is not taken that would make the files larger than the limit."""

_MAGIC = 0x666C_5331  # "flS1"
_WHAT = Struct("!IIII")  # magic, octets, documents, checksum of the body
_CHECK = Struct("!I")  # of these
HEADER = _WHAT.size + _CHECK.size
_SUFFIX = ".segment"


class Header(NamedTuple):
    """What stands before a body."""

    octets: int
    documents: int
    checksum: int

    def packed(self) -> bytes:
        """Give it as it stands in the file."""
        what = _WHAT.pack(_MAGIC, self.octets, self.documents, self.checksum)
        return what + _CHECK.pack(crc32(what))

    @classmethod
    def read(cls, octets: bytes) -> "Header | None":
        """Give the header that stands there, if it does."""
        if len(octets) < HEADER or _CHECK.unpack_from(octets, _WHAT.size)[0] != crc32(octets[: _WHAT.size]):
            return None
        magic, *rest = _WHAT.unpack_from(octets)
        return cls(*rest) if magic == _MAGIC else None


class Record(NamedTuple):
    """A request in the spool, and where it stands."""

    body: bytes
    documents: int
    segment: int
    end: int


@dataclass
class Segment:
    """A file: where its oldest record begins, where its last ends, documents between."""

    begin: int = 0
    end: int = 0
    documents: int = 0


class Spool:
    """A directory of segments, used by one process at a time: SetupError where another has it, or it cannot be used.

    limit: octets that its files may have in all
    lost_octets, lost_documents: what could not be read; the documents of what was torn or had no header are not known.
    """

    def __init__(self, folder: Path, limit: int, *, segment: int = SEGMENT) -> None:
        self.lost_octets = self.lost_documents = 0
        self._folder = folder
        self.limit = limit
        self._most = min(segment, max(limit // 4, 1))
        self._segments: dict[int, Segment] = {}  # in order
        self._last = 0  # number of the newest segment there ever was
        self._fd = -1  # of the newest, while it is appended to
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._find()
            except OSError:
                os.close(self._lock)
                raise
        except BlockingIOError as exc:
            raise SetupError(f"{folder} is used by another process; stop it, or set another EF_STATE_PATH") from exc
        except OSError as exc:
            raise SetupError(
                f"{folder} cannot be used ({exc.strerror}); check EF_STATE_PATH and its permissions"
            ) from exc

    @property
    def octets(self) -> int:
        """Octets that wait."""
        return sum(segment.end - segment.begin for segment in self._segments.values())

    @property
    def held(self) -> int:
        """Octets of the files: what waits, and what was taken of segments that are still there."""
        return sum(segment.end for segment in self._segments.values())

    @property
    def documents(self) -> int:
        """Documents that wait."""
        return sum(segment.documents for segment in self._segments.values())

    def add(self, body: bytes, documents: int) -> str:
        """Append a request whole or not at all; give why not, or an empty text."""
        record = Header(len(body), documents, crc32(body)).packed() + body
        if self.held + len(record) > self.limit:
            return FULL
        try:
            segment = self._newest(len(record))
            try:
                done = 0
                while done < len(record):
                    done += os.pwrite(self._fd, record[done:], segment.end + done)
            except OSError:
                os.ftruncate(self._fd, segment.end)
                raise
        except OSError as exc:
            return f"the spool cannot be written: {exc.strerror}"
        segment.end += len(record)
        segment.documents += documents
        return ""

    def oldest(self) -> Record | None:
        """Give the oldest request, the same one until it was taken; what is damaged before it is given up."""
        while self._segments:
            number, segment = next(iter(self._segments.items()))
            if segment.begin >= segment.end:
                if number == self._last and self._fd >= 0:
                    return None  # it waits for more
                self._drop(number)
                continue
            header, body = self._read(number, segment.begin)
            if header is None:
                self.lost_octets += segment.end - segment.begin
                self.lost_documents += segment.documents
                self._drop(number)
                continue
            end = segment.begin + HEADER + header.octets
            if body is not None:
                return Record(body, header.documents, number, end)
            self.lost_octets += end - segment.begin
            self.lost_documents += header.documents
            segment.begin = end
            segment.documents -= header.documents
        return None

    def taken(self, record: Record) -> None:
        """Give up the oldest request, since it was delivered."""
        segment = self._segments[record.segment]
        segment.begin = record.end
        segment.documents -= record.documents
        if segment.begin >= segment.end and segment.end >= self._most:
            self._drop(record.segment)
        self._mark(record.segment, record.end)

    def sync(self) -> None:
        """Have the disk hold what was added; earlier segments were synced at their end."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.fdatasync(self._fd)

    def close(self) -> None:
        """Have the disk hold what waits, and let others use the directory."""
        self._end_newest()
        os.close(self._lock)

    def remove(self) -> None:
        """Remove the directory with all it holds."""
        for number in list(self._segments):
            self._drop(number)
        with contextlib.suppress(OSError):
            for name in ("taken", "taken.new", "lock"):
                (self._folder / name).unlink(missing_ok=True)
            self._folder.rmdir()
        self.close()

    # -- files

    def _newest(self, size: int) -> Segment:
        """Give the segment to append to, a new one where that would grow too large."""
        if self._fd >= 0 and self._last in self._segments:
            segment = self._segments[self._last]
            if not segment.end or segment.end + size <= self._most:
                return segment
        self._end_newest()
        path = self._path(self._last + 1)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        self._last += 1
        return self._segments.setdefault(self._last, Segment())

    def _end_newest(self) -> None:
        if self._fd >= 0:
            self.sync()
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1

    def _read(self, number: int, start: int) -> tuple[Header | None, bytes | None]:
        """Give header and body of a record, as far as they are whole."""
        try:
            with self._path(number).open("rb") as file:
                file.seek(start)
                header = Header.read(file.read(HEADER))
                if header is None:
                    return None, None
                body = file.read(header.octets)
        except OSError:
            return None, None
        return header, body if len(body) == header.octets and crc32(body) == header.checksum else None

    def _find(self) -> None:
        """Take over what an earlier process left."""
        marked, offset = self._marked()
        self._last = marked
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            number = int(path.stem) if path.stem.isdigit() else 0
            self._last = max(self._last, number)
            if number >= max(marked, 1):
                self._segments[number] = self._walk(path, offset if number == marked else 0)
            elif number:
                path.unlink()  # all of it was taken

    def _walk(self, path: Path, begin: int) -> Segment:
        """Go from header to header, and cut what no header vouches for."""
        segment = Segment(begin, begin)
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            while segment.end < size:
                file.seek(segment.end)
                header = Header.read(file.read(HEADER))
                if header is None or segment.end + HEADER + header.octets > size:
                    self.lost_octets += size - segment.end
                    file.truncate(segment.end)
                    break
                segment.end += HEADER + header.octets
                segment.documents += header.documents
        return segment

    def _drop(self, number: int) -> None:
        if number == self._last:
            self._end_newest()
        del self._segments[number]
        with contextlib.suppress(OSError):
            self._path(number).unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012}{_SUFFIX}"

    def _marked(self) -> tuple[int, int]:
        """Give what `_mark` has written; from the beginning where that cannot be relied on."""
        try:
            what, _, check = (self._folder / "taken").read_text("ascii").rstrip().rpartition(" ")
            if int(check) != crc32(what.encode()):
                return 0, 0
            segment, offset = map(int, what.split())
        except (OSError, ValueError):
            return 0, 0
        return segment, offset

    def _mark(self, segment: int, offset: int) -> None:
        """Write down how far was taken; where that fails, more is sent twice after a crash."""
        path = self._folder / "taken"
        with contextlib.suppress(OSError):
            what = f"{segment} {offset}"
            path.with_suffix(".new").write_text(f"{what} {crc32(what.encode())}\n", "ascii")
            path.with_suffix(".new").replace(path)
