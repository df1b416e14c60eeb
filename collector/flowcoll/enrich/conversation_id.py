"""Conversation ID: one text for all flows between a client and a service, in both directions.

XXH3 with 64 bits, as 16 hexadecimal digits, over these octets in network order: seed (2), protocol (1), zero (1), client
address, server address (4 each, or 16 each), server port (2). The client's port is left out. Where nothing tells client
from server (reason `destination`), the lower address stands first, so that the other direction gives the same; a protocol
without ports has port 0. Two IPv4-mapped addresses count as IPv4.
"""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

from xxhash import xxh3_64_hexdigest

from flowcoll.enrich.client_server import DESTINATION, KNOWN
from flowcoll.enrich.locality import MAPPED

Conversation4 = Callable[[int, int, int, int, str], str]
Conversation6 = Callable[[int, bytes, bytes, int, str], str]


def conversation4(seed: int) -> Conversation4:
    """Make the function that gives the id of an IPv4 flow: protocol, client, server, server's port, reason."""
    return _conversation(seed, "I")


def conversation6(seed: int) -> Conversation6:
    """Make the same function for IPv6."""
    plain, mapped = _conversation(seed, "16s"), _conversation(seed, "4s")

    def conversation(protocol: int, client: bytes, server: bytes, server_port: int, reason: str) -> str:
        if client.startswith(MAPPED) and server.startswith(MAPPED):
            return mapped(protocol, client[12:], server[12:], server_port, reason)
        return plain(protocol, client, server, server_port, reason)

    return conversation


def _conversation(seed: int, address: str) -> Callable[[int, Any, Any, int, str], str]:
    pack = Struct(f"!HBx{address}{address}H").pack

    def conversation(protocol: int, client: Any, server: Any, server_port: int, reason: str) -> str:
        if reason == DESTINATION:
            if client > server:
                client, server = server, client
            if KNOWN[protocol] is None:
                server_port = 0
        return str(xxh3_64_hexdigest(pack(seed, protocol, client, server, server_port)))

    return conversation


def expression4(protocol: str, client: str, server: str, server_port: str, reason: str) -> str:
    """Give `conversation4` as the text of an expression over the named locals; it needs `names4`."""
    return (
        f"conversation_hash_(conversation_pack_(conversation_seed_, {protocol}, {client}, {server}, {server_port}))"
        f' if {reason} != "{DESTINATION}" else CONVERSATION4({protocol}, {client}, {server}, {server_port}, {reason})'
    )


def names4(seed: int) -> Mapping[str, object]:
    """Give what `expression4` refers to."""
    return {
        "conversation_hash_": xxh3_64_hexdigest,
        "conversation_pack_": Struct("!HBxIIH").pack,
        "conversation_seed_": seed,
    }
