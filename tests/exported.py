"""Datagrams as exporters send them, made of names of information elements, for tests that need their own."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

from flowcoll.decode.elements import Elements

_WIDTHS = {
    "unsigned8": 1,
    "unsigned16": 2,
    "unsigned32": 4,
    "unsigned64": 8,
    "ipv4Address": 4,
    "ipv6Address": 16,
    "dateTimeSeconds": 4,
    "dateTimeMilliseconds": 8,
    "dateTimeMicroseconds": 8,
    "dateTimeNanoseconds": 8,
}
_KNOWN = {element.name: (number, element.type) for (pen, number), element in Elements()._known.items() if pen == 0}

FLOW = {
    "sourceIPv4Address": "10.1.2.3",
    "destinationIPv4Address": "192.0.2.7",
    "protocolIdentifier": 6,
    "sourceTransportPort": 51_000,
    "destinationTransportPort": 443,
    "octetDeltaCount": 1_000,
    "packetDeltaCount": 10,
}
"""A record, by the names of its elements."""

Record = Mapping[str, int | str]


def template(number: int, names: Iterable[str], kind: int = 2, scopes: int = 0) -> bytes:
    """A set with one template: kind 2 and 3 are IPFIX's, 0 and 1 those of NetFlow v9; scopes are given for options."""
    fields = [struct.pack(">HH", _KNOWN[name][0], width(name)) for name in names]
    counts = [len(fields), scopes] if kind == 3 else [4 * scopes, 4 * (len(fields) - scopes)]
    head = struct.pack(f">H{'HH' if scopes else 'H'}", number, *(counts if scopes else [len(fields)]))
    return _set(kind, head + b"".join(fields))


def data(number: int, *records: Record) -> bytes:
    """A set of records, in the order of their names."""
    return _set(number, b"".join(_octets(name, value) for record in records for name, value in record.items()))


def ipfix(*sets: bytes, number: int = 0, time: float = 0, domain: int = 7) -> bytes:
    """An IPFIX message."""
    body = b"".join(sets)
    return struct.pack(">HHIII", 10, 16 + len(body), int(time), number, domain) + body


def netflow9(*sets: bytes, number: int = 0, time: float = 0, domain: int = 7, uptime: int = 3_600_000) -> bytes:
    """A NetFlow v9 datagram."""
    return struct.pack(">HHIIII", 9, len(sets), uptime, int(time), number, domain) + b"".join(sets)


def netflow5(records: int = 1, *, number: int = 0, time: float = 0, engine: int = 0, sampling: int = 0) -> bytes:
    """A NetFlow v5 datagram."""
    nanos = round(time % 1 * 1_000_000_000)
    head = struct.pack(">HHIIIIBBH", 5, records, 3_600_000, int(time), nanos, number, 0, engine, sampling)
    return head + records * (ip_address("10.1.2.3").packed + ip_address("192.0.2.7").packed + bytes(40))


def sflow5(*rates: int, number: int = 0, agent: str = "192.0.2.9", part: int = 3) -> bytes:
    """An sFlow datagram with a flow sample for each of these sampling rates."""
    packet = struct.pack(">IIIIIIII", 60, 17, 0x0A010203, 0xC0000207, 51_000, 53, 0, 0)
    record = struct.pack(">II", 3, len(packet)) + packet
    samples: Sequence[bytes] = [struct.pack(">IIIIIIII", 1, 1, rate, 0, 0, 3, 4, 1) + record for rate in rates]
    head = struct.pack(">II", 5, 1) + ip_address(agent).packed + struct.pack(">IIII", part, number, 0, len(samples))
    return head + b"".join(struct.pack(">II", 1, len(sample)) + sample for sample in samples)


def _set(kind: int, body: bytes) -> bytes:
    return struct.pack(">HH", kind, 4 + len(body)) + body


def width(name: str) -> int:
    """How many octets an element has."""
    return _WIDTHS[_KNOWN[name][1]]


def _octets(name: str, value: int | str) -> bytes:
    return value.to_bytes(width(name), "big") if isinstance(value, int) else ip_address(value).packed
