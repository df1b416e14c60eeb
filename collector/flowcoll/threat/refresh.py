"""PassiveTotal's list of threats kept fresh: downloaded, read, put in the place of the copy before, tried again on failure.

At the start the last good copy serves until the first download has succeeded; whatever fails later, the copy that serves
goes on serving. A list is read to see whether it is one, and is not kept in memory: workers read the copy.
"""

from typing import Any

from flowcoll.counters import Counts
from flowcoll.errors import ListError
from flowcoll.logs import Log
from flowcoll.threat import refusals
from flowcoll.threat.feeds import SAYS, built, kept
from flowcoll.threat.last_good import LastGood, Meta
from flowcoll.threat.passivetotal import Validators
from flowcoll.threat.refusals import DownloadError
from flowcoll.threat.source import Source
from flowcoll.threat.surroundings import Surroundings
from flowcoll.threat.times import iso

_FIRST_RETRY_S, _LAST_RETRY_S = 5.0, 1800.0
_SHRINKS_FROM = 1000  # entries; a shorter list may come and go


class Refresher:
    """Keeps the copy of the list fresh; `run` does not return."""

    def __init__(self, source: Source, copy: LastGood, counts: Counts, log: Log, world: Surroundings) -> None:
        self._source = source
        self._copy = copy
        self._counts = counts
        self._log = log
        self._world = world
        self._serving: tuple[dict[str, Any], Meta] | None = None  # what its list is like, what is known of it
        self._doing = "starting"
        self._due = 0.0
        self._failures = 0
        self._failed_since = 0.0
        self._error = ""
        self._shrunk = False  # the last download was refused for being so much shorter

    def run(self) -> None:
        """Use the last good copy, then download now and again."""
        try:
            if self._source.in_clear:
                self._log.warn(f"{SAYS} the key goes over the network unencrypted; use https in the endpoint")
            self.start()
            while True:
                self._world.sleep(self.refresh())
        finally:
            self._does("stopped")

    def start(self) -> None:
        """See whether there is a last good copy, and whether it can serve."""
        self._does("loading")
        try:
            found = kept(self._copy, self._source, self._world.pause)
        except ListError as exc:
            self._log.warn(f"{SAYS} the last good copy {exc}; it is set aside as {self._copy.set_aside()}")
        except OSError as exc:
            self._log.warn(f"{SAYS} the last good copy in {self._copy.folder} cannot be read ({exc.strerror})")
        else:
            if found is not None:
                self._serving = dict(found[0].state), found[1]
                age_s = round(self._world.clock() - found[1].confirmed)
                self._log.info(f"{SAYS} the last good copy serves at first", **self._figures(), age_s=age_s)

    def refresh(self) -> float:
        """Download and keep the list; give how many seconds to wait until the next time."""
        self._does("downloading")
        try:
            try:
                result = self._download()
            except OSError as exc:
                why = f"{self._copy.folder} cannot be written ({exc.strerror}); let the service write there, or set EF_STATE_PATH"
                raise ListError(why, "state_path") from None
        except ListError as exc:
            result, wait_s = exc.reason, self._failed(exc)
        else:
            self._failures, self._failed_since, self._error, self._shrunk = 0, 0.0, "", False
            wait_s = self._source.interval_s
            self._log.info(
                f"{SAYS} DB successfully populated.", **self._figures(), not_modified=result == "not_modified"
            )
        self._counts.add(f"threats.refreshes.{result}")
        self._due = self._world.clock() + wait_s
        self._does("waiting")
        return wait_s

    def state(self) -> dict[str, Any]:
        """Tell what serves, since when, and what went wrong."""
        now = self._world.clock()
        serving = {}
        if self._serving is not None:
            said, meta = self._serving
            serving = {**said, "received": iso(meta.received), "age_s": max(round(now - meta.confirmed), 0)}
        failed = {"failed_since": iso(self._failed_since), "last_error": self._error} if self._failures else {}
        return {
            "state": "failed" if failed else "on" if serving else self._doing,
            "doing": self._doing,  # `stopped` would be a fault of ours: the log has it
            "entries": 0,
            **serving,
            **failed,
            **({"next_refresh": iso(self._due)} if self._due else {}),
        }

    def _does(self, what: str) -> None:
        self._doing = what
        self._world.changed()

    def _download(self) -> str:
        """Download, read and keep the list; give the word for what came of it. ListError, OSError."""
        source = self._source
        started = self._world.clock()
        known = Validators()
        if self._serving is not None and self._copy.whole(self._serving[1]):
            known = Validators(self._serving[1].etag, self._serving[1].last_modified)
        self._log.info(f"{SAYS} Fetching Threat DB from enrichment API at {source.shown}")
        with self._copy.part() as part:
            answer = self._world.fetch(source, known, part)
            now = self._world.clock()
            self._log.info(
                f"{SAYS} received enrichment API response: {answer.octets} bytes", seconds=round(now - started, 3)
            )
            if answer.not_modified and self._serving is not None:
                said, meta = self._serving
                self._serving = said, meta._replace(confirmed=now)
                self._copy.confirm(self._serving[1])
                return "not_modified"
            self._does("reading")
            meta = Meta(source.shown, answer.octets, now, now, *answer.validators, 0)
            try:
                found = dict(built(self._copy.downloaded(), meta, self._world.pause).state)
                meta = meta._replace(entries=found["entries"])
                self._refuse_shrunken(meta.entries)
            except ListError as exc:
                raise refusals.unusable(exc) from None
            self._copy.keep(meta)
            self._serving = found, meta
        return "populated"

    def _refuse_shrunken(self, entries: int) -> None:
        before = self._serving[1].entries if self._serving is not None else 0
        if before >= _SHRINKS_FROM and entries * 2 < before and not self._shrunk:
            self._shrunk = True
            raise ListError(f"has only {entries} entries, and the list before it had {before}", "shrunken")

    def _figures(self) -> dict[str, Any]:
        state = self._serving[0] if self._serving is not None else {}
        return {name: state[name] for name in ("entries", "networks", "private", "refused", "others") if name in state}

    def _failed(self, exc: ListError) -> float:
        """Tell why, and give how many seconds to wait."""
        cause = str(exc)
        self._failures += 1
        self._failed_since = self._failed_since or self._world.clock()
        self._error = cause
        wait_s = self._retry_s(getattr(exc, "retry_after_s", 0.0))
        told = {"retry_in_s": round(wait_s), "serving": self._figures().get("entries", 0)}
        if isinstance(exc, DownloadError) and exc.incomplete:
            self._log.error(f"{SAYS} failed to read the complete enrichment API response: {cause}")
        self._log.error(f"{SAYS} failed to initialize DB: {cause}", **told)
        return wait_s

    def _retry_s(self, asked_s: float) -> float:
        """Give when to try again: later each time, sooner than the interval, and not before the server allows it."""
        longest = min(_LAST_RETRY_S, self._source.interval_s / 2)
        backed_off = min(_FIRST_RETRY_S * 2.0 ** min(self._failures - 1, 30), longest)
        spread = backed_off * (0.8 + 0.2 * self._world.chance())  # many collectors, one server
        return max(spread, min(asked_s, self._source.interval_s))
