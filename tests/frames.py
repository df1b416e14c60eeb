"""Packets, frames and capture files for tests, built with dpkt, which the collector does not use for them."""

from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import dpkt

from flowcoll.decode.capture import Payload


def udp(source: str, destination: str, source_port: int, destination_port: int, octets: bytes) -> bytes:
    """An IP packet with a UDP segment, with right lengths and checksums."""
    segment = dpkt.udp.UDP(sport=source_port, dport=destination_port, data=octets)
    segment.ulen = len(segment)
    return ip(source, destination, dpkt.ip.IP_PROTO_UDP, segment)


def ip(source: str, destination: str, protocol: int, segment: dpkt.Packet | bytes) -> bytes:
    """An IPv4 or IPv6 packet, as its addresses demand."""
    src, dst = ip_address(source), ip_address(destination)
    if src.version == 6:
        packet = dpkt.ip6.IP6(src=src.packed, dst=dst.packed, nxt=protocol, hlim=64, plen=len(segment), data=segment)
        packet.extension_hdrs = {}
    else:
        packet = dpkt.ip.IP(src=src.packed, dst=dst.packed, p=protocol, ttl=64, id=0, data=segment)
        packet.len = len(packet)
    return bytes(packet)


def ethernet(packet: bytes) -> bytes:
    """An Ethernet frame round an IP packet."""
    return b"\2" * 6 + b"\4" * 6 + ethertype(packet) + packet


def ethertype(packet: bytes) -> bytes:
    """The ethertype of an IP packet."""
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


def frame(payload: Payload) -> bytes:
    """The frame that brings a payload to the collector."""
    here = "127.0.0.1" if ip_address(payload.source).version == 4 else "::1"
    return ethernet(udp(payload.source, here, payload.source_port, payload.destination_port, payload.octets))


def write_pcap(path: Path, frames: Iterable[tuple[float, bytes]], *, link: int = 1, nano: bool = False) -> Path:
    """A pcap file of frames with their times."""
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file, linktype=link, nano=nano)
        for time, octets in frames:
            writer.writepkt(octets, time)
    return path
