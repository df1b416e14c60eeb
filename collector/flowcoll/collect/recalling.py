"""What was kept of an exporter, read when a worker meets it; and, where several workers have it, when others know more.

Who reads files that no worker writes any more, because there are fewer workers now or each exporter has one of its own,
takes them over: what they held is written to his own file, and then they go.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flowcoll.collect.kept_files import name, workers, written_since
from flowcoll.counters import Counts
from flowcoll.decode import kept
from flowcoll.decode.kept import FACTS, TEMPLATES, WAITING
from flowcoll.decode.memory import Memory
from flowcoll.errors import KeptError
from flowcoll.logs import Log
from flowcoll.member import Member

_AGAIN_S = 5.0  # as often as files are written
_NEWS_S = 60.0
_LARGEST = 64 * 1024 * 1024
_MET = 65_536
_LASTING = (TEMPLATES, FACTS)

Version = tuple[int, int, int]


class Recalling:
    """Reads the files of one worker's exporters. shared: other workers may have the same exporters."""

    def __init__(  # noqa: PLR0913  what it needs of the world
        self,
        folder: Path,
        memory: Memory,
        counts: Counts,
        log: Log,
        clock: Callable[[], float],
        *,
        member: Member,
        shared: bool,
    ) -> None:
        self._folder = folder
        self._memory = memory
        self._counts = counts
        self._log = log
        self._clock = clock
        self._shared = shared
        self._own = member.number if shared else None
        self._others: list[int | None] = list(range(member.of)) if shared else []
        self._abandoned: list[int | None] | None = None
        self._read_at: dict[str, float] = {}
        self._versions: dict[Path, Version] = {}
        self._news_at = clock()
        self._latest = 0.0
        self._restored = 0
        self._taken_over: dict[str, None] = {}
        memory.store.recall = self.recall
        if shared:
            memory.store.again = self.again

    def path(self, address: str, kind: str) -> Path:
        """Give the file that this worker writes."""
        return self._folder / name(address, kind, self._own)

    # -- reading -------------------------------------------------------------------------------------------------

    def recall(self, address: str) -> bool:
        """Restore what was kept of an exporter, and tell whether that was any template."""
        before = len(self._memory.store)
        self._refresh(address, first=True)
        for number in self._numbers():
            path = self._folder / name(address, WAITING, number)
            octets = self._octets(path)
            if octets is not None:
                try:
                    self._once(address, path, octets)
                except KeptError as problem:
                    self._set_aside(path, str(problem))
        return len(self._memory.store) > before

    def again(self, address: str) -> bool:
        """Read what others have written of an exporter since, and tell whether there is a template that is new here."""
        now = self._clock()
        if 0 <= now - self._read_at.get(address, 0.0) < _AGAIN_S:
            return False
        before = self._counts["templates.restored"]
        self._refresh(address)
        return self._counts["templates.restored"] > before

    def news(self, io: Callable[..., Any]) -> bool:
        """Read what others have written of exporters known here; tell whether any template was restored since last time."""
        now = self._clock()
        if self._shared and not 0 <= now - self._news_at < _NEWS_S:
            self._news_at = now
            addresses, self._latest = io(written_since, self._folder, _LASTING, self._latest)
            for address in addresses:
                if self._memory.store.knows(address):
                    self._refresh(address)
        before, self._restored = self._restored, self._counts["templates.restored"]
        return self._restored > before

    def taken_over(self) -> list[Path]:
        """Give the files that are to go once everything is written by this worker, each only once."""
        addresses, self._taken_over = self._taken_over, {}
        return [
            self._folder / name(address, kind, number)
            for address in addresses
            for kind in _LASTING
            for number in self._abandoned or ()
        ]

    def _refresh(self, address: str, *, first: bool = False) -> None:
        """Restore templates and facts from every file that has changed since it was read."""
        if self._shared:
            if len(self._read_at) >= _MET:
                self._read_at.clear()
                self._versions.clear()
            self._read_at[address] = self._clock()
        for number in self._numbers():
            if number == self._own and not first:
                continue
            for kind in _LASTING:
                path = self._folder / name(address, kind, number)
                octets = self._octets(path, once=self._shared)
                if octets is None:
                    continue
                try:
                    self._restore(address, kind, octets)
                except KeptError as problem:
                    self._set_aside(path, str(problem))
                if number in (self._abandoned or ()):
                    self._take_over(address)

    def _restore(self, address: str, kind: str, octets: bytes) -> None:
        now_ms = int(self._clock() * 1000)
        if kind == TEMPLATES:
            self._counts.add("templates.outdated", kept.recall_templates(address, octets, self._memory, now_ms))
        else:
            for fact, outdated in kept.recall_facts(address, octets, self._memory, now_ms).items():
                self._counts.add(f"facts.outdated.{fact}", outdated)

    def _take_over(self, address: str) -> None:
        self._taken_over[address] = None
        self._memory.store.changed[address] = None
        self._memory.facts.changed[address] = None

    def _numbers(self) -> list[int | None]:
        """Give the numbers of workers whose files there may be: those of now, and those of earlier runs."""
        if self._abandoned is None:
            numbers: set[int | None] = {None, *workers(self._folder)}
            now = set(self._others) if self._shared else {None}
            self._abandoned = sorted(numbers - now, key=lambda number: -1 if number is None else number)
        return [*(self._others if self._shared else [None]), *self._abandoned]

    def _once(self, address: str, path: Path, octets: bytes) -> None:
        """Let the kept sets wait again, and never again: whoever is killed after this must not read them twice."""
        kept.count_waiting(address, octets)  # KeptError before anything is taken away
        try:
            path.unlink()
        except FileNotFoundError:
            return  # another worker has them
        except OSError as exc:
            self._set_aside(path, f"cannot be removed ({exc.strerror})")
        else:
            kept.recall_waiting(address, octets, self._memory)

    def _octets(self, path: Path, *, once: bool = False) -> bytes | None:
        """Read a file, None if there is none, or, with `once`, if it is the one that was read before."""
        try:
            with path.open("rb") as file:
                if once:
                    status = os.fstat(file.fileno())
                    version = status.st_ino, status.st_mtime_ns, status.st_size
                    if self._versions.get(path) == version:
                        return None
                    self._versions[path] = version
                octets = file.read(_LARGEST + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            if not os.access(path.parent, os.R_OK | os.X_OK):  # told when it is to be written
                return None
            self._set_aside(path, f"cannot be read ({exc.strerror})")
            return None
        if len(octets) > _LARGEST:
            self._set_aside(path, "is too large")
            return None
        return octets

    def _set_aside(self, path: Path, problem: str) -> None:
        aside = path.with_name(path.name + ".bad")
        with suppress(OSError):
            path.replace(aside)
        self._counts.add(f"kept.refused.{path.suffix[1:]}")
        self._log.limited("kept_bad", 60).warn(
            "what was kept of an exporter is not used; it says it again", file=str(path), problem=problem
        )
