"""A list kept fresh from where it is downloaded: fetched, read, made a table in the place of the one before, tried again.

At the start the table of the last good copy serves until the first download has succeeded; whatever fails later, the one
that serves goes on serving. A feed may have several sources: of each a copy is kept, and one table is made of all.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from gevent.event import Event

from flowcoll.counters import Counts
from flowcoll.errors import ListError
from flowcoll.logs import Log
from flowcoll.threat.keeping import refusals
from flowcoll.threat.keeping.download import Validators
from flowcoll.threat.keeping.jobs import Job, Stamps, stamps_of, state_of
from flowcoll.threat.keeping.last_good import Meta, copies_of, known_copies, listed, octets_of, stamps
from flowcoll.threat.keeping.refusals import DownloadError
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.keeping.surroundings import Surroundings
from flowcoll.threat.keeping.tries import Tries
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading.times import iso

_SHRINKS_FROM = 1000  # entries; a shorter list may come and go
_FIGURES = ("entries", "networks", "private", "refused", "others", "expired")


class Refresher:
    """Keeps copies and table of one feed fresh; `run` does not return."""

    def __init__(self, job: Job, shelf: Shelf, counts: Counts, log: Log, world: Surroundings) -> None:
        self._job = job
        self._feed = job.feed
        self._shelf = shelf
        self._counts = counts
        self._log = log
        self._world = world
        self._copies = copies_of(shelf.folder, job.feed)
        self._serving: Mapping[str, Any] | None = None  # the state of its table
        self._stamps: Stamps = []  # of what the table was made of
        self._metas: Sequence[Meta] = ()  # what is known of the copies
        self._doing = "starting"
        self._woken = Event()
        self._due = 0.0
        self._tries = Tries(job.feed, world.chance)
        self._error = self._reason = ""
        self._asked = ""
        self._shrunk = False  # the last download was refused for being so much shorter

    @property
    def name(self) -> str:
        """What its state is called."""
        return self._feed.state_name

    def run(self) -> None:
        """Download now and again; `start` was called before."""
        try:
            for warning in _warnings(self._feed.sources):
                self._log.warn(f"{self._feed.says} {warning}")
            self._rest(self._tries.earliest - self._world.clock())
            while True:
                self._rest(self.refresh())
        finally:
            self._does("stopped")

    def start(self) -> None:
        """See whether there is a table that can serve, or a last good copy of which one can be made."""
        self._does("loading")
        says, folder = self._feed.says, self._shelf.folder
        table = self._shelf.usable(self._job, self._log)
        try:
            self._metas = known_copies(self._feed, self._copies)
            if self._metas and (table is None or not self._job.current(table)):
                texts = (octets_of(copy, self._world.pause) for copy in self._copies)
                table = self._make(self._metas, texts, rebuilt=True)
        except ListError as exc:
            aside, *_ = [copy.set_aside() for copy in self._copies]
            self._metas = ()
            self._log.warn(f"{says} the last good copy {exc}; it is set aside as {aside}")
        except OSError as exc:
            self._metas = ()
            self._log.warn(f"{says} the last good copy in {folder} cannot be read ({exc.strerror})")
        if table is None:
            return
        self._serve(table)
        confirmed = min((meta.confirmed for meta in self._metas), default=0.0)
        self._tries.known(confirmed)
        age = {"age_s": round(self._world.clock() - confirmed)} if confirmed else {}
        self._log.info(f"{says} the last good copy serves at first", **self._figures(), **age)

    def ask(self) -> bool:
        """Download now, since somebody asks for it, and tell that; not if the feed's owner does not want it yet."""
        now = self._world.clock()
        fetched, said = True, "is fetched now"
        if self._doing in {"downloading", "reading"}:
            said = "is being fetched"
        elif now < self._tries.earliest:
            fetched = False
            said = f"may not be fetched before {iso(self._tries.earliest)}: its owner, or its server, asks for that"
        else:
            self._woken.set()
        self._asked = f"{iso(now)}: it {said}"
        self._log.info(f"{self._feed.says} somebody asks for the list: it {said}")
        self._world.changed()
        return fetched

    def refresh(self) -> float:
        """Download the list and make a table of it; give how many seconds to wait until the next time."""
        self._does("downloading")
        try:
            try:
                result = self._download()
            except OSError as exc:
                folder = self._shelf.folder
                why = f"{folder} cannot be written ({exc.strerror}); let the service write there, or set EF_STATE_PATH"
                raise ListError(why, "state_path") from None
        except ListError as exc:
            result, wait_s = exc.reason, self._failed(exc)
        else:
            self._error, self._reason, self._shrunk = "", "", False
            wait_s = self._tries.succeeded()
            self._log.info(
                f"{self._feed.says} DB successfully populated.",
                **self._figures(),
                not_modified=result == "not_modified",
            )
        self._counts.add(f"threats.refreshes.{self._feed.name}.{result}")
        self._due = self._world.clock() + wait_s
        self._does("waiting")
        return wait_s

    def state(self) -> dict[str, Any]:
        """Tell what serves, since when, and what went wrong."""
        now = self._world.clock()
        serving = dict(self._serving or {})
        if serving and self._metas:
            received, confirmed = (
                min(each) for each in zip(*((m.received, m.confirmed) for m in self._metas), strict=True)
            )
            age_s = max(round(now - confirmed), 0)
            serving |= {"received": iso(received), "confirmed": iso(confirmed), "age_s": age_s}
        why = {"last_error": self._error, "reason": self._reason}
        failed = {"failed_since": iso(self._tries.since), **why} if self._error else {}
        return {
            "state": "failed" if failed else "on" if serving else self._doing,
            "doing": self._doing,  # `stopped` would be a fault of ours: the log has it
            "entries": 0,
            **serving,
            **failed,
            **({"next_refresh": iso(self._due)} if self._due else {}),
            **({"asked": self._asked} if self._asked else {}),
        }

    def _rest(self, seconds: float) -> None:
        """Wait, at most until somebody asks for the list."""
        self._woken.clear()
        if seconds > 0:
            self._due = self._world.clock() + seconds
            if self._doing != "waiting":
                self._does("waiting")
            self._world.wait(self._woken, seconds)

    def _does(self, what: str) -> None:
        self._doing = what
        self._world.changed()

    def _download(self) -> str:
        """Download the list and make a table of it; give the word for what came of it. ListError, OSError."""
        says, log = self._feed.says, self._log
        known = self._validators()
        with ExitStack() as parts:
            answers = []
            for source, copy, validators in zip(self._feed.sources, self._copies, known, strict=True):
                started = self._world.clock()
                log.info(f"{says} Fetching {self._feed.what} DB from enrichment API at {source.shown}")
                answers.append(self._world.fetch(source, validators, parts.enter_context(copy.part())))
                seconds = round(self._world.clock() - started, 3)
                log.info(f"{says} received enrichment API response: {answers[-1].octets} bytes", seconds=seconds)
            now = self._world.clock()
            self._tries.answered(now)
            news = [not answer.not_modified for answer in answers]
            metas = [
                Meta(source.shown, answer.octets, now, now, *answer.validators, 0)
                if new
                else self._metas[number]._replace(confirmed=now)
                for number, (source, answer, new) in enumerate(zip(self._feed.sources, answers, news, strict=True))
            ]
            if any(news):
                self._does("reading")
                texts = (
                    copy.downloaded() if new else octets_of(copy, self._world.pause)
                    for copy, new in zip(self._copies, news, strict=True)
                )
                try:
                    table = self._make(metas, texts)
                except ListError as exc:
                    raise refusals.unusable(exc, self._feed.sources[0]) from None
                self._serve(table)
                metas = [meta._replace(entries=table.entries) for meta in metas]
            for copy, meta, new in zip(self._copies, metas, news, strict=True):
                (copy.keep if new else copy.confirm)(meta)
            self._metas = metas
        return "populated" if any(news) else "not_modified"

    def _validators(self) -> list[Validators]:
        """Give what servers call what is here; nothing unless copies and table are here, and of one another."""
        copies = zip(self._copies, self._metas, strict=False)
        if not self._metas or stamps(self._metas) != self._stamps or not all(copy.whole(meta) for copy, meta in copies):
            return [Validators() for _ in self._copies]
        return [Validators(meta.etag, meta.last_modified) for meta in self._metas]

    def _make(self, metas: Sequence[Meta], texts: Iterator[bytes], *, rebuilt: bool = False) -> Table:
        """Make the table of copies. ListError, OSError."""
        pause = self._world.pause

        def make(file: Any) -> Mapping[str, Any]:
            return self._job.made(texts, listed(metas), stamps(metas), file, pause)

        with self._world.turn:
            return self._shelf.put(self._feed.name, make, (lambda _: None) if rebuilt else self._refuse_shrunken)

    def _serve(self, table: Table) -> None:
        self._serving, self._stamps = state_of(table), stamps_of(table)

    def _refuse_shrunken(self, found: Mapping[str, Any]) -> None:
        entries, before = found["entries"], self._figures().get("entries", 0)
        if before >= _SHRINKS_FROM and entries * 2 < before and not self._shrunk:
            self._shrunk = True
            raise ListError(f"has only {entries} entries, and the list before it had {before}", "shrunken")

    def _figures(self) -> dict[str, Any]:
        state = self._serving or {}
        return {name: state[name] for name in _FIGURES if name in state}

    def _failed(self, exc: ListError) -> float:
        """Tell why, and give how many seconds to wait."""
        cause, says = str(exc), self._feed.says
        self._error, self._reason = cause, exc.reason
        wait_s = self._tries.failed(self._world.clock(), exc)
        told = {"retry_in_s": round(wait_s), "serving": self._figures().get("entries", 0)}
        if isinstance(exc, DownloadError) and exc.incomplete:
            self._log.error(f"{says} failed to read the complete enrichment API response: {cause}")
        self._log.error(f"{says} failed to initialize DB: {cause}", **told)
        return wait_s


def _warnings(sources: Sequence[Any]) -> Iterator[str]:
    for source in sources:
        if source.in_clear:
            yield "the key goes over the network unencrypted; use https in the endpoint"
    for option in dict.fromkeys(source.names.skip_verification for source in sources if source.unverified):
        yield f"{option} is on: whoever answers is believed"
