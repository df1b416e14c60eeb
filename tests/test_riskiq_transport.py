"""The UDP transport: it never waits, and what it cannot send it says why."""

import errno
import io
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from flowcoll.logs import Log
from flowcoll.output.riskiq.transport import Address, Udp

LOOPBACK, NAME = "127.0.0.1", "flows.example.org"


class Clock:
    """A time that a test moves; who sleeps moves it too, and `Enough` ends who sleeps on."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.until = self.now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now > self.until:
            raise Enough


class Enough(Exception):  # noqa: N818  not an error
    """The time that a test wanted to pass has passed."""


class Names:
    """What names resolve to, and how often they were looked up."""

    def __init__(self, *addresses: tuple[str, int]) -> None:
        self.addresses: list[tuple[str, int]] | OSError | UnicodeError = list(addresses)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int, _family: int, kind: int) -> list[Address]:
        self.asked.append((host, port))
        if not isinstance(self.addresses, list):
            raise self.addresses
        return [(socket.AF_INET, kind, 0, "", address) for address in self.addresses]


class Sending:
    """A transport with a clock and names of its own."""

    def __init__(self, host: str, names: Names) -> None:
        self.clock = Clock()
        self.log = io.StringIO()
        self.names = names
        self.udp = Udp(host, 20_000, "riskiq", Log(self.log), names, self.clock, self.clock.sleep)

    def run(self, seconds: float) -> None:
        """Let time pass with its greenlet at work."""
        self.clock.until = self.clock.now + seconds
        with pytest.raises(Enough):
            self.udp.run()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with udp() as sock:
        yield sock


def udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((LOOPBACK, 0))
    sock.settimeout(5)
    return sock


def test_an_address_needs_no_look_up(listening: socket.socket) -> None:
    """Where the host is an address, it can be sent to at once."""
    sending = Sending(LOOPBACK, Names(listening.getsockname()))
    assert sending.udp.ready
    assert sending.udp.send(b"one") == ""
    assert listening.recv(100) == b"one"
    assert sending.udp.state() == {"up": True, "to": "127.0.0.1 port 20000"}
    sending.udp.close()


def test_a_name_is_looked_up_meanwhile(listening: socket.socket) -> None:
    """A name is looked up by the greenlet; until then there is no address, and nobody has waited."""
    sending = Sending(NAME, Names(listening.getsockname()))
    assert not sending.udp.ready
    assert sending.udp.send(b"early") == "no_address"
    sending.run(2)
    assert sending.udp.ready
    assert sending.udp.send(b"one") == ""
    assert listening.recv(100) == b"one"
    assert sending.udp.state() == {"up": True, "to": f"{NAME} port 20000 (127.0.0.1)"}
    assert sending.names.asked == [(NAME, 20_000)]
    sending.udp.close()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (UnicodeError("label too long"), "cannot be a name"),
    ],
    ids=["unknown", "no-name"],
)
def test_a_name_nobody_knows(listening: socket.socket, wrong: OSError | UnicodeError, words: str) -> None:
    """Without an address nothing is sent and the state says why; the name is looked up again until there is one."""
    sending = Sending(NAME, Names())
    sending.names.addresses = wrong
    sending.run(1)
    assert sending.udp.ready
    assert sending.udp.send(b"lost") == "no_address"
    state = sending.udp.state()
    assert not state["up"]
    assert words in state["last_error"]
    sending.run(46)
    assert len(sending.names.asked) == 4
    sending.names.addresses = [listening.getsockname()]
    sending.run(20)
    assert sending.udp.send(b"one") == ""
    assert sending.udp.state()["up"]
    sending.udp.close()


def test_a_name_that_moves() -> None:
    """The name is looked up every five minutes; a new address counts, and one that cannot be looked up now stays."""
    with udp() as before, udp() as after:
        sending = Sending(NAME, Names(before.getsockname()))
        sending.run(2)
        sending.names.addresses = OSError(errno.EAGAIN, "try again")
        sending.run(301)
        assert len(sending.names.asked) == 2
        assert sending.udp.send(b"one") == ""
        assert before.recv(100) == b"one"
        sending.names.addresses = [after.getsockname()]
        sending.run(301)
        assert sending.udp.send(b"two") == ""
        assert after.recv(100) == b"two"
        sending.udp.close()


def test_nobody_listens() -> None:
    """A host that refuses is left alone but for a datagram now and then; once somebody listens, all is sent again."""
    with udp() as sock:
        place = sock.getsockname()
    sending = Sending(LOOPBACK, Names(place))
    sending.udp.send(b"one")  # is refused, which the next one hears
    assert sending.udp.send(b"two") == "refused"
    assert not sending.udp.state()["up"]
    assert "nobody listens" in sending.udp.state()["last_error"]
    sending.clock.now += 4
    assert sending.udp.send(b"three") == "refused"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(place)
        sock.settimeout(5)
        sending.clock.now += 2
        assert sending.udp.send(b"four") == ""
        assert not sending.udp.state()["up"]  # nobody knows yet
        sending.clock.now += 6
        assert sending.udp.send(b"five") == ""
        assert sending.udp.state()["up"]
        assert [sock.recv(100) for _ in range(2)] == [b"four", b"five"]
    assert [line["msg"] for line in sending.lines()] == ["the output sends again"]
    sending.udp.close()


def test_the_next_address_of_a_name(listening: socket.socket) -> None:
    """Where an address refuses and the name has another one, that one is tried."""
    with udp() as sock:
        silent = sock.getsockname()
    sending = Sending(NAME, Names(silent, listening.getsockname()))
    sending.run(2)
    sending.udp.send(b"one")
    assert sending.udp.send(b"two") == "refused"
    sending.clock.now += 6
    assert sending.udp.send(b"three") == ""
    assert listening.recv(100) == b"three"
    assert len(sending.names.asked) == 1
    sending.run(400)  # looked up again, the one that works stays in use
    assert sending.udp.send(b"four") == ""
    assert listening.recv(100) == b"four"
    sending.udp.close()


def test_an_address_that_cannot_be_used(listening: socket.socket) -> None:
    """An address to which the kernel does not send is a state with its words; it is tried again."""
    names = Names(("255.255.255.255", 20_000))  # only who asks for it may send to all
    sending = Sending("255.255.255.255", names)
    assert sending.udp.ready
    assert sending.udp.send(b"one") == "error"
    assert not sending.udp.state()["up"]
    assert "Permission denied" in sending.udp.state()["last_error"]
    names.addresses = [listening.getsockname()]
    sending.run(20)
    assert sending.udp.send(b"two") == ""
    assert listening.recv(100) == b"two"
    sending.udp.close()


def test_a_datagram_the_kernel_does_not_take(listening: socket.socket) -> None:
    """A datagram that is too long is an error with words, not an exception."""
    sending = Sending(LOOPBACK, Names(listening.getsockname()))
    assert sending.udp.send(bytes(70_000)) == "error"
    assert "too long" in sending.udp.state()["last_error"]
    sending.udp.close()


def test_closed_twice(listening: socket.socket) -> None:
    """Closing is final and may come twice."""
    sending = Sending(LOOPBACK, Names(listening.getsockname()))
    sending.udp.close()
    sending.udp.close()
    assert sending.udp.send(b"late") == "no_address"
