"""The RiskIQ output: frames that fill up or wait for a second, and where every record is counted."""

import base64
import io
import json
import socket
from collections.abc import Mapping
from itertools import count
from typing import Any
from uuid import UUID

import gevent
import pytest

import slow_fcfx
from flowcoll.config import OutputOptions, defaults
from flowcoll.counters import Counts
from flowcoll.document.fields import Records
from flowcoll.logs import Log
from flowcoll.member import Member
from flowcoll.output import open_outputs
from flowcoll.output.riskiq.encoder import Fcfx
from flowcoll.output.riskiq.output import RiskIqOutput
from flowcoll.output.riskiq.parts import ENCODERS, TRANSPORTS
from slow_fcfx import CUSTOMER, KEY
from test_riskiq_encoder import flow

PRIVATE_FLOW = b""


class Wire:
    """A transport that keeps what it is given; `why` makes it refuse."""

    def __init__(self) -> None:
        self.ready = True
        self.why = ""
        self.frames: list[bytes] = []
        self.fails = count(10**9)
        self.closed = False

    def run(self) -> None:
        gevent.sleep(3600)

    def send(self, datagram: bytes, /) -> str:
        if not self.why:
            self.frames.append(datagram)
        return self.why

    def close(self) -> None:
        self.closed = True

    def state(self) -> Mapping[str, Any]:
        return {"up": not self.why, "to": "somewhere", **({"last_error": "its words"} if self.why else {})}


class Desk:
    """An output on a wire of its own, with a time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.wire, self.counts, self.log = Wire(), Counts(), io.StringIO()
        self.output = RiskIqOutput(
            "riskiq",
            Records(),
            Fcfx(UUID(CUSTOMER), base64.b64decode(KEY), 0),
            self.wire,
            counts=self.counts,
            log=Log(self.log),
            clock=lambda: self.now,
        )

    def sent(self) -> list[int]:
        """The number of records in each frame."""
        return [len(slow_fcfx.records(slow_fcfx.opened(frame)[1])) for frame in self.wire.frames]

    def told(self) -> tuple[int, int, int, int]:
        """Records delivered, dropped, passed over, held; they add up to what was written, and reasons to what was dropped."""
        counts = self.counts
        assert not counts.undeclared()
        because = sum(by for key, by in counts.items() if key.startswith("documents.dropped_because.riskiq."))
        assert because == counts["documents.dropped.riskiq"]
        return (
            *(counts[f"documents.{place}.riskiq"] for place in ("delivered", "dropped", "passed_over")),
            self.output.held,
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_full_frames_go_at_once(desk: Desk) -> None:
    """Records are held until no more go into a frame; what is full is sent, whole."""
    desk.output.write([flow(number=number) for number in range(40)])
    assert desk.sent() == [17, 17]
    assert desk.told() == (34, 0, 0, 6)
    packets = [each["packets"] for frame in desk.wire.frames for each in slow_fcfx.records(slow_fcfx.opened(frame)[1])]
    assert packets == list(range(14, 48))
    assert max(map(len, desk.wire.frames)) <= 1200


def test_a_record_waits_a_second(desk: Desk) -> None:
    """What does not fill a frame goes after a second, counted from its first record."""
    desk.output.write([flow()])
    desk.now += 0.9
    desk.output.write([flow()])
    desk.output.tick()
    assert desk.sent() == []
    desk.now += 0.2
    desk.output.tick()
    assert desk.sent() == [2]
    desk.now += 10
    desk.output.tick()
    assert desk.told() == (2, 0, 0, 0)


def test_flows_without_a_public_address_are_passed_over(desk: Desk) -> None:
    """Of a flow without a public address nothing is sent, and it is counted."""
    desk.output.write([PRIVATE_FLOW, flow(), PRIVATE_FLOW])
    desk.output.write([PRIVATE_FLOW])
    desk.output.write([])
    desk.output.flush()
    assert desk.sent() == [1]
    assert desk.told() == (1, 0, 3, 0)


@pytest.mark.parametrize("why", ["refused", "unreachable", "no_address", "buffer_full", "error"])
def test_what_cannot_be_sent_is_counted_and_told_once(desk: Desk, why: str) -> None:
    """What the transport does not send is dropped, counted by reason, and told in one line; sending goes on."""
    desk.wire.why = why
    for _ in range(3):
        desk.output.write([flow()] * 20)
    assert desk.told() == (0, 51, 0, 9)
    assert desk.counts[f"documents.dropped_because.riskiq.{why}"] == 51
    (line,) = map(json.loads, desk.log.getvalue().splitlines())
    assert (line["level"], line["output"], line["to"], line["last_error"]) == (
        *("error", "riskiq", "somewhere"),
        "its words",
    )
    desk.wire.why = ""
    desk.output.flush()
    assert desk.told() == (9, 51, 0, 0)


def test_what_comes_before_the_address_is_known(desk: Desk) -> None:
    """Until the name has been looked up for the first time, records wait, in bounded memory."""
    desk.wire.ready = False
    desk.output.write([flow()] * 100)
    desk.now += 5
    desk.output.tick()
    assert desk.told() == (0, 0, 0, 100)
    desk.wire.ready = True
    desk.output.tick()
    assert sum(desk.sent()) == 100
    desk.wire.ready, desk.wire.why = False, "no_address"
    desk.output.write([flow()] * 20_000)
    delivered, dropped, _, held = desk.told()
    assert delivered == 100
    assert dropped + held == 20_000
    assert held <= 8192 + 17
    desk.output.close()
    assert desk.told() == (100, 20_000, 0, 0)


def test_closing_sends_what_is_held(desk: Desk) -> None:
    """At the end nothing is held."""
    desk.output.start()
    desk.output.write([flow()] * 3)
    desk.output.close()
    assert desk.sent() == [3]
    assert desk.told() == (3, 0, 0, 0)
    assert desk.wire.closed


def test_its_greenlets_send(desk: Desk) -> None:
    """Once started, it sends by itself what has waited."""
    desk.output.start()
    desk.output.write([flow()])
    desk.now += 2
    with gevent.Timeout(10):
        while not desk.wire.frames:
            gevent.sleep(0.01)
    desk.output.close()
    assert desk.told() == (1, 0, 0, 0)


def test_a_bug_does_not_end_it(desk: Desk) -> None:
    """Should a greenlet fail, it is counted, told with its traceback, and started again."""
    asked = []

    class Failing(Wire):
        def run(self) -> None:
            asked.append(1)
            raise KeyError("oh")

    desk.output._transport = Failing()
    desk.output.start()
    with gevent.Timeout(10):
        while not desk.counts["bugs"]:
            gevent.sleep(0.01)
    desk.output.close()
    assert asked
    assert "KeyError" in desk.log.getvalue()


def test_state(desk: Desk) -> None:
    """The state says where to, whether it works, how much went; there is no key in it."""
    desk.output.write([*[flow()] * 20, PRIVATE_FLOW])
    state = desk.output.state()
    assert state == {
        "up": True,
        "to": "somewhere",
        "queued_documents": 3,
        "records_sent": 17,
        "frames_sent": 1,
        "passed_over": 1,
    }
    assert KEY not in json.dumps(state)


def settings(port: int, prefix: str = "EF_OUTPUT_RISKIQ_", **other: Any) -> dict[str, Any]:
    """What to set to send to a port of this host."""
    values = {
        "ENABLE": True,
        "HOST": "127.0.0.1",
        "PORT": port,
        "CUSTOMER_UUID": CUSTOMER.upper(),
        "CUSTOMER_ENCRYPTION_KEY": KEY,
    }
    return {prefix + name: value for name, value in {**values, **other}.items()}


def test_outputs_of_options() -> None:
    """Each output that is switched on sends, under its own name, with the number of its worker, and asks for what it sends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        port = sock.getsockname()[1]
        options = defaults(
            **settings(port, "EF_DC1_OUTPUT_RISKIQ_"),
            **settings(port, "EF_DC2_OUTPUT_RISKIQ_", COMMUNITYID_ENABLE=False, HOST="::1"),
        )
        counts = Counts()
        outputs = open_outputs(options, counts, Log(io.StringIO()), lambda _fd, _s: False, Member(3, 4))
        one, other = outputs
        assert (one.name, one.wanted, other.name, other.wanted) == (
            *("riskiq.dc1", Records()),
            *("riskiq.dc2", Records(community_id=False)),
        )
        one.write([flow()])
        for output in outputs:
            output.close()
        head, plain = slow_fcfx.opened(sock.recv(2000))
    assert (head["worker"], head["counter"]) == (3, 1)
    assert len(slow_fcfx.records(plain)) == 1
    assert counts["documents.delivered.riskiq.dc1"] == 1


@pytest.mark.parametrize(
    ("host", "number", "lines"), [("flow.riskiq.net", 0, 1), ("flow.riskiq.net", 1, 0), ("::1", 0, 0)]
)
def test_the_host_of_the_service(host: str, number: int, lines: int) -> None:
    """Who sends to the service's own host is told, once, that nobody there is known to read our form."""
    log = io.StringIO()
    options = defaults(**settings(9, HOST=host))
    (output,) = open_outputs(options, Counts(), Log(log), lambda _fd, _s: False, Member(number, 2))
    output.close()
    found = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["level"] for line in found] == ["warn"] * lines
    assert all("EF_OUTPUT_RISKIQ_HOST" in line["msg"] for line in found)


def test_parts_have_names() -> None:
    """Encoder and transport are chosen by name and know nothing of each other."""
    values: Mapping[str, Any] = OutputOptions(
        "", {name.removeprefix("EF_OUTPUT_RISKIQ_"): value for name, value in settings(9).items()}
    ).values
    encoder = ENCODERS["fcfx"](values, 2)
    assert slow_fcfx.opened(encoder.encode([flow()]))[0]["worker"] == 2
    transport = TRANSPORTS["udp"](values, "riskiq", Log(io.StringIO()))
    assert transport.state()["to"] == "127.0.0.1 port 9"
    transport.close()
