"""Who has a UDP port."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowcoll.doctor.findings import Verdict
from flowcoll.doctor.ports import CHECKS, Port, overlap, probe

ROOT = Path("/")
((_, _, judge),) = CHECKS


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def free() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_a_free_port_is_free_before_and_after() -> None:
    """The probe leaves nothing behind."""
    port = free()
    for _ in range(2):
        assert judge(probe("127.0.0.1", port, frozenset(), ROOT)).verdict is Verdict.OK


def test_a_taken_port_names_who_has_it(taken: int) -> None:
    """By process and program, also where we would bind to every address."""
    for ip in ("127.0.0.1", "0.0.0.0", "::"):
        found = judge(probe(ip, taken, frozenset(), ROOT))
        assert found.verdict is Verdict.FAIL
        assert f"(process {os.getpid()})" in found.text


def test_a_port_of_ipv6_is_seen() -> None:
    """With its address."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1", 0))
        port = sock.getsockname()[1]
        assert [holder.address for holder in probe("::1", port, frozenset(), ROOT).holders] == ["::1"]
        assert probe("127.0.0.1", port, frozenset(), ROOT).holders == ()


def test_the_running_collectors_port_is_left_alone(taken: int) -> None:
    """It is neither bound nor searched."""
    assert probe("127.0.0.1", taken, frozenset({taken}), Path("/nowhere")) == Port("127.0.0.1", taken, (), ours=True)


def test_without_proc_the_kernel_says_it(taken: int, tmp_path: Path) -> None:
    """Who is hidden is not named, but seen."""
    found = probe("127.0.0.1", taken, frozenset(), tmp_path)
    assert found.bound == errno.EADDRINUSE
    assert "ss -ulnp" in judge(found).advice


@pytest.mark.parametrize("number", [errno.EACCES, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_every_refusal_has_words(number: int) -> None:
    """And something to do."""
    found = judge(Port("192.0.2.1", 80, (), ours=False, bound=number))
    assert found.verdict is Verdict.FAIL
    assert found.advice


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("0.0.0.0", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("::", "127.0.0.1", True),
        ("0.0.0.0", "::1", False),
        ("::1", "::", True),
    ],
)
def test_which_sockets_are_in_each_others_way(one: str, other: str, expected: bool) -> None:
    """In both directions."""
    assert overlap(one, other) is overlap(other, one) is expected
