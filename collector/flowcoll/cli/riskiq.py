"""`flowcoll riskiq-receive`: reads what the RiskIQ output sends."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from flowcoll.cli.parameters import FILE, say
from flowcoll.errors import ConfigError, SetupError

if TYPE_CHECKING:
    from flowcoll.output.riskiq.receive import Receiver

_OPTION = "EF_OUTPUT_RISKIQ_CUSTOMER_"
_UUID, _KEY = f"{_OPTION}UUID", f"{_OPTION}ENCRYPTION_KEY"
_KEY_FILE = f"{_KEY}_FILE"
_LONGEST = 65_535
_BUFFER = 8 << 20  # octets; the kernel may grant less
_LOOK_S = 0.2


@click.command("riskiq-receive")
@click.option("--listen", default="127.0.0.1:20000", metavar="HOST:PORT", help="Address and UDP port to listen on.")
@click.option(
    "--customer-uuid", metavar="UUID", help=f"Customer whose frames are read; without it, {_UUID} of the environment."
)
@click.option(
    "--key-file",
    type=FILE,
    metavar="FILE",
    help=f"File that holds the customer's key; without it, {_KEY} or {_KEY_FILE} of the environment.",
)
def riskiq_receive(listen: str, customer_uuid: str | None, key_file: Path | None) -> None:
    """Receive what RiskIQ outputs send, and write the flow records, one JSON object a line.

    For private use and for tests. It needs the UUID and the key that the output has; the key is never an argument. What is
    refused or missing is told at the end, on standard error: after SIGTERM or Ctrl-C.
    """
    from base64 import b64decode  # noqa: PLC0415
    from uuid import UUID  # noqa: PLC0415

    from flowcoll.options.customer import key as key_type  # noqa: PLC0415
    from flowcoll.options.customer import uuid  # noqa: PLC0415
    from flowcoll.output.riskiq.receive import Receiver  # noqa: PLC0415

    customer = _read(uuid, customer_uuid or os.environ.get(_UUID, ""), "--customer-uuid", f"it, or {_UUID}")
    key = _read(key_type, _key(key_file), "the key", f"--key-file, {_KEY} or {_KEY_FILE}")
    receiver = Receiver(UUID(customer), b64decode(key))
    with _listening(listen) as sock:
        _receive(sock, receiver)
    _tell(receiver)


def _key(path: Path | None) -> str:
    from flowcoll.options.values import content  # noqa: PLC0415

    if path is None and _KEY_FILE in os.environ:
        path = Path(os.environ[_KEY_FILE])
    if path is None:
        return os.environ.get(_KEY, "")
    try:
        return content(path)
    except ValueError as exc:
        raise ConfigError(f"the key: {path} must be {exc}") from None


def _read(kind: Any, text: str, what: str, how: str) -> str:
    if not text:
        raise ConfigError(f"{what} is missing: give {how}")
    try:
        value: str = kind.read(text)
    except ValueError as exc:
        raise ConfigError(f"{what} must be {exc}") from None
    return value


@contextmanager
def _listening(listen: str) -> Iterator[socket.socket]:
    host, _, port = listen.rpartition(":")
    if not (port.isascii() and port.isdigit() and host):
        raise ConfigError(f"--listen {listen}: must be host:port, such as 127.0.0.1:20000 or [::]:20000")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
        sock = socket.socket(family, kind)
    except (OSError, OverflowError) as exc:
        raise SetupError(f"--listen {listen}: {exc}; choose another address") from None
    with sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            sock.bind(address)
        except OSError as exc:
            raise SetupError(f"--listen {listen}: {exc.strerror}; choose another address or port") from None
        host, port = sock.getsockname()[:2]
        say(f"listening on {host} port {port}")
        yield sock


def _receive(sock: socket.socket, receiver: "Receiver") -> None:
    """Write the records of what comes until a signal ends it."""
    from flowcoll.output.riskiq.shown import line  # noqa: PLC0415

    ending: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        ending.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    sock.settimeout(_LOOK_S)
    out = sys.stdout.buffer
    while not ending:
        try:
            datagram = sock.recv(_LONGEST)
        except TimeoutError:
            continue
        out.writelines(map(line, receiver.take(datagram)))
        out.flush()
    sock.setblocking(False)
    while True:  # what came before the signal
        try:
            datagram = sock.recv(_LONGEST)
        except BlockingIOError:
            return
        out.writelines(map(line, receiver.take(datagram)))


def _tell(receiver: "Receiver") -> None:
    from flowcoll.output.riskiq.receive import REASONS  # noqa: PLC0415

    sys.stdout.flush()
    refused = sum(receiver.refused.values())
    say(
        f"{receiver.records} records in {receiver.accepted} frames of {receiver.streams} senders; "
        f"{receiver.lost} frames lost, {receiver.before} sent before the first that came, {refused} refused"
    )
    for reason, count in sorted(receiver.refused.items()):
        say(f"refused {count}: {REASONS[reason]}")
