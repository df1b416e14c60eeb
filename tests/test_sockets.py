import io
import json
import socket

import pytest

from flowcoll.collect.sockets import Drops, Exporters, close, discard, inherited, kernel_drops, listen, listen_together
from flowcoll.errors import ConfigError, SetupError
from flowcoll.logs import Log


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def log(stream):
    return Log(stream)


@pytest.fixture
def opened():
    listeners = []
    yield listeners
    close(listeners)


def send(octets, port, host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.sendto(octets, (host, port))


def test_every_port_is_bound_and_never_blocks(log, opened):
    """Each port gets a socket that reads what is there and never waits."""
    opened += listen("127.0.0.1", [0], 65536, log)
    (listener,) = opened
    with pytest.raises(BlockingIOError):
        listener.socket.recvfrom(10)
    send(b"x", listener.port)
    assert listener.socket.recvfrom(10)[0] == b"x"


def test_a_port_named_twice_is_bound_once(log, opened):
    """Naming a port twice is no error."""
    opened += listen("127.0.0.1", [0, 0], 65536, log)
    assert len(opened) == 1


def test_a_taken_port_is_one_line_that_says_what_to_do(log, opened):
    """A taken port is a SetupError naming address, port and option, and the ports bound before are given back."""
    opened += listen("127.0.0.1", [0], 65536, log)
    taken = opened[0].port
    free = listen("127.0.0.1", [0], 65536, log)
    close(free)
    with pytest.raises(SetupError) as caught:
        listen("127.0.0.1", [free[0].port, taken], 65536, log)
    words = str(caught.value)
    assert f"127.0.0.1 port {taken} is taken" in words
    assert "EF_FLOW_SERVER_UDP_PORT" in words
    assert "\n" not in words
    opened += listen("127.0.0.1", [free[0].port], 65536, log)


@pytest.mark.parametrize(
    ("ip", "error", "words"),
    [("192.0.2.1", SetupError, "no such address"), ("localhost", ConfigError, "no IP address")],
)
def test_an_address_that_is_not_ours(log, ip, error, words):
    """An address of another machine may come later (exit 1), a name is a wrong configuration (exit 78)."""
    with pytest.raises(error, match=words):
        listen(ip, [0], 65536, log)


def test_the_unspecified_ipv6_address_takes_both(log, opened):
    """`::` receives IPv4 too, and an IPv4 exporter is IPv4 text."""
    opened += listen("::", [0], 65536, log)
    exporters = Exporters([], pytest.fail)
    for host in ("127.0.0.1", "::1"):
        send(b"x", opened[0].port, host)
        _, source = opened[0].socket.recvfrom(10)
        assert exporters[source] == (host, source[1])


def test_a_capped_buffer_is_said_with_the_line_that_mends_it(stream, log, opened):
    """When the kernel grants less than asked for, one warning holds the sysctl line; else nothing is said."""
    opened += listen("127.0.0.1", [0], 65536, log)
    assert stream.getvalue() == ""
    assert opened[0].buffer_bytes >= 65536
    wanted = 0x7FFFFFFF
    opened += listen("127.0.0.1", [0, 0], wanted, log)
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert f"sysctl -w net.core.rmem_max={wanted}" in line["msg"]


def test_no_buffer_asked_for_keeps_the_kernels(stream, log, opened):
    """0 leaves the kernel's default and warns of nothing."""
    opened += listen("127.0.0.1", [0], 0, log)
    assert opened[0].buffer_bytes > 0
    assert stream.getvalue() == ""


def test_what_the_kernel_drops_is_seen(stream, log, opened):
    """Datagrams that do not fit into the receive buffer are counted by port, and warned of once a minute."""
    opened += listen("127.0.0.1", [0], 4096, log)
    (listener,) = opened
    drops = Drops(opened, log)
    drops.look()
    assert drops == {listener.port: 0}
    for _ in range(2):
        for _ in range(200):
            send(bytes(1000), listener.port)
        drops.look()
    assert drops[listener.port] == kernel_drops(listener.socket) > 200
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert "EF_FLOW_SERVER_UDP_READ_BUFFER_MAX_SIZE" in line["msg"]
    assert "net.core.rmem_max" in line["msg"]
    close(opened)
    drops.look()


def test_what_nobody_reads_is_counted(log, opened):
    """Datagrams that are left in sockets are read and counted, empty ones too, and nothing is waited for."""
    opened += listen("127.0.0.1", [0, 0], 65536, log)
    assert discard(opened) == 0
    for octets in (b"", b"x", bytes(1400)):
        send(octets, opened[-1].port)
    assert discard(opened) == 3
    assert discard(opened) == 0


def test_a_port_is_bound_for_each_reader(opened, log):
    """Each reader has a socket on each port; the drops of a port are those of all its sockets."""
    groups = listen_together("127.0.0.1", [0], 4096, log, 3)
    opened += [listener for group in groups for listener in group]
    assert len(opened) == 3
    assert len({listener.port for listener in opened}) == 1
    for number in range(64):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:  # a port of its own: spread by the kernel
            for _ in range(20):
                sock.sendto(b"%d" % number * 500, ("127.0.0.1", opened[0].port))
    drops = Drops(opened, log)
    drops.look()
    assert drops == {opened[0].port: sum(kernel_drops(listener.socket) for listener in opened)}
    assert all(kernel_drops(listener.socket) for listener in opened)


@pytest.mark.parametrize("readers", [1, 2])
def test_a_port_that_is_shared_out_is_taken(opened, log, readers):
    """A port on which others read together is taken, even though the kernel would let us in."""
    opened += listen_together("127.0.0.1", [0], 4096, log, 2)[0]
    with pytest.raises(SetupError, match="taken by another program"):
        listen_together("127.0.0.1", [opened[0].port], 4096, log, readers)


def test_a_socket_is_inherited(opened, log):
    """A descriptor of a bound socket gives a listener that reads what came before."""
    opened += listen("127.0.0.1", [0], 4096, log)
    send(b"early", opened[0].port)
    again = inherited(opened[0].socket.detach(), opened[0].ip, opened[0].port, opened[0].buffer_bytes)
    opened[0] = again
    assert again.socket.recv(10) == b"early"


def test_only_allowed_networks_come_in():
    """With networks given, an exporter outside of them is None and told of; mapped IPv4 is judged as IPv4."""
    refused = []
    exporters = Exporters(["192.0.2.0/24", "2001:db8::/32"], refused.append)
    assert exporters["192.0.2.7", 2055] == ("192.0.2.7", 2055)
    assert exporters["::ffff:192.0.2.7", 2055, 0, 0] == ("192.0.2.7", 2055)
    assert exporters["2001:db8::1", 2055, 0, 0] == ("2001:db8::1", 2055)
    assert exporters["198.51.100.1", 2055] is None
    assert exporters["198.51.100.1", 2055] is None
    assert exporters["2001:db9::1", 2055, 0, 0] is None
    assert refused == ["198.51.100.1", "2001:db9::1"]


def test_forged_sources_do_not_fill_the_memory():
    """However many sources are seen, the number remembered is bounded."""
    exporters = Exporters([], pytest.fail)
    for number in range(70_000):
        assert exporters[f"10.0.{number >> 8 & 255}.{number & 255}", number] is not None
    assert len(exporters) <= 65_536
