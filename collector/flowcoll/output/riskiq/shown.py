"""Received records as JSON lines, with the names of ECS; what a record does not tell is left out."""

from base64 import b64encode
from typing import Any

import orjson

from flowcoll.document.records import Record
from flowcoll.enrich.community_id import VERSION


def line(record: Record) -> bytes:
    """Give a record as a line; times are in ms since 1970, which Elasticsearch reads as dates."""
    event = {"start": record.start_ms, "end": record.end_ms}
    network: dict[str, Any] = {
        "iana_number": str(record.protocol),
        "bytes": record.octets,
        "packets": record.packets,
    }
    if record.community_id:
        network["community_id"] = f"{VERSION}:{b64encode(record.community_id).decode()}"
    document: dict[str, Any] = {"event": {name: time for name, time in event.items() if time}}
    for end, address, port in (
        ("source", record.source, record.source_port),
        ("destination", record.destination, record.destination_port),
    ):
        if address is not None:
            document[end] = {"ip": str(address), **({"port": port} if port else {})}
    document["network"] = network
    if record.tcp_flags:
        document["tcp"] = {"flags": {"bits": record.tcp_flags}}
    return orjson.dumps({name: part for name, part in document.items() if part}, option=orjson.OPT_APPEND_NEWLINE)
