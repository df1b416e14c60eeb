"""The text in which an exporter's templates and waiting sets are kept."""

from typing import Any
from zlib import crc32

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import Collector
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.decode import kept
from flowcoll.decode.capture import Payload
from flowcoll.decode.context import HALF, Context
from flowcoll.decode.elements import Elements
from flowcoll.decode.facts import Fact, Facts, KnownFact
from flowcoll.decode.memory import Memory
from flowcoll.decode.sampling import Told
from flowcoll.decode.store import Bodies, Known, TemplateStore
from flowcoll.decode.waiting import Waiting, WaitingSet
from flowcoll.errors import KeptError
from strategies import NOW, examples, exports, sampled

HERE = "192.0.2.1"
ELEMENTS = Elements()


def empty() -> Memory:
    counts = Counts()
    return Memory(Bodies(ELEMENTS), TemplateStore(counts), Waiting(counts), Facts(counts))


def known(memory: Memory) -> list[tuple[object, ...]]:
    """What a memory knows of an exporter, as values."""
    return [
        (*each[:-1], each.template.protocol, each.template.options, each.template.columns)
        for each in memory.store.of(HERE)
    ]


def facts(memory: Memory) -> list[tuple[object, ...]]:
    """What it was told in options data, as values."""
    return [(each.kind, *each.fact) for each in memory.facts.of(HERE)]


def waiting(memory: Memory) -> list[tuple[object, ...]]:
    """What waits there, as values; sets of one datagram share what it may give."""
    sets = memory.waiting.of(HERE)
    return [(*each[:4], each.body, each.budget.left, [e.budget is each.budget for e in sets]) for each in sets]


@examples(50)
@given(datagrams=st.one_of(exports(), sampled()), limit=st.integers(1, 3))
def test_there_and_back(datagrams: list[tuple[int, int, bytes]], limit: int) -> None:
    """What is read is what was written, of whatever an exporter sent, and so is what is written then."""
    collector = Collector(defaults(EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET=limit))
    collector.carry(Payload(now / 1000, HERE, port, 2055, octets) for port, now, octets in datagrams)
    first, second = collector.memory, empty()
    templates, sets, told = (b"".join(text(HERE, first)) for text in (kept.templates, kept.waiting, kept.facts))
    assert bool(templates) == bool(known(first))
    assert bool(sets) == bool(waiting(first))
    assert bool(told) == bool(facts(first))
    if templates:
        assert kept.recall_templates(HERE, templates, second, NOW) == 0
    if sets:
        kept.recall_waiting(HERE, sets, second)
    if told:
        assert kept.recall_facts(HERE, told, second, NOW) == {}
    assert known(second) == known(first)
    assert facts(second) == facts(first)
    assert waiting(second) == waiting(first)
    assert b"".join(kept.templates(HERE, second)) == templates
    assert b"".join(kept.waiting(HERE, second)) == sets
    assert b"".join(kept.facts(HERE, second)) == told


def test_the_newest() -> None:
    """Which of several ports announced a template last is kept, and that nobody did whose template is still there."""
    first, second = empty(), empty()
    bodies = [
        first.bodies.template("ipfix", bytes.fromhex(f"0000 0008 0004 000c 000{width}"), options=False)
        for width in (1, 4)
    ]
    for port, body in ((4000, bodies[0]), (4001, bodies[1]), (4000, bodies[0])):
        first.store.learn((HERE, port), 0, 256, body)
    first.store.learn((HERE, 4000), 0, 257, bodies[0])
    first.store.learn((HERE, 4001), 0, 257, bodies[1])
    first.store.withdraw((HERE, 4001), 0, 257, options=False)
    kept.recall_templates(HERE, b"".join(kept.templates(HERE, first)), second, 0)
    for port in (4000, 4001, 4002):
        for number in (256, 257):
            was, now = (memory.store.find((HERE, port), 0, number) for memory in (first, second))
            assert (was and was.columns) == (now and now.columns)
    assert second.store.find((HERE, 4002), 0, 257) is None


def test_nothing() -> None:
    """Of an exporter that nothing is known of, nothing is written."""
    assert [*kept.templates(HERE, empty()), *kept.waiting(HERE, empty()), *kept.facts(HERE, empty())] == []


@pytest.mark.parametrize("octets", [b"", b"\n", b"[]\n", b"\xff\n", b'{"version":[]}\n'])
def test_no_text_of_ours(octets: bytes) -> None:
    """What never was such a text is refused."""
    with pytest.raises(KeptError):
        kept.recall_templates(HERE, octets, empty(), 0)
    with pytest.raises(KeptError):
        kept.count_waiting(HERE, octets)
    with pytest.raises(KeptError):
        kept.recall_facts(HERE, octets, empty(), 0)


@pytest.mark.parametrize(("kind", "value"), [("rate", ("x",)), ("rate", (0,)), ("unheard of", (1,))])
def test_a_fact_that_makes_no_sense(kind: str, value: tuple[Any, ...]) -> None:
    """A text with a right checksum and a fact that nobody can have told is refused as a whole."""
    memory = empty()
    memory.facts.restore(HERE, KnownFact("rate", Fact(Told(0, "domain", 0, value, wide=False), NOW)))
    text = b"".join(kept.facts(HERE, memory)).replace(b'"rate"', orjson.dumps(kind))
    *lines, _ = text.splitlines(keepends=True)
    body = b"".join(lines)
    other = empty()
    with pytest.raises(KeptError):
        kept.recall_facts(HERE, body + b'{"crc32":%d}\n' % crc32(body), other, 0)
    assert len(other.facts) == 0


def test_outdated_facts() -> None:
    """A fact is kept for as long as its exporter is heard of, and a month."""
    memory = empty()
    memory.facts.restore(HERE, KnownFact("rate", Fact(Told(0, "domain", 0, (10,), wide=False), NOW)))
    month = kept.OUTDATED_MS
    silent = b"".join(kept.facts(HERE, memory))
    assert kept.recall_facts(HERE, silent, empty(), NOW + month) == {}
    assert kept.recall_facts(HERE, silent, empty(), NOW + month + 1) == {"rate": 1}
    memory.store.now = NOW + month
    template = memory.bodies.template("ipfix", bytes.fromhex("0000 0008 0004"), options=False)
    memory.store.learn((HERE, 4000), 0, 256, template)
    assert kept.recall_facts(HERE, b"".join(kept.facts(HERE, memory)), empty(), NOW + 2 * month) == {}


def test_a_row_that_makes_no_sense() -> None:
    """A text with a right checksum and fields that cannot be is refused as a whole."""
    memory = empty()
    good = memory.bodies.template("ipfix", bytes.fromhex("0000 0008 0004"), options=False)
    bad = memory.bodies.template("ipfix", bytes.fromhex("0000 0008 0002"), options=False)
    bad.body = bytes.fromhex("0000 0008 00")
    for number, template in ((256, good), (257, bad)):
        memory.store.learn((HERE, 4000), 0, number, template)
    text = b"".join(kept.templates(HERE, memory))
    other = empty()
    with pytest.raises(KeptError):
        kept.recall_templates(HERE, text, other, 0)
    assert len(other.store) == 0


@pytest.mark.parametrize("uptime", [0, 1, HALF - 1, HALF, HALF + 1, 2 * HALF - 1])
def test_times(uptime: int) -> None:
    """The times of a datagram can be read back from its context."""
    context = Context(HERE, HERE)
    context.at(NOW, NOW - 7, uptime)
    assert context.times() == (NOW, NOW - 7, uptime)


def test_types() -> None:
    """Rows are as the tables of the text say."""
    assert len(kept._TEMPLATE) == len(Known._fields) + 2
    assert len(kept._FACT) == len(KnownFact._fields) - 1 + len(Told._fields) + len(Fact._fields) - 1 + 1
    assert len(kept._SET) == len(WaitingSet._fields) + 3
