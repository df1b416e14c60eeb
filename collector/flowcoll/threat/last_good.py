"""The last good copy of a downloaded list: its octets as they came, and beside them what is known of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from flowcoll.errors import ListError


class Meta(NamedTuple):
    """What is known of a copy; times are seconds since 1970."""

    url: str
    octets: int
    received: float
    confirmed: float  # the server said last that this is still its list
    etag: str
    last_modified: str
    entries: int


class LastGood:
    """The copy of one list in a folder; a file is never half written, and readable for owner and group alone."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._list, self._meta, self._part = (folder / f"{name}.{end}" for end in ("list", "json", "part"))

    @contextmanager
    def part(self) -> Iterator[BinaryIO]:
        """Open a file to download to; what is not kept is gone at the end. OSError."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        try:
            with _opened(self._part) as file:
                yield file
        finally:
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def downloaded(self) -> bytes:
        """Give what was downloaded. OSError."""
        return self._part.read_bytes()

    def keep(self, meta: Meta) -> None:
        """Make what was downloaded the last good copy. OSError."""
        self._part.replace(self._list)
        self.confirm(meta)

    def confirm(self, meta: Meta) -> None:
        """Write anew what is known of the copy. OSError."""
        beside = self._meta.with_suffix(".new")
        with _opened(beside) as file:
            file.write(orjson.dumps(meta._asdict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        beside.replace(self._meta)

    def load(self) -> tuple[bytes, Meta] | None:
        """Give the copy, or None where there is none; ListError for one that is not whole. OSError."""
        try:
            said = orjson.loads(self._meta.read_bytes())
            octets = self._list.read_bytes()
            meta = Meta(**{name: kind(said[name]) for name, kind in Meta.__annotations__.items()})
        except FileNotFoundError:
            if self._list.exists() or self._meta.exists():
                raise ListError("is not whole: one of its two files is missing") from None
            return None
        except (ValueError, TypeError, KeyError, OverflowError):
            raise ListError(f"is not whole: {self._meta.name} makes no sense") from None
        if len(octets) != meta.octets:
            raise ListError(f"is not whole: it has {len(octets)} of {meta.octets} bytes")
        return octets, meta

    def set_aside(self) -> Path:
        """Put a copy that cannot be used out of the way, in the place of the one before it, and tell where it is."""
        aside = self._list.with_suffix(".corrupt")
        with suppress(OSError):
            self._list.replace(aside)
        with suppress(OSError):
            self._meta.unlink(missing_ok=True)
        return aside


def _opened(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    os.fchmod(descriptor, 0o640)  # whatever the umask, and of a file that was there
    return os.fdopen(descriptor, "w+b")
