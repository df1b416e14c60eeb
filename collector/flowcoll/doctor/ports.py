"""UDP ports: free, read by our collector, or taken by somebody else."""

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from flowcoll.doctor.findings import Check, Finding, fail, ok


class Holder(NamedTuple):
    """A socket that is bound to a port: its address, and the process that has it, if it is seen."""

    address: str
    inode: int
    pid: int = 0
    program: str = ""

    def __str__(self) -> str:
        if not self.pid:
            return "a process that this user does not see"
        return f"{self.program} (process {self.pid})"


class Port(NamedTuple):
    """What is known of one port that the options name."""

    ip: str
    number: int
    holders: tuple[Holder, ...]
    ours: bool  # the running collector says that it reads this port
    bound: int = 0  # errno of the try to bind it; 0: it could be


def probe(ip: str, number: int, read: frozenset[int], root: Path) -> Port:
    """Look who has a port; only if nobody is seen to have it, bind it for a moment."""
    if number in read:
        return Port(ip, number, (), ours=True)
    holders = tuple(each for each in bound(root, number) if overlap(ip, each.address))
    if holders:
        return Port(ip, number, tuple(_named(root, holders)), ours=False)
    return Port(ip, number, (), ours=False, bound=_try(ip, number))


def bound(root: Path, number: int) -> Iterator[Holder]:
    """Give every UDP socket of a port (proc_pid_net(5)): local address and inode."""
    for table, address in (("udp", _address4), ("udp6", _address6)):
        with suppress(OSError):
            for line in (root / "proc/net" / table).read_text().splitlines()[1:]:
                columns = line.split()
                text, _, port = columns[1].partition(":")
                if int(port, 16) == number:
                    yield Holder(address(text), int(columns[9]))


def overlap(ip: str, other: str) -> bool:
    """Whether sockets of two addresses would get in each other's way; `::` takes IPv4 as well."""
    one, two = ipaddress.ip_address(ip), ipaddress.ip_address(other)
    if one.version == two.version:
        return one == two or one.is_unspecified or two.is_unspecified
    return (one if one.version == 6 else two).is_unspecified


def _address4(text: str) -> str:
    return socket.inet_ntoa(struct.pack("=I", int(text, 16)))


def _address6(text: str) -> str:
    words = struct.pack("=4I", *(int(text[at : at + 8], 16) for at in range(0, 32, 8)))
    return socket.inet_ntop(socket.AF_INET6, words)


def _named(root: Path, holders: tuple[Holder, ...]) -> Iterator[Holder]:
    """Find the processes that have these sockets."""
    wanted = {f"socket:[{holder.inode}]": holder for holder in holders}
    for process in (root / "proc").glob("[0-9]*"):
        with suppress(OSError):
            for entry in (process / "fd").iterdir():
                with suppress(OSError):
                    holder = wanted.pop(os.readlink(entry), None)  # noqa: PTH115  no path
                    if holder is not None:
                        program = (process / "comm").read_text().strip()
                        yield holder._replace(pid=int(process.name), program=program)
    yield from wanted.values()


def _try(ip: str, number: int) -> int:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((ip, number))
    except OSError as exc:
        return exc.errno or errno.EIO
    return 0


def _port(port: Port) -> Finding:
    place = f"{port.ip} port {port.number}"
    if port.ours:
        return ok(f"{place} is read by the collector")
    if port.holders:
        programs = ", ".join(dict.fromkeys(map(str, port.holders)))
        return fail(
            f"{place} is taken by {programs}", "stop that program, or choose another port in EF_FLOW_SERVER_UDP_PORT"
        )
    why: dict[int, Callable[[], Finding]] = {
        0: lambda: ok(f"{place} is free"),
        errno.EADDRINUSE: lambda: fail(
            f"{place} is taken by another program", f"`ss -ulnp sport = :{port.number}` names it, as root"
        ),
        errno.EACCES: lambda: fail(
            f"{place} may not be bound by this user", "choose a port above 1023 in EF_FLOW_SERVER_UDP_PORT"
        ),
        errno.EADDRNOTAVAIL: lambda: fail(
            f"this machine has no address {port.ip}", "correct EF_FLOW_SERVER_UDP_IP, or use 0.0.0.0 or ::"
        ),
    }
    unknown = f"{place} cannot be bound: {os.strerror(port.bound)}"
    return why.get(port.bound, lambda: fail(unknown, "correct EF_FLOW_SERVER_UDP_IP and _PORT"))()


CHECKS = (Check("UDP port", "who is bound to it; a bind for a moment where nobody is", _port),)
