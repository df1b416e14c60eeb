"""Address keys, their text, and which of them are private.

A key is an int for IPv4 and 16 octets for IPv6. An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is that IPv4
address wherever its text, its locality or a match is asked for.

An address is public when it is globally routable unicast; everything else is private. The blocks are those of the IANA
registries of special-purpose addresses (RFC 6890, RFC 8190) and of the IPv6 address space (RFC 4291 section 2.4).
"""

import socket
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

Address = int | bytes
"""Key of an address: an int for IPv4, 16 octets for IPv6."""

MAPPED = bytes(10) + b"\xff\xff"
"""First 12 octets of an IPv4-mapped IPv6 address."""

PRIVATE, PUBLIC = True, False

BLOCKS4 = {
    "0.0.0.0/0": PUBLIC,
    "0.0.0.0/8": PRIVATE,  # "this network", RFC 791
    "10.0.0.0/8": PRIVATE,  # RFC 1918
    "100.64.0.0/10": PRIVATE,  # shared address space of carriers, RFC 6598
    "127.0.0.0/8": PRIVATE,  # loopback, RFC 1122
    "169.254.0.0/16": PRIVATE,  # link-local, RFC 3927
    "172.16.0.0/12": PRIVATE,  # RFC 1918
    "192.0.0.0/24": PRIVATE,  # IETF protocol assignments, RFC 6890
    "192.0.0.9/32": PUBLIC,  # anycast of the Port Control Protocol, RFC 7723
    "192.0.0.10/32": PUBLIC,  # anycast of TURN, RFC 8155
    "192.0.2.0/24": PRIVATE,  # documentation, RFC 5737
    "192.168.0.0/16": PRIVATE,  # RFC 1918
    "198.18.0.0/15": PRIVATE,  # benchmarking, RFC 2544
    "198.51.100.0/24": PRIVATE,  # documentation, RFC 5737
    "203.0.113.0/24": PRIVATE,  # documentation, RFC 5737
    "224.0.0.0/4": PRIVATE,  # multicast, RFC 5771
    "240.0.0.0/4": PRIVATE,  # reserved, RFC 1112; the last one is the limited broadcast, RFC 8190
}
"""IPv4 blocks; the most specific one counts. 192.88.99.0/24 (6to4 relays, RFC 7526) stays public: it was routed globally."""

BLOCKS6 = {
    "::/0": PRIVATE,  # unspecified, loopback, unique local, link-local, multicast, and what is reserved by the IETF
    "64:ff9b::/96": PUBLIC,  # IPv4/IPv6 translation of public IPv4 addresses, RFC 6052 section 3.1
    "2000::/3": PUBLIC,  # global unicast, RFC 4291
    "2001::/23": PRIVATE,  # IETF protocol assignments, RFC 2928
    "2001::/32": PUBLIC,  # Teredo: hosts in the Internet, reached through relays, RFC 4380
    "2001:1::1/128": PUBLIC,  # anycast of the Port Control Protocol, RFC 7723
    "2001:1::2/128": PUBLIC,  # anycast of TURN, RFC 8155
    "2001:1::3/128": PUBLIC,  # anycast of DNS-SD service registration, RFC 9665
    "2001:3::/32": PUBLIC,  # multicast tunnelling, RFC 7450
    "2001:4:112::/48": PUBLIC,  # AS112, RFC 7535
    "2001:20::/28": PUBLIC,  # ORCHIDv2, RFC 7343
    "2001:30::/28": PUBLIC,  # drone remote identification, RFC 9374
    "2001:db8::/32": PRIVATE,  # documentation, RFC 3849
    "3fff::/20": PRIVATE,  # documentation, RFC 9637
}
"""IPv6 blocks; the most specific one counts. 2002::/16 (6to4, RFC 3056) stays public: it must not carry private IPv4 addresses."""


def parse(text: str) -> Address:
    """Give the key of an address written as text; ValueError for anything else."""
    octets = _octets(text)
    return unmapped(octets) if len(octets) == 16 else int.from_bytes(octets, "big")


def network(text: str) -> tuple[Address, Address]:
    """Give first and last address of a network: an address, or address/length; bits beyond the length do not count."""
    address, slash, suffix = text.partition("/")
    octets = _octets(address)
    bits = 8 * len(octets)
    length = bits
    if slash:
        if not (suffix.isascii() and suffix.isdigit() and int(suffix) <= bits):
            raise ValueError(f"the prefix length of {text!r} is not 0 to {bits}")
        length = int(suffix)
    value, host = int.from_bytes(octets, "big"), (1 << (bits - length)) - 1
    first, last = value & ~host, value | host
    if bits == 32:
        return first, last
    if length >= 96 and octets.startswith(MAPPED):
        return first & 0xFFFFFFFF, last & 0xFFFFFFFF
    return first.to_bytes(16, "big"), last.to_bytes(16, "big")


def text(address: Address) -> str:
    """Give an address as RFC 5952 text; an IPv4-mapped address as IPv4."""
    if isinstance(address, int):
        return socket.inet_ntoa(address.to_bytes(4, "big"))
    if address.startswith(MAPPED):
        return socket.inet_ntoa(address[12:])
    return socket.inet_ntop(socket.AF_INET6, address)


def packed(address: Address) -> bytes:
    """Give the octets of an address in network order: 4 for IPv4 and IPv4-mapped, else 16."""
    if isinstance(address, int):
        return address.to_bytes(4, "big")
    return address[12:] if address.startswith(MAPPED) else address


def unmapped(address: Address) -> Address:
    """Give the key under which an address is compared: an IPv4-mapped address becomes the int."""
    if isinstance(address, bytes) and address.startswith(MAPPED):
        return int.from_bytes(address[12:], "big")
    return address


def is_private(address: Address) -> bool:
    """True for every address that is not globally routable unicast."""
    if isinstance(address, int):
        return bisect_right(_EDGES4, address) % 2 == 0
    if address.startswith(MAPPED):
        return bisect_right(_EDGES4, int.from_bytes(address[12:], "big")) % 2 == 0
    return bisect_right(_EDGES6, address) % 2 == 0


def wholly_private(first: Address, last: Address) -> bool:
    """True when no address from first to last, keys of one family, is public."""
    edges: Sequence[Any] = _EDGES4 if isinstance(first, int) else _EDGES6
    return is_private(first) and bisect_right(edges, first) == bisect_right(edges, last)


def _octets(text: str) -> bytes:
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):  # ValueError: a null character or a surrogate in it
        raise ValueError(f"{text!r} is not an IP address") from None


def _edges(blocks: Iterable[str]) -> list[int]:
    """Where private and public take turns.

    A block is always the opposite of what is round it, so the number of edges up to an address says which one it is; two
    edges at one place are none.
    """
    edges: set[int] = set()
    for first, last in map(network, blocks):
        edges ^= {int.from_bytes(packed(first), "big")}
        edges ^= {int.from_bytes(packed(last), "big") + 1}
    return sorted(edges)


_EDGES4 = tuple(_edges(BLOCKS4))  # an even number of edges up to an address: private; 0.0.0.0/8 begins with the space
_EDGES6 = tuple(edge.to_bytes(16, "big") for edge in _edges(BLOCKS6)[1:-1])  # the same, without the edges of ::/0
