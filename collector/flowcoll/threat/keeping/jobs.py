"""What is made of feeds: table files, and what these say of themselves, so that a later start knows whether they fit."""

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from flowcoll import __version__
from flowcoll.config import Options
from flowcoll.threat.keeping.feed import Feed, feeds_of
from flowcoll.threat.keeping.systems_feed import systems_feeds
from flowcoll.threat.matching.lists import Stated, compile_list
from flowcoll.threat.matching.system_table import compile_systems
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading.readers import read
from flowcoll.threat.reading.unwrap import Pause, unwrapped

Stamps = list[list[Any]]
"""For each file or copy that a table was made of what tells it from the one before, as JSON can hold it."""


class Compile(Protocol):
    """Makes a table file of the octets of a feed's sources, and gives the state of the list. ListError, OSError."""

    def __call__(  # noqa: PLR0913, PLR0917  all that a table depends on
        self, feed: Feed, texts: Iterable[bytes], listed: str, of: Mapping[str, Any], file: BinaryIO, pause: Pause, /
    ) -> Mapping[str, Any]:
        """`listed` is when the list was made; the table's `about` holds `of` under this name."""


class Job(NamedTuple):
    """A feed, and how its table is made."""

    feed: Feed
    compile: Compile

    def of(self, feed: Feed) -> "Job":
        """Give the same for another feed."""
        return self._replace(feed=feed)

    def made(
        self, texts: Iterable[bytes], listed: str, stamps: Stamps, file: BinaryIO, pause: Pause
    ) -> Mapping[str, Any]:
        """Make a table file, which will know what it was made of. ListError, OSError."""
        of = {"feed": _identity(self.feed), "stamps": stamps, "version": __version__}
        return self.compile(self.feed, texts, listed, of, file, pause)

    def fits(self, table: Table) -> bool:
        """Tell whether a table was made of this feed as the options have it now, whatever has come since."""
        return _of(table).get("feed") == _identity(self.feed)

    def current(self, table: Table) -> bool:
        """Tell whether a table fits and this release of the collector made it."""
        return self.fits(table) and _of(table).get("version") == __version__


def jobs_of(options: Options) -> tuple[Job, ...]:
    """Give what is to be made for the feeds that are enabled. ConfigError."""
    threats = (Job(feed, _threats) for feed in feeds_of(options))
    return (*threats, *(Job(feed, _systems) for feed in systems_feeds(options)))


def stamps_of(table: Table) -> Stamps:
    """Give the stamps of what a table was made of."""
    found = _of(table).get("stamps")
    return found if isinstance(found, list) else []


def state_of(table: Table) -> dict[str, Any]:
    """Give how many entries a table has, what was left out of it, and when its list was made."""
    left_out = table.about.get("state")
    figures = {"entries": table.entries, "networks": table.networks, "private": table.private}
    return {**figures, **(left_out if isinstance(left_out, dict) else {}), "listed": str(table.about.get("listed", ""))}


def stamp_of(path: Path) -> list[Any]:
    """Give what tells a file from the one that was there before; nothing where there is none, or it cannot be seen."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _of(table: Table) -> Mapping[str, Any]:
    found = table.about.get("of")
    return found if isinstance(found, dict) else {}


def _identity(feed: Feed) -> dict[str, Any]:
    """Give what options say that decides what is in a table."""
    return {
        "name": feed.name,
        "type": feed.kind.name,
        "sources": [source.shown for source in feed.sources],
        "path": str(feed.path) if feed.path else "",
        "label": feed.label,
        "confidence": feed.confidence,
    }


def _threats(  # noqa: PLR0913, PLR0917  Compile's parameters
    feed: Feed, texts: Iterable[bytes], listed: str, of: Mapping[str, Any], file: BinaryIO, pause: Pause
) -> Mapping[str, Any]:
    rows = chain.from_iterable(read(unwrapped(octets, pause), feed.kind.form) for octets in texts)
    stated = Stated(feed.name, listed, feed.label, feed.confidence)
    return compile_list(rows, stated, file, pause, may_be_empty=feed.kind.may_be_empty, of=of)


def _systems(
    _: Feed, texts: Iterable[bytes], listed: str, of: Mapping[str, Any], file: BinaryIO, pause: Pause
) -> Mapping[str, Any]:
    return compile_systems(texts, listed, of, file, pause)
