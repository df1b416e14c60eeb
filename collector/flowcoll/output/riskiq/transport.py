"""What a transport is, and the one for UDP: it never waits, and what it cannot send it says why.

The name of the host is looked up by a greenlet of its own. UDP has no answers: *sent* means that the kernel took a datagram.
That nobody listens is heard when the host says so (ICMP); then nothing is sent for a while but one datagram now and then.
"""

import errno
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import gevent

from flowcoll.logs import Log

REFUSED, UNREACHABLE, NO_ADDRESS, BUFFER_FULL, ERROR = "refused", "unreachable", "no_address", "buffer_full", "error"

WORDS = {
    REFUSED: "nobody listens there",
    UNREACHABLE: "there is no way to it",
    NO_ADDRESS: "its name has no address",
    BUFFER_FULL: "the network card does not keep up",
    ERROR: "the kernel refuses to send",
}
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
_BUFFER_FULL = {errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}

_REST_S = 5.0  # after a refusal, before the next try
_FRESH_S = 300.0  # how long an address is used before its name is looked up again
_FAILED_S = 15.0  # the same when it has none, or does not work

Address = tuple[Any, ...]
"""Of getaddrinfo: family, type, protocol, name, address."""

Look = Callable[[str, int, int, int], list[Address]]


class Transport(Protocol):
    """Sends datagrams."""

    @property
    def ready(self) -> bool:
        """Whether it is known by now whether it can send."""

    def run(self) -> None:
        """Do until it is killed what must not hold up those that send."""

    def send(self, datagram: bytes, /) -> str:
        """Send, and give nothing, or why that is not possible as a word of WORDS; never raises."""

    def close(self) -> None:
        """Give up what is open."""

    def state(self) -> Mapping[str, Any]:
        """Give what a person wants to know."""


class Udp:
    """Sends datagrams to a host, whose name `look` looks up while nobody waits for it."""

    def __init__(  # noqa: PLR0913, PLR0917  what it is made of
        self,
        host: str,
        port: int,
        name: str,
        log: Log,
        look: Look,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = gevent.sleep,
    ) -> None:
        self._host = host
        self._port = port
        self._name = name
        self._log = log
        self._look = look
        self._clock = clock
        self._sleep = sleep
        self._socket: socket.socket | None = None
        self._to: Address = ()
        self._found: list[Address] = []
        self._choice = 0  # which of the addresses of the name
        self._why = ""  # nothing can be sent now
        self._error = ""  # the last one, in words
        self._rest_until = 0.0
        self.ready = False
        if _numeric(host):
            self.renew()  # which asks nobody

    def run(self) -> None:
        """Look the name up, again and again; sooner when it does not work."""
        while True:
            if self.ready:
                since = self._clock()
                while self._clock() < since + (_FAILED_S if self._why else _FRESH_S):
                    self._sleep(1)
            self.renew()

    def renew(self) -> None:
        """Look the name up, and send to what was found from now on; without an address the one before is kept."""
        try:
            found = self._look(self._host, self._port, 0, socket.SOCK_DGRAM)
        except OSError as exc:
            found, self._error = [], f"{self._host} cannot be looked up: {exc.strerror or exc}"
        except UnicodeError:
            found, self._error = [], f"{self._host} cannot be a name"
        self.ready = True
        if found:
            self._found = found
            self._connect()
        elif self._socket is None:
            self._trouble(NO_ADDRESS)

    def send(self, datagram: bytes, /) -> str:
        """Send, and give nothing or the reason why not."""
        if self._socket is None or (self._why and self._clock() < self._rest_until):
            return self._why or NO_ADDRESS
        if self._why and len(self._found) > 1:
            self._connect()
        try:
            self._socket.send(datagram)
        except OSError as exc:
            return self._failed(exc)
        if self._why and self._clock() >= self._rest_until + _REST_S:  # a refusal would have come by now
            self._log.info("the output sends again", output=self._name, to=self._where())
            self._why = ""
        return ""

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def state(self) -> Mapping[str, Any]:
        """Give where it sends to, whether that works, and what went wrong last."""
        return {
            "up": self._socket is not None and not self._why,
            "to": self._where(),
            **({"last_error": self._error} if self._error else {}),
        }

    def _connect(self) -> None:
        """Send to an address of the name from now on: the one in use if it is still there and works, else the next."""
        found = self._found
        if self._why in {REFUSED, UNREACHABLE}:
            self._choice += 1
        for chosen in (found[(self._choice + step) % len(found)] for step in range(len(found))):
            if self._socket is not None and chosen[4] == self._to:
                return
            if self._open(chosen):
                return

    def _open(self, chosen: Address) -> bool:
        family, kind, protocol, _, address = chosen
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as exc:  # a family that this host does not have
            self._failed(exc)
            return False
        try:
            sock.setblocking(False)
            sock.connect(address)
        except OSError as exc:
            sock.close()
            self._failed(exc)
            return False
        self.close()
        self._socket, self._to, self._why, self._rest_until = sock, address, "", 0.0
        return True

    def _failed(self, exc: OSError) -> str:
        """Take note of what the kernel says, and give the reason."""
        number = exc.errno or 0
        if number == errno.ECONNREFUSED:
            why = REFUSED
        elif number in _UNREACHABLE:
            why = UNREACHABLE
        else:
            why = BUFFER_FULL if number in _BUFFER_FULL else ERROR
        self._error = f"{WORDS[why]} ({exc.strerror or exc})"
        if why != BUFFER_FULL:
            self._trouble(why)
        return why

    def _trouble(self, why: str) -> None:
        self._why = why
        self._error = self._error or WORDS[why]
        self._rest_until = self._clock() + _REST_S

    def _where(self) -> str:
        known = f" ({self._to[0]})" if self._to and self._to[0] != self._host else ""
        return f"{self._host} port {self._port}{known}"


def _numeric(host: str) -> bool:
    """Whether a host is an address, which nobody has to look up."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False
