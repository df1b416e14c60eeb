"""Records what real exporters send when they watch the traffic of office.py: `.venv/bin/python demo/record.py`.

Needs Debian's packages softflowd and pmacct, and logger. Each recording becomes captures/NAME.pcap: the datagrams are the
exporters' own, the frames round them, their addresses and times are written here.
"""

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

import dpkt
import office

CAPTURES = Path(__file__).parent / "captures"
_COLLECTOR = "127.0.0.1"
_PORT = 2055
_END = office.START + 1800  # when the exporters have seen all
_STEP_S = 0.001


class Datagram(NamedTuple):
    """What an exporter sent, and from which port."""

    octets: bytes
    source_port: int


def main() -> int:
    """Record them all."""
    CAPTURES.mkdir(exist_ok=True)
    _keep("office-softflowd-v5", "127.10.0.1", _softflowd("office", "-v5"))
    # An exporter that ran before the collector: the recording begins after it sent its templates, and it is restarted.
    _keep("branch-softflowd-v9", "127.10.0.2", _softflowd("branch-before", "-v9")[1:] + _softflowd("branch", "-v9"))
    _keep("data-centre-softflowd-ipfix", "127.10.0.3", _softflowd("data-centre", "-v10"))
    fields = "aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags"
    _keep("guests-pmacct-ipfix", "127.10.0.4", _pmacctd("guests", "nfprobe", "nfprobe_version: 10", fields))
    sampled = "sfprobe_agentip: 127.10.0.5", "sampling_rate: 200"
    _keep("storage-pmacct-sflow", "127.10.0.5", _pmacctd("storage", "sfprobe", *sampled))
    _keep("printer-syslog", "127.10.0.6", _logger("Tray 2 is empty"))
    return 0


def _softflowd(site: str, *options: str) -> list[Datagram]:
    with _Receiver() as receiver, TemporaryDirectory() as folder:
        traffic = _watched(site, folder)
        to = f"{_COLLECTOR}:{receiver.port}"
        # -a: the time of the packets; with a control socket softflowd 1.1.0 may wait for somebody to connect to it
        _run("softflowd", "-d", "-a", "-r", str(traffic), "-n", to, "-p", "none", "-c", "none", *options)
    return receiver.datagrams


def _pmacctd(site: str, plugin: str, *settings: str) -> list[Datagram]:
    with _Receiver() as receiver, TemporaryDirectory() as folder:
        lines = [
            f"pcap_savefile: {_watched(site, folder)}",
            "pcap_savefile_wait: 1",
            f"plugins: {plugin}",
            f"{plugin}_receiver: {_COLLECTOR}:{receiver.port}",
            *settings,
        ]
        config = Path(folder, "pmacctd.conf")
        config.write_text("\n".join([*lines, ""]))
        _run("pmacctd", "-f", str(config))
    return receiver.datagrams


def _logger(text: str) -> list[Datagram]:
    """A line of syslog, sent to the collector by mistake."""
    with _Receiver() as receiver:
        form = "--rfc5424=nohost,notime,notq"
        _run("logger", "--udp", "--server", _COLLECTOR, "--port", str(receiver.port), form, "--tag", "printer", text)
    return receiver.datagrams


def _watched(site: str, folder: str) -> Path:
    return office.write(Path(folder, "traffic.pcap"), office.sites()[site]())


def _run(program: str, *arguments: str) -> None:
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not found:
        sys.exit(f"{program} is missing: apt-get install softflowd pmacct bsdutils")
    subprocess.run([found, *arguments], check=True, capture_output=True, timeout=60)


class _Receiver:
    """A socket whose datagrams are read until the block ends."""

    def __enter__(self) -> Self:
        self.datagrams: list[Datagram] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((_COLLECTOR, 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (_COLLECTOR, self.port))  # behind all that was sent before
        self._thread.join()
        self._socket.close()

    def _read(self) -> None:
        while True:
            octets, (_, port) = self._socket.recvfrom(65_535)
            if not octets:
                return
            self.datagrams.append(Datagram(octets, port))


def _keep(name: str, address: str, datagrams: Sequence[Datagram]) -> None:
    source, destination = socket.inet_aton(address), socket.inet_aton(_COLLECTOR)
    with (CAPTURES / f"{name}.pcap").open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for number, (octets, port) in enumerate(datagrams):
            segment = dpkt.udp.UDP(sport=port, dport=_PORT, ulen=8 + len(octets), data=octets)
            packet = dpkt.ip.IP(src=source, dst=destination, p=dpkt.ip.IP_PROTO_UDP, data=segment)
            packet.len = len(packet)
            frame = dpkt.ethernet.Ethernet(src=b"\2" * 6, dst=b"\4" * 6, data=packet)
            writer.writepkt(bytes(frame), _END + number * _STEP_S)
    print(f"{name}: {len(datagrams)} datagrams from {address}")


if __name__ == "__main__":
    sys.exit(main())
