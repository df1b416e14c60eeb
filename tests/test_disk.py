"""Spools as the output uses them: its own, those of workers that are no more, and what is counted of them."""

import io
import json
import os
import threading

import gevent
import pytest

from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.member import Member
from flowcoll.output.account import Account
from flowcoll.output.bulk import Packer
from flowcoll.output.disk import Disk, Place
from flowcoll.output.spool import Spool

MEGABYTE = 1 << 20


def request(documents=3, doubt=None):
    packer = Packer()
    packer.add(b'{"create":{}}\n{"n":1}\n' * documents, documents)
    return packer.request()._replace(doubt=doubt)


class Opened:
    """A disk below a folder, and what a test wants to see of it."""

    def __init__(self, folder, number=0, of=1, limit=MEGABYTE):
        self.stream = io.StringIO()
        self.counts = Counts()
        log = Log(self.stream)
        self.disk = Disk(Place(folder, Member(number, of), limit), Account("out", self.counts, log, None), log)
        self.disk.open()

    def drained(self):
        found = []
        while (waiting := self.disk.oldest()) is not None:
            assert self.disk.oldest() == waiting
            found.append(waiting.request)
            self.disk.taken(waiting)
        return found

    def lines(self):
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def check(self):
        """What came is what went and what is there."""
        lost = self.counts["documents.dropped_because.out.spool_damaged"]
        came = self.counts["documents.found.out"] + self.counts["documents.spooled.out"]
        left = self.counts["documents.left.out"]
        assert came == self.counts["documents.replayed.out"] + lost + self.disk.documents + left
        assert self.counts.undeclared() == []


@pytest.fixture
def opened(tmp_path):
    made = []

    def make(*args, **kwargs):
        made.append(Opened(tmp_path / "out", *args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.check()
        one.disk.close()


def left(tmp_path, number, count):
    """A spool that another worker has left."""
    disk = Opened(tmp_path / "out", number, number + 1).disk
    for each in range(count):
        assert disk.add(request(number + 1, doubt=f"{number}.{each}"))
    disk.close()


def test_requests_come_back_as_they_were(opened):
    """Body, documents, size before packing and doubts survive, over a restart too, oldest first."""
    requests = [request(1), request(2, doubt=""), request(3, doubt=".ds-logs-flowcoll.flow-default-2026.11.22-000007")]
    first = opened()
    assert all(map(first.disk.add, requests))
    assert first.disk.some.is_set()
    first.disk.close()
    second = opened()
    assert second.disk.documents == second.counts["documents.found.out"] == 6
    assert second.disk.some.is_set()
    assert second.drained() == requests
    assert (second.disk.documents, second.disk.octets) == (0, 0)
    assert not second.disk.some.is_set()
    assert second.counts["documents.replayed.out"] == 6
    (line,) = second.lines()
    assert (line["msg"], line["documents"]) == ("documents wait on disk from an earlier run", 6)


def test_the_limit_is_for_all_workers(opened):
    """Each worker has its share, and what takes no more is said once, with the reason for the counter."""
    one = opened(0, 2, limit=8 * 1000)
    count = 0
    while one.disk.add(request(100)):
        count += 1
    assert 2000 < one.disk.octets <= 4000
    assert one.disk.trouble == ("spool_full", "the spool is full")
    assert not one.disk.takes()
    assert not one.disk.may_take()
    (line,) = one.lines()
    assert line["reason"] == "the spool is full"
    assert len(one.drained()) == count
    assert one.disk.add(request(100))
    assert one.disk.trouble is None
    assert one.disk.takes()


def test_spools_without_a_worker_are_sent_by_one_that_is_there(opened, tmp_path):
    """Of four workers two are left: each sends what one of the others has left too, and removes it."""
    for number in range(4):
        left(tmp_path, number, 2)
    one = opened(1, 2)
    assert [each.doubt for each in one.drained()] == ["3.0", "3.1", "1.0", "1.1"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0", "1", "2"]
    other = opened(0, 2)
    assert len(other.drained()) == 4
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0", "1"]


def test_what_is_adopted_counts_for_the_limit(opened, tmp_path):
    """A worker that sends two spools writes less to its own."""
    left(tmp_path, 1, 20)
    one = opened(0, 1, limit=4000)
    adopted = one.disk.octets
    while one.disk.add(request(100)):
        pass
    assert adopted < one.disk.octets <= 4000
    one.drained()


def test_a_spool_that_another_process_still_uses(opened, tmp_path):
    """It is said once, and tried again until it is free."""
    folder = tmp_path / "out" / "1"
    other = Spool(folder, MEGABYTE)
    other.add(b"\0\0" + request(7).body, 7)
    one = opened(0, 1)
    one.disk.open()
    assert one.disk.documents == 0
    (line,) = one.lines()
    assert "used by another process" in line["reason"]
    other.close()
    one.disk.open()
    assert one.disk.documents == 7
    assert one.drained()[0].documents == 7
    assert not folder.exists()


def test_the_own_one_may_come_later(opened, tmp_path):
    """While another process has it nothing can be taken; when it is free it is opened."""
    other = Spool(tmp_path / "out" / "0", MEGABYTE)
    one = opened()
    assert not one.disk.takes()
    assert not one.disk.add(request())
    other.close()
    one.disk.open()
    assert one.disk.add(request())


def test_switched_off(opened, tmp_path):
    """With a limit of nothing what is there is given out, and nothing is taken."""
    left(tmp_path, 0, 2)
    one = opened(limit=0)
    assert not one.disk.there
    assert len(one.drained()) == 2
    other = opened(5, 6, limit=0)
    assert not other.disk.there
    assert not (tmp_path / "out" / "5").exists()


def test_an_unusable_folder(opened, tmp_path):
    """Where no folder can be made there is one line, and no spool."""
    (tmp_path / "out").write_text("a file")
    one = opened()
    one.disk.open()
    assert not one.disk.there
    assert not one.disk.add(request())
    (line,) = one.lines()
    assert "EF_STATE_PATH" in line["reason"]


def test_damage_is_counted(opened, tmp_path):
    """What cannot be read is counted as dropped, document by document, and told of."""
    left(tmp_path, 0, 3)
    path = next((tmp_path / "out" / "0").glob("*.segment"))
    octets = bytearray(path.read_bytes())
    octets[30] ^= 1
    path.write_bytes(octets)
    one = opened()
    assert len(one.drained()) == 2
    assert one.counts["documents.dropped.out"] == one.counts["documents.dropped_because.out.spool_damaged"] == 1
    assert one.counts["spool.damaged.out"] > 20
    assert {"a part of the spool cannot be read", "documents are dropped"} <= {line["msg"] for line in one.lines()}


def test_a_torn_end_is_told_of(opened, tmp_path):
    """What was being written when a process was killed was never counted as spooled; its octets are told of."""
    left(tmp_path, 0, 2)
    path = next((tmp_path / "out" / "0").glob("*.segment"))
    os.truncate(path, path.stat().st_size - 5)
    one = opened()
    assert one.counts["documents.found.out"] == 1
    assert one.counts["spool.damaged.out"] > 0
    assert one.counts["documents.dropped.out"] == 0
    one.drained()


def test_a_slow_disk_does_not_hold_up_the_hub(opened):
    """While a request is being written other greenlets go on, and what is asked for meanwhile is done afterwards."""
    one = opened()
    go_on = threading.Event()
    spool = one.disk._spools[0]
    write = spool.add
    spool.add = lambda *args: go_on.wait(10) and write(*args)
    adding = gevent.spawn(one.disk.add, request())
    reading = gevent.spawn(one.disk.oldest)
    gevent.sleep(0.05)
    assert not adding.ready()
    assert not reading.ready()
    assert one.disk.documents == 0
    go_on.set()
    assert adding.get(timeout=10)
    assert reading.get(timeout=10).request.documents == 3


def test_what_was_taken_when_a_greenlet_is_ended(opened):
    """Who is ended while a request is given up has given it up: it is counted once, and does not come again."""
    one = opened()
    one.disk.add(request(3))
    one.disk.add(request(4))
    waiting = one.disk.oldest()
    go_on = threading.Event()
    spool = one.disk._spools[0]
    taken = spool.taken
    spool.taken = lambda record: go_on.wait(10) and taken(record)
    taking = gevent.spawn(one.disk.taken, waiting)
    gevent.sleep(0.05)
    taking.kill()
    go_on.set()
    one.disk.close()
    other = opened()
    assert [each.documents for each in other.drained()] == [4]
    assert one.counts["documents.replayed.out"] == 3
