"""What is known of exporters outlives the collector: nothing is lost that one which went on running would have."""

import io
import json
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import Collector, Golden, goldens
from flowcoll.collect.keeping import Keeping
from flowcoll.config import Options, defaults
from flowcoll.counters import Counts
from flowcoll.decode.capture import Payload
from flowcoll.decode.elements import Elements
from flowcoll.decode.facts import Facts
from flowcoll.decode.memory import Memory
from flowcoll.decode.store import Bodies, TemplateStore
from flowcoll.decode.waiting import Waiting
from flowcoll.logs import Log
from strategies import Spec, announcement, block, examples, export, exports

DAY_S = 86_400.0
START_S = float(int(time.time()))  # files have times of their own
HERE, THERE = "192.0.2.1", "2001:db8::2"


class Run:
    """A collector that keeps what it knows in a folder."""

    def __init__(self, folder: Path, options: Options | None = None, now: float = START_S) -> None:
        self.now = now
        self.collector = Collector(options or defaults())
        self.counts = self.collector.counts
        self.log = io.StringIO()
        self.memory = self.collector.memory
        self.keeping = Keeping(folder, self.memory, self.counts, Log(self.log), clock=lambda: self.now)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


def payload(octets: bytes, source: str = HERE, port: int = 4000, at: float = START_S) -> Payload:
    return Payload(at, source, port, 2055, octets)


PAIR = (Spec(0, 8, 4), Spec(0, 12, 4))
OTHER = (Spec(0, 12, 4), Spec(0, 8, 4))
TEMPLATE = export(10, block(2, announcement(256, PAIR)))
DATA = export(10, block(256, bytes([10, 0, 0, 7, 10, 0, 0, 1])))


def sources(documents: Sequence[str]) -> list[str]:
    return [json.loads(document)["source"]["ip"] for document in documents]


# -- a restart ---------------------------------------------------------------------------------------------------------

_WITH_TEMPLATES = [
    case for case in goldens() if any(each.octets[:2] in {b"\0\x09", b"\0\x0a"} for each in case.payloads)
]


@pytest.mark.parametrize("case", _WITH_TEMPLATES, ids=str)
def test_restart_in_mid_capture(case: Golden, enriched: Options, tmp_path: Path) -> None:
    """A capture carried by two collectors, one after the other, gives the documents that one gives."""
    whole = Collector(enriched)
    expected = whole.carry(case.payloads)
    whole.finish()
    now = case.payloads[-1].time
    count = len(case.payloads)
    for stop in sorted(
        {*range(min(count, 4)), count // 3, count // 2, count - 1, *random.Random(7).choices(range(count), k=3)}
    ):
        folder = tmp_path / str(stop)
        first = Run(folder, enriched, now)
        documents = first.collector.carry(case.payloads[:stop])
        first.keeping.finish()
        second = Run(folder, enriched, now)
        documents += second.collector.carry(case.payloads[stop:])
        assert documents == expected
        second.collector.finish()
        second.keeping.finish()
        for name in (
            "records.flow",
            "records.option",
            "records.refused",
            "sets.read_late",
            "templates.learned",
            "facts.learned",
        ):
            assert total(name, first.counts, second.counts) == total(name, whole.counts)
        refused = "sets.refused"
        assert total(refused, first.counts, second.counts) == total(refused, whole.counts)
        assert first.log.getvalue() == second.log.getvalue() == ""


def total(name: str, *counts: Counts) -> int:
    return sum(count for each in counts for key, count in each.items() if key.startswith(name))


@examples(40)
@given(datagrams=exports(), stop=st.integers(0, 3))
def test_restart_anywhere(
    datagrams: list[tuple[int, int, bytes]], stop: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same of whatever an exporter may send: templates, withdrawals, lies, from one port or several."""
    sent = [payload(octets, port=port, at=now / 1000) for port, now, octets in datagrams]
    expected = Collector(defaults()).carry(sent)
    folder = tmp_path_factory.mktemp("state")
    now = sent[-1].time
    first = Run(folder, now=now)
    documents = first.collector.carry(sent[:stop])
    first.keeping.finish()
    second = Run(folder, now=now)
    assert documents + second.collector.carry(sent[stop:]) == expected


def test_two_restarts_without_the_exporter(tmp_path: Path) -> None:
    """What is known of an exporter that sends nothing for a while outlives several starts."""
    first = Run(tmp_path)
    first.collector.carry([payload(TEMPLATE), payload(DATA, THERE)])
    first.keeping.finish()
    for _ in range(2):
        Run(tmp_path).keeping.finish()
    last = Run(tmp_path)
    assert sources(last.collector.carry([payload(DATA)])) == ["10.0.0.7"]
    assert sources(last.collector.carry([payload(TEMPLATE, THERE)])) == ["10.0.0.7"]
    assert last.counts["templates.restored"] == 1


def test_sets_come_out_once(tmp_path: Path) -> None:
    """A set that waited over a restart is not read again by the collector after the next."""
    first = Run(tmp_path)
    first.collector.carry([payload(DATA)])
    first.keeping.finish()
    assert first.counts["sets.kept.no_template"] == first.counts["sets.waited"] == 1
    assert sources(Run(tmp_path).collector.carry([payload(TEMPLATE)])) == ["10.0.0.7"]  # and is killed
    assert Run(tmp_path).collector.carry([payload(TEMPLATE)]) == []


def test_killed(tmp_path: Path) -> None:
    """What a step wrote is known after a kill."""
    first = Run(tmp_path)
    first.collector.carry([payload(TEMPLATE)])
    first.keeping.step()
    assert sources(Run(tmp_path).collector.carry([payload(DATA)])) == ["10.0.0.7"]


def test_an_announcement_after_a_restart(tmp_path: Path) -> None:
    """A template that is announced again after a restart is not new; its neighbours are kept with it."""
    first = Run(tmp_path)
    first.collector.carry([payload(TEMPLATE), payload(export(10, block(2, announcement(257, OTHER))))])
    first.keeping.finish()
    second = Run(tmp_path)
    second.collector.carry([payload(TEMPLATE)])
    assert second.counts["templates.learned"] == 0
    second.collector.carry([payload(export(10, block(2, announcement(256, OTHER))))])
    second.keeping.step()
    last = Run(tmp_path)
    assert sources(last.collector.carry([payload(DATA)])) == ["10.0.0.1"]
    assert last.counts["templates.restored"] == 2


@pytest.mark.parametrize("withdrawal", [announcement(256, ()), announcement(2, ())], ids=["one", "all"])
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_withdrawn(late: bool, withdrawal: bytes, tmp_path: Path) -> None:
    """A template that was withdrawn is forgotten on disk too, before a restart or as the first thing after it."""
    first = Run(tmp_path)
    first.collector.carry([payload(TEMPLATE)])
    first.keeping.step()
    if late:
        first = Run(tmp_path)
    first.collector.carry([payload(export(10, block(2, withdrawal)))])
    first.keeping.step()
    assert list(tmp_path.iterdir()) == []
    assert Run(tmp_path).collector.carry([payload(DATA)]) == []


# -- what is written, and when ----------------------------------------------------------------------------------------


def test_only_what_has_changed(tmp_path: Path) -> None:
    """A step writes the files of exporters whose templates changed, and touches no other."""
    run = Run(tmp_path)
    run.collector.carry([payload(TEMPLATE), payload(TEMPLATE, THERE)])
    run.keeping.step()
    before = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    assert sorted(before) == ["192.0.2.1.templates", "2001:db8::2.templates"]
    run.collector.carry(
        [payload(TEMPLATE), payload(DATA), payload(export(10, block(2, announcement(257, PAIR))), THERE)]
    )
    run.keeping.step()
    after = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    assert [name for name in before if before[name] != after[name]] == ["2001:db8::2.templates"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} <= {0o640, 0o600}


def test_in_small_steps(tmp_path: Path) -> None:
    """Ten thousand templates of one exporter are written in pieces; others may run between them, and change them."""
    run = Run(tmp_path)
    template = run.memory.bodies.template("ipfix", bytes(2) + PAIR[0].announced() + PAIR[1].announced(), options=False)
    for number in range(10_000):
        run.memory.store.learn((HERE, 4000), 1 << 32, 256 + number, template)
    pieces = 0

    def give_way() -> None:
        nonlocal pieces
        pieces += 1
        run.memory.store.forget((HERE, 4000), 1 << 32, 256 + pieces)

    keeping = Keeping(tmp_path, run.memory, run.counts, Log(run.log), clock=lambda: run.now, give_way=give_way)
    keeping.step()
    assert pieces > 75
    run.keeping.step()
    second = Run(tmp_path)
    second.collector.carry([payload(DATA)])
    assert len(second.memory.store) == len(run.memory.store)


def test_uses(tmp_path: Path) -> None:
    """A template that data use is kept for as long as they do, however long ago it was announced."""
    first = Run(tmp_path)
    unused = export(10, block(2, announcement(257, PAIR)))
    first.collector.carry([payload(TEMPLATE), payload(unused), payload(TEMPLATE, THERE)])
    first.keeping.step()
    for _ in range(40):
        first.now += DAY_S
        first.keeping.step()
        first.collector.carry([payload(DATA)])
    first.keeping.finish()
    last = Run(tmp_path, now=first.now + DAY_S)
    assert sources(last.collector.carry([payload(DATA), payload(DATA, THERE)])) == ["10.0.0.7"]
    assert (last.counts["templates.restored"], last.counts["templates.outdated"]) == (1, 1)


def test_old_files_go(tmp_path: Path) -> None:
    """Files that nobody will ask for are removed at the start; sets in them that waited are accounted for."""
    first = Run(tmp_path)
    first.collector.carry([payload(TEMPLATE), payload(DATA, THERE)])
    first.keeping.finish()
    for name in ("192.0.2.3.templates.bad", "192.0.2.4.templates.new"):
        (tmp_path / name).write_bytes(b"x")
    for path in tmp_path.iterdir():
        os.utime(path, (START_S, START_S))
    second = Run(tmp_path, now=START_S + 1_700)
    second.keeping.start()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".bad", ".templates", ".waiting"]
    second = Run(tmp_path, now=START_S + 1_900)
    second.keeping.start()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".bad", ".templates"]
    assert second.counts["sets.refused.no_template"] == second.counts["sets.waited"] == 1
    Run(tmp_path, now=START_S + 31 * DAY_S).keeping.start()
    assert list(tmp_path.iterdir()) == []


# -- files that cannot be used -----------------------------------------------------------------------------------------


FILES = ["192.0.2.1.facts", "192.0.2.1.templates", "192.0.2.1.waiting"]
RATE_TEMPLATE, RATE = bytes.fromhex("0103 0004 0004 0001 0004 0022 0004"), bytes.fromhex("00000000 000003e8")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an exporter of which two templates are known and a set waits."""
    folder = tmp_path_factory.mktemp("written")
    run = Run(folder)
    more = export(10, block(2, announcement(257, (*PAIR, Spec(4_242_424, 5, 65_535)))))
    options = export(9, block(1, RATE_TEMPLATE) + block(259, RATE))
    run.collector.carry([payload(TEMPLATE), payload(more), payload(options), payload(export(10, block(300, bytes(9))))])
    run.keeping.finish()
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(files) == FILES
    return files


def damaged(octets: bytes) -> list[bytes]:
    """A file cut at every octet, and with one octet changed, at every place."""
    cut = [octets[:end] for end in range(len(octets))]
    flipped = [
        octets[:at] + bytes([octets[at] ^ mask]) + octets[at + 1 :]
        for at in range(len(octets))
        for mask in (1, 0x20, 0x80)
    ]
    return cut + flipped


@pytest.mark.parametrize("name", FILES)
def test_any_damage(name: str, written: dict[str, bytes], tmp_path: Path) -> None:
    """A file that is cut or changed anywhere is set aside, told and counted; nothing of it is used."""
    path = tmp_path / name
    elements = Elements()
    for octets in damaged(written[name]):
        path.write_bytes(octets)
        counts, log = Counts(), io.StringIO()
        memory = Memory(Bodies(elements), TemplateStore(counts), Waiting(counts), Facts(counts))
        Keeping(tmp_path, memory, counts, Log(log), clock=lambda: START_S)
        assert memory.store.recall(HERE) is False
        assert (len(memory.store), len(memory.waiting), len(memory.facts)) == (0, 0, 0)
        assert log.getvalue().count("\n") == 1, octets
        assert counts == {f"kept.refused.{path.suffix[1:]}": 1}
        assert not path.exists()
        assert path.with_name(name + ".bad").read_bytes() == octets


@pytest.mark.parametrize("name", FILES)
def test_another_version(name: str, written: dict[str, bytes], tmp_path: Path) -> None:
    """A file of a version that this collector does not know is set aside, and the line says so."""
    (tmp_path / name).write_bytes(written[name].replace(b'"version":2', b'"version":3'))
    run = Run(tmp_path)
    assert sources(run.collector.carry([payload(DATA), payload(TEMPLATE)])) == ["10.0.0.7"]
    (line,) = run.lines()
    assert line["level"] == "warn"
    assert line["problem"] == "is of version 3, and 2 is read here"
    run.keeping.finish()
    assert (tmp_path / (name + ".bad")).exists()
    assert sources(Run(tmp_path).collector.carry([payload(DATA)])) == ["10.0.0.7"]


def test_another_exporters_file(written: dict[str, bytes], tmp_path: Path) -> None:
    """A file that was given another exporter's name is not used for it."""
    (tmp_path / "192.0.2.9.templates").write_bytes(written["192.0.2.1.templates"])
    run = Run(tmp_path)
    assert run.collector.carry([payload(DATA, "192.0.2.9")]) == []
    assert [line["problem"] for line in run.lines()] == ["is another exporter's"]


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    """A directory with the name of a file is set aside, and the file is written."""
    for kind in ("templates", "waiting", "facts"):
        (tmp_path / f"{HERE}.{kind}" / "within").mkdir(parents=True)
    run = Run(tmp_path)
    assert sources(run.collector.carry([payload(DATA), payload(TEMPLATE)])) == ["10.0.0.7"]
    run.keeping.finish()
    assert sources(Run(tmp_path).collector.carry([payload(DATA)])) == ["10.0.0.7"]
    assert run.counts["kept.refused.templates"] == run.counts["kept.refused.waiting"] == 1


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """The same for a file that cannot be read: here a link to itself, which not even root can open."""
    (tmp_path / f"{HERE}.templates").symlink_to(tmp_path / f"{HERE}.templates")
    run = Run(tmp_path)
    assert sources(run.collector.carry([payload(DATA), payload(TEMPLATE)])) == ["10.0.0.7"]
    assert "cannot be read" in str(run.lines()[0]["problem"])
    run.keeping.finish()
    assert sources(Run(tmp_path).collector.carry([payload(DATA)])) == ["10.0.0.7"]


def test_a_file_too_large(tmp_path: Path) -> None:
    """A file that is larger than any we write is not read into memory."""
    with (tmp_path / f"{HERE}.templates").open("wb") as file:
        file.truncate(1 << 40)
    run = Run(tmp_path)
    assert run.collector.carry([payload(DATA)]) == []
    assert run.lines()[0]["problem"] == "is too large"


def test_no_folder(tmp_path: Path) -> None:
    """A folder that cannot be written is told once; the collector goes on, and writes when it can."""
    (tmp_path / "state").write_text("in the way")
    run = Run(tmp_path / "state" / "templates")
    for number in range(10):
        run.collector.carry([payload(TEMPLATE, f"192.0.2.{number}")])
        run.keeping.step()
        run.now += 61
    assert len(run.lines()) == 1
    assert "EF_STATE_PATH" in str(run.lines()[0]["msg"])
    run.collector.carry([payload(DATA, THERE)])
    (tmp_path / "state").unlink()
    run.keeping.step()
    assert len(list((tmp_path / "state" / "templates").iterdir())) == 10
    (tmp_path / "state" / "templates").rename(tmp_path / "elsewhere")
    (tmp_path / "state").rmdir()
    (tmp_path / "state").write_text("in the way")
    run.keeping.finish()
    assert run.counts["sets.refused.no_template"] == 1
    assert run.counts["sets.kept.no_template"] == 0


def test_no_state_path(tmp_path: Path) -> None:
    """Without EF_STATE_PATH nothing is kept, and that is told once."""
    counts, log = Counts(), io.StringIO()
    collector = Collector(defaults())
    keeping = Keeping(None, collector.memory, counts, Log(log), clock=lambda: START_S)
    keeping.start()
    collector.carry([payload(TEMPLATE), payload(export(10, block(300, bytes(9))))])
    keeping.step()
    keeping.finish()
    assert log.getvalue().count("EF_STATE_PATH is empty") == 1
    assert list(tmp_path.iterdir()) == []


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_a_file_is_bounded(tmp_path: Path) -> None:
    """Of an exporter that floods only the templates announced last are kept."""
    run = Run(tmp_path)
    for number in range(10_000):
        body = bytes(2) + Spec(0, 500 + number % 7, 1 + number % 9).announced() * 512
        template = run.memory.bodies.template("ipfix", body, options=False)
        run.memory.store.learn((HERE, 4000), 1 << 32, 256 + number, template)
    run.keeping.step()
    (path,) = tmp_path.iterdir()
    assert path.stat().st_size < 20_000_000
    second = Run(tmp_path)
    second.memory.store.recall(HERE)
    numbers = [known.number for known in second.memory.store.of(HERE)]
    assert numbers == list(range(256 + 9_999, 256 + 9_999 - len(numbers), -1))
    assert len(numbers) > 4_000


def test_as_many_exporters_as_templates(tmp_path: Path) -> None:
    """What the store gives up goes from the disk too."""
    run = Run(tmp_path)
    counts = Counts()
    memory = Memory(run.memory.bodies, TemplateStore(counts, limit=50), Waiting(counts), Facts(counts))
    keeping = Keeping(tmp_path, memory, counts, Log(run.log), clock=lambda: START_S)
    template = memory.bodies.template("ipfix", bytes(2) + PAIR[0].announced(), options=False)
    for number in range(500):
        memory.store.learn((f"10.0.{number >> 8}.{number & 255}", 4000), 0, 256, template)
        if number % 20 == 0:
            keeping.step()
    keeping.step()
    assert len(list(tmp_path.iterdir())) == 50
