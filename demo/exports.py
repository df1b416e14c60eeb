"""The recorded exports of the demo, and how they are sent again: each from the address of its exporter, over loopback."""

import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from flowcoll.decode.capture import Payload, payloads
from flowcoll.errors import SetupError

ROOT = Path(__file__).parent.parent
_RECORDED = ROOT / "demo" / "captures"
_ROUTERS = ROOT / "tests" / "golden"

EXPORTS = {
    _RECORDED / "office-softflowd-v5.pcap": "office, softflowd",
    _RECORDED / "branch-softflowd-v9.pcap": "branch, softflowd",
    _RECORDED / "data-centre-softflowd-ipfix.pcap": "data centre, softflowd",
    _RECORDED / "guests-pmacct-ipfix.pcap": "guests, pmacct",
    _RECORDED / "storage-pmacct-sflow.pcap": "storage, pmacct",
    _RECORDED / "printer-syslog.pcap": "printer, syslog",
    _ROUTERS / "unknown-v5" / "datagrams.pcap": "router, unnamed",
    _ROUTERS / "unknown-v5-broken" / "datagrams.pcap": "router, broken",
    _ROUTERS / "cisco-1941" / "datagrams.pcap": "Cisco 1941",
    _ROUTERS / "cisco-asr9k-template-260" / "datagrams.pcap": "Cisco ASR 9000",
    _ROUTERS / "cisco-nbar-flowset-262" / "datagrams.pcap": "Cisco, NBAR",
    _ROUTERS / "fortigate-application-id" / "datagrams.pcap": "Fortinet FortiGate",
    _ROUTERS / "paloalto-zero-filled" / "datagrams.pcap": "Palo Alto firewall",
    _ROUTERS / "openbsd-pflow" / "datagrams.pcap": "OpenBSD pflow",
    _ROUTERS / "viptela-vpn-id" / "datagrams.pcap": "Viptela SD-WAN",
    _ROUTERS / "cisco-mpls-ipv6" / "datagrams.pcap": "Cisco, MPLS, IPv6",
    _ROUTERS / "unknown-sflow-mixed-samples" / "datagrams.pcap": "switch, unnamed",
    _ROUTERS / "unknown-sflow-no-packet" / "datagrams.pcap": "switch, no headers",
}
"""Captures, and what sent the datagrams in them; SOURCES.md beside each tells more."""

_INTERVAL_S = 0.006  # slow enough for the smallest receive buffer, and for eyes


def recorded() -> dict[str, Sequence[Payload]]:
    """Name of each exporter -> its datagrams, in their order."""
    return {name: list(payloads(capture)) for capture, name in EXPORTS.items()}


def send(exports: dict[str, Sequence[Payload]], port: int) -> Iterator[None]:
    """Send all datagrams to a port of 127.0.0.1, those of all exporters mixed; a step for each one sent."""
    sockets: dict[tuple[str, int], socket.socket] = {}
    mixed = [
        ((place + 0.5) / len(datagrams), name, datagram)
        for name, datagrams in exports.items()
        for place, datagram in enumerate(datagrams)
    ]
    try:
        for _, _, datagram in sorted(mixed):
            exporter = datagram.source, datagram.source_port
            if exporter not in sockets:
                sockets[exporter] = _bound(datagram.source)
            sockets[exporter].sendto(datagram.octets, ("127.0.0.1", port))
            yield
            time.sleep(_INTERVAL_S)
    finally:
        for sock in sockets.values():
            sock.close()


def _bound(address: str) -> socket.socket:
    """A socket that sends from an address; each has a port of its own."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((address, 0))
    except OSError as exc:
        sock.close()
        raise SetupError(
            f"cannot send from {address} ({exc.strerror}); the demo needs Linux, where all of 127.0.0.0/8 is local"
        ) from exc
    return sock
