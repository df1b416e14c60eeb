"""Table files in their folder: written aside, checked, then renamed, so that whoever maps one has a whole one for good."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from flowcoll.errors import ListError
from flowcoll.logs import Log
from flowcoll.threat.keeping.jobs import Job
from flowcoll.threat.keeping.last_good import opened
from flowcoll.threat.matching.table import Table

END = ".table"
"""How the name of a table file ends."""

Make = Callable[[BinaryIO], Mapping[str, Any]]
"""Writes a table file, and gives the state of its list."""


class Shelf:
    """The table files of a folder, by the names of their lists; owner and group alone may read them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Give where the table of a list lies."""
        return self.folder / f"{name}{END}"

    def find(self, name: str) -> Table | None:
        """Give the table of a list, None where there is none; ListError when it is damaged. OSError."""
        try:
            table = Table.open(self.path(name))
        except FileNotFoundError:
            return None
        table.check()
        return table

    def usable(self, job: Job, log: Log) -> Table | None:
        """Give the table of a feed, None where there is none that fits; one that is damaged is told, and set aside."""
        name, says = job.feed.name, job.feed.says
        try:
            table = self.find(name)
        except ListError as exc:
            if exc.reason != "other_version":  # that one is of another release, and no fault
                log.warn(f"{says} the table of the list {exc}; it is set aside as {self.set_aside(name)}")
            return None
        except OSError as exc:
            log.warn(f"{says} the table {self.path(name)} cannot be read ({exc.strerror})")
            return None
        return table if table is not None and job.fits(table) else None

    def put(self, name: str, make: Make, judge: Callable[[Mapping[str, Any]], object] = lambda _: None) -> Table:
        """Put a new table in the place of the old one, unless it cannot be made or `judge` raises. ListError, OSError."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        aside = self.path(name).with_suffix(f"{END}.new")
        try:
            with opened(aside) as file:
                judge(make(file))
            table = Table.open(aside)
            table.check()
            aside.replace(self.path(name))
        finally:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
        return table

    def set_aside(self, name: str) -> Path:
        """Put a table that cannot be used out of the way, in the place of the one before it, and tell where it is."""
        aside = self.path(name).with_suffix(f"{END}.corrupt")
        with suppress(OSError):
            self.path(name).replace(aside)
        return aside

    def tidy(self) -> None:
        """Remove what was half written when its process was killed."""
        with suppress(OSError):
            for left in self.folder.iterdir():
                if left.suffix in {".new", ".part", ".taken"}:
                    left.unlink(missing_ok=True)
