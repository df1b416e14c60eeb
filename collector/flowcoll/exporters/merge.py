"""What several workers know of exporters, as one; pure.

An exporter that went to another worker, or that several hear because nothing steers it, has one row: what was counted
is added up. The sequence numbers of one that several hear at a time make no sense to any of them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from flowcoll.exporters import Row
from flowcoll.exporters.lacks import LEGEND, SAMPLING
from flowcoll.exporters.rows import LIMIT, PORTS, share

_ADDED = ("datagrams", "flows", "bytes", "datagrams_per_second", "flows_per_second", "bits_per_second")
_IN_SEQUENCE = ("received", "lost", "late", "repeated", "restarts")


def merge(told: Iterable[Mapping[str, Any] | None], limit: int = LIMIT) -> dict[str, Any]:
    """Give `exporters`, how many `others` there are, and what it costs that templates lack something, in `lacks`.

    told: what each worker's `Pipeline.exporters` gave; None of one that did not answer. The most active exporter is
    the first.
    """
    found: dict[tuple[Any, ...], Row] = {}
    others = 0
    for one in told:
        if one is None:
            continue
        others += one["others"]
        for row in one["exporters"]:
            key = row["address"], row["protocol"], row.get("agent"), row["domain"]
            found[key] = _together(found[key], row) if key in found else dict(row)
    rows = sorted(found.values(), key=lambda row: (-row["flows_per_second"], -row["flows"], row["address"]))
    return {"exporters": rows[:limit], "others": others + len(rows[limit:]), "lacks": LEGEND}


def _together(one: Row, other: Row) -> Row:
    later, earlier = (one, other) if one["last_seen"] >= other["last_seen"] else (other, one)
    ports = sorted({*one["ports"], *other["ports"]})
    whole = one["port_count"] <= PORTS and other["port_count"] <= PORTS
    skews = [row["clock_skew_ms"] for row in (one, other) if row["clock_skew_ms"] is not None]
    sequence = {
        **later["sequence"],
        **{name: one["sequence"][name] + other["sequence"][name] for name in _IN_SEQUENCE},
    }
    return {
        **later,
        **{name: round(one[name] + other[name], 2) for name in _ADDED},
        "ports": ports[:PORTS],
        "port_count": len(ports) if whole else one["port_count"] + other["port_count"],
        "first_seen": min(one["first_seen"], other["first_seen"]),
        "sequence": {**sequence, "share": share(sequence["lost"], sequence["received"])},
        "clock_skew_ms": max(skews, default=None),
        "templates": {kind: max(row["templates"][kind] for row in (one, other)) for kind in later["templates"]},
        "waiting": {name: one["waiting"][name] + other["waiting"][name] for name in later["waiting"]},
        **_said(later, earlier),
    }


def _said(later: Row, earlier: Row) -> Row:
    """Give the sampling and what is missing: what one of them knows to be there is there."""
    sampling = later["sampling"] if later["sampling"]["source"] != "none" else earlier["sampling"]
    said = {SAMPLING} if sampling["source"] != "none" else set()
    always = set(later["lacks"]) & set(earlier["lacks"]) - said
    sometimes = {name for row in (later, earlier) for name in (*row["lacks"], *row["lacks_in"])} - always - said
    return {
        "sampling": sampling,
        "lacks": sorted(always),
        "lacks_in": {
            name: sorted({*later["lacks_in"].get(name, ()), *earlier["lacks_in"].get(name, ())})
            for name in sorted(sometimes)
        },
    }
