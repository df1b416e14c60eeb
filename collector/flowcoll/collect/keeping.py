"""What is known of exporters, on disk: templates as they change, and at the end the data that still wait for some.

One file an exporter, written by the worker that has it, and read when a worker meets the exporter for the first time.
So a start costs nothing, memory is taken only for who is there, and an exporter that goes to another worker finds its
templates there. Files are replaced as a whole and not synced: what the power takes away, the exporter says again.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gevent
from gevent.lock import Semaphore

from flowcoll.collect.kept_files import Files, prune, write
from flowcoll.counters import Counts
from flowcoll.decode import kept
from flowcoll.decode.kept import TEMPLATES, WAITING
from flowcoll.decode.memory import Memory
from flowcoll.errors import KeptError
from flowcoll.logs import Log

EVERY_S = 5.0
_AGAIN_S = 60.0  # after a failure
_USES_S = 3600.0  # how late the disk may know that a template is in use
_BATCH_OCTETS = 1024 * 1024
_BATCH_FILES = 64
_LARGEST = 64 * 1024 * 1024


class Keeping:
    """The files of one worker. io: calls what touches the disk; give_way: lets others run between small steps."""

    def __init__(  # noqa: PLR0913  what it needs of the world
        self,
        folder: Path | None,
        memory: Memory,
        counts: Counts,
        log: Log,
        *,
        clock: Callable[[], float] = time.time,
        io: Callable[..., Any] = lambda act, *arguments: act(*arguments),
        give_way: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._memory = memory
        self._counts = counts
        self._log = log
        self._clock = clock
        self._io = io
        self._give_way = give_way
        self._failed = float("-inf")
        self._told = False
        self._noted = self._now_ms()
        self._memory.store.now = self._noted
        if folder is not None:
            self._memory.store.recall = self.recall

    # -- what was kept -------------------------------------------------------------------------------------------

    def recall(self, address: str) -> bool:
        """Restore what was kept of an exporter, and tell whether that was any template."""
        before = len(self._memory.store)
        octets = self._read(address, TEMPLATES)
        if octets is not None:
            try:
                outdated = kept.recall_templates(address, octets, self._memory, self._now_ms())
                self._counts.add("templates.outdated", outdated)
            except KeptError as problem:
                self._set_aside(self._path(address, TEMPLATES), str(problem))
        octets = self._read(address, WAITING)
        if octets is not None:
            try:
                self._once(address, octets)
            except KeptError as problem:
                self._set_aside(self._path(address, WAITING), str(problem))
        return len(self._memory.store) > before

    def _once(self, address: str, octets: bytes) -> None:
        """Let the kept sets wait again, and never again: whoever is killed after this must not read them twice."""
        kept.count_waiting(address, octets)  # KeptError before anything is taken away
        try:
            self._path(address, WAITING).unlink()
        except OSError as exc:
            self._set_aside(self._path(address, WAITING), f"cannot be removed ({exc.strerror})")
        else:
            kept.recall_waiting(address, octets, self._memory)

    def _read(self, address: str, kind: str) -> bytes | None:
        path = self._path(address, kind)
        try:
            with path.open("rb") as file:
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
            "what was kept of an exporter is not used; it says its templates again", file=str(path), problem=problem
        )

    # -- keeping -------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Write what has changed, and give up sets that have waited too long; to be called every EVERY_S."""
        now_ms = self._memory.store.now = self._now_ms()
        self._memory.waiting.expire(now_ms)
        if now_ms - self._noted >= _USES_S * 1000:
            self._note_uses()
            self._prune()
        if now_ms / 1000 - self._failed >= _AGAIN_S or now_ms / 1000 < self._failed:
            self._save()

    def start(self) -> None:
        """Remove what nobody will ask for any more."""
        self._prune()

    def finish(self) -> None:
        """Write everything, since nothing will follow: what still waits too, or it is given up."""
        self._note_uses()
        self._save()
        waiting = self._memory.waiting
        files = self._batches(waiting.addresses(), WAITING)
        if len(waiting) and self._written(files):
            self._counts.add("sets.kept.no_template", len(waiting))
        else:
            waiting.give_up_all()

    def _note_uses(self) -> None:
        """Have the files written anew of whose templates any was used since the last time."""
        store = self._memory.store
        for address in dict.fromkeys(address for address, used in store if used >= self._noted):
            store.changed[address] = None
        self._noted = store.now = self._now_ms()

    def _save(self) -> None:
        changed = self._memory.store.changed
        addresses = list(changed)
        changed.clear()
        if not self._written(self._batches(addresses, TEMPLATES)):
            self._memory.store.changed.update(dict.fromkeys(addresses))

    def _written(self, batches: Iterable[Files]) -> bool:
        try:
            if self._folder is None:
                raise FileNotFoundError(0, "EF_STATE_PATH is empty")
            for batch in batches:
                self._io(write, self._folder, batch)
        except OSError as exc:
            self._failed = self._clock()
            if not self._told:
                self._told = True
                self._log.warn(
                    "templates are not kept over a restart: their folder cannot be written; check EF_STATE_PATH, who may write there, and the space",
                    folder=str(self._folder),
                    reason=exc.strerror or str(exc),
                )
            return False
        self._failed, self._told = float("-inf"), False
        return True

    def _batches(self, addresses: Iterable[str], kind: str) -> Iterator[Files]:
        """Give files with their content, some at a time; one without content is to go."""
        text = kept.templates if kind == TEMPLATES else kept.waiting
        batch: Files = []
        octets = 0
        for address in addresses:
            pieces = []
            for piece in text(address, self._memory):
                pieces.append(piece)
                self._give_way()
            batch.append((self._path(address, kind), b"".join(pieces)))
            octets += len(batch[-1][1])
            if octets >= _BATCH_OCTETS or len(batch) >= _BATCH_FILES:
                yield batch
                batch, octets = [], 0
        if batch:
            yield batch

    def _prune(self) -> None:
        if self._folder is None:
            return
        lost = self._io(prune, self._folder, self._clock())
        self._counts.add("sets.waited", lost)
        self._counts.add("sets.refused.no_template", lost)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _path(self, address: str, kind: str) -> Path:
        return (self._folder or Path()) / f"{quote(address, safe=':')}.{kind}"


class Keeper:
    """Keeps the files while the service runs, in a greenlet of its own; disk and threads are the hub's pool's."""

    def __init__(self, folder: Path | None, memory: Memory, counts: Counts, log: Log) -> None:
        pool = gevent.get_hub().threadpool
        self._keeping = Keeping(
            folder, memory, counts, log, io=lambda act, *args: pool.apply(act, args), give_way=lambda: gevent.sleep(0)
        )
        self._writing = Semaphore()
        self._loop = gevent.spawn(self._run)

    def _run(self) -> None:
        with self._writing:
            self._keeping.start()
        while True:
            gevent.sleep(EVERY_S)
            with self._writing:
                self._keeping.step()

    def stop(self) -> None:
        """Write what is not written yet."""
        with self._writing:  # no file is written by two at a time
            self._loop.kill()
            self._keeping.finish()
