import struct
from typing import Any

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.client_server import DESTINATION, KNOWN, SYN, decide
from flowcoll.enrich.conversation_id import conversation4, conversation6, expression4, names4
from flowcoll.enrich.locality import MAPPED, packed, parse

FOURS = st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 1))
SIXES = st.binary(min_size=16, max_size=16)
PROTOCOLS = st.one_of(st.sampled_from([1, 6, 17, 47, 132]), st.integers(0, 255))
PORTS = st.one_of(st.sampled_from([0, 53, 80, 123, 443]), st.integers(0, 65535))
REASONS = st.sampled_from(["syn", "service_port", "lower_port", "destination"])

VECTORS = [
    (0, 6, "192.0.2.10", "198.51.100.7", 443, "service_port", "479516e7efce5de0"),
    (1, 6, "192.0.2.10", "198.51.100.7", 443, "service_port", "8fe95dda763f8df0"),
    (0, 17, "192.0.2.10", "198.51.100.7", 53, "service_port", "0a2df43638fe0c91"),
    (0, 17, "198.51.100.7", "192.0.2.10", 123, "destination", "2c1f1acb543bdb22"),
    (0, 1, "198.51.100.7", "192.0.2.10", 2048, "destination", "0bea026c83c707f1"),
    (0, 6, "2001:db8::a", "2001:db8::b", 443, "syn", "5502399c5391b4e1"),
    (0, 58, "2001:db8::b", "2001:db8::a", 0, "destination", "f5ad15d9959a4e89"),
]


def from_record(make: Any, protocol: int, ends: tuple[int, int], ports: tuple[int, int]) -> str:
    """Go the way of a document: decide, then hash; the record has seen SYN and ACK."""
    (src, dst), (src_port, dst_port) = ends, ports
    swapped, reason = decide(protocol, 0x1B, src_port, dst_port)
    if swapped:
        return str(make(protocol, dst, src, src_port, reason))
    return str(make(protocol, src, dst, dst_port, reason))


@pytest.mark.parametrize("vector", VECTORS)
def test_vectors(vector: tuple[int, int, str, str, int, str, str]) -> None:
    """The id of these flows never changes: stored documents have it."""
    seed, protocol, client, server, port, reason, expected = vector
    one, other = parse(client), parse(server)
    make: Any = conversation4 if isinstance(one, int) else conversation6
    assert make(seed)(protocol, one, other, port, reason) == expected


@given(st.tuples(FOURS, FOURS), PROTOCOLS, PORTS, REASONS, st.integers(0, 65535))
def test_rule(both: tuple[int, int], protocol: int, port: int, reason: str, seed: int) -> None:
    """The id is XXH3 over seed, protocol, zero, client, server and port in network order."""
    client, server = both
    ends = [packed(client), packed(server)]
    if reason == DESTINATION:
        ends.sort()
        port = port if KNOWN[protocol] is not None else 0
    octets = struct.pack("!HBB", seed, protocol, 0) + b"".join(ends) + struct.pack("!H", port)
    assert conversation4(seed)(protocol, client, server, port, reason) == xxhash.xxh3_64(octets).hexdigest()


@given(st.tuples(FOURS, FOURS), PROTOCOLS, PORTS, REASONS, st.integers(0, 65535))
def test_generated_code_gives_the_same(both: tuple[int, int], protocol: int, port: int, reason: str, seed: int) -> None:
    """The expression for generated code is the function."""
    client, server = both
    called = conversation4(seed)
    names = {**names4(seed), "CONVERSATION4": called, "c": client, "s": server, "p": protocol, "n": port, "r": reason}
    written = eval(expression4("p", "c", "s", "n", "r"), names)
    assert written == called(protocol, client, server, port, reason)


@given(SIXES, SIXES, PROTOCOLS, PORTS, REASONS)
def test_rule_of_ipv6(client: bytes, server: bytes, protocol: int, port: int, reason: str) -> None:
    """The id of an IPv6 flow follows the same rule."""
    ends = [client, server]
    if reason == DESTINATION:
        ends.sort()
        port = port if KNOWN[protocol] is not None else 0
    octets = struct.pack("!HBB", 0, protocol, 0) + b"".join(ends) + struct.pack("!H", port)
    assert conversation6(0)(protocol, client, server, port, reason) == xxhash.xxh3_64(octets).hexdigest()


@given(FOURS, FOURS, PROTOCOLS, PORTS, PORTS)
def test_both_directions_are_equal(src: int, dst: int, protocol: int, src_port: int, dst_port: int) -> None:
    """A flow and the flow back have one id, whatever tells the server, as long as none is a bare SYN."""
    make = conversation4(0)
    forth = from_record(make, protocol, (src, dst), (src_port, dst_port))
    assert decide(protocol, 0x1B, src_port, dst_port)[1] != SYN
    assert forth == from_record(make, protocol, (dst, src), (dst_port, src_port))


@given(FOURS, FOURS, PORTS, PORTS, PORTS)
def test_the_port_of_the_client_does_not_count(src: int, dst: int, first: int, second: int, server: int) -> None:
    """All connections of a client to a service are one conversation."""
    make = conversation4(0)
    ids = {
        from_record(make, 6, (src, dst), (port, server))
        for port in (first, second)
        if decide(6, 0x1B, port, server)[0] is False and port != server
    }
    assert len(ids) <= 1


@given(FOURS, FOURS, PROTOCOLS, PORTS, REASONS)
def test_mapped_addresses_count_as_ipv4(client: int, server: int, protocol: int, port: int, reason: str) -> None:
    """Two IPv4-mapped addresses have the id of the two IPv4 addresses."""
    mapped = MAPPED + packed(client), MAPPED + packed(server)
    assert conversation6(3)(protocol, *mapped, port, reason) == conversation4(3)(protocol, client, server, port, reason)


def test_the_seed_counts() -> None:
    """Two seeds give two ids."""
    assert conversation4(0)(6, 1, 2, 3, SYN) != conversation4(1)(6, 1, 2, 3, SYN)
