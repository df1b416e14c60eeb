"""Several workers, and other numbers of workers between two runs, know together what one that runs on knows."""

import json
import os
import random
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from zlib import crc32

import pytest

from corpus import Collector, goldens
from flowcoll.collect.keeping import Keeping
from flowcoll.collect.kept_files import address_of, name, worker_of, workers
from flowcoll.config import Options, defaults
from flowcoll.decode.capture import Payload
from flowcoll.logs import Log
from flowcoll.member import Member
from strategies import announcement, block, export
from test_keeping import DATA, HERE, OTHER, PAIR, RATE, RATE_TEMPLATE, START_S, TEMPLATE, payload, sources

Spread = Callable[[Payload], int]
WITHDRAWING = "127.20.9.3"
"""Withdraws a template; over UDP nobody does that (RFC 7011 section 8.4), and other workers do not hear of it."""


class Crew:
    """Some workers with one folder, as long as they run; the clock is theirs, a capture has times of its own."""

    def __init__(self, folder: Path, of: int, *, shared: bool, now: float, options: Options | None = None) -> None:
        self.now = now
        self.folder = folder
        self.workers = [Collector(options or defaults()) for _ in range(of)]
        self.keepings = [
            Keeping(
                folder, each.memory, each.counts, Log(each.log), Member(number, of), shared=shared, clock=self.clock
            )
            for number, each in enumerate(self.workers)
        ]
        for keeping in self.keepings:
            keeping.start()

    def clock(self) -> float:
        return self.now

    def carry(self, payloads: Sequence[Payload], spread: Spread, *, steps: bool = False) -> list[str]:
        """The documents that all workers make of what the kernel spreads over them."""
        documents: list[str] = []
        for each in payloads:
            self.now = max(self.now, each.time)
            documents += self.workers[spread(each) % len(self.workers)].carry([each])
            for _ in range(2 * steps):
                documents += self.step()
        return documents

    def step(self) -> list[str]:
        """Long enough later; the documents of sets that were read only then."""
        self.now += 61
        for keeping in self.keepings:
            keeping.step()
        return [document for worker in self.workers for document in worker.carry([])]

    def finish(self) -> None:
        """They are stopped, one after the other."""
        for keeping in self.keepings:
            keeping.finish()
        assert [each.log.getvalue() for each in self.workers] == [""] * len(self.workers)

    def count(self, name: str) -> int:
        """What all have counted."""
        return sum(
            count for each in self.workers for key, count in each.counts.items() if f"{key}.".startswith(f"{name}.")
        )


def to(worker: int) -> Spread:
    """All to one."""
    return lambda _: worker


def by_source(each: Payload) -> int:
    return crc32(each.source.encode())


def interleaved() -> list[Payload]:
    """Every capture of the corpus, all exporters at one time."""
    rounds = zip_longest(*(case.payloads for case in goldens()))
    return timed(each for one in rounds for each in one if each)


def in_turn() -> list[Payload]:
    """Captures of exporters that announce templates, one after the other, the beginning of each."""
    announcing = [
        case
        for case in goldens()
        if case.payloads[0].octets[:2] in {b"\0\x09", b"\0\x0a"} and case.exporter != WITHDRAWING
    ]
    return timed((each for case in announcing for each in case.payloads[:20]), 130)


def timed(payloads: Iterable[Payload], apart: int = 1) -> list[Payload]:
    return [each._replace(time=START_S + apart * number) for number, each in enumerate(payloads)]


@pytest.fixture(scope="module")
def expected(enriched: Options) -> list[str]:
    """What one collector makes of it that is never stopped."""
    return sorted(Collector(enriched).carry(interleaved()))


@pytest.mark.parametrize("counts", [(3, 2), (1, 4), (4, 1)], ids=str)
def test_another_number_of_workers(
    counts: tuple[int, int], expected: list[str], enriched: Options, tmp_path: Path
) -> None:
    """Exporters that are spread over other workers after a restart lose nothing: neither templates, facts nor data."""
    sent = interleaved()
    documents: list[str] = []
    for of, part in zip(counts, (sent[:120], sent[120:]), strict=True):
        crew = Crew(tmp_path, of, shared=False, now=START_S, options=enriched)
        documents += crew.carry(part, by_source)
        crew.finish()
    assert sorted(documents) == expected
    assert {path.suffix for path in tmp_path.iterdir()} <= {".templates", ".facts", ".waiting"}
    assert not [path for path in tmp_path.iterdir() if "~" in path.name]


def anywhere() -> Spread:
    chance = random.Random(7)
    return lambda _: chance.randrange(12)


_RUNS = [((3, True), (2, True)), ((3, True), (2, False)), ((2, False), (3, True))]


@pytest.mark.parametrize(("first", "second"), _RUNS, ids=str)
def test_without_steering(first: tuple[int, bool], second: tuple[int, bool], tmp_path: Path) -> None:
    """Workers that share an exporter read what the others wrote; so does one that has it alone later."""
    sent = in_turn()
    half = len(sent) // 2
    expected = sorted(Collector(defaults()).carry(sent))
    documents: list[str] = []
    for (of, shared), part in zip((first, second), (sent[:half], sent[half:]), strict=True):
        crew = Crew(tmp_path, of, shared=shared, now=part[0].time)
        documents += crew.carry(part, anywhere() if shared else by_source, steps=shared)
        crew.finish()
    assert sorted(documents) == expected
    assert crew.count("sets.waited") == crew.count("sets.read_late") + crew.count("sets.kept")
    heard = {each.source for each in part}
    files = [path for path in tmp_path.iterdir() if address_of(path) in heard]
    assert {worker_of(path) for path in files} <= (set(range(of)) if shared else {None})


def test_a_template_that_others_know(tmp_path: Path) -> None:
    """A worker that misses a template reads what the others wrote, now and then; data that waited are read then too."""
    crew = Crew(tmp_path, 2, shared=True, now=START_S)
    assert crew.carry([payload(DATA)], to(0)) == []
    crew.carry([payload(TEMPLATE)], to(1))
    crew.keepings[1].step()
    assert crew.carry([payload(DATA)], to(0)) == []  # he has just looked
    crew.now += 5
    assert sources(crew.carry([payload(DATA)], to(0))) == ["10.0.0.7"]
    assert len(crew.workers[0].memory.waiting) == 2
    assert sources(crew.step()) == ["10.0.0.7"] * 2
    assert crew.workers[0].counts["sets.read_late"] == 2


def test_looking_costs_little(tmp_path: Path) -> None:
    """However much is missed of an exporter, files are read every five seconds, and only those that have changed."""
    crew = Crew(tmp_path, 2, shared=True, now=START_S)
    crew.carry([payload(TEMPLATE)], to(1))
    crew.step()
    missed = payload(export(10, block(300, bytes(8))))
    crew.carry([missed], to(0))
    known = crew.workers[0].counts["templates.restored"]
    for _ in range(10):
        crew.carry([missed] * 3, to(0))
        crew.now += 5
    assert crew.workers[0].counts["templates.restored"] == known == 1


def test_what_is_newer_stays(tmp_path: Path) -> None:
    """What an exporter said to one worker is not undone by what another one heard before."""
    crew = Crew(tmp_path, 2, shared=True, now=START_S)
    crew.carry([payload(TEMPLATE)], to(1))
    crew.step()
    crew.carry([payload(DATA)], to(0))
    crew.step()
    changed = export(10, block(2, announcement(256, OTHER)))
    assert sources(crew.carry([payload(changed, at=crew.now), payload(DATA)], to(0))) == ["10.0.0.1"]
    for _ in range(3):
        crew.step()
    assert sources(crew.carry([payload(DATA)], to(0))) == ["10.0.0.1"]
    assert sources(crew.carry([payload(DATA)], to(1))) == ["10.0.0.1"]
    crew.finish()
    again = Crew(tmp_path, 1, shared=False, now=crew.now)
    assert sources(again.carry([payload(DATA)], to(0))) == ["10.0.0.1"]


def test_facts_that_others_heard(tmp_path: Path) -> None:
    """What options data told one worker, the others know a minute later."""
    crew = Crew(tmp_path, 3, shared=True, now=START_S)
    flows = export(9, block(0, announcement(256, PAIR)))
    for worker in (0, 2):
        crew.carry([payload(flows)], to(worker))
    crew.carry([payload(export(9, block(1, RATE_TEMPLATE) + block(259, RATE)))], to(1))
    data = payload(export(9, block(256, bytes([10, 0, 0, 7, 10, 0, 0, 1]))))
    for expected in ((1, "none"), (1000, "options")):
        for worker in (0, 2):
            (document,) = crew.carry([data], to(worker))
            assert json.loads(document)["flow"]["sampling"] == dict(zip(("rate", "source"), expected, strict=True))
        crew.step()
        crew.step()


def test_waiting_sets_are_read_by_one(tmp_path: Path) -> None:
    """Sets that waited at the end are taken by the worker that removes their file, and by no other."""
    first = Crew(tmp_path, 2, shared=True, now=START_S)
    first.carry([payload(DATA)], to(0))
    first.carry([payload(DATA)], to(1))
    first.finish()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{HERE}~0.waiting", f"{HERE}~1.waiting"]
    second = Crew(tmp_path, 3, shared=True, now=START_S)
    documents = [document for worker in range(3) for document in second.carry([payload(TEMPLATE)], to(worker))]
    assert sources(documents) == ["10.0.0.7"] * 2
    assert second.count("kept.refused") == 0


def test_only_the_first_worker_removes(tmp_path: Path) -> None:
    """Old files are removed by the first worker alone."""
    (tmp_path / f"{HERE}~3.templates").write_bytes(b"x")
    os.utime(tmp_path / f"{HERE}~3.templates", (1, 1))
    for number in (2, 1, 0):
        assert len(list(tmp_path.iterdir())) == 1
        collector = Collector(defaults())
        member = Member(number, 3)
        Keeping(tmp_path, collector.memory, collector.counts, Log(collector.log), member).start()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"])
@pytest.mark.parametrize("worker", [None, 0, 12])
def test_names(address: str, worker: int | None) -> None:
    """The name of a file tells its exporter and its worker."""
    path = Path(name(address, "templates", worker))
    assert (address_of(path), worker_of(path), path.suffix) == (address, worker, ".templates")


@pytest.mark.parametrize("odd", ["x~.templates", "x~y.templates", "x~99999.templates", "x~1~2.templates", "~"])
def test_odd_names(odd: str, tmp_path: Path) -> None:
    """A file with a name that nobody gave it is no worker's."""
    (tmp_path / odd).touch()
    assert workers(tmp_path) == set()
    assert workers(tmp_path / "missing") == set()
