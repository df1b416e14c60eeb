"""Whether the collector's user can write where it has to."""

import os
from pathlib import Path

import pytest

from flowcoll.doctor.findings import Verdict
from flowcoll.doctor.places import FEW_INODES, FILE, LITTLE_OCTETS, STATE, Place, Rights, Who, may_write, probe, who

ME = Who(os.geteuid(), frozenset({os.getegid()}), "me")
SOMEBODY = Who(12_345, frozenset({12_345}), "somebody")
ROOM = 1 << 40
STATE_JUDGE, ROOM_JUDGE = (check.judge for check in STATE)
FILE_JUDGE, FILE_ROOM_JUDGE = (check.judge for check in FILE)
OPEN = (Rights(0, 0, 0o755), Rights(12_345, 0, 0o700))


def place(**change: object) -> Place:
    """A state directory of somebody's with room."""
    good = Place(Path("/x"), SOMEBODY, there=True, directory=True, nearest=Path("/x"), way=OPEN, free=ROOM, inodes=ROOM)
    return good._replace(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (OPEN, True),
        ((Rights(0, 0, 0o755), Rights(0, 12_345, 0o770)), True),
        ((Rights(0, 0, 0o755), Rights(0, 0, 0o777)), True),
        ((Rights(0, 0, 0o755), Rights(0, 0, 0o755)), False),
        ((Rights(0, 0, 0o700), Rights(12_345, 0, 0o700)), False),
        ((Rights(0, 0, 0o755), Rights(12_345, 0, 0o077)), False),
    ],
)
def test_rights_are_those_of_the_kernel(way: tuple[Rights, ...], expected: bool) -> None:
    """Owner before group before others, and every directory on the way lets him through; root may all."""
    assert may_write(SOMEBODY, way) is expected
    assert may_write(Who(0, frozenset(), "root"), way)


def test_a_good_state_directory() -> None:
    """Can be written, and has room."""
    assert STATE_JUDGE(place()).verdict is ROOM_JUDGE(place()).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        ({"path": None}, Verdict.SKIP, "nothing is kept"),
        ({"directory": False}, Verdict.FAIL, "is no directory"),
        ({"read_only": True}, Verdict.FAIL, "read-only"),
        ({"way": (Rights(0, 0, 0o755),)}, Verdict.FAIL, "may not be written by somebody"),
        ({"way": (Rights(0, 0, 0o755),), "there": False}, Verdict.FAIL, "is missing, and somebody may not make it"),
        ({"there": False}, Verdict.OK, "is made by somebody at the start"),
    ],
)
def test_a_state_directory_that_does_not_do(change: dict[str, object], verdict: Verdict, words: str) -> None:
    """Is told with what to do."""
    found = STATE_JUDGE(place(**change))
    assert (found.verdict, words in found.text) == (verdict, True), found
    assert bool(found.advice) is (verdict is Verdict.FAIL)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"free": LITTLE_OCTETS - 1}, Verdict.FAIL),
        ({"inodes": FEW_INODES - 1}, Verdict.FAIL),
        ({"inodes": None}, Verdict.OK),
        ({"spool_limit": ROOM + 1}, Verdict.WARN),
        ({"spool_limit": ROOM + 1, "spooled": 1}, Verdict.OK),
    ],
)
def test_room(change: dict[str, object], verdict: Verdict) -> None:
    """Is compared with what the spool may take beyond what it has."""
    assert ROOM_JUDGE(place(**change)).verdict is verdict


def test_a_real_directory(tmp_path: Path) -> None:
    """Is looked at and not touched; what is below the spool counts."""
    spool = tmp_path / "spool/elasticsearch/0"
    spool.mkdir(parents=True)
    (spool / "1.segment").write_bytes(b"x" * 1000)
    before = tmp_path.stat().st_mtime_ns
    found = probe(tmp_path, ME, spool_limit=5000)
    assert STATE_JUDGE(found).verdict is Verdict.OK
    assert found.spooled == 1000
    assert found.free > 0
    assert tmp_path.stat().st_mtime_ns == before


def test_a_directory_of_somebody_elses(tmp_path: Path) -> None:
    """Is not for this user, and the advice says how it would be."""
    tmp_path.chmod(0o700)
    found = STATE_JUDGE(probe(tmp_path / "state", SOMEBODY))
    assert found.verdict is Verdict.FAIL
    assert found.advice == f"install -d -o somebody -m 0750 {tmp_path / 'state'}"


def test_files_of_outputs(tmp_path: Path) -> None:
    """A file that can be made, one whose directory is missing, one that is a directory."""
    assert FILE_JUDGE(probe(tmp_path / "flows.ndjson", ME)).verdict is Verdict.OK
    missing = FILE_JUDGE(probe(tmp_path / "none/flows.ndjson", ME))
    assert (missing.verdict, missing.advice) == (Verdict.FAIL, f"install -d -o me -m 0750 {tmp_path / 'none'}")
    assert FILE_JUDGE(probe(tmp_path, ME)).verdict is Verdict.FAIL
    assert FILE_ROOM_JUDGE(place(free=0)).verdict is Verdict.FAIL
    own = tmp_path / "own"
    own.touch(0o600)
    found = FILE_JUDGE(probe(own, SOMEBODY))
    assert (found.verdict, found.advice) == (Verdict.FAIL, f"chown somebody {own}")


def test_what_the_unit_forbids(tmp_path: Path) -> None:
    """Is told, although the user could write there."""
    outside = FILE_JUDGE(probe(tmp_path / "flows.ndjson", ME, (Path("/var/lib/flowcoll"),)))
    assert (outside.verdict, "ProtectSystem" in outside.text) == (Verdict.FAIL, True)
    assert outside.advice.endswith(f"ReadWritePaths={tmp_path}")
    assert FILE_JUDGE(probe(tmp_path / "flows.ndjson", ME, (tmp_path,))).verdict is Verdict.OK
    assert STATE_JUDGE(probe(tmp_path / "state", ME, (tmp_path / "state",))).verdict is Verdict.OK


def test_as_whom_it_writes() -> None:
    """As the one that runs, else as EF_RUN_AS says if we are root, else as we are."""
    assert who({"EF_RUN_AS": "nobody"}, 0, 0).name == "root"
    assert who({"EF_RUN_AS": "nobody"}, -1, 0).name == "nobody"
    assert who({"EF_RUN_AS": ""}, -1, 65_534).name == "nobody"
    assert who({"EF_RUN_AS": "no such user"}, -1, 0).uid == 0
    assert who({"EF_RUN_AS": ""}, 12_345, 0).name == "12345"
