"""Figures that are read when somebody asks: declared once, shown by /metrics and in docs/metrics.md.

Unlike counters (counters.py), these are not counted here: a gauge without a label is one of the service's `gauges()`, one
with a label stands in its `report()`, in the part that the label names.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from flowcoll.threat.showing.words import PREFIX as _LIST
from flowcoll.threat.showing.words import kind_of


class Gauge(NamedTuple):
    """One declared figure: its name behind `flowcoll_`, its label or none, what is counted in it, one line of text.

    With a second label, behind a comma, the figure is 1 where that label has the value that `key` names. key: what it is called in the report. rises: it only ever grows, so that Prometheus has it as a counter.
    """

    name: str
    label: str
    unit: str
    text: str
    key: str = ""
    rises: bool = False

    @property
    def metric(self) -> str:
        """The whole name."""
        return f"flowcoll_{self.name}{'_total' if self.rises else ''}"

    @property
    def labels(self) -> list[str]:
        """Names of the labels."""
        return self.label.split(",") if self.label else []


GAUGES = (
    Gauge("uptime_seconds", "", "seconds", "How long the collector runs."),
    Gauge("worker_up", "worker", "1 or 0", "1 while the worker runs, else 0.", "up"),
    Gauge("worker_restarts", "worker", "restarts", "How often the worker was started again.", "restarts", rises=True),
    Gauge(
        "worker_datagrams",
        "worker",
        "datagrams",
        "Datagrams the worker has read since it was last started.",
        "datagrams",
        rises=True,
    ),
    Gauge(
        "worker_cpu_seconds", "worker", "seconds", "Processor time the worker took, all its lives.", "cpu_s", rises=True
    ),
    Gauge("worker_resident_memory_bytes", "worker", "octets", "Memory the worker has now.", "memory_bytes"),
    Gauge(
        "socket_drops",
        "port",
        "datagrams",
        "Datagrams the kernel dropped because a receive buffer was full.",
        "kernel_drops",
        rises=True,
    ),
    Gauge(
        "socket_receive_buffer_bytes",
        "port",
        "octets",
        "Receive buffer the kernel granted to each worker.",
        "receive_buffer_bytes",
    ),
    Gauge("templates", "", "templates", "Templates that are known."),
    Gauge("facts", "", "facts", "What is known of exporters by their options data, such as sampling rates."),
    Gauge("sets_waiting", "", "sets", "Sets that wait for their template."),
    Gauge("sets_waiting_bytes", "", "octets", "Memory that these take."),
    Gauge("addresses", "", "addresses", "Addresses that are kept with what documents show for them."),
    Gauge("output_up", "output", "1 or 0", "1 while the output is connected, in every worker, else 0.", "up"),
    Gauge("output_queued_documents", "output", "documents", "Documents that wait to be delivered.", "queued_documents"),
    Gauge("output_queued_bytes", "output", "octets", "Memory that they take.", "queued_bytes"),
    Gauge("output_spooled_documents", "output", "documents", "Documents that wait on disk.", "spooled_documents"),
    Gauge("output_spooled_bytes", "output", "octets", "Room that they take there.", "spooled_bytes"),
    Gauge("output_replaying", "output", "1 or 0", "1 while what waits on disk is sent, else 0.", "replaying"),
    Gauge(
        "output_replay_left_seconds",
        "output",
        "seconds",
        "How long that takes still, at the rate of the last seconds.",
        "replay_left_s",
    ),
    Gauge("threat_list_entries", "list", "entries", "Addresses and networks on a list of threats.", "entries"),
    Gauge(
        "threat_list_age_seconds",
        "list",
        "seconds",
        "How long ago the server of a list said that this is its newest.",
        "age_s",
    ),
    Gauge(
        "threat_list_last_success_timestamp_seconds",
        "list",
        "seconds since 1970",
        "When the server of a list said so, or when a list in a file was made.",
        "last_success",
    ),
    Gauge("threat_list_state", "list,state", "1", "How a list is: 1 for the state that it has.", "kind"),
)


Figures = list[tuple[tuple[str, ...], float]]
"""Values of the labels, and the figure."""


def read(report: Mapping[str, Any], gauges: Mapping[str, float]) -> Iterator[tuple[Gauge, Figures]]:
    """Give every figure that is to be had, with the values of its labels and its value, in declared order."""
    parts = {label: dict(of(report)) for label, of in _PARTS.items()}
    for gauge in GAUGES:
        found: Figures = []
        match gauge.labels:
            case []:
                found = [((), float(gauges[gauge.name]))] if gauge.name in gauges else []
            case [label]:
                rows = parts[label].items()
                found = [((name,), float(part[gauge.key])) for name, part in rows if gauge.key in part]
            case [label, _]:
                rows = parts[label].items()
                found = [((name, str(part[gauge.key])), 1.0) for name, part in rows if gauge.key in part]
        if found:
            yield gauge, found


def undeclared(gauges: Iterable[str]) -> list[str]:
    """Names that no declared gauge has; always empty, or a test fails."""
    return sorted(set(gauges) - {gauge.name for gauge in GAUGES if not gauge.label})


def _rows(section: str, key: str) -> Any:
    return lambda report: ((str(part[key]), part) for part in report.get(section, ()))


def _lists(report: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in report.get("enrichers", {}).items():
        if name.startswith(_LIST):
            yield name.removeprefix(_LIST), {**state, **_told(state)}


def _told(state: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is made of the state of a list: its kind, and the time of its last success."""
    kind = {"kind": kind_of(state)}
    made = state.get("confirmed") or state.get("received") or state.get("listed")
    try:
        return kind | {"last_success": datetime.fromisoformat(str(made)).timestamp()}
    except ValueError:
        return kind


_PARTS: Mapping[str, Any] = {
    "worker": _rows("workers", "number"),
    "port": _rows("sockets", "port"),
    "output": _rows("outputs", "name"),
    "list": _lists,
}
