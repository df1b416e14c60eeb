"""The oracle's own reading of datagrams: octets to values of information elements, one field after the other.

It is as plain as the RFCs: no template is judged, nothing is prepared. Only the table of elements is shared with the
collector. A set or sample that cannot be read gives no record; whether it is counted is for other tests.
"""

import csv
from collections.abc import Iterator
from importlib.resources import files
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

VARIABLE = 65535
MAX_FIELDS = 512

Value = int | bytes | IPv4Address | IPv6Address
Values = dict[str, Value]
Field = tuple[str, str, int]  # name, type, width


class Header(NamedTuple):
    """What a datagram's header says for all its records; times are ms since 1970, uptime is ms since the start."""

    type: str
    version: int
    source: str
    observer: str
    now: int
    export: int
    uptime: int | None = None
    rate: int = 1


class Record(NamedTuple):
    """One flow record: the header it came under, and the values that can be read, by the element's name."""

    header: Header
    values: Values


class Announced(NamedTuple):
    """One template, and who announced it: protocol version, UDP port and domain."""

    session: tuple[int, int, int]
    number: int
    options: bool
    fields: tuple[Field, ...]


class Short(Exception):  # noqa: N818 - an event of reading
    """The octets end before what is asked for."""


class Octets:
    """Octets with a place in them."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.octets) - self.at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise Short
        self.at += size
        return self.octets[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")


def _elements() -> dict[tuple[str, int], tuple[str, str]]:
    with files("flowcoll.decode").joinpath("elements.csv").open(encoding="utf-8") as table:
        return {
            (row["pen"], int(row["id"])): (
                row["name"] if row["pen"] in {"0", "netflow9"} else f"{row['vendor']}_{row['name']}",
                row["type"],
            )
            for row in csv.DictReader(table)
        }


def readable(kind: str, width: int) -> bool:
    """Whether an element of this type can be read from a field of this width."""
    if kind.startswith("unsigned") or kind in {"dateTimeSeconds", "dateTimeMilliseconds"}:
        return 1 <= width <= 8
    return {
        "dateTimeMicroseconds": 8,
        "dateTimeNanoseconds": 8,
        "ipv4Address": 4,
        "ipv6Address": 16,
        "macAddress": 6,
    }.get(kind) == width


def interpret(kind: str, octets: bytes) -> Value:
    """The value of a readable field."""
    if kind == "ipv4Address":
        return IPv4Address(octets)
    if kind == "ipv6Address":
        return IPv6Address(octets)
    if kind == "macAddress":
        return octets
    if kind in {"dateTimeMicroseconds", "dateTimeNanoseconds"}:  # seconds since 1900 and a fraction of 32 bits
        seconds, fraction = int.from_bytes(octets[:4], "big"), int.from_bytes(octets[4:], "big")
        return (seconds - 2_208_988_800) * 1000 + fraction * 1000 // 2**32
    if kind == "unsigned8":
        octets = octets[-1:]
    if kind == "unsigned16":
        octets = octets[-2:]
    return int.from_bytes(octets, "big")


class Exporter:
    """One exporter address, the templates it announced, and its datagrams turned into records."""

    def __init__(self, address: str, most: int, *, sflow: bool = True) -> None:
        self._address = address
        self._most = most
        self._sflow = sflow
        self._elements = _elements()
        self._announced: list[Announced] = []

    def records(self, octets: bytes, port: int, now: int) -> list[Record]:
        """The flow records of one datagram in their order; none when its header is wrong."""
        version = int.from_bytes(octets[:2], "big")
        try:
            if version == 5:
                found = list(self._netflow5(Octets(octets), now))
            elif version == 9:
                found = list(self._netflow9(Octets(octets), port, now))
            elif version == 10:
                found = list(self._ipfix(Octets(octets), port, now))
            elif version == 0 and self._sflow:
                from oracle_sflow import sflow5  # noqa: PLC0415 - it needs this module

                found = list(sflow5(octets, self._address, now))
            else:
                found = []
        except Short:
            found = []
        return found[: self._most] if self._most else found
