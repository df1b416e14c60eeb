"""What the machine's figures mean."""

from pathlib import Path

import pytest

from flowcoll import config
from flowcoll.doctor.findings import Verdict
from flowcoll.doctor.host import CHECKS, Host, probe
from flowcoll.doctor.running import Running

OK, WARN, FAIL, SKIP = Verdict
JUDGES = {check.name: check.judge for check in CHECKS}
GIB = 1 << 30
GOOD = Host(
    rmem_max=32 << 20,
    backlog=1000,
    backlog_drops=0,
    synchronised=True,
    memory=8 * GIB,
    files=65536,
    cores=4,
    uid=998,
    asked_buffer=32 << 20,
    granted_buffer=None,
    workers=4,
    addresses=262_144,
    queues=True,
    used=None,
)


def test_a_good_machine() -> None:
    """Has nothing to look at."""
    assert {judge(GOOD).verdict for judge in JUDGES.values()} == {OK}


@pytest.mark.parametrize(
    ("check", "change", "verdict", "words"),
    [
        ("receive buffer", {"rmem_max": 212_992}, WARN, "net.core.rmem_max is 0.2 MiB"),
        ("receive buffer", {"rmem_max": 212_992, "granted_buffer": 32 << 20}, OK, "as asked for"),
        ("receive buffer", {"granted_buffer": 1 << 20}, WARN, "1 MiB are granted of the 32 MiB"),
        ("receive buffer", {"rmem_max": None}, SKIP, "not to be seen"),
        ("packet backlog", {"backlog_drops": 7}, WARN, "7 packets"),
        ("packet backlog", {"backlog": None}, SKIP, "not to be seen"),
        ("clock", {"synchronised": False}, WARN, "not synchronised"),
        ("clock", {"synchronised": None}, SKIP, "does not say"),
        ("open files", {"files": 256}, FAIL, "256"),
        ("memory", {"memory": GIB // 2}, WARN, "4 workers may come to"),
        ("memory", {"memory": None}, SKIP, "not to be seen"),
        ("memory", {"used": GIB}, OK, "in use now: 1.0 GiB"),
        ("workers", {"workers": 9}, WARN, "9 workers share 4"),
        ("user", {"uid": 0}, WARN, "root"),
        ("user", {"uid": -1}, SKIP, "no collector runs"),
    ],
)
def test_what_is_not_as_it_should_be(check: str, change: dict[str, object], verdict: Verdict, words: str) -> None:
    """Has a verdict, words, and something to do where it is not good."""
    found = JUDGES[check](GOOD._replace(**change))  # type: ignore[arg-type]
    assert found.verdict is verdict
    assert words in found.text
    assert bool(found.advice) is (verdict in {WARN, FAIL})


def test_this_machine_is_read() -> None:
    """Its figures make sense, whatever they are."""
    found = probe(config.defaults(), Running(), Path("/"))
    assert found.memory is not None
    assert found.memory > 1 << 27
    assert found.files > 0
    assert found.uid == -1


def test_the_running_collector_counts_more_than_this_process(tmp_path: Path) -> None:
    """Its limit of files, its buffers, its owner."""
    limits = tmp_path / "proc/7/limits"
    limits.parent.mkdir(parents=True)
    limits.write_text("Limit  Soft Limit  Hard Limit  Units\nMax open files            123     4096     files\n")
    (tmp_path / "proc/net").mkdir()
    (tmp_path / "proc/net/softnet_stat").write_text("00000001 00000002 0\n00000001 00000010 0\n")
    report = {
        "workers": [{"pid": 7, "memory_bytes": 5}, {"pid": 8, "memory_bytes": 6}],
        "sockets": [{"receive_buffer_bytes": 9}, {"receive_buffer_bytes": 8}],
    }
    found = probe(config.defaults(), Running(report), tmp_path)
    assert (found.files, found.granted_buffer, found.used, found.backlog_drops) == (123, 8, 11, 18)
    assert found.uid == limits.parent.stat().st_uid
