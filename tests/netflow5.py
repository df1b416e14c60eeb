"""The smallest exports there are: NetFlow v5, one TCP flow to port 443 for each pair of addresses."""

import struct
from ipaddress import IPv4Address

EXPORTER = ("127.0.0.1", 40_000)
_UPTIME, _EXPORTED = 10_000, 1_750_000_000


def datagram(*pairs: tuple[str, str], sequence: int = 0) -> bytes:
    """A datagram with a flow from the first to the second address of each pair."""
    header = struct.pack("!HHIIIIBBH", 5, len(pairs), _UPTIME, _EXPORTED, 0, sequence, 0, 0, 0)
    return header + b"".join(_record(*pair) for pair in pairs)


def _record(source: str, destination: str) -> bytes:
    ends = IPv4Address(source).packed + IPv4Address(destination).packed + bytes(4)
    counted = struct.pack("!HHIIII", 1, 2, 3, 1_000, 5_000, 9_000)
    return ends + counted + struct.pack("!HHBBBBHHBBH", 50_000, 443, 0, 0x1B, 6, 0, 0, 0, 24, 24, 0)
