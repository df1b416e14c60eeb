"""What the service as a whole reports, made of what its processes publish; pure.

Numbers are added up, except for times: of these the longest counts. Whatever else is told of a part is told by the
process in which it is worst.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from flowcoll.counters import Counts

Part = Mapping[str, Any]

_TIMES = ("_s", "_seconds")  # how names of times end
_FAULTS = ("state", "last_error", "reason", "failed_since")
_RANKS = {"on": 0, "off": 0, "failed": 2, "stopped": 3}
_BETWEEN = 1  # it starts, loads, waits


class State(NamedTuple):
    """What one process publishes: counter -> count, the report of its parts, gauge -> value; a young one has nothing."""

    counts: Mapping[str, int] = {}
    report: Mapping[str, Any] = {}
    gauges: Mapping[str, float] = {}


def merged(states: Sequence[State], gone: Mapping[str, int] | None = None, refresher: Part | None = None) -> State:
    """Give counts, report and gauges of the workers as one.

    `gone` are the counts of workers that have died; these have no queue and no state any more. `refresher` is what the
    process that downloads lists reports: its `enrichers`, if it has any, are told together with those of the workers.
    The report has `sockets`, `enrichers` and `outputs`.
    """
    counts = added([*(state.counts for state in states), gone or {}])
    enrichers = _by_name((state.report.get("enrichers", {}) for state in states), _worst)
    for name, downloading in (refresher or {}).get("enrichers", {}).items():
        enrichers[name] = _together(enrichers[name], downloading) if name in enrichers else dict(downloading)
    outputs = _by_name(({each["name"]: each for each in state.report.get("outputs", ())} for state in states), _output)
    sockets = _by_name(
        ({(each["address"], each["port"]): each for each in state.report.get("sockets", ())} for state in states),
        _socket,
    )
    report = {
        "sockets": list(sockets.values()),
        "enrichers": dict(sorted(enrichers.items())),
        "outputs": [
            {
                **output,
                "delivered": counts[f"documents.delivered.{name}"],
                "dropped": counts[f"documents.dropped.{name}"],
            }
            for name, output in outputs.items()
        ],
    }
    return State(counts, report, _summed([state.gauges for state in states]))


def added(several: Iterable[Mapping[str, int]]) -> Counts:
    """Give the sum of counts; a counter that one has, be it 0, the sum has."""
    counts = Counts()
    for each in several:
        for key, count in each.items():
            counts[key] += count
    return counts


def _by_name(parts: Iterable[Mapping[Any, Part]], join: Callable[[Sequence[Part]], Part]) -> dict[Any, Part]:
    """Gather what each process says of a part, in the order in which parts are first named, and join it."""
    gathered: dict[Any, list[Part]] = {}
    for named in parts:
        for name, part in named.items():
            gathered.setdefault(name, []).append(part)
    return {name: join(some) for name, some in gathered.items()}


def _output(parts: Sequence[Part]) -> Part:
    """Join an output: it is up where it is up in every worker, and does what it does in any."""
    worst = min(parts, key=lambda part: part.get("up", True))
    doing = {key: True for part in parts for key, value in part.items() if value is True and key != "up"}
    return {**worst, **_summed(parts), **doing}


def _socket(parts: Sequence[Part]) -> Part:
    """Join the sockets of one port: the smallest buffer is the one that overflows first."""
    smallest = min(part["receive_buffer_bytes"] for part in parts)
    return {**parts[0], "receive_buffer_bytes": smallest, "kernel_drops": sum(part["kernel_drops"] for part in parts)}


def _worst(parts: Sequence[Part]) -> Part:
    """Give the state of an enricher where it is worst: every worker should have the same, the newest."""
    return max(parts, key=lambda part: (_rank(part), part.get("age_s", 0), -part.get("entries", 0)))


def _together(used: Part, downloading: Part) -> Part:
    """Give one state of a list: how its download goes, what the workers have of it, and what is wrong with either."""
    faulty = downloading if _rank(downloading) > _rank(used) else used
    return {**downloading, **used, **{key: faulty[key] for key in _FAULTS if key in faulty}}


def _rank(part: Part) -> int:
    return _RANKS.get(part.get("state", "on"), _BETWEEN)


def _summed(several: Sequence[Part]) -> dict[str, Any]:
    """Add up the numbers under each name; of times give the longest."""
    values: dict[str, list[Any]] = {}
    for each in several:
        for name, value in each.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                values.setdefault(name, []).append(value)
    return {name: max(some) if name.endswith(_TIMES) else sum(some) for name, some in values.items()}
