"""What exporters say in options data: kept for each of them, bounded, and used in documents."""

from typing import Any

import pytest

from flowcoll.counters import Counts
from flowcoll.decode.context import Contexts
from flowcoll.decode.elements import Elements
from flowcoll.decode.facts import KINDS, Facts, KnownFact
from flowcoll.decode.templates import Template, template_of
from strategies import NOW, Spec, block
from test_sets import Exporter

HERE, THERE = "192.0.2.1", "2001:db8::2"
DAY_MS = 24 * 3_600_000
ELEMENTS = Elements()
_FIELDS = (Spec(0, 1, 4), Spec(0, 48, 2), Spec(0, 50, 4))


def template() -> Template:
    body = (1).to_bytes(2, "big") + b"".join(field.announced() for field in _FIELDS)
    return template_of("netflow9", body, ELEMENTS, options=True)


SAMPLERS = template()


def samplers(*rates: tuple[int, int]) -> bytes:
    """Records that tell samplers and their rates."""
    return b"".join(bytes(4) + sampler.to_bytes(2, "big") + rate.to_bytes(4, "big") for sampler, rate in rates)


class World:
    """Some facts, and who counts what happens to them."""

    def __init__(self, limit: int = 1000) -> None:
        self.counts = Counts()
        self.facts = Facts(self.counts, limit)

    def say(self, *rates: tuple[int, int], address: str = HERE, domain: int = 5, now: int = NOW) -> None:
        self.facts.learn(address, domain, SAMPLERS, samplers(*rates), now)

    def rows(self, address: str = HERE, domain: int = 5) -> list[tuple[int | None, int, str]]:
        return self.facts.sampling(address, "netflow9", domain)


def test_what_changes() -> None:
    """What is said again changes nothing; another rate does, and its exporter is marked."""
    world = World()
    world.say((1, 100), (2, 200))
    assert list(world.facts.changed) == [HERE]
    assert world.counts == {"facts.learned.rate": 2}
    world.facts.changed.clear()
    generation = world.facts.generation
    world.say((1, 100), (2, 200), now=NOW + 1)
    assert (list(world.facts.changed), world.facts.generation) == ([], generation)
    assert {said for _, said in world.facts} == {NOW + 1}
    world.say((2, 300))
    assert list(world.facts.changed) == [HERE]
    assert world.counts == {"facts.learned.rate": 3}
    assert world.rows() == [(1, 100, "options"), (2, 300, "options")]
    assert world.facts.generation > generation


def test_exporters_never_mix() -> None:
    """What one exporter says means nothing for another; nor does what NetFlow v9 says for IPFIX."""
    world = World()
    world.say((1, 100))
    assert world.rows(THERE) == []
    assert world.facts.sampling(HERE, "ipfix", 5) == []
    assert world.facts.sampling(HERE, "netflow5", 5) == []
    assert world.rows(domain=6) == [(None, 100, "options"), (1, 100, "options")]  # said of the whole system
    world.say((1, 7), domain=6)
    assert world.rows(domain=6) == [(None, 7, "options"), (1, 7, "options")]
    assert world.rows(domain=5) == [(None, 100, "options"), (1, 100, "options")]


def test_what_holds_no_more() -> None:
    """Of what is said again and again, that goes which was not said for a day; who falls silent keeps what he said."""
    world = World()
    world.say((1, 100), (2, 200))
    for later in (DAY_MS, DAY_MS + 1):
        world.say((1, 100), now=NOW + later)
        assert len(world.facts) == 2
    world.say((1, 100), now=NOW + DAY_MS + 9)
    assert len(world.facts) == 1
    assert world.rows() == [(None, 100, "options"), (1, 100, "options")]
    assert world.counts["facts.outdated.rate"] == 1
    world.say((5, 50), address=THERE, now=NOW + 40 * DAY_MS)
    assert len(world.rows()) == 2


def test_after_a_silence() -> None:
    """Who says everything again after a long time, one thing after the other, loses none of it meanwhile."""
    world = World()
    for now in (NOW, NOW + 9 * DAY_MS, NOW + 9 * DAY_MS + 600_000):
        for sampler in (1, 2, 3):
            world.say((sampler, 100), now=now + sampler)
            assert len(world.facts) == (3 if now > NOW else sampler)


def test_one_exporter_is_bounded() -> None:
    """Who tells too much loses what he told first."""
    world = World(limit=100_000)
    world.say((1, 7), address=THERE)
    world.say(*((number, 10) for number in range(3000)))
    most = KINDS[0].most
    rows = world.rows()
    assert [sampler for sampler, _, _ in rows[1:]] == list(range(3000 - most, 3000))
    assert world.counts["facts.evicted.rate"] == 3000 - most
    assert len(world.rows(THERE)) == 2


def test_all_together_are_bounded() -> None:
    """When there is too much, who has said nothing for longest loses his, and who says it again keeps it."""
    world = World(limit=100)
    for number in range(500):
        world.say((1, 7), address=HERE)
        world.say((1, 100), address=f"10.0.{number >> 8}.{number & 255}")
    assert len(world.facts) == 100
    assert len(world.rows()) == 2
    assert world.rows("10.0.0.0") == []
    assert world.rows("10.0.1.243") == [(None, 100, "options"), (1, 100, "options")]
    assert world.counts["facts.evicted.rate"] == 401
    assert len(world.facts.changes) == 100
    world.say(*((number, 10) for number in range(300)))
    assert len(world.facts) == 100
    assert len(world.rows("10.0.1.243")) == 2  # who floods loses his own


def test_restored() -> None:
    """What is put back is what was known; something newer stays, and nothing has to be written for it."""
    first, second = World(), World()
    first.say((1, 100), (2, 200))
    second.say((2, 300), now=NOW + 1)
    second.facts.changed.clear()
    for known in first.facts.of(HERE):
        assert known.sound()
        second.facts.restore(HERE, known)
    assert second.rows() == [(1, 100, "options"), (2, 300, "options")]
    assert second.counts["facts.restored.rate"] == 1
    assert list(second.facts.changed) == []


@pytest.mark.parametrize(
    ("kind", "value"), [("rate", ()), ("rate", (0,)), ("rate", ("x",)), ("rate", (1, 2)), ("x", (1,))]
)
@pytest.mark.parametrize("other", [("selection", ()), ("selection", ("x",)), ("selection", tuple(range(17)))])
def test_unsound(kind: str, value: tuple[Any, ...], other: tuple[str, tuple[Any, ...]]) -> None:
    """A value that nobody could have said is known to be none."""
    world = World()
    world.say((1, 100))
    (known,) = world.facts.of(HERE)
    for name, odd in ((kind, value), other):
        fact = known.fact._replace(told=known.fact.told._replace(value=odd))
        assert not KnownFact(name, fact).sound()


def test_brief() -> None:
    """A context knows what is known of its own domain, as soon as it asks."""
    world, contexts = World(), Contexts()
    five, six = (contexts.get(HERE, 9, "", domain) for domain in (5, 6))
    world.say((1, 100))
    world.say((1, 7), (2, 8), domain=6)
    for context, domain in ((five, 5), (six, 6)):
        world.facts.brief(context, HERE, domain)
    assert (five.rate, five.rate_source, five.samplers[1]) == (100, "options", (100, "options"))
    assert (six.rate, six.rate_source, six.samplers[2]) == (1, "none", (8, "options"))
    for number in range(2000):
        world.say((1, 9), address=f"10.1.{number >> 8}.{number & 255}")
    world.facts.brief(five, HERE, 5)
    assert (five.rate, five.rate_source, five.samplers[1]) == (1, "none", (1, "none"))  # it was evicted


def told(version: int, sampler: int) -> tuple[Exporter, bytes]:
    """An exporter that has announced flows with a sampler and options on samplers; and data of such a flow."""
    exporter = Exporter(version)
    number = 302 if version == 10 else 48
    exporter.send(exporter.template(256, (Spec(0, 8, 4), Spec(0, 1, 4), Spec(0, number, 2))))
    scope = Spec(0, 302, 2) if version == 10 else Spec(0, 1, 4)
    fields = (scope, Spec(0, 34, 4)) if version == 10 else _FIELDS
    exporter.send(exporter.options_template(257, 1, fields))
    return exporter, block(256, bytes([10, 0, 0, 7, 0, 0, 0, 60]) + sampler.to_bytes(2, "big"))


@pytest.mark.parametrize("version", [9, 10])
def test_documents(version: int) -> None:
    """A document shows the rate of its sampler from the moment it was told, in the same datagram too."""
    exporter, data = told(version, 3)
    options = block(257, samplers((3, 100)) if version == 9 else bytes([0, 3, 0, 0, 0, 100]))
    before, after = exporter.documents(data, options, data)
    assert before["flow"]["sampling"] == {"rate": 1, "source": "none"}
    assert after["flow"]["sampling"] == {"rate": 100, "source": "options"}
    assert (before["source"]["bytes"], after["source"]["bytes"]) == (60, 6000)
    (elsewhere,) = exporter.documents(data, exporter=("192.0.2.9", 4000)) or [None]
    assert elsewhere is None
    (other_port,) = exporter.documents(data, exporter=("192.0.2.1", 4001))
    assert other_port["flow"]["sampling"]["rate"] == 100


def test_options_that_waited() -> None:
    """Options data that came before their template teach as soon as it comes."""
    exporter = Exporter(9)
    exporter.send(block(257, samplers((3, 100))))
    exporter.send(exporter.options_template(257, 1, _FIELDS))
    assert exporter.counts["facts.learned.rate"] == exporter.counts["records.option.netflow9"] == 1
    (document,) = exporter.documents(exporter.template(), block(256, bytes([10, 0, 0, 7, 10, 0, 0, 1])))
    assert document["flow"]["sampling"] == {"rate": 100, "source": "options"}


def test_as_sent() -> None:
    """With EF_PROCESSOR_SAMPLING_CORRECT off the rate is shown, and counters stay as they were sent."""
    exporter = Exporter(9, EF_PROCESSOR_SAMPLING_CORRECT=False)
    exporter.send(exporter.options_template(257, 1, _FIELDS), block(257, samplers((3, 100))))
    (document,) = exporter.documents(
        exporter.template(256, (Spec(0, 8, 4), Spec(0, 1, 4))), block(256, bytes([10, 0, 0, 7, 0, 0, 0, 60]))
    )
    assert document["source"]["bytes"] == 60
    assert document["flow"]["sampling"] == {"rate": 100, "source": "options"}


def test_rates_of_interfaces() -> None:
    """Where interfaces are sampled at different rates, each record has that of the interface where it came in."""
    exporter = Exporter(9)
    exporter.send(exporter.template(256, (Spec(0, 8, 4), Spec(0, 10, 2))))
    exporter.send(exporter.template(258, (Spec(0, 8, 4), Spec(0, 1, 4))))
    exporter.send(exporter.options_template(257, 1, (Spec(0, 2, 4), Spec(0, 34, 4))))
    data = block(256, b"".join(bytes([10, 0, 0, 7, 0, interface]) for interface in (1, 2, 3)))

    def rates(*sets: bytes) -> list[int]:
        return [document["flow"]["sampling"]["rate"] for document in exporter.documents(*sets)]

    def rate(interface: int, value: int) -> bytes:
        return block(257, interface.to_bytes(4, "big") + value.to_bytes(4, "big"))

    assert rates(data) == [1, 1, 1]
    assert rates(rate(1, 100), data) == [100, 100, 100]  # nothing else is known
    assert rates(rate(2, 200), data) == [100, 200, 1]
    assert rates(rate(0, 50), data) == [100, 200, 50]
    assert rates(block(258, bytes([10, 0, 0, 7, 0, 0, 0, 60]))) == [50]
    assert rates(rate(1, 50), rate(2, 50), data) == [50, 50, 50]
