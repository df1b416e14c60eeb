"""Flows as a busy edge router sees them: who, how much, when; the streams encode the same flows in each protocol."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from bench.world import World

TCP, UDP, ICMP, GRE = 6, 17, 1, 47
PROTOCOLS = (TCP,) * 70 + (UDP,) * 26 + (ICMP,) * 3 + (GRE,)
TCP_PORTS = (443,) * 60 + (80,) * 12 + (22, 25, 53, 110, 143, 179, 389, 445, 587, 636, 853, 993, 1433, 1883) + (
    3306, 3389, 5222, 5432, 6379, 8080, 8080, 8443, 8443, 9200,
)  # fmt: skip
UDP_PORTS = (53,) * 40 + (443,) * 40 + (123, 123, 161, 500, 514, 1194, 1900, 3478, 4500, 5060, 5353, 6881, 51820)
# What the flags of a whole TCP flow add up to: a closed connection, one that is open, an attempt, a reset.
TCP_FLAGS = (0x1B,) * 60 + (0x18,) * 25 + (0x02,) * 8 + (0x1E,) * 4 + (0x14,) * 3
TOS = (0,) * 85 + (0x28,) * 5 + (0x68,) * 3 + (0xB8,) * 5 + (0xC0,) * 2
MASKS = (24,) * 12 + (22,) * 4 + (20,) * 4 + (19, 18, 16, 16, 16, 12, 8, 32)
INTERFACES = (
    1,
    2,
    3,
    5,
    8,
    13,
    21,
    34,
    101,
    102,
    117,
    118,
    201,
    202,
    501,
    502,
    517,
    518,
    530,
    611,
    612,
    620,
    701,
    1001,
)
NEXT_HOPS = tuple(0x0A00_00FE + (index << 8) for index in range(8))
SAMPLING = 1_000


class Flow(NamedTuple):
    """One flow; ages are milliseconds before the export."""

    src: int
    dst: int
    src_port: int
    dst_port: int
    protocol: int
    tcp_flags: int
    tos: int
    packets: int
    octets: int
    start_age: int
    end_age: int
    next_hop: int
    input: int
    output: int
    src_as: int
    dst_as: int
    src_mask: int
    dst_mask: int


def warm(world: World) -> Iterator[Flow]:
    """Yield flows between the addresses of the pool, for ever."""
    return _flows(world, world.warm())


def fresh(world: World) -> Iterator[Flow]:
    """Yield flows whose addresses never come twice."""
    return _flows(world, world.fresh())


def _flows(world: World, addresses: Iterator[int]) -> Iterator[Flow]:
    rng = random.Random(world.seed)
    choice, rand = rng.choice, rng.random
    while True:
        src, dst = next(addresses), next(addresses)
        protocol = choice(PROTOCOLS)
        client, server = _ports(rng, protocol)
        if rand() < 0.5:  # half of the records are the server's answers
            client, server = server, client
        packets = 1 + int(rng.expovariate(1) ** 3 * 4)
        start_age = int(rand() * 60_000)
        yield Flow(
            src,
            dst,
            client,
            server,
            protocol,
            choice(TCP_FLAGS) if protocol == TCP else 0,
            choice(TOS),
            packets,
            packets * choice((64, 90, 140, 300, 576, 1_200, 1_400, 1_500)),
            start_age,
            start_age if packets == 1 else int(rand() * start_age),
            choice(NEXT_HOPS),
            choice(INTERFACES),
            choice(INTERFACES),
            world.asn(src),
            world.asn(dst),
            choice(MASKS),
            choice(MASKS),
        )


def _ports(rng: random.Random, protocol: int) -> tuple[int, int]:
    """Client's and server's port; ICMP flows carry type and code in the second, other protocols nothing."""
    if protocol in (TCP, UDP):
        known = rng.choice(TCP_PORTS if protocol == TCP else UDP_PORTS)
        return rng.randrange(32_768, 61_000), known if rng.random() < 0.9 else rng.randrange(1_024, 65_536)
    return 0, 0x0800 if protocol == ICMP else 0
