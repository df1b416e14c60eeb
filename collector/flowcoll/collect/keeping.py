"""What is known of exporters, on disk: templates and facts as they change, and at the end the data that still wait.

One file an exporter and kind, written by the worker that has it, and read when a worker meets the exporter for the first
time. So a start costs nothing, memory is taken only for who is there, and an exporter that goes to another worker finds
its templates there. Files are replaced as a whole and not synced: what the power takes away, the exporter says again.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import Semaphore

from flowcoll.collect.kept_files import Files, prune, write
from flowcoll.collect.recalling import Recalling
from flowcoll.counters import Counts
from flowcoll.decode import kept
from flowcoll.decode.kept import FACTS, TEMPLATES, WAITING
from flowcoll.decode.memory import Memory
from flowcoll.logs import Log
from flowcoll.member import Member

EVERY_S = 5.0
_AGAIN_S = 60.0  # after a failure
_USES_S = 3600.0  # how late the disk may know that a template is in use
_BATCH_OCTETS = 1024 * 1024
_BATCH_FILES = 64
_ALONE = Member()
_TEXTS = {TEMPLATES: kept.templates, FACTS: kept.facts, WAITING: kept.waiting}


class Keeping:
    """The files of one worker. io: calls what touches the disk; give_way: lets others run between small steps.

    member: which worker; the first one removes what nobody will ask for. shared: others may have the same exporters.
    """

    def __init__(  # noqa: PLR0913  what it needs of the world
        self,
        folder: Path | None,
        memory: Memory,
        counts: Counts,
        log: Log,
        member: Member = _ALONE,
        *,
        shared: bool = False,
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
        self._prunes = member.number == 0
        self._writers = member.of if shared else 1
        self._failed = float("-inf")
        self._told = False
        self._noted = self._now_ms()
        self._memory.store.now = self._noted
        self._recalling: Recalling | None = None
        if folder is not None:
            self._recalling = Recalling(folder, memory, counts, log, clock, member=member, shared=shared)

    def step(self) -> None:
        """Write what has changed, and give up sets that have waited too long; to be called every EVERY_S."""
        now_ms = self._memory.store.now = self._now_ms()
        self._memory.waiting.expire(now_ms)
        if self._recalling and self._recalling.news(self._io):
            self._memory.waiting.read()
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
        """Have the files written anew of exporters that were heard of since the last time."""
        store, facts = self._memory.store, self._memory.facts
        used = dict.fromkeys(address for address, used in store if used >= self._noted)
        said = (address for address, said in facts if said >= self._noted)
        store.changed.update(used)
        facts.changed.update(dict.fromkeys(address for address in (*used, *said) if address in facts.changes))
        self._noted = store.now = self._now_ms()

    def _save(self) -> None:
        gone = self._recalling.taken_over() if self._recalling else []
        for kind, changed in ((TEMPLATES, self._memory.store.changed), (FACTS, self._memory.facts.changed)):
            addresses = list(changed)
            changed.clear()
            if not self._written(self._batches(addresses, kind)):
                changed.update(dict.fromkeys(addresses))
                return
        if gone:
            self._written([[(path, b"") for path in gone]])

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
        batch: Files = []
        octets = 0
        for address in addresses:
            pieces = []
            for piece in _TEXTS[kind](address, self._memory):
                pieces.append(piece)
                self._give_way()
            path = self._recalling.path(address, kind) if self._recalling else Path()
            batch.append((path, b"".join(pieces)))
            octets += len(batch[-1][1])
            if octets >= _BATCH_OCTETS or len(batch) >= _BATCH_FILES:
                yield batch
                batch, octets = [], 0
        if batch:
            yield batch

    def _prune(self) -> None:
        if self._folder is None or not self._prunes:
            return
        lost = self._io(prune, self._folder, self._clock(), self._writers)
        self._counts.add("sets.waited", lost)
        self._counts.add("sets.refused.no_template", lost)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


class Keeper:
    """Keeps the files while the service runs, in a greenlet of its own; disk and threads are the hub's pool's."""

    def __init__(  # noqa: PLR0913  the same
        self,
        folder: Path | None,
        memory: Memory,
        counts: Counts,
        log: Log,
        member: Member = _ALONE,
        *,
        shared: bool = False,
    ) -> None:
        self._keeping = Keeping(
            folder,
            memory,
            counts,
            log,
            member,
            shared=shared,
            io=_in_thread,
            give_way=lambda: gevent.sleep(0),
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


def _in_thread(act: Callable[..., Any], *arguments: Any) -> Any:
    """Call what touches the disk in a thread of the hub; gevent would show an error there before it is raised here."""

    def attempt() -> tuple[Any, OSError | None]:
        try:
            return act(*arguments), None
        except OSError as exc:
            return None, exc

    result, failure = gevent.get_hub().threadpool.apply(attempt)
    if failure is not None:
        raise failure
    return result
