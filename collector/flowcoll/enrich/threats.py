"""Threat fields of a document whose source or destination a list names.

ECS `threat.enrichments` tells list by list what matched; being nested it cannot be charted, so flat companions stand
beside it: `sec.threat.*` for the flow, `flow.<endpoint>.sec.threat.*` for the endpoint.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowcoll.document.fragment import Fragments, Paths
from flowcoll.enrich.address import LISTED
from flowcoll.enrich.locality import Address, text
from flowcoll.threat.matching.lists import Lists, Threat

Hits = tuple[str, str, str, str, str]
"""Members of the document, and of flow.src, flow.dst, flow.client, flow.server."""

_OCCURRED = "@occurred@"  # stands where the time goes, so that the rest can be rendered once


def threat_namespace(kept: Paths, lists: Lists) -> dict[str, Any]:
    """Give what the generated code calls for a record with a listed address."""

    def render(key: tuple[Address | None, Address | None, bool | None]) -> Hits:
        src, dst, swapped = key
        found_src = lists.match(src) if src is not None else ()
        found_dst = lists.match(dst) if dst is not None else ()
        client, server = (found_dst, found_src) if swapped else (found_src, found_dst)
        return (
            _flow(kept, (("source.ip", src, found_src), ("destination.ip", dst, found_dst))),
            _endpoint(kept, "src", found_src),
            _endpoint(kept, "dst", found_dst),
            _endpoint(kept, "client", client) if swapped is not None else "",
            _endpoint(kept, "server", server) if swapped is not None else "",
        )

    rendered = Fragments(render, 16_384)

    def forget() -> list[dict[Any, Any]]:
        known = dict(rendered)
        rendered.clear()
        return [known]

    lists.on_change(forget)

    def hits(  # noqa: PLR0913, PLR0917 - what the generated code has at hand
        src: Address, src_flags: int, dst: Address, dst_flags: int, swapped: bool | None, occurred: str
    ) -> tuple[str, ...]:
        key = (src if src_flags & LISTED else None, dst if dst_flags & LISTED else None, swapped)
        threat, *endpoints = rendered[key]
        return threat.replace(_OCCURRED, occurred), *endpoints

    return {"HITS": hits}


def _flow(kept: Paths, sides: Sequence[tuple[str, Address | None, Sequence[Threat]]]) -> str:
    """Give the members that stand in the document itself."""
    found = [(path, text(address), threat) for path, address, all_ in sides if address is not None for threat in all_]
    lists: dict[str, list[object]] = {
        "sec.threat.name": _each(threat.name for _, _, threat in found),
        "sec.threat.feed.name": _each(threat.feed for _, _, threat in found),
        "sec.threat.ip.addr": _each(address for _, address, _ in found),
        "sec.threat.confidence": _each(threat.confidence for _, _, threat in found),
        "sec.threat.list.timestamp": _each(threat.listed for _, _, threat in found),
    }
    facts: dict[str, object] = {path: values for path, values in lists.items() if values}
    if found:
        facts["threat.enrichments"] = [_enrichment(*each) for each in found]
    return kept.members(facts)


def _endpoint(kept: Paths, side: str, found: Sequence[Threat]) -> str:
    """Give the members of flow.<side>."""
    facts = {
        "sec.threat.name": _each(threat.name for threat in found),
        "sec.threat.feed.name": _each(threat.feed for threat in found),
    }
    return kept.members({path: each for path, each in facts.items() if each}, f"flow.{side}.")


def _each(values: Iterable[object]) -> list[object]:
    return [value for value in dict.fromkeys(values) if value]


def _enrichment(path: str, address: str, threat: Threat) -> Mapping[str, object]:
    indicator: dict[str, object] = {
        "type": "ipv6-addr" if ":" in address else "ipv4-addr",
        "ip": address,
        "name": address,
        "provider": threat.feed,
        "description": threat.description or threat.name,
    }
    said = {
        "confidence": threat.confidence,
        "first_seen": threat.first_seen,
        "last_seen": threat.last_seen,
        "reference": threat.reference,
    }
    indicator |= {key: value for key, value in said.items() if value}
    matched = {"atomic": address, "field": path, "type": "flowcoll_threat_lookup", "occurred": _OCCURRED}
    return {"indicator": indicator, "matched": matched}
