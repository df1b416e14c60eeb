import io
import json
import os
import socket
import time

import gevent
import pytest

from flowcoll.collect.board import Board
from flowcoll.collect.sockets import Exporters, close, listen
from flowcoll.collect.telling import Teller, Told
from flowcoll.collect.worker import Worker
from flowcoll.counters import Counts
from flowcoll.document.fields import EVERYTHING
from flowcoll.logs import Log
from flowcoll.output.file import LineOutput
from flowcoll.output.target import file_target


class Echo:
    """A pipeline that makes one document of each datagram; the word `bug` makes it fail."""

    def __init__(self):
        self.seen = []
        self.documents = []

    def handle(self, octets, exporter, now_ms):
        if octets == b"bug":
            raise KeyError(octets)
        self.seen.append((octets, exporter, now_ms))
        self.documents.append(json.dumps(octets.decode()))

    def take(self, _wanted=EVERYTHING):
        documents, self.documents = self.documents, []
        return documents

    def states(self):
        return {"geoip": {"state": "off"}}

    def gauges(self):
        return {"templates": 3.0}


class Kept:
    """An output that keeps its batches."""

    name = "kept"
    wanted = EVERYTHING
    held = 2

    def __init__(self):
        self.batches = []

    def write(self, documents):
        self.batches.append(list(documents))

    def flush(self):
        """Nothing is held."""

    def close(self):
        """Nothing is open."""

    def state(self):
        """Nothing to tell."""
        return {}


class Running:
    """A worker on two loopback sockets, and what a test wants to see of it."""

    def __init__(self, allow=()):
        self.stream = io.StringIO()
        log = Log(self.stream)
        self.counts = Counts()
        self.pipeline = Echo()
        self.output = Kept()
        self.listeners = listen("127.0.0.1", [0], 1 << 20, log) + listen("127.0.0.1", [0], 1 << 20, log)
        self.refused = []
        self.board = Board.make(1)
        self.slot = self.board.slots[0]
        self.worker = Worker(
            self.listeners,
            Exporters(allow, self.refused.append),
            self.pipeline,
            [self.output],
            self.counts,
            log,
            Teller(self.slot, self.counts, [self.output]),
            clock=lambda: 1619704514.94,
        )

    def send(self, *datagrams, to=0):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for octets in datagrams:
                sock.sendto(octets, ("127.0.0.1", self.listeners[to].port))
            return sock.getsockname()[1]

    def start(self):
        greenlet = gevent.spawn(self.worker.run)
        self.wait(self.worker.ready)
        return greenlet

    def wait(self, condition):
        """Let the hub turn until something holds; ten seconds are a failure."""
        with gevent.Timeout(10):
            while not condition():
                gevent.sleep(0.005)


@pytest.fixture
def running():
    made = []

    def make(**kwargs):
        made.append(Running(**kwargs))
        return made[-1]

    yield make
    for one in made:
        close(one.listeners)
        one.worker.telling.tally.release()
        one.board.close()


def test_datagrams_of_every_socket_arrive_with_source_and_time(running):
    """Each datagram reaches the pipeline with the address and port it came from and the time in milliseconds."""
    run = running()
    greenlet = run.start()
    ports = [run.send(b"a", to=0), run.send(b"b", to=1)]
    run.wait(lambda: len(run.pipeline.seen) == 2)
    run.worker.stop()
    greenlet.get(timeout=5)
    assert sorted(run.pipeline.seen) == [
        (b"a", ("127.0.0.1", ports[0]), 1619704514940),
        (b"b", ("127.0.0.1", ports[1]), 1619704514940),
    ]


def test_a_lone_document_does_not_wait_for_company(running):
    """A document is handed over soon, even when nothing comes after it."""
    run = running()
    greenlet = run.start()
    run.send(b"a")
    run.wait(lambda: run.output.batches)
    assert run.output.batches == [['"a"']]
    run.worker.stop()
    greenlet.get(timeout=5)


def test_stop_hands_over_what_the_sockets_hold(running):
    """What the kernel holds when the end is asked for is read, in order, and handed over before `run` returns."""
    run = running()
    sent = [b"%d" % number for number in range(500)]
    run.send(*sent[:300], to=0)
    run.send(*sent[300:], to=1)
    run.worker.stop()
    run.worker.run()
    assert [octets for octets, _, _ in run.pipeline.seen] == sent
    assert [json.loads(document) for batch in run.output.batches for document in batch] == [o.decode() for o in sent]
    assert len(run.output.batches) > 1


def test_a_bug_costs_one_datagram(running):
    """A datagram on which the pipeline fails is counted and logged with its traceback, and its neighbours arrive."""
    run = running()
    run.send(b"a", b"bug", b"b", b"bug", b"c")
    run.worker.stop()
    run.worker.run()
    assert [octets for octets, _, _ in run.pipeline.seen] == [b"a", b"b", b"c"]
    assert run.counts == {"bugs": 2}
    (line,) = map(json.loads, run.stream.getvalue().splitlines())
    assert line["level"] == "error"
    assert line["datagram"] == b"bug".hex()
    assert "KeyError" in line["traceback"]


def test_who_is_not_allowed_is_counted(running):
    """Datagrams from outside the allowed networks are counted, with their octets, and go no further."""
    run = running(allow=["192.0.2.0/24"])
    run.send(b"abc", b"")
    run.worker.stop()
    run.worker.run()
    assert run.pipeline.seen == []
    assert run.counts == {"datagrams.received": 2, "octets.received": 3, "datagrams.refused.not_allowed": 2}
    assert run.refused == ["127.0.0.1"]


def test_an_empty_datagram_reaches_the_pipeline(running):
    """An empty datagram is the pipeline's to refuse, and ends no burst."""
    run = running()
    run.send(b"", b"a")
    run.worker.stop()
    run.worker.run()
    assert [octets for octets, _, _ in run.pipeline.seen] == [b"", b"a"]


def test_an_ended_loop_ends_the_worker(running):
    """When a loop ends by an error of an output, the worker does not live on without it."""
    run = running()
    run.output.write = lambda _: 1 // 0
    gevent.get_hub().exception_stream, stream = None, gevent.get_hub().exception_stream
    try:
        run.send(b"a")
        with pytest.raises(ZeroDivisionError):
            run.worker.run()
    finally:
        gevent.get_hub().exception_stream = stream


def test_what_is_told_on_the_board(running):
    """While a worker runs its slot tells that the loop turns, what it has counted and holds, and how its parts are."""
    run = running()
    assert not run.worker.ready()
    assert Told.by(run.slot) == Told()
    before = time.monotonic()
    greenlet = run.start()
    run.wait(lambda: Told.by(run.slot).state.report)
    told = Told.by(run.slot)
    assert before < told.turned < time.monotonic()
    assert told.held == {"kept": 2}
    assert told.state.report == {"enrichers": {"geoip": {"state": "off"}}, "outputs": [{"name": "kept"}]}
    assert told.state.gauges == {"templates": 3.0}
    run.worker.stop()
    greenlet.get(timeout=5)


def test_what_was_handed_over_is_told_at_once(running):
    """After each delivery the slot has the counts of that moment; the tally has every datagram that was read."""
    run = running(allow=["192.0.2.0/24"])
    run.send(*[b"a"] * 40)
    run.output.write = None  # nobody is let in, so that there is nothing to write
    run.worker.stop()
    run.worker.run()
    told = Told.by(run.slot)
    assert told.state.counts["datagrams.received"] == run.slot.tally[0] == 40


def test_reopen_reaches_the_files(running, tmp_path):
    """`reopen` makes a file output go on in a new file."""
    run = running()
    path = tmp_path / "flows"
    run.worker.outputs = [run.output, LineOutput(file_target("file", path), run.counts, Log(run.stream))]
    path.rename(tmp_path / "flows.1")
    run.worker.reopen()
    run.send(b"a")
    run.worker.stop()
    run.worker.run()
    assert path.read_text() == '"a"\n'


def test_a_line_that_was_cut_is_ended_without_more_documents(running, tmp_path):
    """A line that a stalled reader has cut is ended soon after he reads again, though nothing follows it: others wait."""
    run = running()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    output = LineOutput(file_target("file", fifo), run.counts, Log(run.stream), lambda _fd, _s: False)
    try:
        output.write([json.dumps("x" * 100_000)])  # more than the pipe holds
        run.worker.outputs = [output]
        greenlet = run.start()
        got = os.read(reader, 1 << 20)
        run.wait(lambda: not output.held)
        got += os.read(reader, 1 << 20)
        run.worker.stop()
        greenlet.join()
    finally:
        output.close()
        os.close(reader)
    assert (len(got), got[-2:]) == (100_003, b'"\n')
