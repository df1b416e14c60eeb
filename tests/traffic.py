"""A small network's traffic for real exporters to watch, and the truth about it: octets and packets of every flow."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any, NamedTuple

import dpkt

from frames import ethernet, ip, udp, write_pcap

START = 1_750_000_000.0
_ICMP = (1, 58)
_SYN, _ACK, _PUSH_ACK, _FIN_ACK = 0x02, 0x10, 0x18, 0x11


class Flow(NamedTuple):
    """One direction of a conversation; for ICMP the destination port is type * 256 + code, as exporters write it."""

    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int

    def ends(self) -> frozenset[tuple[str, int]]:
        """Both ends with their ports: equal for the two directions of a conversation."""
        return frozenset({(self.source, self.source_port), (self.destination, self.destination_port)})


class Volume(NamedTuple):
    """IP octets and packets."""

    octets: int
    packets: int


class _Session(NamedTuple):
    """A TCP session: who asks whom, and how many octets go each way."""

    client: str
    server: str
    client_port: int
    server_port: int
    asked: int
    answered: int


def capture(path: Path) -> Path:
    """Write the traffic: web, mail, name service, ping, neighbour discovery, a router's hellos; always the same octets."""
    packets: list[tuple[float, bytes]] = []
    for number in range(20):
        client, client6, start = f"10.1.0.{number + 1}", f"2001:db8:1::{number + 1:x}", START + number * 0.37
        web = _Session(
            client, f"198.51.100.{number % 7 + 1}", 40_000 + number, 443, 500 + number * 97, 700 * (number + 1)
        )
        packets += _tcp(start, web)
        packets += _tcp(start + 0.1, _Session(client6, "2001:db8:2::25", 50_000 + number, 25, 9_000, 300))
        query = bytes(20 + number)
        for at, resolver in ((start, "192.0.2.53"), (start + 0.05, "192.0.2.54")):
            packets.append((at, udp(client, resolver, 30_000 + number, 53, query)))
            packets.append((at + 0.01, udp(resolver, client, 53, 30_000 + number, query * 5)))
        packets.append((start, udp(client6, "2001:db8:2::53", 30_000 + number, 53, query)))
    for sequence in range(5):
        at = START + sequence
        packets.append((at, ip("10.1.0.1", "192.0.2.1", 1, _echo(dpkt.icmp.ICMP_ECHO, sequence))))
        packets.append((at + 0.02, ip("192.0.2.1", "10.1.0.1", 1, _echo(dpkt.icmp.ICMP_ECHOREPLY, sequence))))
        packets.append((at, ip("fe80::1", "ff02::1", 58, bytes([135, 0]) + bytes(22))))
        packets.append((at, ip("10.1.0.254", "224.0.0.5", 89, bytes(44))))
    arp = b"\xff" * 6 + b"\2" * 6 + b"\x08\x06" + bytes(28)
    frames = [(at, ethernet(packet)) for at, packet in packets] + [(START + number, arp) for number in range(3)]
    return write_pcap(path, sorted(frames))


def _tcp(at: float, session: _Session) -> Iterator[tuple[float, bytes]]:
    """The packets of a session: opened, asked, answered in segments that are acknowledged, closed."""
    steps = [(True, _SYN, 0), (False, _SYN | _ACK, 0), (True, _ACK, 0)]
    steps += [(True, _PUSH_ACK, size) for size in _segments(session.asked)]
    for size in _segments(session.answered):
        steps += [(False, _PUSH_ACK, size), (True, _ACK, 0)]
    steps += [(True, _FIN_ACK, 0), (False, _FIN_ACK, 0), (True, _ACK, 0)]
    client, server, client_port, server_port, *_ = session
    for number, (away, flags, size) in enumerate(steps):
        source, destination = (client, server) if away else (server, client)
        ports = (client_port, server_port) if away else (server_port, client_port)
        segment = dpkt.tcp.TCP(sport=ports[0], dport=ports[1], flags=flags, seq=1, ack=1, data=bytes(size))
        yield at + number * 0.003, ip(source, destination, 6, segment)


def _segments(octets: int) -> list[int]:
    return [1448] * (octets // 1448) + [octets % 1448]


def _echo(kind: int, sequence: int) -> dpkt.icmp.ICMP:
    return dpkt.icmp.ICMP(type=kind, data=dpkt.icmp.ICMP.Echo(id=7, seq=sequence, data=bytes(56)))


def truth(path: Path) -> dict[Flow, Volume]:
    """What the IP packets of a capture add up to."""
    sizes: defaultdict[Flow, list[int]] = defaultdict(list)
    for _, _, packet, flow in _packets(path):
        sizes[flow].append(len(packet))
    return {flow: Volume(sum(parts), len(parts)) for flow, parts in sizes.items()}


def frames(path: Path) -> list[tuple[Flow, int]]:
    """Flow and octets of each frame that carries IP, in order."""
    return [(flow, len(frame)) for _, frame, _, flow in _packets(path)]


def conversations(path: Path) -> dict[frozenset[tuple[str, int]], list[float]]:
    """Times of the first and of the last packet between two ends."""
    times: defaultdict[frozenset[tuple[str, int]], list[float]] = defaultdict(list)
    for at, _, _, flow in _packets(path):
        times[flow.ends()].append(at)
    return {ends: [min(seen), max(seen)] for ends, seen in times.items()}


def _packets(path: Path) -> Iterator[tuple[float, bytes, dpkt.Packet, Flow]]:
    """Time, frame, packet and flow of everything in a capture that is IP, read with dpkt."""
    with path.open("rb") as file:
        for at, octets in dpkt.pcap.Reader(file):
            packet = dpkt.ethernet.Ethernet(octets).data
            if isinstance(packet, dpkt.ip.IP):
                yield at, octets, packet, _flow(packet, packet.p, AF_INET)
            elif isinstance(packet, dpkt.ip6.IP6):
                yield at, octets, packet, _flow(packet, packet.nxt, AF_INET6)


def _flow(packet: dpkt.Packet, protocol: int, family: int) -> Flow:
    source, destination = inet_ntop(family, packet.src), inet_ntop(family, packet.dst)
    body = packet.data
    if protocol in (6, 17):
        return Flow(source, destination, protocol, body.sport, body.dport)
    if protocol in _ICMP:
        return Flow(source, destination, protocol, 0, body.type * 256 + body.code)
    return Flow(source, destination, protocol, 0, 0)


def flow_of(document: dict[str, Any]) -> Flow:
    """The flow a document tells of, in the direction of its source."""
    source, destination = document["source"], document["destination"]
    protocol = int(document["network"]["iana_number"])
    ports = source.get("port", 0), destination.get("port", 0)
    if protocol in _ICMP:
        ports = 0, document["icmp"]["type"]["id"] * 256 + document["icmp"]["code"]["id"]
    return Flow(source["ip"], destination["ip"], protocol, *ports)


def volumes(documents: Sequence[dict[str, Any]]) -> dict[Flow, Volume]:
    """What documents add up to for each flow."""
    sums: defaultdict[Flow, list[tuple[int, int]]] = defaultdict(list)
    for document in documents:
        sums[flow_of(document)].append((document["network"]["bytes"], document["network"]["packets"]))
    return {flow: Volume(*map(sum, zip(*parts, strict=True))) for flow, parts in sums.items()}
