"""What was put into the spool comes out again, in order, whatever happens in between; and it stays within its bounds."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowcoll.errors import SetupError
from flowcoll.output.spool import FULL, HEADER, Spool

MEGABYTE = 1 << 20
WRITER = """
import sys
from pathlib import Path
from flowcoll.output.spool import Spool
spool = Spool(Path(sys.argv[1]), 1 << 30, segment=50_000)
for number in range(int(sys.argv[2]), 1 << 30):
    assert not spool.add(b"%d " % number * (number % 300 + 1), 3)
    print(number, flush=True)
"""


def drained(spool: Spool) -> Iterator[bytes]:
    while (record := spool.oldest()) is not None:
        assert spool.oldest() == record  # the same one until it was taken
        yield record.body
        spool.taken(record)


def filled(folder: Path, bodies: list[bytes], **bounds: int) -> Spool:
    spool = Spool(folder, bounds.pop("limit", MEGABYTE), **bounds)
    for body in bodies:
        assert spool.add(body, len(body)) == ""
    return spool


BODIES = [bytes([number]) * (number * 7 % 90 + 1) for number in range(60)]


@pytest.mark.parametrize("segment", [1, 200, MEGABYTE])
def test_in_order(tmp_path: Path, segment: int) -> None:
    """Requests come out as they went in, oldest first, and then nothing is left, on the disk either."""
    spool = filled(tmp_path, BODIES, segment=segment)
    assert spool.documents == sum(map(len, BODIES))
    assert spool.octets == sum(len(body) + HEADER for body in BODIES)
    assert list(drained(spool)) == BODIES
    assert (spool.octets, spool.documents, spool.lost_octets) == (0, 0, 0)
    spool.close()
    assert sum(path.stat().st_size for path in tmp_path.glob("*.segment")) <= segment + 200


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["add", "take", "reopen"]), max_size=80), st.integers(1, 300))
def test_any_order_of_things(tmp_path_factory: pytest.TempPathFactory, steps: list[str], segment: int) -> None:
    """Adding, taking and starting anew in any order loses nothing and repeats nothing."""
    folder = tmp_path_factory.mktemp("spool")
    spool, waiting, added = Spool(folder, MEGABYTE, segment=segment), [], 0
    for step in steps:
        if step == "add":
            body = b"%d" % added * 20
            assert spool.add(body, added % 5) == ""
            waiting.append((body, added % 5))
            added += 1
        elif step == "take":
            record = spool.oldest()
            assert (record and (record.body, record.documents)) == (waiting.pop(0) if waiting else None)
            if record:
                spool.taken(record)
        else:
            spool.close()
            spool = Spool(folder, MEGABYTE, segment=segment)
        assert spool.documents == sum(documents for _, documents in waiting)
    assert list(drained(spool)) == [body for body, _ in waiting]
    assert spool.lost_octets == 0
    spool.close()


def test_full(tmp_path: Path) -> None:
    """What has no room is refused, and there is room again when something was taken."""
    spool = filled(tmp_path, [b"x" * 400] * 2, limit=1000)
    assert spool.add(b"y" * 400, 1) == "the spool is full"
    record = spool.oldest()
    assert record
    spool.taken(record)
    assert spool.add(b"y" * 400, 1) == ""
    assert list(drained(spool)) == [b"x" * 400, b"y" * 400]
    spool.close()


@pytest.mark.parametrize("cut", range(1, HEADER + 91, 7))
def test_torn(tmp_path: Path, cut: int) -> None:
    """A record that was not written to its end is cut off; those before it stay, and new ones go behind them."""
    filled(tmp_path, BODIES[:10]).close()
    path = tmp_path / "000000000001.segment"
    os.truncate(path, path.stat().st_size - min(cut, HEADER + len(BODIES[9]) - 1))
    spool = Spool(tmp_path, MEGABYTE)
    assert spool.lost_octets > 0
    assert spool.add(b"new", 1) == ""
    assert list(drained(spool)) == [*BODIES[:9], b"new"]
    spool.close()


def test_damaged_body(tmp_path: Path) -> None:
    """A damaged body costs its own record, and is counted."""
    filled(tmp_path, BODIES[:10]).close()
    path = tmp_path / "000000000001.segment"
    octets = bytearray(path.read_bytes())
    octets[octets.index(BODIES[5]) + 3] ^= 1
    path.write_bytes(octets)
    spool = Spool(tmp_path, MEGABYTE)
    assert list(drained(spool)) == [*BODIES[:5], *BODIES[6:10]]
    assert (spool.lost_octets, spool.lost_documents) == (HEADER + len(BODIES[5]), len(BODIES[5]))
    spool.close()


@pytest.mark.parametrize("reopened", [False, True])
def test_damaged_header(tmp_path: Path, reopened: bool) -> None:
    """A damaged header costs the rest of its segment, and no other."""
    spool = filled(tmp_path, BODIES[:20], segment=400)
    path = tmp_path / "000000000001.segment"
    octets = bytearray(path.read_bytes())
    octets[octets.index(BODIES[2]) - 5] ^= 1
    path.write_bytes(octets)
    if reopened:
        spool.close()
        spool = Spool(tmp_path, MEGABYTE, segment=400)
    found = list(drained(spool))
    assert found[:2] == BODIES[:2]
    assert BODIES[2] not in found
    assert found[-1] == BODIES[19]
    assert spool.lost_octets == len(octets) - sum(len(body) + HEADER for body in BODIES[:2])
    spool.close()


@settings(max_examples=30)
@given(st.data())
def test_any_damage(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever octets are wrong, the spool opens, gives only what was put in, in order, and takes new requests."""
    folder = tmp_path_factory.mktemp("spool")
    filled(folder, BODIES, segment=300).close()
    for path in folder.glob("*.segment"):
        octets = bytearray(path.read_bytes())
        for place in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=2)):
            octets[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(octets[: data.draw(st.integers(0, len(octets)))])
    spool = Spool(folder, MEGABYTE, segment=300)
    assert spool.add(b"new", 1) == ""
    found = list(drained(spool))
    assert found[-1] == b"new"
    places = [BODIES.index(body) for body in found[:-1]]
    assert places == sorted(set(places))
    spool.close()


@pytest.mark.parametrize("mark", [b"", b"9 0", b"9 0 5", b"1 7 ", b"\xff", b"x y z", None])
def test_damaged_mark(tmp_path: Path, mark: bytes | None) -> None:
    """Without a mark that can be relied on, what was taken may come again, and nothing else is missing."""
    spool = filled(tmp_path, BODIES[:10])
    for body in BODIES[:3]:
        record = spool.oldest()
        assert record
        assert record.body == body
        spool.taken(record)
    spool.close()
    if mark is None:
        (tmp_path / "taken").unlink()
    else:
        (tmp_path / "taken").write_bytes(mark)
    spool = Spool(tmp_path, MEGABYTE)
    assert list(drained(spool)) == BODIES[:10]
    spool.close()


def test_killed(tmp_path: Path) -> None:
    """Of what a killed process had put in nothing is missing, and nothing comes twice."""
    said = 0
    found: list[int] = []
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(said)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout
        for _ in range(200):
            said = int(writer.stdout.readline()) + 1
        writer.send_signal(signal.SIGKILL)
        said = max([said, *(int(line) + 1 for line in writer.stdout.read().split())])
        writer.wait()
        writer.stdout.close()
        spool = Spool(tmp_path, 1 << 30, segment=50_000)
        found += [int(body.split()[0]) for body in drained(spool)]
        spool.close()
        assert found in (list(range(said)), list(range(said + 1)))  # the last one may not have been told of
        said = len(found)


def test_the_files_stay_within_the_limit(tmp_path: Path) -> None:
    """What was taken of a segment that is still there counts too; a limit may be changed."""
    spool = Spool(tmp_path, 1000)
    for _ in range(100):
        while not spool.add(b"x" * 70, 1):
            pass
        assert 800 < spool.held <= 1000
        assert sum(path.stat().st_size for path in tmp_path.glob("*.segment")) == spool.held
        for _ in range(3):
            record = spool.oldest()
            assert record
            spool.taken(record)
    spool.limit = 0
    assert spool.add(b"x", 1) == FULL
    spool.close()


def test_removed(tmp_path: Path) -> None:
    """With all it holds, and others may have one there anew."""
    spool = filled(tmp_path / "0", BODIES, segment=200)
    spool.sync()
    assert next(drained(spool)) == BODIES[0]
    spool.remove()
    assert list(tmp_path.iterdir()) == []
    spool = Spool(tmp_path / "0", MEGABYTE)
    assert spool.oldest() is None
    spool.close()


def test_used_by_another(tmp_path: Path) -> None:
    """Two processes never use one spool."""
    spool = Spool(tmp_path, MEGABYTE)
    with pytest.raises(SetupError, match="used by another process"):
        Spool(tmp_path, MEGABYTE)
    spool.close()
    Spool(tmp_path, MEGABYTE).close()


def test_full_disk(tmp_path: Path) -> None:
    """A request that the disk has no room for is refused whole, and there is no trace of it."""
    writer = (
        "import resource, sys; from pathlib import Path; from flowcoll.output.spool import Spool;"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000));"
        "spool = Spool(Path(sys.argv[1]), 1 << 20);"
        "print([spool.add(bytes([number]) * 1000, 1) for number in range(4)]); spool.close()"
    )
    done = subprocess.run([sys.executable, "-c", writer, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("['', '', 'the spool cannot be written: File too large', ")
    spool = Spool(tmp_path, MEGABYTE)
    assert spool.lost_octets == 0
    assert list(drained(spool)) == [bytes([0]) * 1000, bytes([1]) * 1000]
    spool.close()
