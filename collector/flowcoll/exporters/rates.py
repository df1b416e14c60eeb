"""What a running collector does in a second, from two looks at its API; pure but for `look`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from flowcoll.exporters import Row
from flowcoll.exporters.asking import Api
from flowcoll.reasons import REASONS

Metrics = Mapping[tuple[str, str], float]
"""Name without `flowcoll_`, and the values of its labels joined by dots -> value."""

_REFUSED = ("datagrams_refused_total", "sets_refused_total", "records_refused_total", "datagrams_lost_total")
_HELD = (
    "state",
    "up",
    "last_error",
    "queued_documents",
    "queued_bytes",
    "spooled_documents",
    "spooled_bytes",
    "replay_left_s",
)


class Look(NamedTuple):
    """What was seen at a time, in seconds of a clock that never goes back."""

    at: float
    metrics: Metrics
    state: Mapping[str, Any]


def look(api: Api, at: float) -> Look:
    """Look at /metrics and /readyz; SetupError."""
    return Look(at, metrics(api.text("/metrics")), api.json("/readyz"))


def metrics(page: str) -> Metrics:
    """Give the collector's own figures of a page of metrics."""
    return {
        (sample.name.removeprefix("flowcoll_"), ".".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("flowcoll_")
    }


def rates(before: Look | None, now: Look, exporters: Sequence[Row] = ()) -> dict[str, Any]:
    """Give what went on between two looks, as JSON can hold it; with one look, or after a restart, no rates."""
    if before is not None and (now.at <= before.at or _uptime(now) < _uptime(before)):
        before = None
    change = _Change(before, now)
    state = now.state
    return {
        "interval_s": round(now.at - before.at, 3) if before else None,
        "ready": state.get("ready", False),
        "uptime_s": _uptime(now),
        "flows_per_second": change.of("records_flow_total"),
        "datagrams_per_second": change.of("datagrams_received_total"),
        "bits_per_second": change.of("octets_received_total", 8),
        "documents_per_second": change.of("documents_written_total"),
        "sequence_lost_per_second": change.of("sequence_lost_total"),
        "kernel_drops": _total(now, "socket_drops_total"),
        "kernel_drops_per_second": change.of("socket_drops_total"),
        "sets_waiting": _total(now, "sets_waiting"),
        "refused": _refused(change),
        "outputs": [_output(each, change) for each in state.get("outputs", ())],
        "workers": [_worker(each, before, now) for each in state.get("workers", ())],
        "exporters": list(exporters),
    }


class _Change:
    """By how much figures have risen in a second."""

    def __init__(self, before: Look | None, now: Look) -> None:
        self.before, self.now = before, now

    def of(self, name: str, times: float = 1, labels: str | None = None) -> float | None:
        """Give the rise of a counter, all its labels together or one; None when there is nothing to compare with."""
        if self.before is None:
            return None
        risen = _total(self.now, name, labels) - _total(self.before, name, labels)
        return round(max(risen, 0) * times / (self.now.at - self.before.at), 3)


def _total(seen: Look, name: str, labels: str | None = None) -> float:
    return sum(value for (each, of), value in seen.metrics.items() if each == name and labels in {None, of})


def _uptime(seen: Look) -> float:
    return float(seen.state.get("uptime_s", 0))


def _refused(change: _Change) -> list[dict[str, Any]]:
    """Give each reason for which anything was refused, the busiest first."""
    found = []
    for (name, reason), total in change.now.metrics.items():
        if name in _REFUSED and total:
            what, how, _ = name.split("_", 2)
            why = REASONS.get(f"{what}.{how}.{reason}", reason.replace("_", " "))
            row = {"what": what, "reason": reason, "why": why, "total": int(total)}
            found.append({**row, "per_second": change.of(name, labels=reason)})
    return sorted(found, key=lambda row: (-(row["per_second"] or 0), -row["total"]))


def _output(state: Mapping[str, Any], change: _Change) -> dict[str, Any]:
    name = state["name"]
    return {
        "name": name,
        "delivered_per_second": change.of("documents_delivered_total", labels=name),
        "delivered": state.get("delivered", 0),
        "dropped_per_second": change.of("documents_dropped_total", labels=name),
        "dropped": state.get("dropped", 0),
        **{key: state[key] for key in _HELD if key in state},
    }


def _worker(state: Mapping[str, Any], before: Look | None, now: Look) -> dict[str, Any]:
    """Give a worker with the part of a processor core that it takes."""
    earlier: Iterable[Mapping[str, Any]] = before.state.get("workers", ()) if before else ()
    same = [each for each in earlier if each["number"] == state["number"] and each.get("pid") == state.get("pid")]
    row = {key: state[key] for key in ("number", "pid", "up", "restarts", "memory_bytes") if key in state}
    if before is not None and same and "cpu_s" in state:
        taken, seconds = state["cpu_s"] - same[0].get("cpu_s", 0), now.at - before.at
        row["cpu_share"] = round(max(taken, 0) / seconds, 3)
    if before is not None and same and "datagrams" in state:
        row["datagrams_per_second"] = round(
            max(state["datagrams"] - same[0].get("datagrams", 0), 0) / (now.at - before.at), 3
        )
    return row
