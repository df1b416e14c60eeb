"""Community ID version 1 of a flow: the same text for both directions, and in every tool that writes it.

The SHA-1 of seed, addresses, protocol and ports in network byte order, lower endpoint first, as base64; in a document the
version, `1:`, stands in front of it.
For ICMP and ICMPv6 the ports are the message's type and code: pass these. A type that has an answer pairs with it in both
directions; any other type goes one way, and its endpoints are not put in order. Protocols other than TCP, UDP, SCTP, ICMP
and ICMPv6 have no ports: what is passed for them does not count.
"""

import hashlib
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from struct import Struct
from typing import Any

from flowcoll.enrich.locality import MAPPED

VERSION = 1

Cid4 = Callable[[int, int, int, int, int], str]
Cid6 = Callable[[bytes, bytes, int, int, int], str]

WITH_PORTS = frozenset({6, 17, 132})
"""Protocols whose ports count: TCP, UDP, SCTP."""

_PAIRS4 = ((0, 8), (9, 10), (13, 14), (15, 16), (17, 18))
_PAIRS6 = ((128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145))

ICMP4_ANSWERS = dict((*_PAIRS4, *((answer, kind) for kind, answer in _PAIRS4)))
"""ICMP type -> type of its answer, and back (RFC 792, RFC 950, RFC 1256)."""

ICMP6_ANSWERS = dict((*_PAIRS6, *((answer, kind) for kind, answer in _PAIRS6)))
"""ICMPv6 type -> type of its answer, and back (RFC 4443, RFC 2710, RFC 4861, RFC 4620, RFC 6275)."""


def icmp_ports4(kind: int, code: int) -> tuple[int, int, bool]:
    """Give what stands for the two ports of an ICMP message, and whether it goes one way."""
    answer = ICMP4_ANSWERS.get(kind)
    return (kind, code, True) if answer is None else (kind, answer, False)


def icmp_ports6(kind: int, code: int) -> tuple[int, int, bool]:
    """Give what stands for the two ports of an ICMPv6 message, and whether it goes one way."""
    answer = ICMP6_ANSWERS.get(kind)
    return (kind, code, True) if answer is None else (kind, answer, False)


ICMP_PORTS = {1: icmp_ports4, 58: icmp_ports6}


def cid4(seed: int) -> Cid4:
    """Make the function that gives the Community ID of an IPv4 flow: source, destination, protocol, two ports."""
    return _cid(seed, "I")


def cid6(seed: int) -> Cid6:
    """Make the same function for IPv6; two IPv4-mapped addresses have the Community ID of the IPv4 flow."""
    plain, mapped = _cid(seed, "16s"), _cid(seed, "4s")

    def community_id(src: bytes, dst: bytes, protocol: int, src_port: int, dst_port: int) -> str:
        if src.startswith(MAPPED) and dst.startswith(MAPPED):
            return mapped(src[12:], dst[12:], protocol, src_port, dst_port)
        return plain(src, dst, protocol, src_port, dst_port)

    return community_id


def _cid(seed: int, address: str) -> Callable[[Any, Any, int, int, int], str]:
    sha1, pack, bare = _sha1(), Struct(f"!H{address}{address}BxHH").pack, Struct(f"!H{address}{address}Bx").pack

    def community_id(src: Any, dst: Any, protocol: int, src_port: int, dst_port: int) -> str:
        if protocol in WITH_PORTS:
            if src < dst or (src == dst and src_port < dst_port):
                octets = pack(seed, src, dst, protocol, src_port, dst_port)
            else:
                octets = pack(seed, dst, src, protocol, dst_port, src_port)
        elif protocol in ICMP_PORTS:
            one, other, one_way = ICMP_PORTS[protocol](src_port, dst_port)
            if one_way or src < dst or (src == dst and one < other):
                octets = pack(seed, src, dst, protocol, one, other)
            else:
                octets = pack(seed, dst, src, protocol, other, one)
        else:
            octets = bare(seed, src, dst, protocol) if src < dst else bare(seed, dst, src, protocol)
        return b2a_base64(sha1(octets).digest(), newline=False).decode()

    return community_id


def expression4(src: str, dst: str, protocol: str, ports: tuple[str, str], other: tuple[str, str]) -> str:
    """Give what `cid4` makes as the text of an expression over the named locals, for generated code: it saves the call.

    `ports` are those of protocols that have them, `other` is what stands for them elsewhere: ICMP's type and code. It
    refers to what `names` holds.
    """
    src_port, dst_port = ports
    straight = f"CID_PACK_(CID_SEED_, {src}, {dst}, {protocol}, {src_port}, {dst_port})"
    turned = f"CID_PACK_(CID_SEED_, {dst}, {src}, {protocol}, {dst_port}, {src_port})"
    ordered = f"{straight} if {src} < {dst} or {src} == {dst} and {src_port} < {dst_port} else {turned}"
    return (
        f"(CID_BASE64_(CID_SHA1_({ordered}).digest(), newline=False).decode() "
        f"if {protocol} in CID_PORTS_ else CID4_({src}, {dst}, {protocol}, {', '.join(other)}))"
    )


def names(seed: int) -> Mapping[str, object]:
    """Give what `expression4` refers to."""
    return {
        "CID_SEED_": seed,
        "CID_PACK_": Struct("!HIIBxHH").pack,
        "CID_SHA1_": _sha1(),
        "CID_BASE64_": b2a_base64,
        "CID_PORTS_": WITH_PORTS,
        "CID4_": cid4(seed),
    }


def _sha1() -> Callable[[bytes], Any]:
    """Take the interpreter's own SHA-1: without OpenSSL's context a short message costs less, and FIPS mode has no say."""
    try:
        own: Callable[[bytes], Any] = import_module("_sha1").sha1
    except ImportError:  # an interpreter built without its own hashes
        own = partial(hashlib.sha1, usedforsecurity=False)
    return own
