"""All datagrams of an exporter reach one worker's socket, whatever ports it sends from."""

import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from flowcoll.collect.steering import steer

EXPORTERS = 64
PORTS = 5  # the receive buffers hold what all of them send


@contextmanager
def group(family: socket.AddressFamily, ip: str, size: int) -> Iterator[list[socket.socket]]:
    """Sockets of one SO_REUSEPORT group, in the order in which they were bound."""
    with ExitStack() as stack:
        port, sockets = 0, []
        for _ in range(size):
            sock = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind((ip, port))
            sock.setblocking(False)
            port = sock.getsockname()[1]
            sockets.append(sock)
        yield sockets


def send(to: tuple[str, int], source: str, times: int) -> None:
    """Send from as many ports of one address; each datagram says where it comes from."""
    family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
    for _ in range(times):
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((source, 0))
            sock.sendto(source.encode(), to)


def received(sockets: Sequence[socket.socket]) -> list[Counter[str]]:
    """How many datagrams of which source each socket has."""
    found = []
    for sock in sockets:
        seen: Counter[str] = Counter()
        try:
            while True:
                seen[sock.recv(100).decode()] += 1
        except BlockingIOError:
            found.append(seen)
    return found


def sources(family: socket.AddressFamily) -> list[str]:
    if family == socket.AF_INET:
        return [f"127.0.{number // 8}.{number % 8 + 1}" for number in range(EXPORTERS)]
    return ["::1"]


@pytest.mark.parametrize("ip", ["127.0.0.1", "::"])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_an_exporter_stays_with_one_socket(ip: str, size: int) -> None:
    """No exporter is split, and the exporters are spread over all sockets; on a socket of both families too."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with group(family, ip, size) as sockets:
        steer(sockets)
        port = sockets[0].getsockname()[1]
        for source in sources(socket.AF_INET):
            send(("127.0.0.1", port), source, PORTS)
        found = received(sockets)
    assert sum(found, Counter()) == dict.fromkeys(sources(socket.AF_INET), PORTS)
    assert all(times == PORTS for seen in found for times in seen.values())
    assert min(len(seen) for seen in found) > EXPORTERS / size / 3


def test_ipv6() -> None:
    """An IPv6 exporter is not split either."""
    with group(socket.AF_INET6, "::", 4) as sockets:
        steer(sockets)
        send(("::1", sockets[0].getsockname()[1]), "::1", 4 * PORTS)
        found = received(sockets)
    assert sorted(seen["::1"] for seen in found) == [0, 0, 0, 4 * PORTS]


def test_without_it_exporters_are_split() -> None:
    """The test can fail: left alone, the kernel spreads the ports of one address."""
    with group(socket.AF_INET, "127.0.0.1", 4) as sockets:
        send(("127.0.0.1", sockets[0].getsockname()[1]), "127.0.0.1", 4 * PORTS)
        found = received(sockets)
    assert max(seen["127.0.0.1"] for seen in found) < 4 * PORTS
