"""Names of services by transport protocol and port, as IANA registers them.

services.csv holds what is commonly seen. Its column `source` says `iana` for a name of the IANA registry of service names
and port numbers (RFC 6335), and `use` for a port that is widely used for one thing without being registered.
"""

import csv
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

PORTED = MappingProxyType({6: "TCP", 17: "UDP", 33: "DCCP", 132: "SCTP", 136: "UDPLITE"})
"""Protocols that have ports -> the word for them beside a port."""

_TRANSPORTS = {"tcp": 6, "udp": 17, "sctp": 132}


def _read() -> Mapping[int, Mapping[int, str]]:
    named: dict[int, dict[int, str]] = {protocol: {} for protocol in PORTED}
    text = files(__package__).joinpath("services.csv").read_text(encoding="ascii")
    for row in csv.DictReader(text.splitlines()):
        first, _, last = row["port"].partition("-")
        for transport in row["transport"].split():
            for port in range(int(first), int(last or first) + 1):
                named[_TRANSPORTS[transport]][port] = row["name"]
    return MappingProxyType({protocol: MappingProxyType(names) for protocol, names in named.items()})


SERVICES = _read()
"""Protocol -> port -> name of the service."""


def service(protocol: int, port: int) -> str | None:
    """Give the name of the service at a port, or None."""
    return SERVICES[protocol].get(port) if protocol in SERVICES else None


def label(protocol: int, port: int) -> str:
    """Give what a document shows for a port: `https (TCP/443)`, or `TCP/51234` where no service is known.

    A protocol without ports has no label: the text is empty.
    """
    if protocol not in PORTED:
        return ""
    name, place = service(protocol, port), f"{PORTED[protocol]}/{port}"
    return f"{name} ({place})" if name else place
