"""The traffic of a small company with an office, a branch, a guest network and a data centre, for real exporters to watch.

Inside there are private addresses, outside addresses that the MaxMind test databases know. Packets are written without
their payload, as a capture with a short snap length holds them; the lengths in their headers and of the capture are those
of the whole packet.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

START = 1_750_064_400.0  # 2025-06-16 09:00 UTC
BOTNET_CONTROLLER = "67.43.156.20"
SCANNER = "2.125.160.219"
PHISHING_SITE = "2a02:d280:0:10::25"

_CDN = ("23.32.14.7", "23.32.14.9", "23.193.2.40")
_SHOPS = ("89.160.20.113", "81.2.69.144", "81.2.69.160", "12.81.92.30", "216.160.83.57", "175.16.199.20")
_SHOPS6 = ("2001:218:0:1::80", "2a02:d1c0::80", "2a02:dd80::443", "2001:1c00:10::80", "2600:1400:4::80")
_VIDEO, _UPDATES, _MAIL, _OFF_SITE = "89.160.20.115", "216.160.83.61", "81.2.69.192", "89.160.20.130"
_NAME_SERVERS = ("81.2.69.142", "216.160.83.58")
_TIME_SERVER = "202.196.224.5"
_VISITORS = (
    "175.16.199.41",
    "216.160.83.60",
    "81.2.69.171",
    "1.128.7.9",
    "12.81.92.77",
    "202.196.230.3",
    "89.160.20.200",
)

_FIN, _SYN, _RST, _PUSH, _ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_SEGMENT = 1448


class Packet(NamedTuple):
    """When a packet passed, its headers, and how long it was as a frame."""

    time: float
    headers: bytes
    length: int


Packets = Iterable[Packet]


class Ends(NamedTuple):
    """Client and server of a conversation, and their ports."""

    client: str
    server: str
    client_port: int
    server_port: int

    def turned(self) -> "Ends":
        """The same, seen from the server."""
        return Ends(self.server, self.client, self.server_port, self.client_port)


def sites() -> Mapping[str, Callable[[], Packets]]:
    """The places where an exporter watches."""
    return {
        "office": _office,
        "branch-before": _branch_before,
        "branch": _branch,
        "guests": _guests,
        "data-centre": _data_centre,
        "storage": _storage,
    }


def write(path: Path, packets: Packets) -> Path:
    """Write a pcap file in the order of time; each packet keeps its whole length."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        for packet in sorted(packets):
            seconds, micros = divmod(round(packet.time * 1_000_000), 1_000_000)
            file.write(struct.pack("<IIII", seconds, micros, len(packet.headers), packet.length) + packet.headers)
    return path


def _office() -> Iterator[Packet]:
    """Ten minutes of eight desks: name service, web, mail, time, a long video, updates; and somebody outside tries the door."""
    for desk in range(8):
        client = f"10.20.1.{desk + 11}"
        for visit in range(4):
            at, number = START + 61 * desk + 17 * visit, desk * 4 + visit
            yield from _udp(at, Ends(client, "10.20.0.53", 50_000 + number, 53), 62, 130 + number)
            if visit < 2:
                yield from _udp(
                    at + 0.01, Ends("10.20.0.53", _NAME_SERVERS[visit], 20_000 + number, 53), 73, 150 + number
                )
            sites = _CDN if visit % 2 else _SHOPS
            web = Ends(client, sites[number % len(sites)], 40_000 + number, 443)
            yield from _tcp(at + 0.05, web, 1_800 + 211 * number, 64_000 + 41_000 * (number % 9))
        yield from _udp(START + 300 + desk, Ends(client, _TIME_SERVER, 123, 123), 48, 48)
        if desk % 3 == 0:
            yield from _tcp(START + 200 + desk, Ends(client, _MAIL, 45_000 + desk, 993), 5_200, 180_000 + 7_000 * desk)
    yield from _tcp(START + 30, Ends("10.20.1.14", _VIDEO, 47_777, 443), 21_000, 38_000_000, every=0.01)
    yield from _tcp(START + 50, Ends("10.20.1.17", _UPDATES, 47_778, 443), 9_000, 17_000_000)
    for port in (22, 23, 3389):
        yield from _knock(START + 400 + port / 1000, Ends(SCANNER, "10.20.1.14", 60_000 + port, port))


def _branch_before() -> Iterator[Packet]:
    """The minute before the recording of the branch begins."""
    for number in range(14):
        shop = Ends(f"10.30.1.{number % 5 + 21}", _SHOPS[number % 6], 39_000 + number, 443)
        yield from _tcp(START - 60 + number, shop, 900, 20_000 + 700 * number)


def _branch() -> Iterator[Packet]:
    """Half an hour of a branch with IPv6: web, ssh, ping; one host calls the same address every minute."""
    for desk in range(5):
        client, client6 = f"10.30.1.{desk + 21}", f"2001:db8:30:1::{desk + 21}"
        for visit in range(3):
            at, number = START + 97 * desk + 31 * visit, desk * 3 + visit
            web6 = Ends(client6, _SHOPS6[number % len(_SHOPS6)], 41_000 + number, 443)
            yield from _tcp(at, web6, 1_500 + 90 * number, 90_000 + 60_000 * number)
            yield from _udp(at - 0.03, Ends(client6, "2001:240::53", 51_000 + number, 53), 80, 190)
            yield from _tcp(
                at + 2, Ends(client, _SHOPS[number % 6], 42_000 + number, 443), 1_200, 30_000 + 5_000 * number
            )
    yield from _tcp(START + 44, Ends("10.30.1.22", "10.40.0.22", 43_022, 22), 48_000, 310_000, every=0.5)
    yield from _tcp(START + 700, Ends("2001:db8:30:1::24", PHISHING_SITE, 43_500, 443), 3_400, 88_000)
    yield from _ping(START + 5, "10.30.1.21", "81.2.69.142", 20)
    yield from _ping(START + 8, "2001:db8:30:1::21", "2001:240::53", 10)
    for minute in range(30):
        beacon = Ends("10.30.1.66", BOTNET_CONTROLLER, 44_000 + minute, 443)
        yield from _tcp(START + 60 * minute + 7, beacon, 412, 96)


def _guests() -> Iterator[Packet]:
    """Guests on the wireless network, and one of them shares a file."""
    for guest in range(9):
        client = f"10.50.3.{guest + 101}"
        for visit in range(2):
            at, number = START + 23 * guest + 9 * visit, guest * 2 + visit
            yield from _udp(at, Ends(client, "10.50.0.1", 52_000 + number, 53), 66, 120)
            sites = (*_CDN, *_SHOPS)
            yield from _quic(
                at + 0.1, Ends(client, sites[number % 9], 53_000 + number, 443), 20 + number, 160 + 31 * number
            )
    yield from _tcp(START + 90, Ends("10.50.3.104", "1.128.7.200", 54_000, 443), 6_400_000, 12_000)


def _data_centre() -> Iterator[Packet]:
    """A published web server and its visitors, mail, a backup within; a scan of forty addresses from outside."""
    for number in range(35):
        visitor = Ends(_VISITORS[number % 7], "10.40.0.80", 30_000 + 17 * number, 443)
        yield from _tcp(START + 16 * number, visitor, 700 + 60 * number, 22_000 + 19_000 * (number % 11))
    for number in range(6):
        yield from _tcp(START + 80 * number, Ends(_MAIL, "10.40.0.25", 35_000 + number, 25), 64_000 * (number + 1), 900)
    yield from _tcp(START + 3, Ends("10.40.0.80", "10.40.0.54", 36_000, 5432), 310_000, 4_400_000)
    yield from _tcp(START + 60, Ends("10.40.0.5", "10.40.0.6", 37_000, 873), 8_000_000, 40_000)
    for host in range(40):
        yield from _knock(
            START + 120 + host / 8, Ends(SCANNER, f"10.40.0.{host + 1}", 61_000 + host, 22), answers=host == 21
        )


def _storage() -> Iterator[Packet]:
    """A nightly copy to another site and what the storage hosts tell each other, seen by a switch."""
    yield from _tcp(START, Ends("10.60.0.5", _OFF_SITE, 38_000, 22), 30_000_000, 60_000)
    yield from _tcp(START + 1, Ends("10.60.0.7", "10.60.0.5", 38_001, 2049), 1_000_000, 9_000_000)
    yield from _tcp(START + 2, Ends("2001:db8:60::7", "2001:218:0:1::80", 38_002, 443), 3_000_000, 900_000)


def _tcp(at: float, ends: Ends, asked: int, answered: int, *, every: float = 0.002) -> Iterator[Packet]:
    """A session: opened, asked, answered, closed; every second segment is acknowledged."""
    steps = [(True, _SYN, 0), (False, _SYN | _ACK, 0), (True, _ACK, 0)]
    for away, octets in ((True, asked), (False, answered)):
        for number, size in enumerate(_segments(octets)):
            steps.append((away, _PUSH | _ACK, size))
            if number % 2:
                steps.append((not away, _ACK, 0))
    steps += [(True, _FIN | _ACK, 0), (False, _FIN | _ACK, 0), (True, _ACK, 0)]
    for number, (away, flags, size) in enumerate(steps):
        yield _segment(at + number * every, ends if away else ends.turned(), flags, size)


def _knock(at: float, ends: Ends, *, answers: bool = False) -> Iterator[Packet]:
    """A single try to open a session; where somebody answers it is given up, elsewhere it is refused."""
    yield _segment(at, ends, _SYN, 0)
    yield _segment(at + 0.001, ends.turned(), _SYN | _ACK if answers else _RST | _ACK, 0)
    if answers:
        yield _segment(at + 0.03, ends, _RST, 0)


def _udp(at: float, ends: Ends, asked: int, answered: int) -> Iterator[Packet]:
    """A question and its answer."""
    yield _datagram(at, ends, asked)
    yield _datagram(at + 0.02, ends.turned(), answered)


def _quic(at: float, ends: Ends, asked: int, answered: int) -> Iterator[Packet]:
    """A conversation of so many packets each way."""
    for number in range(asked):
        yield _datagram(at + number * 0.05, ends, 90 if number else 1200)
    for number in range(answered):
        yield _datagram(at + 0.02 + number * 0.004, ends.turned(), 1252)


def _ping(at: float, client: str, server: str, times: int) -> Iterator[Packet]:
    """So many requests and replies, one a second."""
    ask, answer, protocol = (8, 0, 1) if "." in client else (128, 129, 58)
    for number in range(times):
        for later, source, destination, kind in ((0.0, client, server, ask), (0.02, server, client, answer)):
            header = struct.pack(">BBHHH", kind, 0, 0, 7, number)
            yield _packet(at + number + later, (source, destination), protocol, header, 56)


def _segments(octets: int) -> Iterable[int]:
    return chain(repeat(_SEGMENT, octets // _SEGMENT), [octets % _SEGMENT])


def _segment(at: float, ends: Ends, flags: int, size: int) -> Packet:
    header = struct.pack(">HHIIBBHHH", ends.client_port, ends.server_port, 1, 1, 5 << 4, flags, 0xFFFF, 0, 0)
    return _packet(at, ends[:2], 6, header, size)


def _datagram(at: float, ends: Ends, size: int) -> Packet:
    header = struct.pack(">HHHH", ends.client_port, ends.server_port, 8 + size, 0)
    return _packet(at, ends[:2], 17, header, size)


def _packet(at: float, addresses: tuple[str, str], protocol: int, header: bytes, payload: int) -> Packet:
    """A frame with `payload` octets that are left out of it."""
    source, destination = map(ip_address, addresses)
    size = len(header) + payload
    if source.version == 4:
        ends = source.packed + destination.packed
        head = b"\x08\x00" + struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, 1, 0, 64, protocol, 0) + ends
    else:
        head = b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, size, protocol, 64) + source.packed + destination.packed
    frame = b"\2" * 6 + b"\4" * 6 + head + header
    return Packet(at, frame, len(frame) + payload)
