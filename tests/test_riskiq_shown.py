"""Received records as lines of JSON."""

import json
from ipaddress import IPv4Address, IPv6Address

from flowcoll.document.records import Record
from flowcoll.output.riskiq.shown import line


def test_a_record() -> None:
    """A record is a line with the names of ECS; times are in ms."""
    record = Record(1, 2, 3, 4, IPv4Address("8.8.8.8"), 53, IPv6Address("2600::1"), 443, 27, 6, bytes(20))
    assert line(record).endswith(b"}\n")
    assert json.loads(line(record)) == {
        "event": {"start": 1, "end": 2},
        "source": {"ip": "8.8.8.8", "port": 53},
        "destination": {"ip": "2600::1", "port": 443},
        "network": {"iana_number": "6", "bytes": 3, "packets": 4, "community_id": "1:" + "A" * 27 + "="},
        "tcp": {"flags": {"bits": 27}},
    }


def test_what_is_not_told_is_left_out() -> None:
    """Times, ports, an address, flags or an id that a record does not tell do not appear; an amount of 0 does."""
    record = Record(0, 0, 0, 0, None, 0, IPv4Address("8.8.8.8"), 0, 0, 1, b"")
    assert json.loads(line(record)) == {
        "destination": {"ip": "8.8.8.8"},
        "network": {"iana_number": "1", "bytes": 0, "packets": 0},
    }
