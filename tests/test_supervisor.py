"""`flowcoll run` with several workers, as an operator and as a fault would treat it."""

import io
import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gevent
import orjson
import pytest

from flowcoll.collect.board import Board
from flowcoll.collect.child_process import ChildProcess, End
from flowcoll.collect.handover import Handover, Place
from flowcoll.collect.sockets import close, listen
from flowcoll.collect.supervisor import Supervisor
from flowcoll.collect.telling import Told
from flowcoll.config import defaults
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.member import Member
from netflow5 import datagram
from service import Service, until

WORKERS = 3


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:

        def make(**options: object) -> Service:
            file = {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": tmp_path / "flows"}
            return stack.enter_context(Service(tmp_path, **{**file, "EF_PROCESSOR_POOL_SIZE": WORKERS, **options}))

        yield make


def send(service: Service, source: str, count: int, *, ports: int = 1, to: str = "127.0.0.1") -> None:
    """Send NetFlow v5 with one record each, in turn from several ports of an address."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with ExitStack() as stack:
        sockets = []
        for _ in range(ports):
            sock = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            sock.bind((source, 0))
            sockets.append(sock)
        for number in range(count):
            sockets[number % ports].sendto(datagram(("10.1.0.1", "10.2.0.2"), sequence=number), (to, service.port))


def read_by(service: Service) -> list[int]:
    """Give how many datagrams each worker has read."""
    return [worker["datagrams"] for worker in service.ready()["workers"]]


def await_documents(service: Service, count: int) -> None:
    service.until(f"{count} documents", lambda: service.count("documents_delivered", output="file") >= count)


def stopped(service: Service) -> Mapping[str, Any]:
    """Give what the service has counted in the end."""
    return next(line for line in service.lines("info") if line["msg"] == "stopped")


@pytest.mark.parametrize(("listen", "source", "to"), [("0.0.0.0", "127.0.0.9", "127.0.0.1"), ("::", "::1", "::1")])
def test_an_exporter_stays_on_one_worker(start: Any, listen: str, source: str, to: str) -> None:
    """Whatever ports an exporter sends from, one worker reads all of it, over IPv4 and over IPv6."""
    service = start(EF_FLOW_SERVER_UDP_IP=listen)
    send(service, source, 64, ports=32, to=to)
    await_documents(service, 64)
    assert sorted(read_by(service)) == [0, 0, 64]


def test_steering_off_leaves_it_to_the_kernel(start: Any) -> None:
    """With steering off the ports of one exporter are spread over the workers, and all documents are there."""
    service = start(EF_FLOW_SERVER_STEERING="off")
    send(service, "127.0.0.9", 64, ports=64)
    await_documents(service, 64)
    assert sum(count > 0 for count in read_by(service)) > 1


def test_exporters_are_spread(start: Any) -> None:
    """Many exporters keep every worker busy, and documents, counters and file are those of all of them."""
    service = start()
    for number in range(1, 61):
        send(service, f"127.0.1.{number}", 2)
    await_documents(service, 120)
    assert all(read_by(service))
    service.stop()
    assert len((service.folder / "flows").read_text().splitlines()) == 120
    assert stopped(service)["documents.delivered.file"] == stopped(service)["datagrams.received"] == 120


def test_a_killed_worker_is_started_again_on_its_socket(start: Any) -> None:
    """What comes while no worker reads waits in the kernel; the new worker reads it; the other workers go on."""
    service = start()
    send(service, "127.0.0.9", 10)
    await_documents(service, 10)
    number = next(n for n, count in enumerate(read_by(service)) if count)
    os.kill(service.children()[f"worker-{number}"], signal.SIGKILL)
    send(service, "127.0.0.9", 200)
    await_documents(service, 210)
    assert service.status("/livez") == service.status("/readyz") == 200
    workers = service.ready()["workers"]
    assert [worker["restarts"] for worker in workers] == [int(n == number) for n in range(WORKERS)]
    assert service.count("workers_died") == 1
    (line,) = service.lines("error")
    assert (line["process"], line["reason"]) == (f"worker-{number}", "signal SIGKILL")


def test_a_second_restart_waits(start: Any) -> None:
    """The first restart is at once, the second after a second."""
    service = start(EF_PROCESSOR_POOL_SIZE=1)
    for _ in range(2):
        killed = service.children()["worker-0"]
        os.kill(killed, signal.SIGKILL)
        service.until("another worker", lambda killed=killed: service.children().get("worker-0", killed) != killed)
        service.until("up", lambda: service.ready()["workers"][0]["up"])
    assert [line["again_in_s"] for line in service.lines("error")] == [0.0, 1.0]


def test_a_restart_that_cannot_work_stops_all(start: Any, tmp_path: Path) -> None:
    """When a worker that is started again finds its configuration unusable, the service ends with 78 and one message."""
    databases = tmp_path / "asn.mmdb"
    databases.write_bytes((Path(__file__).parent / "data" / "geo" / "GeoLite2-ASN-Test.mmdb").read_bytes())
    service = start(
        EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_ASN_ENABLE=True, EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_ASN_PATH=databases
    )
    databases.unlink()
    databases.write_bytes(b"nothing of the kind")
    os.kill(service.children()["worker-1"], signal.SIGKILL)
    assert until("the end", service.code) == 78
    last = service.log().splitlines()[-1]
    assert last.startswith("flowcoll: ")
    assert str(databases) in last


def test_a_hang_is_seen() -> None:
    """The service is alive while every worker that is up tells that its loop turns; one that starts has a minute."""
    board = Board.make(2)
    supervisor = Supervisor([], Log(io.StringIO()))
    for slot in board.slots:
        supervisor.workers.append(ChildProcess("worker", slot, _never, supervisor.ended))
    assert supervisor.alive()
    for turned, alive in ((0.0, True), (-14.0, True), (-16.0, False), (0.0, True)):
        for child in supervisor.workers:
            child.ready, child.waiting_since = True, time.monotonic() - 100
            child.slot.show(orjson.dumps(told(time.monotonic())))
        child.slot.show(orjson.dumps(told(time.monotonic() + turned)))
        assert supervisor.alive() is alive
    child.ready, child.waiting_since = False, time.monotonic() - 61
    assert not supervisor.alive()


def test_who_does_not_end_is_killed(tmp_path: Path) -> None:
    """A worker that stands still when the service stops is given its time and no more; its end is told."""
    stream, board = io.StringIO(), Board.make(1)
    listeners = listen("127.0.0.1", [0], 0, Log(io.StringIO()))
    supervisor = Supervisor(listeners, Log(stream), stop_s=1.0)

    def hand(channel_fd: int) -> Handover:
        places = (Place.of(listeners[0]),)
        resolved = defaults(EF_STATE_PATH=tmp_path).resolved()
        return Handover("worker", Member(), 0, 1, board.fd, None, channel_fd, places, resolved)

    child = ChildProcess("worker-0", board.slots[0], hand, supervisor.ended)
    supervisor.workers.append(child)
    running = gevent.spawn(supervisor.run)
    with gevent.Timeout(60):
        while not supervisor.ready():
            gevent.sleep(0.01)
    os.kill(child.pid, signal.SIGSTOP)
    stopping = time.monotonic()
    supervisor.stop()
    running.get(timeout=60)
    assert 0.9 < time.monotonic() - stopping < 30
    assert "a process did not end in time and is killed" in stream.getvalue()
    assert child.pid == 0
    close(listeners)


def told(turned: float) -> dict[str, object]:
    return {"turned": turned, "held": {}, "counts": {}, "report": {}, "gauges": {}}


def _never(_: int) -> Handover:
    raise AssertionError


def test_the_end_of_the_supervisor_is_theirs(start: Any) -> None:
    """Workers whose supervisor is killed hand over what the sockets hold, and end."""
    service = start()
    pids = list(service.children().values())
    send(service, "127.0.0.9", 50)
    service.kill_supervisor()
    until("all gone", lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    assert len((service.folder / "flows").read_text().splitlines()) == 50


def test_the_options_of_workers_do_not_show(start: Any) -> None:
    """What workers are told is neither in their command line nor in their environment."""
    service = start(EF_OUTPUT_ELASTICSEARCH_PASSWORD="s3cret-word")
    for pid in service.children().values():
        for page in ("cmdline", "environ"):
            assert b"s3cret-word" not in Path(f"/proc/{pid}/{page}").read_bytes()
            assert b"EF_" not in Path(f"/proc/{pid}/{page}").read_bytes()


def test_lines_of_the_log_name_their_worker(start: Any) -> None:
    """With several workers a line of one says of which; lines stay whole."""
    service = start(EF_FLOW_SERVER_ALLOW="192.0.2.0/24")
    for number in range(1, 40):
        send(service, f"127.0.1.{number}", 1)
    service.until("refused", lambda: service.count("datagrams_refused") == 39)
    service.stop()
    lines = [json.loads(line) for line in service.log().splitlines()]
    assert {line["worker"] for line in lines if "refused" in line["msg"]} == set(range(WORKERS))


# lists first


class Children:
    """A supervisor over children that a test says how they fare; `started` names them in their order."""

    def __init__(self, lists_s: float = 30.0) -> None:
        self.stream, self.started = io.StringIO(), list[str]()
        self.supervisor = Supervisor([], Log(self.stream), stop_s=1.0, lists_s=lists_s)
        board = Board.make(2)
        for slot, name in zip(board.slots, ("worker-0", "refresher"), strict=True):
            child = _Pretended(name, slot, _never, self.supervisor.ended)
            child.started = self.started
            if name == "refresher":
                self.supervisor.refresher = child
            else:
                self.supervisor.workers.append(child)
        self.refresher = self.supervisor.refresher
        self.running = gevent.spawn(self.supervisor.run)

    def until(self, *started: str) -> None:
        with gevent.Timeout(30):
            while self.started != list(started):
                gevent.sleep(0.01)

    def end(self) -> None:
        self.supervisor.stop()
        self.running.get(timeout=30)


class _Pretended(ChildProcess):
    started: list[str]

    def run(self) -> None:
        self.started.append(self.name)


def test_workers_start_when_lists_are_ready() -> None:
    """The refresher is the first; no worker is started before it is ready."""
    children = Children()
    children.until("refresher")
    gevent.sleep(0.1)
    assert children.started == ["refresher"]
    assert children.refresher
    children.refresher.ready = children.refresher.was_ready = True
    children.until("refresher", "worker-0")
    assert children.stream.getvalue() == ""
    children.end()


def test_workers_do_not_wait_for_ever_for_lists() -> None:
    """After a while they start without them, with one line that says so."""
    children = Children(lists_s=0.05)
    children.until("refresher", "worker-0")
    (line,) = children.stream.getvalue().splitlines()
    assert json.loads(line)["level"] == "warn"
    assert json.loads(line)["msg"].startswith("lists are still being read: workers start without those")
    children.end()


def test_a_stop_while_workers_wait() -> None:
    """Nobody is started any more."""
    children = Children()
    children.until("refresher")
    children.end()
    assert children.started == ["refresher"]


@pytest.mark.parametrize(
    ("code", "before", "fatal"),
    [(78, False, True), (78, True, False), (1, False, False), (1, True, False), (-9, False, False)],
)
def test_what_the_end_of_a_refresher_means(code: int, fatal: bool, *, before: bool) -> None:
    """A list of no use ends the service at its start; later, and whatever else ends it, another one is started."""
    children = Children()
    children.until("refresher")
    assert children.refresher
    children.refresher.was_ready = before
    again = children.supervisor.ended(children.refresher, End(code, "mine.txt holds no address", before, 0, Told()))
    assert again is not fatal
    if fatal:
        with pytest.raises(ConfigError, match=r"^mine.txt holds no address$"):
            children.running.get(timeout=30)
    else:
        assert children.supervisor.counts()["refresher.died"] == 1
        children.end()
