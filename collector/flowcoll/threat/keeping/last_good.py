"""The last good copy of a downloaded list: its octets as they came, and beside them what is known of them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from flowcoll.errors import ListError
from flowcoll.threat.keeping.feed import Feed
from flowcoll.threat.reading.times import http_date, iso
from flowcoll.threat.reading.unwrap import LARGEST, Pause, at_once, taken

Stamp = tuple[int, int]
"""What tells a file from the one that was there before."""


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
            with opened(self._part) as file:
                yield file
        finally:
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def downloaded(self) -> bytes:
        """Give what was downloaded. OSError."""
        return self._part.read_bytes()

    def keep(self, meta: Meta) -> None:
        """Make what was downloaded the last good copy. OSError."""
        beside = self._beside(meta)
        self._part.replace(self._list)
        beside.replace(self._meta)

    def confirm(self, meta: Meta) -> None:
        """Write anew what is known of the copy. OSError."""
        self._beside(meta).replace(self._meta)

    def stamp(self) -> Stamp | None:
        """Give something that is another one whenever a copy was kept or confirmed; None while there is no copy."""
        try:
            found = self._meta.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def whole(self, meta: Meta) -> bool:
        """Tell whether the octets of a copy still lie there, as far as that is seen without reading them."""
        try:
            return self._list.stat().st_size == meta.octets and self._meta.exists()
        except OSError:
            return False

    def meta(self) -> Meta | None:
        """Give what is known of the copy, or None where there is none; ListError when it makes no sense. OSError."""
        try:
            said = orjson.loads(self._meta.read_bytes())
            return Meta(**{name: kind(said[name]) for name, kind in Meta.__annotations__.items()})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, OverflowError):
            raise ListError(f"is not whole: {self._meta.name} makes no sense") from None

    def load(self, pause: Pause = at_once) -> tuple[bytes, Meta] | None:
        """Give the copy, or None where there is none; ListError for one that is not whole. OSError."""
        meta = self.meta()
        try:
            with self._list.open("rb") as file:
                octets = taken(file, pause, LARGEST)
        except FileNotFoundError:
            octets = None
        if meta is None and octets is None:
            return None
        if meta is None or octets is None:
            raise ListError("is not whole: one of its two files is missing")
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

    def _beside(self, meta: Meta) -> Path:
        """Write what will be known of the copy to a file of its own."""
        beside = self._meta.with_suffix(".new")
        with opened(beside) as file:
            file.write(orjson.dumps(meta._asdict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return beside


def copies_of(folder: Path, feed: Feed) -> list[LastGood]:
    """Give the last good copies of a feed, one for each source; no list has a name with a hyphen."""
    numbers = range(1, len(feed.sources) + 1)
    return [LastGood(folder, feed.name if number == 1 else f"{feed.name}-{number}") for number in numbers]


def known_copies(feed: Feed, copies: Sequence[LastGood]) -> list[Meta]:
    """Give what is known of copies, nothing unless there is one from each source. ListError, OSError."""
    metas = [copy.meta() for copy in copies]
    found = [meta for meta, source in zip(metas, feed.sources, strict=True) if meta and meta.url == source.shown]
    return found if len(found) == len(copies) else []


def octets_of(copy: LastGood, pause: Pause) -> bytes:
    """Give the octets of a copy. ListError, OSError."""
    found = copy.load(pause)
    if found is None:
        raise ListError("is not whole: it is gone")
    return found[0]


def listed(metas: Sequence[Meta]) -> str:
    """Give when a list was made: as its server says, or when it came; of several parts the newest."""
    return iso(max(_changed(meta) for meta in metas))


def stamps(metas: Sequence[Meta]) -> list[list[Any]]:
    """Give what tells copies from those before them, as JSON can hold it."""
    return [[meta.octets, meta.received, meta.etag, meta.last_modified] for meta in metas]


def _changed(meta: Meta) -> float:
    changed = http_date(meta.last_modified)
    return changed if 0 < changed <= meta.received else meta.received


def opened(path: Path, how: int = os.O_TRUNC, mode: int = 0o640) -> BinaryIO:
    """Open a file to be written, readable for owner and group alone. OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | how, mode)
    with suppress(PermissionError):
        os.fchmod(descriptor, mode)  # whatever the umask, and of a file that was there
    return os.fdopen(descriptor, "w+b" if how & os.O_TRUNC else "ab")
