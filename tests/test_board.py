"""What a worker has counted can be read at any time, and is whole."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

import orjson
import pytest

from flowcoll.collect.board import SLOT, Board

WRITER = """
import sys, orjson
from flowcoll.collect.board import Board
slot = Board(int(sys.argv[1]), 2).slots[1]
count = orjson.loads(slot.state() or b'{"count": 0}')["count"]
print(count, flush=True)
while True:
    count += 1
    slot.show(orjson.dumps({"count": count, "filler": "x" * (count * 37 % 5000)}))
"""


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board.make(2)
    yield made
    made.close()


def test_last_state(board: Board) -> None:
    """A slot shows nothing, then the last state; slots are apart."""
    one, other = board.slots
    assert one.state() == b""
    for state in (b"first", b"second, longer", b"3"):
        one.show(state)
        assert one.state() == state
    assert other.state() == b""


def test_too_large(board: Board) -> None:
    """A state that does not fit is refused, and the one before it stays."""
    board.slots[0].show(b"fits")
    with pytest.raises(ValueError, match="does not fit"):
        board.slots[0].show(bytes(SLOT // 2))
    assert board.slots[0].state() == b"fits"


def test_damage(board: Board) -> None:
    """A state that was damaged is not shown; the one before it is."""
    slot = board.slots[0]
    slot.show(b"before")
    slot.show(b"after")
    place = board._memory.find(b"after")
    board._memory[place] ^= 1
    assert slot.state() == b"before"


def test_killed_while_writing(board: Board) -> None:
    """However often a worker is killed, what it leaves is a whole state, not older than one that was read before."""
    rng = random.Random(5)
    last = 0
    for _ in range(12):
        worker = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(board.fd)], pass_fds=[board.fd], stdout=subprocess.PIPE
        )
        assert worker.stdout
        assert int(worker.stdout.readline()) >= last  # the next one goes on from there
        looks = rng.randint(50, 3000)
        while looks or not last:  # the first one is let live until it has shown something
            looks = max(looks - 1, 0)
            state = board.slots[1].state()
            if state:
                count = orjson.loads(state)["count"]
                assert count >= last
                last = count
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
    assert orjson.loads(board.slots[1].state())["count"] >= last > 0
