"""Sets of NetFlow v9 and IPFIX: one that cannot be read costs only itself, and nothing vanishes uncounted."""

import io
import json
from ipaddress import IPv4Address
from typing import Any

import pytest

from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline
from oracle_wire import VARIABLE, elements
from strategies import NOW, Spec, announcement, block, export

EXPORTER = ("192.0.2.1", 4000)
PAIR = (Spec(0, 8, 4), Spec(0, 12, 4))
PROTOCOLS = [9, 10]
KIND = {9: "netflow9", 10: "ipfix"}


class Exporter:
    """Sends sets to a pipeline of its own."""

    def __init__(self, version: int, **overrides: Any) -> None:
        self.version = version
        self.counts = Counts()
        self._pipeline = Pipeline(defaults(**overrides), self.counts, Log(io.StringIO()))
        self.template_set, self.options_set = (2, 3) if version == 10 else (0, 1)

    def send(self, *sets: bytes, **how: Any) -> list[str]:
        """The source addresses of the documents that these sets make."""
        return [document["source"]["ip"] for document in self.documents(*sets, **how)]

    def documents(
        self,
        *sets: bytes,
        exporter: tuple[str, int] = EXPORTER,
        version: int = 0,
        domain: int = 0,
        now: int = NOW,
        uptime: int = 1_000_000,
    ) -> list[dict[str, Any]]:
        """The documents that these sets make."""
        octets = export(version or self.version, b"".join(sets), domain=domain, uptime=uptime)
        self._pipeline.handle(octets, exporter, now)
        return list(map(json.loads, self._pipeline.take()))

    def waiting(self) -> float:
        """How many sets wait for their template."""
        return self._pipeline.gauges()["sets_waiting"]

    def finish(self) -> None:
        """Nothing will follow."""
        self._pipeline.finish()

    def template(self, number: int = 256, fields: tuple[Spec, ...] = PAIR) -> bytes:
        """A template set with one template."""
        return block(self.template_set, announcement(number, fields))

    def options_template(self, number: int, scopes: int, fields: tuple[Spec, ...]) -> bytes:
        """An options template set with one options template."""
        counts = (len(fields), scopes) if self.version == 10 else (4 * scopes, 4 * (len(fields) - scopes))
        head = b"".join(value.to_bytes(2, "big") for value in (number, *counts))
        return block(self.options_set, head + b"".join(field.announced() for field in fields))


@pytest.fixture(params=PROTOCOLS, ids=["netflow9", "ipfix"])
def exporter(request: pytest.FixtureRequest) -> Exporter:
    return Exporter(request.param)


@pytest.fixture
def ipfix() -> Exporter:
    return Exporter(10)


def flows(*sources: str) -> bytes:
    """Records of PAIR from these sources."""
    return b"".join(IPv4Address(source).packed + bytes([10, 0, 0, 1]) for source in sources)


GOOD = block(256, flows("10.0.0.7"))


# -- what cannot be read -----------------------------------------------------------------------------------------------


def test_no_template(exporter: Exporter) -> None:
    """A set whose template never comes is counted at the end, and what stands round it is read."""
    assert exporter.send(exporter.template(), GOOD, block(300, bytes(8)), GOOD) == ["10.0.0.7"] * 2
    assert exporter.waiting() == 1
    exporter.finish()
    assert exporter.waiting() == 0
    assert exporter.counts["sets.refused.no_template"] == 1


def test_reserved_ids(exporter: Exporter) -> None:
    """A set with a reserved id is counted, and what stands round it is read (RFC 7011 section 3.3.2)."""
    for count, number in enumerate((4, 5, 100, 255), 1):
        assert exporter.send(exporter.template(), block(number, bytes(8)), GOOD) == ["10.0.0.7"]
        assert exporter.counts["sets.refused.reserved_id"] == count


def test_length(exporter: Exporter) -> None:
    """A set whose length cannot be true ends the message, and is counted; what stood before it is read."""
    for count, length in enumerate((0, 1, 3, 13, 65_535), 1):
        lie = (256).to_bytes(2, "big") + length.to_bytes(2, "big") + flows("10.0.0.9")
        assert exporter.send(exporter.template(), GOOD, lie) == ["10.0.0.7"]
        assert exporter.counts["sets.refused.length"] == count


def test_padding(exporter: Exporter) -> None:
    """What is left of a set and is too short to be cut off from a record is padding, and no loss."""
    exporter.send(exporter.template())
    for padding in (b"", b"\0", bytes(3), bytes(7), b"\1\2\3"):
        data = block(256, flows("10.0.0.7", "10.0.0.8") + padding)
        assert exporter.send(data) == ["10.0.0.7", "10.0.0.8"]
    assert [key for key in exporter.counts if "refused" in key] == []


def test_zeros_behind_the_last_set(exporter: Exporter) -> None:
    """A datagram that is filled up with zeros has lost nothing."""
    assert exporter.send(exporter.template(), GOOD, bytes(3)) == ["10.0.0.7"]
    assert exporter.send(GOOD, bytes(200)) == ["10.0.0.7"]
    assert [key for key in exporter.counts if key.startswith("records.refused")] == []


def test_cut_off(exporter: Exporter) -> None:
    """A record that the end of its set cuts off is counted."""
    assert exporter.send(exporter.template(), block(256, flows("10.0.0.7") + b"\12\0\0\10\12")) == ["10.0.0.7"]
    assert exporter.counts["records.refused.truncated"] == 1
    assert exporter.send(block(256, b"\12\0\0\10\12")) == []
    assert exporter.counts["sets.refused.no_record"] == 1


STRING = (*PAIR, Spec(0, 82, VARIABLE), Spec(0, 83, VARIABLE))


def test_variable_length(ipfix: Exporter) -> None:
    """A field of variable length is passed by the length before it, of one or of three octets (RFC 7011 section 7)."""
    ipfix.send(ipfix.template(256, STRING))
    for size in (0, 1, 254, 255, 300):
        length = bytes([size]) if size < 255 else b"\xff" + size.to_bytes(2, "big")
        record = flows("10.0.0.7") + length + bytes(size) + b"\xff\0\1a"
        assert ipfix.send(block(256, record + record)) == ["10.0.0.7"] * 2
    assert ipfix.counts["records.flow.ipfix"] == 10


def test_variable_length_cut_off(ipfix: Exporter) -> None:
    """A record of variable length is counted wherever the end of its set cuts it off, but for what padding may be."""
    record = flows("10.0.0.7") + b"\2ab" + b"\xff\0\1a"
    ipfix.send(ipfix.template(256, STRING))
    for rest in range(len(record)):
        assert ipfix.send(block(256, record + record[:rest])) == ["10.0.0.7"]
        assert ipfix.counts["records.refused.truncated"] == max(0, rest - 3)


# -- templates ---------------------------------------------------------------------------------------------------------


def test_repetition(exporter: Exporter) -> None:
    """A template that comes again changes nothing; one that comes with other fields counts as learned."""
    for _ in range(3):
        assert exporter.send(exporter.template(), GOOD) == ["10.0.0.7"]
    assert exporter.counts["templates.learned"] == 1
    assert exporter.send(exporter.template(256, PAIR[::-1]), GOOD) == ["10.0.0.1"]
    assert exporter.counts["templates.learned"] == 2


def test_exporters_never_mix(exporter: Exporter) -> None:
    """Two exporters, or two domains, that give one id to different templates are read each by its own."""
    other = ("192.0.2.2", 4000)
    exporter.send(exporter.template())
    exporter.send(exporter.template(256, PAIR[::-1]), exporter=other)
    exporter.send(exporter.template(256, PAIR[::-1]), domain=1)
    assert exporter.send(GOOD) == ["10.0.0.7"]
    assert exporter.send(GOOD, exporter=other) == ["10.0.0.1"]
    assert exporter.send(GOOD, domain=1) == ["10.0.0.1"]
    assert exporter.send(GOOD, domain=2) == []


def test_protocols_never_mix(exporter: Exporter) -> None:
    """A template of NetFlow v9 says nothing about IPFIX, and the other way round, even from one port."""
    exporter.send(exporter.template())
    assert exporter.send(GOOD, version=19 - exporter.version) == []
    exporter.finish()
    assert exporter.counts["sets.refused.no_template"] == 1


def test_another_port(exporter: Exporter) -> None:
    """An exporter that restarts and sends from another port is read by the template it announced before."""
    exporter.send(exporter.template())
    assert exporter.send(GOOD, exporter=("192.0.2.1", 4001)) == ["10.0.0.7"]


def test_template_ids_below_256(exporter: Exporter) -> None:
    """A template cannot have an id that is reserved for sets; it is counted (RFC 7011 section 3.4.1)."""
    for count, number in enumerate((0, 1, 2, 3, 4, 255), 1):
        exporter.send(exporter.template(number), GOOD)
        assert exporter.counts["templates.refused.reserved_id"] == count
    assert exporter.counts["templates.learned"] == 0


def test_too_many_fields(exporter: Exporter) -> None:
    """A template of more fields than any exporter has is refused; one of as many as are allowed is used."""
    padding = Spec(0, 210, 1)
    exporter.send(exporter.template(256, (*PAIR, *[padding] * 510)), block(256, flows("10.0.0.7") + bytes(510)))
    assert exporter.counts["records.flow." + KIND[exporter.version]] == 1
    exporter.send(exporter.template(257, (*PAIR, *[padding] * 511)))
    assert exporter.counts["templates.refused.too_many_fields"] == exporter.counts["templates.learned"] == 1


@pytest.mark.parametrize("fields", [(Spec(0, 8, 0),), (Spec(0, 8, 0), Spec(0, 600, 0))])
def test_no_octets(fields: tuple[Spec, ...], exporter: Exporter) -> None:
    """A template without octets is refused and counted; the template beside it is learned."""
    both = announcement(257, fields) + announcement(256, PAIR)
    assert exporter.send(block(exporter.template_set, both), GOOD, block(257, bytes(8))) == ["10.0.0.7"]
    assert exporter.counts["templates.refused.no_octets"] == exporter.counts["templates.learned"] == 1


@pytest.mark.parametrize("fields", [(Spec(0, 8, 0),), (Spec(0, 210, 1),) * 513])
def test_a_refused_change(fields: tuple[Spec, ...], exporter: Exporter) -> None:
    """When a template changes to one that cannot be used, its records are not read by the one before."""
    exporter.send(exporter.template())
    exporter.send(exporter.template(256, fields))
    assert exporter.send(GOOD) == []
    exporter.finish()
    assert exporter.counts["sets.refused.no_template"] == 1


def test_a_template_cut_off(exporter: Exporter) -> None:
    """A template that its set cuts off is counted, and those before it are learned."""
    both = announcement(256, PAIR) + announcement(257, PAIR)
    for cut in range(1, 9):
        exporter.send(block(exporter.template_set, both[:-cut]))
    assert exporter.counts["templates.learned"] == 1
    assert exporter.counts["templates.refused.truncated"] == 8


def test_any_element_of_variable_length(ipfix: Exporter) -> None:
    """Every element of the table may come with a length of its own."""
    rows = [row for row in elements().values() if row["pen"] != "netflow9"]
    for start in range(0, len(rows), 250):
        fields = tuple(Spec(int(row["pen"]), int(row["id"]), VARIABLE) for row in rows[start : start + 250])
        number = 256 + start
        ipfix.send(ipfix.template(number, (*PAIR, *fields)), block(number, flows("10.0.0.7") + bytes(len(fields))))
    assert ipfix.counts["records.flow.ipfix"] == ipfix.counts["templates.learned"] == len(range(0, len(rows), 250))


# -- withdrawal --------------------------------------------------------------------------------------------------------


def test_withdrawal(ipfix: Exporter) -> None:
    """A template without fields withdraws the one before it; the other templates stay (RFC 7011 section 8.1)."""
    ipfix.send(ipfix.template(), ipfix.template(257))
    ipfix.send(block(2, announcement(256, ())))
    assert ipfix.send(GOOD) == []
    assert ipfix.send(block(257, flows("10.0.0.7"))) == ["10.0.0.7"]
    assert ipfix.counts["templates.withdrawn"] == 1


def test_withdrawal_of_all(ipfix: Exporter) -> None:
    """The set id in the place of a template id withdraws all templates of a domain, but no options templates."""
    ipfix.send(ipfix.template(), ipfix.template(257), ipfix.options_template(258, 1, PAIR))
    ipfix.send(block(2, announcement(2, ())))
    assert ipfix.send(GOOD, block(257, flows("10.0.0.7"))) == []
    ipfix.send(block(258, flows("10.0.0.7")))
    assert ipfix.counts["records.option.ipfix"] == 1
    assert ipfix.counts["templates.withdrawn"] == 2
    ipfix.send(block(3, announcement(3, ())))
    assert ipfix.counts["templates.withdrawn"] == 3


def test_a_template_after_its_withdrawal(ipfix: Exporter) -> None:
    """A withdrawal and a new template may stand in one set."""
    ipfix.send(ipfix.template())
    both = announcement(256, ()) + announcement(256, PAIR[::-1])
    assert ipfix.send(block(2, both), GOOD) == ["10.0.0.1"]


# -- options and limits ------------------------------------------------------------------------------------------------


def test_option_records(exporter: Exporter) -> None:
    """Option records are counted and make no documents; their scope may be any type (RFC 3954 section 6.1)."""
    fields = (Spec(0, 1, 4), Spec(0, 8, 4), Spec(0, 34, 4))
    announced = exporter.options_template(260, 1, fields)
    assert exporter.send(announced, block(260, bytes(36))) == []
    kind = KIND[exporter.version]
    assert exporter.counts[f"records.option.{kind}"] == 3
    assert exporter.counts[f"records.flow.{kind}"] == 0


def test_an_id_changes_its_kind(exporter: Exporter) -> None:
    """An id that was an options template's may become a template's, and the other way round."""
    exporter.send(exporter.options_template(256, 1, PAIR))
    assert exporter.send(GOOD) == []
    assert exporter.send(exporter.template(), GOOD) == ["10.0.0.7"]
    assert exporter.send(exporter.options_template(256, 1, PAIR), GOOD) == []


@pytest.mark.parametrize("version", PROTOCOLS, ids=["netflow9", "ipfix"])
@pytest.mark.parametrize("fields", [PAIR, STRING], ids=["fixed", "variable"])
def test_record_limit(version: int, fields: tuple[Spec, ...]) -> None:
    """Records of a datagram beyond the limit are counted, over all of its sets; the next datagram starts anew."""
    exporter = Exporter(version, EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET=3)
    tail = b"\0\0" if fields is STRING else b""
    data = block(256, b"".join(flows(f"10.0.0.{last}") + tail for last in (7, 8)))
    assert exporter.send(exporter.template(256, fields), data, data, data) == ["10.0.0.7", "10.0.0.8", "10.0.0.7"]
    assert exporter.counts["records.refused.over_limit"] == 3
    assert exporter.counts[f"records.flow.{KIND[version]}"] == exporter.counts["documents.written"] == 3
    assert exporter.send(data) == ["10.0.0.7", "10.0.0.8"]


def test_no_record_limit() -> None:
    """A limit of 0 takes what the datagram holds."""
    exporter = Exporter(10, EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET=0)
    assert len(exporter.send(exporter.template(), block(256, flows(*["10.0.0.7"] * 5_000)))) == 5_000


# -- data before their template ----------------------------------------------------------------------------------------


def test_data_before_their_template(exporter: Exporter) -> None:
    """Sets wait for their template, and come out in their order before what follows it, as of their own datagram."""
    assert exporter.send(block(256, flows("10.0.0.1")), exporter.template(257)) == []
    assert exporter.send(block(256, flows("10.0.0.2", "10.0.0.3")), now=NOW + 1_000) == []
    assert exporter.waiting() == 2
    found = exporter.documents(GOOD, exporter.template(), block(256, flows("10.0.0.9")), now=NOW + 2_000)
    assert [document["source"]["ip"] for document in found] == [f"10.0.0.{last}" for last in (1, 2, 3, 7, 9)]
    seconds = [document["event"]["ingested"][17:19] for document in found]
    first = int(seconds[0])
    assert [int(second) - first for second in seconds] == [0, 1, 1, 2, 2]
    assert exporter.waiting() == 0
    assert exporter.counts["sets.waited"] == exporter.counts["sets.read_late"] == 3
    assert [key for key in exporter.counts if "refused" in key] == []
    assert exporter.counts["documents.written"] == exporter.counts["records.flow." + KIND[exporter.version]] == 5


@pytest.mark.parametrize("uptime", [5, 1_000_000, 2**31 - 1, 2**31, 2**32 - 1])
def test_uptime_of_data_that_waited(uptime: int) -> None:
    """A time in ms of uptime is read by the header it came under, whatever the header of its template says."""
    fields = (*PAIR, Spec(0, 22, 4))
    data = block(256, flows("10.0.0.7") + (uptime - 5).to_bytes(4, "big"))
    told = []
    for late in (False, True):
        exporter = Exporter(9)
        template = exporter.template(256, fields)
        if not late:
            exporter.send(template)
        found = exporter.documents(data, uptime=uptime)
        if late:
            found = exporter.documents(template, uptime=77, now=NOW + 60_000)
        told.append(found)
    assert told[0] == told[1]
    assert len(told[0]) == 1


def test_another_port_brings_the_template(exporter: Exporter) -> None:
    """Data wait for a template from any port of their address and domain, and from no other."""
    exporter.send(GOOD)
    for other in (("192.0.2.2", 4000), ("192.0.2.1", 4001)):
        assert exporter.send(exporter.template(), exporter=other, domain=1) == []
    assert exporter.send(exporter.template(), exporter=("192.0.2.2", 4000)) == []
    assert exporter.send(exporter.template(), exporter=("192.0.2.1", 4001)) == ["10.0.0.7"]


def test_options_wait_too(exporter: Exporter) -> None:
    """Option records that come before their template are counted when it comes."""
    exporter.send(block(260, bytes(36)), block(260, bytes(12)))
    exporter.send(exporter.options_template(260, 1, (Spec(0, 1, 4), Spec(0, 8, 4), Spec(0, 34, 4))))
    assert exporter.counts[f"records.option.{KIND[exporter.version]}"] == 4
    assert exporter.counts["sets.read_late"] == 2


def test_data_that_waited_and_does_not_fit(exporter: Exporter) -> None:
    """What waited is refused for the same reasons as what did not."""
    exporter.send(block(256, b""), block(256, bytes(5)), block(256, flows("10.0.0.7") + b"\12\0\0\10\12"))
    assert exporter.send(exporter.template()) == ["10.0.0.7"]
    assert exporter.counts["sets.refused.no_record"] == 2
    assert exporter.counts["records.refused.truncated"] == 1


@pytest.mark.parametrize("version", PROTOCOLS, ids=["netflow9", "ipfix"])
@pytest.mark.parametrize("fields", [PAIR, STRING], ids=["fixed", "variable"])
def test_record_limit_of_data_that_waited(version: int, fields: tuple[Spec, ...]) -> None:
    """Of a datagram no more records are taken than the limit, those of its sets that waited included."""
    exporter = Exporter(version, EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET=3)
    tail = b"\0\0" if fields is STRING else b""
    records = b"".join(flows(f"10.0.0.{last}") + tail for last in (7, 8))
    known, unknown = (block(number, records) for number in (257, 256))
    exporter.send(exporter.template(257, fields))
    assert exporter.send(unknown, known, unknown) == ["10.0.0.7", "10.0.0.8"]
    assert exporter.send(exporter.template(256, fields)) == ["10.0.0.7"]
    assert exporter.counts["records.refused.over_limit"] == 3


@pytest.mark.parametrize("fields", [(Spec(0, 8, 0),), (Spec(0, 210, 1),) * 513])
def test_the_template_is_refused(fields: tuple[Spec, ...], exporter: Exporter) -> None:
    """Data whose template turns out to be unusable are given up: the next template of that id describes others."""
    exporter.send(GOOD)
    exporter.send(GOOD, exporter=("192.0.2.1", 4001))
    exporter.send(exporter.template(256, fields))
    assert exporter.counts["sets.refused.template_refused"] == 1
    assert exporter.send(exporter.template()) == ["10.0.0.7"]


@pytest.mark.parametrize("number", [256, 2])
def test_the_template_is_withdrawn(number: int, ipfix: Exporter) -> None:
    """Data whose template is withdrawn are given up, and no others."""
    ipfix.send(GOOD, GOOD)
    ipfix.send(GOOD, domain=1)
    ipfix.send(GOOD, exporter=("192.0.2.1", 4001))
    ipfix.send(block(2, announcement(number, ())))
    assert ipfix.counts["sets.refused.template_withdrawn"] == 2
    assert ipfix.send(ipfix.template()) == ["10.0.0.7"]
    assert ipfix.send(ipfix.template(), domain=1) == ["10.0.0.7"]


def test_too_late(exporter: Exporter) -> None:
    """Data whose template does not come within half an hour are given up."""
    exporter.send(GOOD)
    exporter.send(block(256, flows("10.0.0.8")), now=NOW + 1)
    assert exporter.send(exporter.template(), now=NOW + 30 * 60_000 + 1) == ["10.0.0.8"]
    assert exporter.counts["sets.refused.no_template"] == 1
