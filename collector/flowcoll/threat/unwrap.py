"""The text of a list out of what a file or an answer holds: gzip, zip, byte order mark; sizes are bounded."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Protocol

from flowcoll.errors import ListError

LARGEST = 268_435_456
"""Octets that a list may have, as it is sent and as text."""

Pause = Callable[[], object]
"""Called between small pieces of work, so that others may have the processor."""

_GZIP, _ZIP, _ZSTD = b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"
_BOM = b"\xef\xbb\xbf"
_STEP = 262_144


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
        raise ListError("is compressed by zstd, which is not read; have it as it is, or compressed by gzip or zip")
    text = octets.removeprefix(_BOM)
    if text[:1024].lstrip().startswith(b"<"):
        raise ListError("is an HTML or XML page, not a list", "html")
    return text


def _gunzipped(octets: bytes, pause: Pause, largest: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(octets)) as file:
            return taken(file, pause, largest)
    except EOFError:
        raise ListError("is damaged: its gzip data end too early") from None
    except (gzip.BadGzipFile, zlib.error):
        raise ListError("is damaged: its gzip data are wrong") from None


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
