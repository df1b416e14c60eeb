"""What a capture holds against what the collector wrote of it: flows that are missing, flows that were invented."""

import ipaddress
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

TOLERANCE_MS = 1000

Expected = Mapping[str, Any]  # one flow of expectations.jsonl


class Row(NamedTuple):
    """What one document says of the facts that are compared."""

    source: str | None
    destination: str | None
    source_port: int
    destination_port: int
    protocol: int
    octets: frozenset[int]
    packets: frozenset[int]
    first_ms: int | None
    last_ms: int | None


@dataclass
class Comparison:
    """Expected flows nobody wrote, rows nobody expected, and pairs that agree in all but their times."""

    missing: list[Expected] = field(default_factory=list)
    invented: list[Row] = field(default_factory=list)
    mistimed: list[tuple[Expected, Row]] = field(default_factory=list)


def row(document: Mapping[str, Any]) -> Row:
    """The row of an ECS document."""
    source, destination, network = (document.get(part, {}) for part in ("source", "destination", "network"))
    event = document.get("event", {})
    return Row(
        _address(source.get("ip")),
        _address(destination.get("ip")),
        source.get("port", 0),
        destination.get("port", 0),
        int(network.get("iana_number", 0)),
        _figures(source.get("bytes"), network.get("bytes")),
        _figures(source.get("packets"), network.get("packets")),
        _milliseconds(event.get("start")),
        _milliseconds(event.get("end")),
    )


def compare(flows: Sequence[Expected], rows: Sequence[Row], *, partial: bool = False) -> Comparison:
    """Pair each expected flow with one row; a `partial` expectation accepts rows beyond it."""
    found = Comparison()
    left = [one for one in rows if one.source and one.destination]
    by_addresses: defaultdict[tuple[str | None, str | None], list[Row]] = defaultdict(list)
    for one in left:
        by_addresses[one.source, one.destination].append(one)
    for flow in sorted(flows, key=_vagueness):
        pairs = [(flow["src"], flow["dst"]), *map(tuple, flow.get("alt_addr") or [])]
        candidates = [(one, at) for at in pairs for one in by_addresses[at] if _agree(flow, one)]
        if not candidates:
            found.missing.append(flow)
            continue
        one, at = next((pair for pair in candidates if _agree_in_time(flow, pair[0])), candidates[0])
        by_addresses[at].remove(one)
        if not _agree_in_time(flow, one):
            found.mistimed.append((flow, one))
    if not partial:
        found.invented = [one for rest in by_addresses.values() for one in rest]
    return found


def _vagueness(flow: Expected) -> int:
    """How much a flow leaves open: the exact ones choose first."""
    return sum(flow[key] is None for key in ("sport", "dport", "proto", "bytes", "packets"))


def _agree(flow: Expected, one: Row) -> bool:
    """Whether a row agrees wherever the expectation gives a value; a list means any of it, an absent counter is 0."""
    for want, got in (
        (flow["sport"], one.source_port),
        (flow["dport"], one.destination_port),
        (flow["proto"], one.protocol),
    ):
        if want is not None and got not in (want if isinstance(want, list) else [want]):
            return False
    for counters, figures in ((flow["bytes"], one.octets), (flow["packets"], one.packets)):
        if counters is not None and not figures.intersection(counters):
            return False
    return True


def _agree_in_time(flow: Expected, one: Row) -> bool:
    for want, got in ((flow["first_ms"], one.first_ms), (flow["last_ms"], one.last_ms)):
        if want is not None and (got is None or abs(want - got) > TOLERANCE_MS):
            return False
    return True


def _address(text: str | None) -> str | None:
    return None if text is None else str(ipaddress.ip_address(text))


def _figures(*values: int | None) -> frozenset[int]:
    return frozenset(value for value in values if value is not None) or frozenset({0})


def _milliseconds(text: str | None) -> int | None:
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)
