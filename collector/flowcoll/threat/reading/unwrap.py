"""The text of a list out of what a file or an answer holds: gzip, zip, zstd, byte order mark; sizes are bounded."""

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Protocol

import zstandard

from flowcoll.errors import ListError

LARGEST = 268_435_456
"""Octets that a list may have, as it is sent and as text."""

Pause = Callable[[], object]
"""Called between small pieces of work, so that others may have the processor."""

_GZIP, _ZIP, _ZSTD = b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"
_BOM = b"\xef\xbb\xbf"
_STEP = 262_144
_GZIP_STEP = 4096
_GZIP_WINDOW = 31  # zlib's number for a header and trailer of gzip
_ZSTD_STEP = 256  # octets that are expanded at a time: 64 blocks at most, which become 8 MiB at most
_MOST_PIECES = 100_000
_LARGEST_WINDOW = 134_217_728  # octets that zstd may look back, as its command line tool allows it unasked


def at_once() -> None:
    """Do not pause: nothing else runs."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def taken(file: _Readable, pause: Pause, largest: int = LARGEST) -> bytes:
    """Give all that a file holds, read in pieces; ListError when it is too large."""
    parts: list[bytes] = []
    size = 0
    while part := file.read(_STEP):
        size += len(part)
        if size > largest:
            raise ListError(f"has more than {largest >> 20} MiB", "too_large")
        parts.append(part)
        pause()
    return b"".join(parts)


def unwrapped(octets: bytes, pause: Pause, largest: int = LARGEST) -> bytes:
    """Give the text; ListError, worded to follow the name of the list, when it is damaged, too large or HTML."""
    if octets.startswith(_GZIP):
        octets = _gunzipped(octets, pause, largest)
    elif octets.startswith(_ZIP):
        octets = _unzipped(octets, pause, largest)
    elif octets.startswith(_ZSTD):
        octets = _unzstd(octets, pause, largest)
    text = octets.removeprefix(_BOM)
    if text[:1024].lstrip().startswith(b"<"):
        raise ListError("is an HTML or XML page, not a list", "html")
    return text


class _Expanded:
    """What comes out of a wrapping, bounded, with a pause after each `_STEP` octets that went in or came out."""

    def __init__(self, pause: Pause, largest: int) -> None:
        self._pause, self._largest = pause, largest
        self._parts: list[bytes] = []
        self._size = self._worked = self._pieces = 0

    def add(self, part: bytes, used: int) -> None:
        """Take what came out of so many octets."""
        self._parts.append(part)
        self._size += len(part)
        if self._size > self._largest:
            raise ListError(f"has more than {self._largest >> 20} MiB", "too_large")
        self._worked += len(part) + used
        if self._worked >= _STEP:
            self._worked = 0
            self._pause()

    def next_piece(self, kind: str) -> None:
        """Count a member or frame."""
        self._pieces += 1
        if self._pieces > _MOST_PIECES:
            raise ListError(f"is in more than {_MOST_PIECES:,} pieces of {kind}; compress it as one", "too_large")

    def whole(self) -> bytes:
        return b"".join(self._parts)


def _gunzipped(octets: bytes, pause: Pause, largest: int) -> bytes:
    """Give what all members hold, one behind the other (RFC 1952 section 2.2); zeros at the end are padding."""
    expanded = _Expanded(pause, largest)
    member = zlib.decompressobj(_GZIP_WINDOW)
    place, part = 0, b""
    try:
        while place < len(octets) or (len(part) == _STEP and not member.eof):
            if member.eof:
                if octets[place] == 0 and not octets[place:].strip(b"\0"):
                    break
                expanded.next_piece("gzip")
                member = zlib.decompressobj(_GZIP_WINDOW)
            piece = octets[place : place + _GZIP_STEP]
            part = member.decompress(piece, _STEP)
            used = len(piece) - len(member.unused_data if member.eof else member.unconsumed_tail)
            place += used
            expanded.add(part, used)
    except zlib.error:
        raise ListError("is damaged: its gzip data are wrong") from None
    if not member.eof:
        raise ListError("is damaged: its gzip data end too early")
    return expanded.whole()


def _unzstd(octets: bytes, pause: Pause, largest: int) -> bytes:
    """Give what all frames hold, one behind the other (RFC 8878 section 3)."""
    expanded = _Expanded(pause, largest)
    context = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    frame = context.decompressobj()
    place = 0
    try:
        while place < len(octets):
            if frame.eof:
                expanded.next_piece("zstd")
                frame = context.decompressobj()
            piece = octets[place : place + _ZSTD_STEP]
            part = frame.decompress(piece)
            used = len(piece) - len(frame.unused_data)
            place += used
            expanded.add(part, used)
    except zstandard.ZstdError:
        raise ListError("is damaged: its zstd data are wrong, or need more than 128 MiB to expand") from None
    if not frame.eof:
        raise ListError("is damaged: its zstd data end too early")
    return expanded.whole()


def _unzipped(octets: bytes, pause: Pause, largest: int) -> bytes:
    """Give the first file of the archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            name = next((each for each in archive.infolist() if not each.is_dir()), None)
            if name is None:
                raise ListError("is a zip archive without a file")
            with archive.open(name) as file:
                return taken(file, pause, largest)
    except (RuntimeError, NotImplementedError):  # encrypted, or packed in a way that Python does not know
        raise ListError("is a zip archive that needs a password or a rare method; have it packed plainly") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):  # what damaged headers lead to
        raise ListError("is damaged: its zip data are wrong") from None
