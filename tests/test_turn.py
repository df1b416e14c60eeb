import io
import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from flowcoll.collect.unnamed import unnamed
from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.output.file import LineOutput
from flowcoll.output.target import file_target, ndjson
from flowcoll.output.turn import Turns
from line_writer import Writer, documents

BECAUSE = "documents.dropped_because.file."


@pytest.fixture
def turn_fd():
    fd = unnamed("turn")
    yield fd
    os.close(fd)


@pytest.fixture
def start(turn_fd):
    """Starts processes that write, each to a path; they end with the test."""
    writers = []

    def one_more(path):
        writers.append(Writer(len(writers), turn_fd, path))
        return writers[-1]

    yield one_more
    for writer in writers:
        writer.kill()


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def reader(fifo):
    """The reading end of the FIFO, which does not wait."""
    fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    yield fd
    os.close(fd)


def read_all(fd):
    got = []
    try:
        while piece := os.read(fd, 65_536):
            got.append(piece)
    except BlockingIOError:
        pass
    return b"".join(got)


def output_here(path, turn_fd, **options):
    """An output in this process that does not wait for anything."""
    turns = Turns(turn_fd, lambda _seconds: None, iter(range(0, 1000, 10)).__next__, **options)
    counts = Counts()
    output = LineOutput(file_target("file", path), counts, Log(io.StringIO()), lambda _fd, _s: False, turns.at(0))
    return output, counts


def by_writer(octets):
    """Numbers of the documents by writer, in the order in which they stand; every line is one document."""
    assert octets.endswith(b"\n")
    found = defaultdict(list)
    for line in octets.splitlines():
        document = json.loads(line)
        found[document["writer"]].append(document["n"])
    return found


# the turn by itself


def test_a_place_is_left_as_it_was_given_back(turn_fd):
    """Who takes a turn learns whether the one before has ended his line; another place is another matter."""
    turns = Turns(turn_fd, alone=True)
    turn, other = turns.at(3), turns.at(4)
    assert turn.take(0)
    assert (turn.mine, turn.left_begun) == (True, False)
    turn.give_back(begun=True)
    assert not turn.mine
    later = Turns(turn_fd, alone=True).at(3)
    assert later.take(0)
    assert later.left_begun
    later.give_back()
    assert turn.take(0)
    assert not turn.left_begun
    assert other.take(0)
    assert not other.left_begun


def test_one_at_a_time(fifo, reader, turn_fd, start):
    """While another process has begun a line nobody else gets the turn; when its line is ended, anybody does."""
    other = start(fifo)
    other.ask("impatient")
    assert other.ask("write", 0, 1, 200)[BECAUSE + "reader_slow"] > 0
    slept = []
    ticks = iter(range(100))
    turn = Turns(turn_fd, slept.append, lambda: next(ticks)).at(0)
    assert not turn.take(0)
    assert not slept
    assert not turn.take(5)
    assert len(slept) == 4
    assert not turn.mine
    assert Turns(turn_fd).at(1).take(0)
    read_all(reader)
    other.ask("flush")
    assert turn.take(0)
    assert not turn.left_begun


def test_a_turn_is_waited_for(fifo, reader, turn_fd, start):
    """Who waits gets the turn once it is given back."""
    other = start(fifo)
    other.ask("impatient")
    other.ask("write", 0, 1, 200)

    def sleep(_seconds):
        read_all(reader)
        other.ask("flush")

    turn = Turns(turn_fd, sleep).at(0)
    assert turn.take(60)


# several processes


def test_many_writers_into_a_fifo(fifo, reader, start):
    """Whatever the sizes, every line of every process arrives whole at a slow reader, in its order, and counts as delivered."""
    writers = [start(fifo) for _ in range(3)]
    for writer in writers:
        writer.tell("write", writer.number, 30, 20)
    os.set_blocking(reader, True)
    got, lines = [], 0
    while lines < 3 * 600:
        got.append(os.read(reader, 3000))
        lines += got[-1].count(b"\n")
    assert by_writer(b"".join(got)) == {writer.number: list(range(600)) for writer in writers}
    for writer in writers:
        assert writer.answer() == {"documents.delivered.file": 600, "documents.dropped.file": 0}


def test_many_writers_into_a_file(tmp_path, start):
    """Lines of several processes stand whole in the file, those of each in its order."""
    path = tmp_path / "flows.ndjson"
    writers = [start(path) for _ in range(3)]
    for writer in writers:
        writer.tell("write", writer.number, 30, 20)
    for writer in writers:
        assert writer.answer() == {"documents.delivered.file": 600, "documents.dropped.file": 0}
    assert by_writer(path.read_bytes()) == {writer.number: list(range(600)) for writer in writers}


def test_a_line_cut_by_a_full_disk_holds_up_the_others(tmp_path, turn_fd, start):
    """While one process waits for room to end its line, others drop and count; then they go on, and no line is torn."""
    path = tmp_path / "flows.ndjson"
    writer = start(path)
    writer.ask("limit", len(ndjson(documents(0, 0, 5))) + 10)
    cut = writer.ask("write", 0, 1, 8)
    assert (cut["documents.delivered.file"], cut[BECAUSE + "error"]) == (5, 2)
    output, counts = output_here(path, turn_fd)
    output.write(documents(1, 0, 4))
    assert counts == {"documents.delivered.file": 0, "documents.dropped.file": 4, BECAUSE + "no_turn": 4}
    writer.ask("limit", 1 << 30)
    assert writer.ask("flush")["documents.delivered.file"] == 6
    output.write(documents(1, 4, 4))
    output.close()
    assert counts["documents.delivered.file"] == 4
    assert by_writer(path.read_bytes()) == {0: list(range(6)), 1: [4, 5, 6, 7]}


def test_a_full_device_keeps_nobody_waiting(turn_fd, start):
    """Where nothing can be written, nobody has begun a line: each process counts its own loss, and none waits for another."""
    path = Path("/dev/full")
    writer = start(path)
    output, counts = output_here(path, turn_fd)
    for _ in range(2):
        assert BECAUSE + "no_turn" not in writer.ask("write", 0, 1, 3)
        output.write(documents(1, 0, 3))
    assert counts == {"documents.delivered.file": 0, "documents.dropped.file": 6, BECAUSE + "error": 6}


def killed_in_mid_line(path, start):
    """How many documents a process has delivered that was killed in the middle of the next one's line."""
    writer = start(path)
    writer.ask("impatient")
    delivered = writer.ask("write", 0, 1, 200)["documents.delivered.file"]
    writer.kill()
    return delivered


@pytest.mark.parametrize("alone", [False, True])
def test_a_writer_killed_in_mid_line(fifo, reader, turn_fd, start, alone):
    """The line of a process that was killed stays cut, but ends: what others write, or its successor, begins a line."""
    delivered = killed_in_mid_line(fifo, start)
    got = read_all(reader)
    output, counts = output_here(fifo, turn_fd, alone=alone)
    for first in (0, 3):
        output.write(documents(1, first, 3))
    output.close()
    *lines, cut, after = (got + read_all(reader)).split(b"\n", delivered + 1)
    assert [json.loads(line)["n"] for line in lines] == list(range(delivered))
    assert json.dumps({"writer": 0, "n": delivered}).encode()[:-1] == cut[: cut.index(b', "pad"')]
    assert by_writer(after) == {1: list(range(6))}
    assert counts == {"documents.delivered.file": 6, "documents.dropped.file": 0}


def test_a_file_left_within_a_line(tmp_path, turn_fd, start):
    """A file that ends within a line, by a kill or a power cut, is gone on with on a line of its own; one that does not is not."""
    path = tmp_path / "flows.ndjson"
    writer = start(path)
    writer.ask("limit", len(ndjson(documents(0, 0, 2))) + 10)
    writer.ask("write", 0, 1, 8)
    writer.kill()
    whole = path.read_bytes()
    for first in (0, 1):
        output, _ = output_here(path, turn_fd)
        output.write(documents(1, first, 1))
        output.close()
    assert path.read_bytes() == whole + b"\n" + ndjson(documents(1, 0, 2))


def test_a_reader_that_goes_within_a_line(fifo, turn_fd, start):
    """What a reader leaves in the pipe, others keep there: the next reader finds its end before a new line begins."""
    other = start(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    other.ask("write", 0, 1, 1)  # has it open from now on
    output, counts = output_here(fifo, turn_fd)
    output.write(documents(1, 0, 200))
    os.close(reader)
    output.write(documents(1, 200, 1))
    assert counts[BECAUSE + "no_reader"] == 2
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        left = read_all(reader)
        other.ask("write", 0, 1, 5)
        got = read_all(reader)
    finally:
        os.close(reader)
    assert not left.endswith(b"\n")
    assert got == b"\n" + ndjson(documents(0, 0, 5))


def test_a_fifo_that_nobody_reads_yet(fifo, turn_fd, start):
    """Without a reader nobody has begun a line: every process drops and counts, and a reader that comes finds whole lines."""
    other = start(fifo)
    output, counts = output_here(fifo, turn_fd)
    assert other.ask("write", 0, 1, 3)[BECAUSE + "no_reader"] == 3
    output.write(documents(1, 0, 3))
    assert counts[BECAUSE + "no_reader"] == 3
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        other.ask("write", 0, 1, 2)
        output.write(documents(1, 0, 2))
        assert by_writer(read_all(reader)) == {0: [0, 1], 1: [0, 1]}
    finally:
        os.close(reader)


def test_reopen_gives_the_turn_back(tmp_path, turn_fd, start):
    """Who opens anew with a line begun loses its rest, counts that, and holds up nobody; the old file stays in whole lines."""
    path, moved = tmp_path / "flows", tmp_path / "flows.1"
    writer = start(path)
    writer.ask("limit", len(ndjson(documents(0, 0, 2))) + 10)
    writer.ask("write", 0, 1, 8)
    output, counts = output_here(path, turn_fd)
    path.rename(moved)
    assert writer.ask("reopen")[BECAUSE + "cut"] == 1
    output.write(documents(1, 0, 2))
    writer.ask("limit", 1 << 30)
    writer.ask("write", 0, 1, 1)
    assert counts["documents.delivered.file"] == 2
    whole, rest = ndjson(documents(0, 0, 2)), ndjson(documents(1, 0, 2))
    assert moved.read_bytes() == whole + ndjson(documents(0, 2, 1))[:10] + b"\n" + rest
    assert path.read_bytes() == ndjson(documents(0, 0, 1))


def test_lines_of_one_process_need_no_newline_before_them(tmp_path, fifo, reader, turn_fd):
    """Neither a fresh file nor a pipe begins with an empty line."""
    for path in (tmp_path / "flows", fifo):
        output, _ = output_here(path, turn_fd)
        output.write(documents(0, 0, 1))
        output.close()
    assert (tmp_path / "flows").read_bytes() == read_all(reader) == ndjson(documents(0, 0, 1))
