"""Packed records: what the generated code makes of a flow is what the oracle says must be sent of it, and no more."""

import io
from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_fcfx
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.document.fields import EVERYTHING, Asked, Records, Wanted
from flowcoll.document.records import Record, RecordsError, record, records
from flowcoll.enrich.address import PRIVATE
from flowcoll.enrich.locality import Address, is_private, parse
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline
from oracle import Datagram
from oracle_record import RecordOracle
from slow_fcfx import ordered
from strategies import examples, exports, fixed_exports, sampled
from strategies_sflow import samples
from test_pipeline import NOW as NETFLOW5_AT
from test_pipeline import netflow5

PUBLIC, OTHER, INSIDE = "8.8.8.8", "89.160.20.112", "10.1.2.3"
PUBLIC6, OTHER6 = "2600:6000::7", "2a02:a90::1"
CID = bytes(range(20))
NUMBERS = {"start": 1_700_000_000_000, "end": 1_700_000_001_500, "octets": 12_000, "packets": 14}

WITH_DOCUMENTS = (
    (Records(),),
    (EVERYTHING, Records()),
    (Records(), EVERYTHING),
    (Wanted(("source", "network")), Records(), Wanted(("client",), "end")),
    (EVERYTHING, Records(community_id=False), Records()),
)
"""What outputs may ask for beside packed records; these come out the same."""


def packed(src: str, dst: str, **other: Any) -> bytes:
    """A record of a flow between these addresses; an empty one is not known."""
    values: dict[str, Any] = {**NUMBERS, "src_port": 51_000, "dst_port": 443, "flags": 27, "protocol": 6, "cid": CID}
    values |= other
    ends: dict[str, tuple[Address, int]] = {
        name: (parse(address), PRIVATE * is_private(parse(address))) if address else (0, PRIVATE)
        for name, address in (("src", src), ("dst", dst))
    }
    return record(
        *(values[name] for name in ("start", "end", "octets", "packets")),
        *(*ends["src"], values["src_port"], *ends["dst"], values["dst_port"]),
        *(values["flags"], values["protocol"], values["cid"]),
    )


def read(octets: bytes) -> Record:
    (found,) = records(octets, 1)
    return found


@pytest.mark.parametrize(
    ("src", "dst", "octets"),
    [(PUBLIC, INSIDE, 65), (INSIDE, PUBLIC, 65), (PUBLIC, OTHER, 69), (PUBLIC6, OTHER6, 93), (PUBLIC6, "fe80::1", 77)],
)
def test_a_record_reads_back(src: str, dst: str, octets: int) -> None:
    """A record is 61 octets and its public addresses; a private one is left out with its port."""
    octets_sent = packed(src, dst)
    assert len(octets_sent) == octets
    found = read(octets_sent)
    ends = [(ip_address(src), 51_000), (ip_address(dst), 443)]
    sent = [(None, 0) if is_private(parse(str(address))) else (address, port) for address, port in ends]
    assert found == Record(*NUMBERS.values(), *sent[0], *sent[1], 27, 6, CID)


def test_a_mapped_address_is_the_ipv4_address() -> None:
    """An IPv4-mapped address is sent as IPv4, and left out where that one is private."""
    found = read(packed(f"::ffff:{PUBLIC}", "::ffff:10.1.2.3"))
    assert (found.source, found.destination) == (IPv4Address(PUBLIC), None)


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b::10.1.2.3",
        "2002:0a01:0203::1",
        "2001:0:0a01:0203:0:0:f7f7:f7f7",  # a private server of 8.8.8.8
        "2001:0:0808:0808::f5fe:fdfc",  # a public server of 10.1.2.3
        "2600:6000::5efe:10.1.2.3",
        "2600:6000::200:5efe:192.168.1.1",
    ],
)
def test_a_private_address_within_another(address: str) -> None:
    """An IPv6 address of a transition mechanism that has a private IPv4 address in it is not sent."""
    assert not is_private(parse(address))
    assert packed(address, "fe80::1") == b""
    found = read(packed(PUBLIC6, address))
    assert (found.source, found.destination, found.destination_port) == (IPv6Address(PUBLIC6), None, 0)
    public = str(IPv6Address("64:ff9b::") + int(IPv4Address(PUBLIC)))
    assert read(packed(public, "fe80::1")).source == IPv6Address(public)


@pytest.mark.parametrize(("src", "dst"), [(INSIDE, "192.168.1.1"), ("fe80::1", "::1"), ("", ""), (INSIDE, "")])
def test_without_a_public_address_there_is_no_record(src: str, dst: str) -> None:
    """A flow without any public address gives nothing."""
    assert packed(src, dst) == b""


def test_what_is_not_told_is_zero() -> None:
    """Times, ports, flags and the Community ID may be missing."""
    found = read(packed(PUBLIC, "", start=0, end=0, src_port=0, flags=0, protocol=0, cid=b""))
    assert found == Record(0, 0, 12_000, 14, IPv4Address(PUBLIC), 0, None, 0, 0, 0, b"")


@pytest.mark.parametrize("dst", [OTHER, PUBLIC6])
@pytest.mark.parametrize(("number", "sent"), [(-1, 0), (2**64 - 1, 2**64 - 1), (2**70, 2**64 - 1)])
def test_numbers_out_of_range(number: int, sent: int, dst: str) -> None:
    """A number that its field cannot hold is sent as the nearest that it can; nothing raises."""
    found = read(packed(PUBLIC, dst, start=number, end=number, octets=number, packets=number))
    assert found[:4] == (sent,) * 4


def test_flags_are_tcps() -> None:
    """TCP flags are sent of TCP alone, without the header's length above them."""
    assert read(packed(PUBLIC, INSIDE, flags=0xF012)).tcp_flags == 0x012
    assert read(packed(PUBLIC, INSIDE, flags=0xF012, protocol=17)).tcp_flags == 0


@pytest.mark.parametrize("count", [0, 2])
def test_another_number_of_records_is_refused(count: int) -> None:
    """Octets that are more or fewer records than said are refused."""
    with pytest.raises(RecordsError):
        records(packed(PUBLIC, OTHER), count)


@pytest.mark.parametrize(
    ("place", "value"),
    [(39, 0x13), (39, 0x05 | 0x0A), (39, 0x08), (39, 0x00), (39, 0x02), (39, 0x01)],
    ids=["unknown-bit", "long", "not-there", "no-address", "not-the-source", "not-the-destination"],
)
def test_records_that_make_no_sense(place: int, value: int) -> None:
    """Bits nobody knows, addresses that are long and not there, ports without an address are refused."""
    octets = bytearray(packed(PUBLIC, OTHER))
    octets[place] = value
    with pytest.raises(RecordsError):
        records(bytes(octets), 1)


@given(st.binary(max_size=200), st.integers(0, 3))
def test_any_octets(octets: bytes, count: int) -> None:
    """Any octets are records, or refused."""
    try:
        found = records(octets, count)
    except RecordsError:
        return
    assert len(found) == count


class Desk:
    """Pipelines that pack records, each for outputs of its own, and the oracle."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._pipelines = [
            (wanted, Pipeline(defaults(), self.counts, Log(io.StringIO()), wanted)) for wanted in WITH_DOCUMENTS
        ]
        self._oracle = RecordOracle()
        self._exporters = 0

    def check(self, datagrams: Sequence[Datagram]) -> None:
        """Hold all of them equal to the oracle on what one exporter sends."""
        self._exporters += 1
        address = str(IPv4Address("10.0.0.0") + self._exporters)
        expected, none, _ = self._oracle.records(datagrams, address)
        for wanted, pipeline in self._pipelines:
            for port, now, octets in datagrams:
                pipeline.handle(octets, (address, port), now)
            found = {each: pipeline.take(each) for each in wanted}
            self._equal(found, expected, none)
        assert not self.counts["bugs"]

    def _equal(self, found: dict[Asked, list[Any]], expected: list[slow_fcfx.Shown], none: int) -> None:
        packed = found[Records()]
        sent = [octets for octets in packed if octets]
        assert {len(each) for each in found.values()} == {len(packed)}
        assert ordered(slow_fcfx.records(len(sent).to_bytes(2, "big") + b"".join(sent))) == ordered(expected)
        assert len(packed) - len(sent) == none
        bare = found.get(Records(community_id=False))
        if bare is not None:
            plain = slow_fcfx.records(len(sent).to_bytes(2, "big") + b"".join(bare))
            assert ordered(plain) == ordered({**each, "community_id": ""} for each in expected)


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


@examples(60)
@given(datagrams=st.one_of(exports(), exports(), sampled()))
def test_templates(datagrams: list[Datagram], desk: Desk) -> None:
    """Whatever templates and records an exporter sends, what is packed of them is what the oracle says."""
    desk.check(datagrams)


@examples(25)
@given(datagrams=fixed_exports())
def test_fixed(datagrams: list[Datagram], desk: Desk) -> None:
    """So it is for NetFlow v5."""
    desk.check(datagrams)


@examples(40)
@given(datagrams=samples())
def test_samples(datagrams: list[Datagram], desk: Desk) -> None:
    """So it is for sFlow, of whose samples the outer addresses count."""
    desk.check(datagrams)


def test_documents_cost_the_same() -> None:
    """Beside documents, the code for a template has the line that packs and no other; without the output not even that."""
    sources = []
    for wanted in ([EVERYTHING], [EVERYTHING, Records()]):
        pipeline = Pipeline(defaults(), Counts(), Log(io.StringIO()), wanted)
        pipeline.handle(netflow5(), ("192.0.2.1", 40_000), NETFLOW5_AT)
        ((_, source),) = pipeline.explain()
        sources.append(Counter(line.strip() for line in source.splitlines()))
    alone, beside = sources
    assert not alone - beside
    assert {line.partition("(")[0] for line in beside - alone} == {"out1 = outs[1]", "out1"}
    assert not any("RECORD_" in line for line in alone)


def test_without_the_community_id() -> None:
    """Where documents have no Community ID, none is sent either, whatever the output asks for."""
    pipeline = Pipeline(
        defaults(EF_PROCESSOR_ENRICH_COMMUNITYID_ENABLE=False), Counts(), Log(io.StringIO()), [Records()]
    )
    assert "CID_OCTETS_" in pipeline.namespace
    octets = netflow5().replace(bytes((198, 51, 100, 7)), bytes((8, 8, 8, 8)))
    pipeline.handle(octets, ("192.0.2.1", 40_000), NETFLOW5_AT)
    (sent,) = pipeline.take()
    assert read(sent).community_id == b""
