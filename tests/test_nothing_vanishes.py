"""Nothing vanishes: under random loads and faults every datagram and document has its place in a counter.

The equations are those of soak/ledger.py. A failure names its seed; FLOWCOLL_SEEDS=1,2,3 in the environment tries others.
"""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from fakes.elasticsearch import Elasticsearch
from netflow5 import datagram
from service import Service
from slow_fcfx import CUSTOMER, KEY
from soak.ledger import Facts, Page, broken, equations
from soak.lines import Lines
from soak.load import ALLOWED, Load
from soak.sender import Sender

SEEDS = [int(seed) for seed in os.environ.get("FLOWCOLL_SEEDS", "1,2").split(",")]
_STEPS = 40
_PAUSE_S = 0.02
_FAULTS = ("429", "502", "503", "busy", "mapping", "reset", "stored_reset", "half", "garbage", "stop", "")
_QUIET_S = 0.25
_FLOODED = 50
_RISKIQ = {
    "EF_OUTPUT_RISKIQ_ENABLE": True,
    "EF_OUTPUT_RISKIQ_HOST": "127.0.0.1",
    "EF_OUTPUT_RISKIQ_PORT": 9,  # where nobody listens
    "EF_OUTPUT_RISKIQ_CUSTOMER_UUID": CUSTOMER,
    "EF_OUTPUT_RISKIQ_CUSTOMER_ENCRYPTION_KEY": KEY,
}


class Story:
    """A load and faults that follow from a seed, and what became of it."""

    def __init__(self, seed: int, folder: Path, fake: Elasticsearch, *, calm: bool = False) -> None:
        self.load = Load(seed, 8, calm=calm)
        self.killed = 0
        self._rng = random.Random(seed)
        self._folder = folder
        self._fake = fake
        self._calm = calm
        self._page = Page()
        self._varied = {
            "SPOOL_MAX_BYTES": self._rng.choice((0, 200_000, 1 << 30)),
            "RETRY_ENABLE": self._rng.random() < 0.8,
            "MAX_RETRIES": self._rng.choice((0, 3)),
        }
        fake.picks = lambda document: document["source"].get("port", 0) % 5 == 0

    @property
    def options(self) -> dict[str, Any]:
        output = {
            "ENABLE": True,
            "ADDRESSES": self._fake.address,
            "INDEX_TEMPLATE_ENABLE": False,
            "BATCH_DEADLINE": 20,
            "BATCH_MAX_BYTES": 200_000,
            "RETRY_BACKOFF": 20,
            **self._varied,
        }
        return {
            "EF_PROCESSOR_POOL_SIZE": 2,
            "EF_FLOW_SERVER_ALLOW": ALLOWED,
            "EF_OUTPUT_FILE_ENABLE": True,
            "EF_OUTPUT_FILE_PATH": self._folder / "flows.ndjson",
            **{f"EF_OUTPUT_ELASTICSEARCH_{name}": value for name, value in output.items()},
            **_RISKIQ,
        }

    def live(self, *, to_the_end: bool) -> None:
        """Run a service under load; it is stopped in the middle of it, or once everything has its place."""
        with Service(self._folder, **self.options) as service, Sender() as sender:
            for _ in range(_STEPS):
                for _ in range(self._rng.randint(1, 12)):
                    sender.send(self.load.next(), service.port)
                if not self._calm:
                    self._fault(service, sender)
                time.sleep(_PAUSE_S)
            if to_the_end:
                sender.send(self.load.announced(), service.port)
                sender.send(self.load.last(), service.port)
                self._settle(service)
            self._fake.fault("")
            self._fake.go_on.set()
            service.stop()
        self._page += Page.stopped(service.lines("info")[-1])

    def facts(self) -> Facts:
        """What is known without asking the service."""
        return Facts(
            sent=self.load.sent.datagrams.total(),
            killed=self.killed,
            flows=self.load.sent.flows,
            lines=_lines(self._folder),
            ids={"elasticsearch": len(self._fake.stored)},
            missing=self.load.missing if self._calm else None,
        )

    def check(self) -> None:
        """See that every equation holds."""
        assert broken(equations(self._page, self.facts())) == []

    @property
    def page(self) -> Page:
        return self._page

    def _fault(self, service: Service, sender: Sender) -> None:
        rng, fake = self._rng, self._fake
        fake.go_on.set()
        fake.fail(rng.choice(_FAULTS))
        match rng.randint(0, 40):
            case 0:
                self._kill(service)
            case 1:
                sender.send(self.load.flood(_FLOODED), service.port)
            case 2:
                sender.send(self.load.hidden(), service.port)
            case 3:
                fake.go_on.clear()
                fake.fail(*["stop"] * 4)
            case 4:
                fake.stop()
                fake.start()

    def _kill(self, service: Service) -> None:
        workers = [pid for name, pid in service.children().items() if name.startswith("worker")]
        if workers:
            os.kill(self._rng.choice(workers), signal.SIGKILL)
            self.killed += 1

    def _settle(self, service: Service) -> None:
        """Wait until nothing is under way."""
        self._fake.fault("")
        self._fake.go_on.set()

        def state() -> tuple[int, int]:
            page = Page.metrics(service.metrics())
            return page.sum("datagrams_received"), page.sum("output_queued_documents")

        def quiet() -> bool:
            before = state()
            time.sleep(_QUIET_S)
            return before == state() and not before[1]

        service.until("quiet", quiet)


def _lines(folder: Path) -> Lines:
    lines = Lines()
    lines.read(folder / "flows.ndjson", end=True)
    return lines


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_vanishes(seed: int, tmp_path: Path) -> None:
    """A collector that is stopped and started, whose workers are killed and whose Elasticsearch fails loses count of nothing."""
    with Elasticsearch() as fake:
        story = Story(seed, tmp_path, fake)
        story.live(to_the_end=False)
        story.live(to_the_end=True)
        story.check()


def test_what_never_came_is_known(tmp_path: Path) -> None:
    """Where nobody is started anew, sequence numbers tell exactly what was lost on the way."""
    with Elasticsearch() as fake:
        story = Story(3, tmp_path, fake, calm=True)
        story.live(to_the_end=True)
        story.check()


def test_what_nobody_reads_before_the_end(tmp_path: Path) -> None:
    """Datagrams that come while all workers are being started anew, and the service is stopped at once, count as lost."""
    file = {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": tmp_path / "flows.ndjson"}
    with Service(tmp_path, EF_PROCESSOR_POOL_SIZE=2, **file) as service:
        for pid in service.children().values():
            os.kill(pid, signal.SIGKILL)
        service.send_plain(*[datagram(("10.1.0.1", "10.2.0.2"), sequence=number) for number in range(7)])
        service.stop()
    page = Page.stopped(service.lines("info")[-1])
    assert broken(equations(page, Facts(sent=7, killed=2, lines=_lines(tmp_path)))) == []
    assert page.sum("datagrams_lost", reason="stopped") == 7
