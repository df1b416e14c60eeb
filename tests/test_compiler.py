"""The generated code: what it looks like, how much of it there is, and what several outputs make of one record."""

import ast
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import enriching
from flowcoll.config import Options, defaults
from flowcoll.counters import Counts
from flowcoll.decode.elements import Elements
from flowcoll.decode.templates import Column, Template, judge
from flowcoll.document import fields as table
from flowcoll.document.compiler import Compiler, Shape
from flowcoll.document.derive import derived
from flowcoll.document.fields import EVERYTHING, FRAGMENTS, Wanted
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline
from flowcoll.threat.matching import feeds
from oracle import Datagram, Oracle, parsed
from oracle_wire import VARIABLE
from strategies import NOW, Spec, announcement, block, examples, export, exports, fixed_exports

EXPORTER = ("192.0.2.1", 4000)
USUAL = tuple(
    Spec(0, number, width)
    for number, width in (
        *((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (1, 8), (2, 8), (152, 8), (153, 8)),
        *((10, 4), (14, 4), (15, 4), (5, 1), (16, 4), (17, 4), (58, 2), (61, 1), (136, 1)),
    )
)


class Source:
    """One exporter that sends to a pipeline for some outputs."""

    def __init__(self, options: Options, wanted: Sequence[Wanted] = (EVERYTHING,)) -> None:
        self.counts = Counts()
        log = Log(io.StringIO())
        self.pipeline = Pipeline(options, self.counts, log, wanted)
        feeds.use(options, self.pipeline.lists, log)
        self._wanted = wanted

    def send(self, datagrams: Sequence[Datagram], address: str = EXPORTER[0]) -> list[list[dict[str, Any]]]:
        """The documents for each output."""
        for port, now, octets in datagrams:
            self.pipeline.handle(octets, (address, port), now)
        return [[parsed(text) for text in self.pipeline.take(each)] for each in self._wanted]


def datagram(template: Sequence[Spec], number: int = 256, records: int = 1) -> Datagram:
    """A template, and records of zeros for it."""
    size = sum(1 if spec.width == VARIABLE else spec.width for spec in template)
    data = block(number, bytes(size * records))
    return Datagram(EXPORTER[1], NOW, export(10, block(2, announcement(number, tuple(template))) + data))


# -- the source --------------------------------------------------------------------------------------------------------


def explained(template: Sequence[Spec]) -> str:
    source = Source(defaults())
    source.send([datagram(template)])
    ((_, text),) = source.pipeline.explain()
    return text


@pytest.mark.parametrize("template", [USUAL, (*USUAL, Spec(0, 82, VARIABLE)), (Spec(0, 600, 4),)], ids=len)
def test_source(template: tuple[Spec, ...]) -> None:
    """What `flowcoll explain` prints is Python, one loop over the records, and speaks of elements by their IANA names."""
    text = explained(template)
    tree = ast.parse(text)
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For)]
    assert len(loops) == 1
    if template[0].number == 8:
        assert {"sourceIPv4Address", "octetDeltaCount", "protocolIdentifier", "flowEndReason"} <= {
            node.id for node in ast.walk(loops[0].target) if isinstance(node, ast.Name)
        }


def test_titles() -> None:
    """`explain` names protocol and template id, and shows only templates that data has used."""
    source = Source(defaults())
    unused = Datagram(EXPORTER[1], NOW, export(10, block(2, announcement(300, (Spec(0, 8, 8), Spec(0, 1, 3))))))
    source.send([datagram(USUAL, 270), unused])
    ((title, _),) = source.pipeline.explain()
    assert re.match(rf"ipfix template 270, {len(USUAL)} fields, \d+ octets$", title)


def test_same_source() -> None:
    """Equal templates have equal code, whoever sends them: it is made once."""
    source = Source(defaults())
    source.send([datagram(USUAL)])
    source.send([datagram(USUAL)], "192.0.2.2")
    source.send([datagram(USUAL, 400)], "192.0.2.3")
    assert len(list(source.pipeline.explain())) == 1
    assert source.counts["templates.learned"] == 3


@pytest.mark.parametrize("width", [VARIABLE, 4])
def test_what_nobody_shows_costs_no_code(width: int) -> None:
    """Code does not grow with the fields that no document shows, so that no template can fill the memory with it."""
    few = len(explained((*USUAL, Spec(0, 82, VARIABLE))))
    odd = [Spec(0, 500 + place, width if place % 2 else 3) for place in range(450)]
    assert len(explained((*USUAL, *odd, Spec(0, 82, VARIABLE)))) < 2 * few


# -- how much there may be ---------------------------------------------------------------------------------------------


def bare(limit: int) -> Compiler:
    """A compiler of the plainest documents."""
    fields = tuple(field for field in table.load() if field.path in {"@timestamp", "source.bytes", "source.port"})
    namespace: Mapping[str, Any] = {"SECONDS": {}, "MILLIS": [], "DIGITS": [], "from_bytes": int.from_bytes}
    return Compiler([Shape(fields, "collect", "default")], derived(defaults()), [namespace], limit)


def odd_templates(count: int) -> list[Template]:
    elements = Elements()
    return [judge("ipfix", [(0, 1, 4), (0, 600, 1 + number)], elements) for number in range(count)]


def test_code_is_bounded() -> None:
    """Code is kept for at most the limit of templates; one that lost its code gets it again with its next data."""
    compiler = bare(5)
    templates = odd_templates(20)
    for template in templates:
        assert compiler.of(template) is compiler.of(template)
        assert len(compiler.latest()) <= 5
    assert [template for template in templates if template.compiled] == compiler.latest() == templates[-5:]
    compiler.of(templates[0])
    assert templates[0].compiled is not None
    assert len(compiler.latest()) == 5


# -- several outputs ---------------------------------------------------------------------------------------------------

OUTPUTS = [
    EVERYTHING,
    Wanted(("source",), "start"),
    Wanted(("source.ip", "destination.geo", "client", "event.start"), "end"),
    Wanted(("network.direction", "flow", "threat", "sec"), "export"),
    Wanted(("tcp", "icmp", "related", "source.as", "observer", "server.ip", "event.end"), "end"),
    Wanted(
        (
            *("source", "destination", "client", "server", "network", "flow", "threat", "sec", "related"),
            *("event.start", "event.end", "event.duration", "tcp", "icmp", "ip"),
        )
    ),
]
SOME_OUTPUTS = st.lists(st.sampled_from(OUTPUTS), min_size=2, max_size=3, unique=True)


class Desks:
    """Pipelines for several outputs, and the oracle of each output."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._oracles: dict[Wanted, Oracle] = {}
        self._exporters = 0

    def check(self, outputs: Sequence[Wanted], datagrams: Sequence[Datagram]) -> None:
        self._exporters += 1
        address = f"10.1.{self._exporters >> 8}.{self._exporters & 255}"
        found = Source(self._options, outputs).send(datagrams, address)
        for output, documents in zip(outputs, found, strict=True):
            if output not in self._oracles:
                self._oracles[output] = Oracle(self._options, output.drop, output.timestamp)
            expected = self._oracles[output].documents(datagrams, address)
            assert documents == [document for each in expected for document in each]


@pytest.fixture(scope="module")
def desks(threats: Path) -> Desks:
    return Desks(enriching(threats))


@examples(20)
@given(outputs=SOME_OUTPUTS, datagrams=st.one_of(exports(), exports(), fixed_exports()))
def test_several_outputs(outputs: list[Wanted], datagrams: list[Datagram], desks: Desks) -> None:
    """Each of several outputs gets what the oracle expects for it alone, whatever the others drop or are dated by."""
    desks.check(outputs, datagrams)


@pytest.mark.parametrize("first", range(len(OUTPUTS)))
def test_listed_addresses_for_several_outputs(first: int, desks: Desks) -> None:
    """A record with a listed address takes its own branch for every output, whichever comes first."""
    record = bytes([208, 100, 17, 187, 10, 0, 0, 1]) + bytes.fromhex("01bb d431 06 12") + bytes(7) + b"\1" + bytes(8)
    template = USUAL[:8]
    sets = block(2, announcement(256, template)) + block(256, record + record[4:8] + record[4:])
    outputs = OUTPUTS[first:] + OUTPUTS[:first]
    for some in (outputs, outputs[:2], outputs[:1]):
        desks.check(some, [Datagram(EXPORTER[1], NOW, export(10, sets))])


def test_dropped_for_all_and_for_one() -> None:
    """An output may drop what is dropped for all."""
    options = defaults(EF_PROCESSOR_DROP_FIELDS=["source"])
    wanted = Wanted(("source.ip", "client"), "collect", "EF_OUTPUT_FILE_DROP_FIELDS")
    ((document,),) = Source(options, [wanted]).send([datagram(USUAL)])
    assert "destination" in document
    assert {"source", "client"}.isdisjoint(document)


# -- the tables --------------------------------------------------------------------------------------------------------


def test_names_do_not_clash() -> None:
    """No element is called as a derived value or a helper of the generated code is: each name has one meaning."""
    from flowcoll.document.derive import CONTEXT  # noqa: PLC0415

    ours = {name for row in derived(defaults()) for name in row.names} | set(CONTEXT)
    ours |= set(Source(defaults()).pipeline.namespace)
    ours |= {"rows", "outs", "ctx", "octets", "here", "end", "size", "read", "write", "unpack"}
    assert ours & Elements().names() == set()


def test_fragments_have_rows() -> None:
    """Every fragment has its place in a document, and is one that a row of derived values gives."""
    named = {fragment for field in table.load() for fragment in field.fragments}
    given = {name for row in derived(enriching(Path("threats.csv"))) for name in row.names}
    assert named == set(FRAGMENTS)
    assert named - given <= {"export_ip"}


def test_rows_that_come_made() -> None:
    """Rows that come made, as those of sFlow do, have a value for each column, used or not."""
    template = Template("sflow5", [Column("octetDeltaCount", "I", 4), Column("sourceMacAddress", "6s", 6)], ready=True)
    assert "for octetDeltaCount, sourceMacAddress, in rows:" in bare(5).source(template)
