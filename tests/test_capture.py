import gzip
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.decode.capture import Payload, payloads
from flowcoll.decode.udp import Reassembly
from flowcoll.errors import ConfigError
from frames import ethernet, ethertype, frame, udp, write_pcap

SENT = [
    Payload(1_700_000_000.25, "192.0.2.1", 50000, 2055, b"\0\5" + b"a" * 70),
    Payload(1_700_000_001.5, "2001:db8::7", 50001, 9995, b"\0\x0a" + b"b" * 300),
    Payload(1_700_000_002.0, "192.0.2.2", 50002, 6343, b""),
]


def read(path: Path, ports: set[int] | None = None) -> tuple[list[Payload], list[str]]:
    warnings: list[str] = []
    return list(payloads(path, ports, warnings.append)), warnings


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


def packet(number: int, ticks: int, octets: bytes, order: str = "<") -> bytes:
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(octets), len(octets))
    return block(6, head + octets, order)


def test_pcap_and_pcapng(tmp_path: Path) -> None:
    """What was written into a capture comes out of it: time, addresses, ports and octets, in this order."""
    micro = write_pcap(tmp_path / "micro.pcap", [(sent.time, frame(sent)) for sent in SENT])
    assert read(micro) == (SENT, [])
    nano = write_pcap(tmp_path / "nano.pcap", [(sent.time, frame(sent)) for sent in SENT], nano=True)
    assert read(nano) == (SENT, [])
    blocks = section() + interface(1) + b"".join(packet(0, int(sent.time * 1e6), frame(sent)) for sent in SENT)
    (tmp_path / "next.pcapng").write_bytes(blocks)
    assert read(tmp_path / "next.pcapng") == (SENT, [])


def test_byte_order(tmp_path: Path) -> None:
    """A capture written on a machine of the other byte order, or by an old patched tcpdump, reads the same."""
    for order, magic, tail in ((">", 0xA1B2C3D4, b""), (">", 0xA1B2CD34, b"\0" * 8), ("<", 0xA1B2CD34, b"\0" * 8)):
        octets = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 1)
        for sent in SENT:
            body = frame(sent)
            times = int(sent.time), int(sent.time % 1 * 1e6)
            octets += struct.pack(order + "IIII", *times, len(body), len(body)) + tail + body
        (tmp_path / "other.pcap").write_bytes(octets)
        assert read(tmp_path / "other.pcap") == (SENT, [])


LINKS = {
    "ethernet": (1, ethernet),
    "vlan": (1, lambda ip: b"\2" * 12 + b"\x81\x00\x00\x07" + ethertype(ip) + ip),
    "two tags": (1, lambda ip: b"\2" * 12 + b"\x88\xa8\x00\x07\x81\x00\x00\x08" + ethertype(ip) + ip),
    "cooked": (113, lambda ip: bytes(14) + ethertype(ip) + ip),
    "cooked, vlan": (113, lambda ip: bytes(14) + b"\x81\x00\x00\x07" + ethertype(ip) + ip),
    "cooked 2": (276, lambda ip: ethertype(ip) + bytes(18) + ip),
    "cooked 2, vlan": (276, lambda ip: b"\x81\x00" + bytes(18) + b"\x00\x07" + ethertype(ip) + ip),
    "null": (0, lambda ip: b"\2\0\0\0" + ip),
    "loop": (108, lambda ip: b"\0\0\0\2" + ip),
    "raw": (101, lambda ip: ip),
    "raw of BSD": (12, lambda ip: ip),
    "padded": (1, lambda ip: ethernet(ip) + b"\x99" * 9),
}


@pytest.mark.parametrize("name", LINKS)
def test_link_types(name: str, tmp_path: Path) -> None:
    """A payload is found behind every link layer that is read, over IPv4 and IPv6, and without the frame's padding."""
    link, wrap = LINKS[name]
    frames = [(sent.time, wrap(frame(sent)[14:])) for sent in SENT]
    assert read(write_pcap(tmp_path / "linked.pcap", frames, link=link)) == (SENT, [])


def test_pcapng_interfaces(tmp_path: Path) -> None:
    """Each section of a pcapng file has its own byte order and interfaces, each with link type, resolution and offset."""
    nanoseconds = struct.pack("<HHB3x", 9, 1, 9)
    binary = struct.pack(">HHB3x", 9, 1, 0x80 | 10) + struct.pack(">HHq", 14, 8, 1_000_000_000) + bytes(4)
    first = section() + interface(101, nanoseconds) + interface(1)
    first += packet(0, int(SENT[0].time * 4) * 250_000_000, frame(SENT[0])[14:])
    first += block(0x0BAD, b"whatever else a tool notes")
    second = section(">") + interface(1, binary, ">")
    second += packet(0, int((SENT[1].time - 1e9) * 1024), frame(SENT[1]), ">")
    (tmp_path / "sections.pcapng").write_bytes(first + packet(1, int(SENT[2].time * 1e6), frame(SENT[2])) + second)
    assert read(tmp_path / "sections.pcapng") == ([SENT[0], SENT[2], SENT[1]], [])


def test_simple_packet_block(tmp_path: Path) -> None:
    """A block without a time of its own takes the time of the packet before it."""
    octets = frame(SENT[0])
    blocks = section() + interface(1) + packet(0, int(SENT[0].time * 1e6), octets)
    (tmp_path / "simple.pcapng").write_bytes(blocks + block(3, struct.pack("<I", len(octets)) + octets))
    assert read(tmp_path / "simple.pcapng") == ([SENT[0]] * 2, [])


def fragments4(whole: bytes, size: int) -> list[bytes]:
    parts = []
    for at in range(20, len(whole), size):
        more = at + size < len(whole)
        body = whole[at : at + size]
        head = struct.pack(">HHH", 20 + len(body), 77, ((at - 20) // 8) | (0x2000 if more else 0))
        parts.append(whole[:2] + head + whole[8:20] + body)
    return parts


def fragments6(whole: bytes, size: int) -> list[bytes]:
    parts = []
    for at in range(40, len(whole), size):
        more = at + size < len(whole)
        body = struct.pack(">BBHI", 17, 0, (at - 40) | more, 77) + whole[at : at + size]
        options = struct.pack(">BB6x", 44, 0)  # a hop-by-hop header before the fragment header
        parts.append(whole[:4] + struct.pack(">HBB", len(options + body), 0, 64) + whole[8:40] + options + body)
    return parts


@given(st.randoms(use_true_random=False), st.sampled_from([8, 64, 1480]), st.integers(0, 5000))
def test_reassembly(tmp_path_factory: pytest.TempPathFactory, shuffle: random.Random, size: int, length: int) -> None:
    """Fragments give the whole datagram in whatever order and however often they came, over IPv4 and IPv6."""
    octets = shuffle.randbytes(length)
    whole4 = udp("192.0.2.1", "192.0.2.9", 50000, 2055, octets)
    whole6 = udp("2001:db8::1", "2001:db8::9", 50000, 2055, octets)
    parts = [*fragments4(whole4, size), *fragments6(whole6, size)]
    shuffle.shuffle(parts)
    path = tmp_path_factory.getbasetemp() / "fragments.pcap"
    write_pcap(path, [(0.0, part) for part in parts], link=101)
    found, warnings = read(path)
    assert {(one.source, one.octets) for one in found} == {("192.0.2.1", octets), ("2001:db8::1", octets)}
    assert (len(found), warnings) == (2, [])


def test_missing_fragments(tmp_path: Path) -> None:
    """Datagrams with missing fragments are said, and the room for them is bounded."""
    whole = udp("192.0.2.1", "192.0.2.9", 50000, 2055, bytes(4000))
    parts = fragments4(whole, 1480)
    path = write_pcap(tmp_path / "fragments.pcap", [(0.0, part) for part in parts[1:]], link=101)
    assert read(path) == ([], [f"{path}: 1 payloads are lost because fragments are missing"])
    reassembly = Reassembly()
    for identification in range(5000):
        assert reassembly.add((b"", identification), 0, bytes(1480), more=True) is None
    for at in range(0, 60000, 8):
        assert reassembly.add((b"overlaps", 0), at, bytes(1480), more=True) is None
    assert len(reassembly._waiting) <= 257
    assert sum(len(part) for parts in reassembly._waiting.values() for part in parts.values()) < 1_000_000
    assert reassembly.lost >= 5000


def test_ports(tmp_path: Path) -> None:
    """With ports given, only what was sent to them is handed out."""
    path = write_pcap(tmp_path / "ports.pcap", [(sent.time, frame(sent)) for sent in SENT])
    assert read(path, {9995, 6343}) == (SENT[1:], [])


def test_other_traffic(tmp_path: Path) -> None:
    """What is not UDP over IP is passed over without a word; a link type that is not read is said once."""
    tcp = bytes([0x45, 0, 0, 40]) + bytes(5) + b"\6" + bytes(30)
    strange = [ethernet(tcp), b"\2" * 12 + b"\x08\x06" + bytes(28), b"short", b"", ethernet(b"\x45"), ethernet(b"\x60")]
    path = write_pcap(tmp_path / "other.pcap", [(0.0, one) for one in strange] + [(SENT[0].time, frame(SENT[0]))])
    assert read(path) == (SENT[:1], [])
    path = write_pcap(tmp_path / "radio.pcap", [(0.0, b"a"), (0.0, b"b")], link=105)
    found, warnings = read(path)
    assert found == []
    assert len(warnings) == 1
    assert "link type 105" in warnings[0]


def test_snap_length(tmp_path: Path) -> None:
    """A payload cut by the snap length is handed out as far as it was captured, and said."""
    path = write_pcap(tmp_path / "snap.pcap", [(sent.time, frame(sent)[:100]) for sent in SENT])
    found, warnings = read(path)
    assert [one.octets for one in found] == [SENT[0].octets[:58], SENT[1].octets[:38], b""]
    assert warnings == [f"{path}: 2 payloads are cut by the snap length of the capture"]


def test_gzip(tmp_path: Path) -> None:
    """A compressed capture reads like the plain one; cut, it gives what is there and says so."""
    plain = write_pcap(tmp_path / "plain.pcap", [(sent.time, frame(sent)) for sent in SENT]).read_bytes()
    path = tmp_path / "packed.pcap.gz"
    path.write_bytes(gzip.compress(plain))
    assert read(path) == (SENT, [])
    path.write_bytes(gzip.compress(plain)[:-9])
    found, warnings = read(path)
    assert found == SENT[: len(found)]
    assert len(warnings) == 1


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_truncation(kind: str, tmp_path: Path) -> None:
    """Cut anywhere, a capture gives the payloads before the cut, and says that it is cut unless it ends with a packet."""
    if kind == "pcap":
        pieces = [write_pcap(tmp_path / "all", []).read_bytes()]
        pieces += [write_pcap(tmp_path / "all", [(sent.time, frame(sent))]).read_bytes()[24:] for sent in SENT]
    else:
        pieces = [section() + interface(1)]
        pieces += [packet(0, int(sent.time * 1e6), frame(sent)) for sent in SENT]
    whole = b"".join(pieces)
    ends = [sum(map(len, pieces[: number + 1])) for number in range(len(pieces))]
    ends_within = {len(section())} if kind == "pcapng" else set()
    path = tmp_path / "cut"
    for cut in range(5, len(whole) + 1):
        path.write_bytes(whole[:cut])
        found, warnings = read(path)
        assert found == SENT[: sum(end <= cut for end in ends[1:])]
        clean = cut in ends or cut in ends_within
        assert warnings == (
            [] if clean else [f"{path}: the file is cut or damaged at its end; what stands before was read"]
        )


@pytest.mark.parametrize(
    "octets", [b"", b"\xd4", b"\xd4\xc3\xb2\xa1", b"#!/bin/sh\n", b"PK\3\4" + bytes(99), b"\x1f\x8bno"]
)
def test_foreign_file(octets: bytes, tmp_path: Path) -> None:
    """A file that is no capture is refused in one line that names it and what is expected."""
    path = tmp_path / "strange"
    path.write_bytes(octets)
    with pytest.raises(ConfigError) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path} is not a capture: expected a pcap or pcapng file")
    assert "\n" not in str(refused.value)


def test_unreadable_file(tmp_path: Path) -> None:
    """A file that cannot be opened is refused in one line with the system's reason."""
    with pytest.raises(ConfigError, match="missing cannot be read: No such file or directory"):
        read(tmp_path / "missing")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read(tmp_path)


def test_damage(tmp_path: Path) -> None:
    """However a capture is damaged, reading it ends with payloads, warnings or a ConfigError, never otherwise."""
    source = random.Random(20)
    blocks = section() + interface(1) + b"".join(packet(0, int(sent.time * 1e6), frame(sent)) for sent in SENT)
    plain = write_pcap(tmp_path / "plain.pcap", [(sent.time, frame(sent)) for sent in SENT]).read_bytes()
    path = tmp_path / "damaged"
    refused = 0
    for _ in range(1500):
        damaged = bytearray(source.choice([blocks, plain]))
        for _ in range(source.randint(1, 8)):
            damaged[source.randrange(len(damaged))] = source.choice([0, 1, 255, source.randrange(256)])
        path.write_bytes(damaged)
        try:
            read(path)
        except ConfigError:
            refused += 1
    assert 0 < refused < 1500
