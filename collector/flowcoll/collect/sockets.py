"""UDP sockets: bound with the receive buffer that was asked for, and what the kernel dropped at each."""

import contextlib
import errno
import ipaddress
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from gevent import monkey

from flowcoll.errors import ConfigError, SetupError
from flowcoll.logs import Log

# The service patches the process for gevent; a wrapped recvfrom would cost more than the loop round it.
_Socket = monkey.get_original("socket", "socket")
_SO_RCVBUFFORCE = 33  # not in the socket module; asm-generic/socket.h
_SO_MEMINFO = 55
_SK_MEMINFO = struct.Struct("=9I")  # linux/sock_diag.h; the last one is SK_MEMINFO_DROPS
_MAX_EXPORTERS = 65_536
_DISCARD_S = 1.0

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
Exporter = tuple[str, int]


class Listener(NamedTuple):
    """One bound socket and the octets its receive buffer got."""

    socket: socket.socket
    ip: str
    port: int
    buffer_bytes: int


def listen(ip: str, ports: Iterable[int], buffer_bytes: int, log: Log) -> list[Listener]:
    """Bind every port, non-blocking; a port that cannot be had closes the others and is a SetupError."""
    return [group[0] for group in listen_together(ip, ports, buffer_bytes, log, 1)]


def listen_together(ip: str, ports: Iterable[int], buffer_bytes: int, log: Log, readers: int) -> list[list[Listener]]:
    """Bind every port once for each reader, and give the sockets port by port, in the order in which they were bound.

    A port that cannot be had closes the others and is a SetupError.
    """
    groups: list[list[Listener]] = []
    listeners: list[Listener] = []
    try:
        for port in dict.fromkeys(ports):
            together = False
            if readers > 1:  # a port that another program shares out, too, would be had without a word
                probe = _bind(ip, port, 0)
                port, together = probe.port, True  # noqa: PLW2901
                probe.socket.close()
            first = len(listeners)
            for _ in range(readers):
                listeners += [_bind(ip, port, buffer_bytes, together=together)]
            groups.append(listeners[first:])
    except BaseException:
        close(listeners)
        raise
    granted = min(listener.buffer_bytes for listener in listeners) if listeners else buffer_bytes
    if granted < buffer_bytes:
        log.warn(
            f"the kernel gives {granted} of the {buffer_bytes} octets asked for by "
            f"EF_FLOW_SERVER_UDP_READ_BUFFER_MAX_SIZE; to have them all: sysctl -w net.core.rmem_max={buffer_bytes}",
        )
    return groups


def inherited(fd: int, ip: str, port: int, buffer_bytes: int) -> Listener:
    """Take over a socket that the process before has bound."""
    return Listener(_Socket(fileno=fd), ip, port, buffer_bytes)


def close(listeners: Iterable[Listener]) -> None:
    """Close them all."""
    for listener in listeners:
        listener.socket.close()


def discard(listeners: Iterable[Listener]) -> int:
    """Read what sockets still hold that nobody will read any more, for a second at most; give how many datagrams."""
    count, deadline = 0, time.monotonic() + _DISCARD_S
    for listener in listeners:
        with contextlib.suppress(BlockingIOError):
            while time.monotonic() < deadline:
                listener.socket.recv(1)
                count += 1
    return count


def _bind(ip: str, port: int, buffer_bytes: int, *, together: bool = False) -> Listener:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            ip, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE
        )[0]
    except socket.gaierror as exc:
        raise ConfigError(f"EF_FLOW_SERVER_UDP_IP={ip} is no IP address; give one, 0.0.0.0 or ::") from exc
    sock = _Socket(family, kind, protocol)
    try:
        if family == socket.AF_INET6:  # `::` takes IPv4 too, whatever net.ipv6.bindv6only says
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if ip == "::" else 1)
        if together:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        granted = _receive_buffer(sock, buffer_bytes)
        sock.setblocking(False)
        sock.bind(address)
    except OSError as exc:
        sock.close()
        raise SetupError(_why_not(exc, ip, port)) from exc
    return Listener(sock, ip, sock.getsockname()[1], granted)


def _receive_buffer(sock: socket.socket, wanted: int) -> int:
    """Ask for a receive buffer and return what was given; 0 keeps the kernel's own default."""
    if wanted:
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, wanted)
        except PermissionError:  # needs CAP_NET_ADMIN; without it net.core.rmem_max is the limit
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel doubles it for its bookkeeping


def _why_not(exc: OSError, ip: str, port: int) -> str:
    place = f"UDP {ip} port {port}"
    match exc.errno:
        case errno.EADDRINUSE:
            return (
                f"{place} is taken by another program (`ss -ulnp sport = :{port}` names it); "
                "stop it, or choose another port with EF_FLOW_SERVER_UDP_PORT"
            )
        case errno.EACCES:
            return f"{place} may not be bound by this user; choose a port above 1023 with EF_FLOW_SERVER_UDP_PORT"
        case errno.EADDRNOTAVAIL:
            return f"{place}: this machine has no such address; correct EF_FLOW_SERVER_UDP_IP, or use 0.0.0.0 or ::"
        case errno.EAFNOSUPPORT:
            return f"{place}: this machine has no IPv6; correct EF_FLOW_SERVER_UDP_IP"
        case _:
            return f"{place} cannot be bound: {exc.strerror}"


def kernel_drops(sock: socket.socket) -> int:
    """How many datagrams the kernel dropped at this socket since it was made, modulo 2**32."""
    return int(_SK_MEMINFO.unpack(sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _SK_MEMINFO.size))[-1])


class Drops(dict[int, int]):
    """Port -> datagrams the kernel dropped there; `look` reads the sockets and warns when there are more."""

    def __init__(self, listeners: Iterable[Listener], log: Log) -> None:
        self._listeners = dict.fromkeys(listeners, 0)
        super().__init__({listener.port: 0 for listener in self._listeners})
        self._log = log

    def at(self, listener: Listener) -> int:
        """Give the drops of one socket of a port."""
        return self._listeners[listener]

    def look(self) -> None:
        """Read every socket that is still open."""
        for listener, before in self._listeners.items():
            if listener.socket.fileno() < 0:
                continue
            more = (kernel_drops(listener.socket) - before) & 0xFFFF_FFFF
            if more:
                self._listeners[listener] += more
                self[listener.port] += more
                self._log.limited(f"drops.{listener.port}", 60).warn(
                    f"the kernel dropped {more} datagrams at port {listener.port}, {self[listener.port]} since the start: "
                    f"the receive buffer of {listener.buffer_bytes} octets was full; raise "
                    "EF_FLOW_SERVER_UDP_READ_BUFFER_MAX_SIZE and net.core.rmem_max, or send less to this machine"
                )


class Exporters(dict[SocketAddress, Exporter | None]):
    """Socket address -> address text and port of the exporter, or None when it is not let in.

    An IPv4 address that came in through an IPv6 socket is IPv4 text. A scope id is not kept: templates go by address.
    """

    def __init__(self, networks: Iterable[str], refused: Callable[[str], None]) -> None:
        super().__init__()
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]
        self._refused = refused

    def __missing__(self, source: SocketAddress) -> Exporter | None:
        if len(self) >= _MAX_EXPORTERS:  # forged sources must not fill the memory
            self.clear()
        text, port = source[0].removeprefix("::ffff:") if "." in source[0] else source[0], source[1]
        if self._networks:
            address = ipaddress.ip_address(text)
            if not any(address in network for network in self._networks):
                self._refused(text)
                self[source] = None
                return None
        self[source] = exporter = (text, port)
        return exporter
