"""Processes that map one table have it in memory once."""

import random
from pathlib import Path

from sharing import share
from tables import octets


def test_processes_share_a_table(tmp_path: Path) -> None:
    """Three processes that look everywhere in a table take together little more memory than it has octets."""
    chance = random.Random(3)
    hosts = ((host, host, b"%d" % (host % 300)) for host in (chance.getrandbits(32) for _ in range(150_000)))
    path = tmp_path / "mine.table"
    path.write_bytes(octets([*hosts, *((number << 12, (number << 12) + 255, b"net") for number in range(10_000))]))
    found = share(path, 3, 60_000)
    assert found.octets > 1_200_000
    assert found.mapped <= found.octets + 65_536
    assert found.mapped > found.octets / 2
    assert found.added <= found.octets + 1_500_000  # what else grows in three interpreters while they look
    assert found.found > 0
