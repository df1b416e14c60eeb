"""Does one worker carry a rate for a minute without losing a flow, and how promptly does it answer meanwhile."""

import statistics
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from bench.endtoend import Offer, Sender, drain
from bench.ours import total
from bench.process import Collector
from bench.streams import Stream

PROBE_S = 0.1


class Verdict(NamedTuple):
    """What was offered and what became of it."""

    protocol: str
    offer: Offer
    datagrams_received: int
    documents: int
    kernel_drops: int
    cpu_share: float
    answers_ms: list[float]

    @property
    def lost(self) -> int:
        """Flows that were offered and are in no document."""
        return self.offer.flows - self.documents

    @property
    def kept(self) -> bool:
        """Whether everything arrived: by the kernel's figures and by ours."""
        return not (self.lost or self.kernel_drops or self.datagrams_received != self.offer.datagrams)


class Prober(threading.Thread):
    """Asks a worker for /livez over and over; the answer comes from the loop that reads the sockets."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._done = threading.Event()
        self.answers_ms: list[float] = []

    def run(self) -> None:
        while not self._done.wait(PROBE_S):
            begin = time.monotonic()
            try:
                with urllib.request.urlopen(self._url, timeout=10) as answer:
                    answer.read()
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                pass  # the time that went by is the finding
            self.answers_ms.append((time.monotonic() - begin) * 1_000)

    def stop(self) -> None:
        self._done.set()
        self.join()


def sustain(collector: Collector, stream: Stream, flows_per_s: float, seconds: float, folder: Path) -> Verdict:
    """Offer a rate for some seconds and account for every flow."""
    file = folder / "load.datagrams"
    drain(collector, collector.flows() + Sender(stream, file, collector.port, flows_per_s / 4).go().flows)
    sender = Sender(stream, file, collector.port, flows_per_s, max(1, round(flows_per_s * seconds / stream.flows)))
    flows, received, drops, cpu_s = _state(collector)
    prober = Prober(collector.metrics.removesuffix("metrics") + "livez")
    prober.start()
    begin = time.monotonic()
    offer = sender.go()
    carried = drain(collector, flows + offer.flows) - flows
    took_s = time.monotonic() - begin
    prober.stop()
    _, received_after, drops_after, cpu_s_after = _state(collector)
    return Verdict(
        stream.protocol,
        offer,
        received_after - received,
        carried,
        drops_after - drops,
        (cpu_s_after - cpu_s) / took_s,
        prober.answers_ms or [0.0],
    )


def _state(collector: Collector) -> tuple[int, int, int, float]:
    samples = collector.samples()
    received = int(total(samples, "flowcoll_datagrams_received_total"))
    return collector.flows(), received, collector.kernel_drops(), collector.cpu_s()


def spread_ms(answers_ms: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and worst of the answers."""
    ordered = sorted(answers_ms)
    return statistics.median(ordered), ordered[int(len(ordered) * 0.99)], ordered[-1]
