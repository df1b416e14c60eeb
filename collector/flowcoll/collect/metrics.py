"""/metrics: every counter and figure of the service, as Prometheus reads them."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from flowcoll import __version__, gauges
from flowcoll.counters import COUNTERS, PROTOCOLS, Counts
from flowcoll.reasons import REASONS

_BY_REASON = frozenset(counter.name for counter in COUNTERS if counter.labels == ["reason"])


class Measured(Protocol):
    """What figures are read from."""

    def counts(self) -> Counts:
        """What was counted, in all workers, those that died included."""

    def report(self) -> Mapping[str, Any]:
        """State of its parts."""

    def gauges(self) -> Mapping[str, float]:
        """Sizes of what it holds, by name."""


class Metrics(Collector):
    """Every counter and figure of a service, read anew for each request."""

    def __init__(self, service: Measured, instance: str) -> None:
        self._service = service
        self._build = {"version": __version__, "instance": instance}

    def collect(self) -> Iterator[Metric]:
        """Give the counters in the order of their table, then the figures in the order of theirs."""
        families: dict[str, CounterMetricFamily] = {}
        report, counts = self._service.report(), Counts(self._service.counts())
        for key in _from_the_start(report):
            counts.setdefault(key, 0)
        for counter, label, count in counts.samples():
            name = f"flowcoll_{counter.metric}"
            family = families.setdefault(name, CounterMetricFamily(name, counter.text, labels=counter.labels))
            family.add_metric(counter.values(label), count)
        yield from families.values()
        for gauge, values in gauges.read(report, self._service.gauges()):
            kind = CounterMetricFamily if gauge.rises else GaugeMetricFamily
            figures = kind(gauge.metric, gauge.text, labels=gauge.labels)
            for names, value in values:
                figures.add_metric(names, value)
            yield figures
        yield InfoMetricFamily("flowcoll_build", "What runs here.", self._build)


def _from_the_start(report: Mapping[str, Any]) -> Iterator[str]:
    """Give what is shown before it was first counted, so that Prometheus sees it grow from 0."""
    connected = [output["name"] for output in report.get("outputs", ()) if "up" in output]
    for counter in COUNTERS:
        match counter.labels:
            case ["output"]:
                yield from (f"{counter.name}.{name}" for name in connected)
            case ["protocol"]:
                yield from (f"{counter.name}.{protocol}" for protocol in PROTOCOLS)
    yield from (key for key in REASONS if key.rpartition(".")[0] in _BY_REASON)


class Page:
    """The page itself, with the figures of this process (`process_*`) below."""

    def __init__(self, service: Measured, instance: str) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(Metrics(service, instance))
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        """Give its text, format 0.0.4."""
        return generate_latest(self._registry)
