"""One soak: a collector under load and faults for some minutes, watched, and brought to account at the end."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from typing import Any

from fakes.passivetotal import PassiveTotal
from service import Service
from soak.faults import Act, Deck, Faults
from soak.ledger import Facts, Page, equations
from soak.lines import Lines
from soak.load import Load
from soak.options import options
from soak.outcome import Outcome, Plan, State, rises
from soak.sender import Sender
from soak.store import Store
from soak.watch import Watch

_TICK_S = 0.02
_LATE_S = 1.0  # what the sender was late by more than this is not sent afterwards
_SETTLE_S = 600.0
_LOOK_S = 1.0
_BURST_S = 0.2  # as many datagrams at once as flows come in so long: some two seconds' worth
_FAULTY = 0.9  # of the time
_FILES = 3  # that may still be written to


class Soak:
    """Runs one; `state` may be asked meanwhile."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan = plan
        self._store = store
        self._load = Load(plan.seed, plan.exporters)
        self._faults = Faults(plan.seed, store, plan.disk, plan.folder)
        self._faults.away_s = plan.away_s
        self._service: Service | None = None
        self._sending = threading.Lock()  # whoever has it sends, or stops the service
        self._watch = Watch(lambda: self._service)
        self._page = Page()
        self._troubles: list[str] = []
        self._now: set[str] = set()
        self._done = threading.Event()
        self._began = time.monotonic()
        self._lines = Lines()
        self._options: dict[str, Any] = {}

    def state(self) -> State:
        """How things stand now."""
        page = Page()
        if (service := self._service) is not None:
            with suppress(OSError, HTTPException):
                page = Page.metrics(service.metrics())
        return State(time.monotonic() - self._began, ", ".join(sorted(self._now)), page, self._watch.memory())

    def run(self) -> Outcome:
        """Run it to its end."""
        with ExitStack() as stack:
            lists = stack.enter_context(PassiveTotal())
            self._options = options(self.plan, self._store, lists)
            self._sender = stack.enter_context(Sender())
            self._start()
            stack.callback(self._end)
            self._began = time.monotonic()
            self._watch.start()
            stack.callback(self._watch.stop)
            brief, lasting = self._faults.brief(self._more()), self._faults.lasting(short=self.plan.short)
            faults = [
                threading.Thread(target=self._go_wrong_briefly, args=[brief], daemon=True),
                threading.Thread(target=self._go_wrong_for_long, args=[lasting], daemon=True),
            ]
            for each in faults:
                each.start()
            seconds = self.plan.minutes * 60
            self._send_until(self._began + seconds)
            self._done.set()
            for each in faults:
                each.join()
            self._settle()
            found = time.monotonic() - self._began
            self._now = {"stopping"}
            self._watch.stop()
            self._stop()
            return self._outcome(found)

    # -- the service -------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._service = Service(self.plan.folder, **self._options).__enter__()

    def _stop(self) -> None:
        """Stop it, and take its last word."""
        service, self._service = self._service, None
        assert service is not None
        service.stop()
        self._page += Page.stopped(service.lines("info")[-1])
        self._troubles += [
            f"{line['msg']}: {line['traceback'].strip().splitlines()[-1]}"
            for line in service.lines("error")
            if "traceback" in line
        ]

    def _end(self) -> None:
        if self._service is not None:
            self._service.kill()

    def _restart(self) -> None:
        with self._sending:
            self._stop()
            self._start()

    # -- load and faults ---------------------------------------------------------------------------------------------

    def _send_until(self, end: float) -> None:
        """Send at the rate that was asked for; flows that nobody knows the number of come on top."""
        sent, begin = self._flows(), time.monotonic()
        while (now := time.monotonic()) < end:
            due = (now - begin) * self.plan.flows_per_s
            with self._sending:
                assert self._service is not None
                while self._flows() - sent < due:
                    self._sender.send(self._load.next(), self._service.port)
            late = time.monotonic() - now
            if late > _LATE_S:
                begin += late
            time.sleep(_TICK_S)

    def _flows(self) -> int:
        return self._load.sent.flows.total() - self._extra

    _extra = 0  # flows that came on top of the rate

    def _half(self) -> float:
        return self._began + self.plan.minutes * 30

    def _more(self) -> dict[str, Callable[[], None]]:
        return {
            "burst": self._burst,
            "flood of templates": self._flood,
            "exporters without templates": self._hide,
        }

    def _go_wrong_briefly(self, deck: Deck) -> None:
        """Do what is done at once, one after the other; the service is started again once in the first half."""
        restart_at = self._half() - self.plan.minutes * 10
        while not self._done.wait(self.plan.fault_every_s):
            now = time.monotonic()
            self._faults.spare_one = now > self._half() - 2 * self.plan.fault_every_s
            if now > restart_at:
                restart_at = math.inf
                self._do("service restarted", lambda _: self._restart())
            else:
                self._do(*deck.draw())
            self._read_lines()

    def _go_wrong_for_long(self, deck: Deck) -> None:
        """Do what takes a while, one after the other; what was away is there for longer before the next."""
        pause_s = self.plan.fault_every_s
        end = self._began + self.plan.minutes * 60 * _FAULTY
        while not self._done.wait(pause_s):
            began = time.monotonic()
            if began > end:  # what has gathered is to be delivered under load, too
                return
            self._do(*deck.draw())
            pause_s = max(2 * (time.monotonic() - began), self.plan.fault_every_s)

    def _do(self, name: str, act: Act) -> None:
        self._now.add(name)
        service = self._service
        try:
            if service is not None:
                act(service)
                self._faults.done[name] += 1
        except BaseException as exc:  # noqa: BLE001  told at the end
            self._troubles.append(f"{name}: {type(exc).__name__}: {exc}")
        self._now.discard(name)

    def _burst(self) -> None:
        with self._on_top() as send:
            for _ in range(round(self.plan.flows_per_s * _BURST_S)):
                send(self._load.next())

    def _flood(self) -> None:
        with self._on_top() as send:
            send(self._load.flood())

    def _hide(self) -> None:
        with self._on_top() as send:
            send(self._load.hidden())

    @contextmanager
    def _on_top(self) -> Iterator[Callable[[Any], None]]:
        with self._sending:
            before = self._load.sent.flows.total()
            service = self._service
            assert service is not None
            yield lambda datagrams: self._sender.send(datagrams, service.port)
            self._extra += self._load.sent.flows.total() - before

    # -- the end -----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Send what was held back, and wait until nothing is under way."""
        self._now = {"coming to rest"}
        service = self._service
        assert service is not None
        self._sender.send(self._load.announced(), service.port)
        self._sender.send(self._load.last(), service.port)
        deadline, before = time.monotonic() + _SETTLE_S, (0, 0, 0)
        while time.monotonic() < deadline:
            time.sleep(_LOOK_S)
            page = Page.metrics(service.metrics())
            spooled = sum(row.value for row in page.rows if row.name == "output_spooled_documents")
            now = (page.sum("datagrams_received"), page.sum("output_queued_documents"), spooled)
            if now == before and now[1:] == (0, 0):
                return
            before = now
        self._troubles.append(f"not at rest after {_SETTLE_S:.0f} s: queued and in the spool {before[1:]}")

    def _read_lines(self, *, end: bool = False) -> None:
        """Read what has come into the files, and remove those that nobody writes to any more."""
        files = sorted(self.plan.folder.glob("flows*.ndjson"), key=lambda path: path.stat().st_mtime)
        for path in files:
            self._lines.read(path, end=end)
        for path in files[:-_FILES]:
            self._lines.forget(path)

    def _outcome(self, seconds: float) -> Outcome:
        self._now = {"reading the files"}
        self._read_lines(end=True)
        self._now = {"reading what Elasticsearch has"}
        count, distinct = self._store.ids()
        facts = Facts(
            sent=self._load.sent.datagrams.total(),
            killed=self._faults.killed,
            flows=self._load.sent.flows,
            lines=self._lines,
            ids={"elasticsearch": distinct},
            twice={"elasticsearch": count - distinct},
        )
        written = self._page.sum("documents_written")
        return Outcome(
            self.plan,
            self._store.name,
            seconds,
            self._page,
            equations(self._page, facts),
            rises(self.plan, self._watch.since(self._half())),
            dict(self._load.sent.datagrams),
            self._load.sent.flows.total(),
            dict(self._faults.done),
            dict(self._watch.asked),
            dict(self._watch.refused),
            self._watch.longest_ms,
            count - distinct,
            written - distinct,
            self._troubles,
        )
