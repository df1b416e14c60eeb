"""What is kept of templates: whose they are, which of several counts, and how many there may be."""

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.counters import Counts
from flowcoll.decode.elements import Elements
from flowcoll.decode.store import TemplateStore
from flowcoll.decode.templates import Spec, Template, TemplateError, judge
from strategies import examples

HERE, THERE = ("192.0.2.1", 4000), ("192.0.2.2", 4000)
OTHER_PORT = ("192.0.2.1", 4001)
THIRD_PORT = ("192.0.2.1", 4002)


@pytest.fixture(scope="module")
def elements() -> Elements:
    return Elements()


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def store(counts: Counts) -> TemplateStore:
    return TemplateStore(counts, limit=100)


def template(width: int = 4, *, options: bool = False) -> Template:
    """A template that is like no other one."""
    return judge("ipfix", [(0, 8, 4), (0, 600, width)], Elements(), options=options)


# -- judging -----------------------------------------------------------------------------------------------------------


def test_unknown_elements_are_passed_over(elements: Elements) -> None:
    """An element that nobody knows costs its octets, and nothing else."""
    judged = judge("ipfix", [(0, 8, 4), (4_242_424, 1, 9), (0, 600, 3), (0, 12, 4)], elements)
    assert [column.name for column in judged.columns if column.name] == ["sourceIPv4Address", "destinationIPv4Address"]
    assert judged.size == 20


@pytest.mark.parametrize(
    ("number", "width"), [(8, 3), (8, 16), (27, 4), (27, 15), (56, 8), (4, 9), (2, 65_535), (154, 4), (1, 0)]
)
def test_widths_that_do_not_fit(number: int, width: int, elements: Elements) -> None:
    """An element in a width that its type cannot have is passed over, and the others are read."""
    judged = judge("ipfix", [(0, number, width), (0, 7, 2)], elements)
    assert [column.name for column in judged.columns if column.name] == ["sourceTransportPort"]


@pytest.mark.parametrize("width", range(1, 9))
def test_reduced_size(width: int, elements: Elements) -> None:
    """An unsigned integer may come in any number of octets up to eight (RFC 7011 section 6.2)."""
    assert judge("ipfix", [(0, 1, width)], elements).columns[0].name == "octetDeltaCount"


def test_duplicates(elements: Elements) -> None:
    """Of an element that stands twice the first counts: the second is a tunnelled header's."""
    judged = judge("ipfix", [(0, 8, 4), (0, 8, 4)], elements)
    assert [column.name for column in judged.columns] == ["sourceIPv4Address", ""]
    assert judged.size == 8


def test_own_types_come_first(elements: Elements) -> None:
    """In NetFlow v9 a type that its exporters use in their own way is not IANA's element of that number."""
    (ours,), (theirs,) = (judge(protocol, [(0, 232, 8)], elements).columns for protocol in ("netflow9", "ipfix"))
    assert (ours.name, theirs.name) == ("ingressAclId", "responderOctets")


@pytest.mark.parametrize("specs", [[], [(0, 8, 0)], [(0, 8, 0), (4_242_424, 5, 0)]])
def test_no_octets(specs: list[Spec], elements: Elements) -> None:
    """A template of which a record would have no octets is refused: there is no end to its records."""
    with pytest.raises(TemplateError, match="no_octets"):
        judge("ipfix", specs, elements)


def test_names(elements: Elements) -> None:
    """The name of every element can be a local variable of the generated code."""
    assert [name for name in elements.names() if not name.isidentifier()] == []


# -- whose template it is ----------------------------------------------------------------------------------------------


def test_repetition(store: TemplateStore, counts: Counts) -> None:
    """A template that comes again changes nothing."""
    one = template()
    for _ in range(3):
        store.learn(HERE, 0, 256, one)
    assert (len(store), counts["templates.learned"]) == (1, 1)
    assert store.find(HERE, 0, 256) is one


def test_change(store: TemplateStore, counts: Counts) -> None:
    """A template that comes with other fields takes the place of the one before, and counts as learned."""
    one, other = template(4), template(8)
    store.learn(HERE, 0, 256, one)
    store.learn(HERE, 0, 256, other)
    assert (len(store), counts["templates.learned"]) == (1, 2)
    assert store.find(HERE, 0, 256) is other


EXPORTERS = st.tuples(st.sampled_from(("192.0.2.1", "192.0.2.2", "2001:db8::1")), st.integers(1, 3))
ANNOUNCEMENTS = st.lists(st.tuples(EXPORTERS, st.integers(0, 2), st.integers(256, 258), st.integers(1, 3)), max_size=30)
TEMPLATES = {width: template(width) for width in (1, 2, 3)}


@examples(80)
@given(announced=ANNOUNCEMENTS)
def test_exporters_never_mix(announced: list[tuple[tuple[str, int], int, int, int]]) -> None:
    """A session gets what it announced last; without that, the newest of its address and domain; never another's."""
    store = TemplateStore(Counts())
    for exporter, domain, number, width in announced:
        store.learn(exporter, domain, number, TEMPLATES[width])
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1"):
        for port in range(5):
            for domain in range(3):
                for number in (256, 257, 258):
                    same = [w for e, d, n, w in announced if (e[0], d, n) == (address, domain, number)]
                    own = [w for e, d, n, w in announced if (e, d, n) == ((address, port), domain, number)]
                    wanted = TEMPLATES[(own or same)[-1]] if same else None
                    assert store.find((address, port), domain, number) is wanted


def test_another_port(store: TemplateStore) -> None:
    """An exporter that comes back with another port is served the newest template of its address and domain."""
    one, other = template(4), template(8)
    store.learn(HERE, 7, 256, one)
    store.learn(OTHER_PORT, 7, 256, other)
    assert store.find(THIRD_PORT, 7, 256) is other
    assert store.find(HERE, 7, 256) is one
    assert store.find(THIRD_PORT, 8, 256) is store.find(THERE, 7, 256) is store.find(THIRD_PORT, 7, 257) is None


# -- withdrawal --------------------------------------------------------------------------------------------------------


def test_withdraw_one(store: TemplateStore, counts: Counts) -> None:
    """A template withdrawn is unknown, from any port; the others of its session stay (RFC 7011 section 8.1)."""
    store.learn(HERE, 0, 256, template(4))
    store.learn(HERE, 0, 257, kept := template(8))
    store.withdraw(HERE, 0, 256, options=False)
    assert store.find(HERE, 0, 256) is store.find(OTHER_PORT, 0, 256) is None
    assert store.find(HERE, 0, 257) is kept
    assert (len(store), counts["templates.withdrawn"]) == (1, 1)


def test_withdraw_all_of_a_kind(store: TemplateStore, counts: Counts) -> None:
    """All templates of a session and domain may be withdrawn at once; options templates are apart from the others."""
    store.learn(HERE, 0, 256, template(4))
    store.learn(HERE, 0, 257, template(8))
    store.learn(HERE, 0, 258, options := template(4, options=True))
    store.learn(HERE, 1, 256, other_domain := template(4))
    store.learn(THERE, 0, 256, other_exporter := template(4))
    store.withdraw(HERE, 0, None, options=False)
    assert store.find(HERE, 0, 256) is store.find(HERE, 0, 257) is None
    assert store.find(HERE, 0, 258) is options
    assert store.find(HERE, 1, 256) is other_domain
    assert store.find(THERE, 0, 256) is other_exporter
    assert (len(store), counts["templates.withdrawn"]) == (3, 2)
    store.withdraw(HERE, 0, None, options=True)
    assert store.find(HERE, 0, 258) is None


def test_withdraw_what_is_not_known(store: TemplateStore, counts: Counts) -> None:
    """A withdrawal of what was never announced changes nothing."""
    store.learn(HERE, 0, 256, template())
    for exporter, domain, number in ((THERE, 0, 256), (HERE, 1, 256), (HERE, 0, 257), (OTHER_PORT, 0, 256)):
        store.withdraw(exporter, domain, number, options=False)
    store.withdraw(HERE, 0, 256, options=True)
    assert (len(store), counts["templates.withdrawn"]) == (1, 0)
    assert store.find(HERE, 0, 256) is not None


def test_withdrawal_is_the_announcers(store: TemplateStore) -> None:
    """A port that withdraws its template does not take away what another port announced after it."""
    store.learn(HERE, 0, 256, template(4))
    store.learn(OTHER_PORT, 0, 256, newest := template(8))
    store.withdraw(HERE, 0, 256, options=False)
    assert store.find(THIRD_PORT, 0, 256) is newest


# -- bounds ------------------------------------------------------------------------------------------------------------


def _one_exporter(number: int) -> tuple[tuple[str, int], int, int]:
    return HERE, number // 60_000, 256 + number % 60_000


def _many_domains(number: int) -> tuple[tuple[str, int], int, int]:
    return HERE, number, 256


def _many_ports(number: int) -> tuple[tuple[str, int], int, int]:
    return ("192.0.2.1", number), 0, 256 + number


def _spoofed_addresses(number: int) -> tuple[tuple[str, int], int, int]:
    return (f"10.0.{number >> 8}.{number & 255}", 4000), 0, 256


FLOODS = [_one_exporter, _many_domains, _many_ports, _spoofed_addresses]
Flood = Callable[[int], tuple[tuple[str, int], int, int]]


@pytest.mark.parametrize("flood", FLOODS)
def test_flood(flood: Flood, store: TemplateStore, counts: Counts) -> None:
    """However many templates come, at most the limit is kept, and each one given up is counted."""
    one = template()
    for number in range(10_000):
        store.learn(*flood(number), one)
        assert len(store) <= 100
    assert counts["templates.learned"] == 10_000
    assert counts["templates.evicted"] == 9_900
    assert store.find(*flood(9_999)) is one
    assert len(store._newest) <= 100


@pytest.mark.parametrize("flood", FLOODS)
def test_who_goes_on_sending_keeps_templates(flood: Flood, store: TemplateStore) -> None:
    """A flood of templates does not take away those of an exporter that goes on sending data."""
    busy = ("2001:db8::7", 4000)
    store.learn(busy, 0, 256, one := template())
    for number in range(1_000):
        store.learn(*flood(number), one)
        assert store.find(busy, 0, 256) is one


def test_memory(elements: Elements, counts: Counts) -> None:
    """Ten thousand templates as large as a datagram of 1500 octets can bring fit in less than 100 MB."""
    store = TemplateStore(counts)
    sample = 100
    tracemalloc.start()
    try:
        for number in range(sample):
            specs = [(0, 500 + (number * 7 + place) % 20_000, 1 + place % 3) for place in range(360)]
            store.learn(HERE, 0, 256 + number, judge("ipfix", specs, elements))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / sample * 10_000 < 100_000_000
