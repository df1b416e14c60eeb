"""All that the real output sends of recorded and made exports: decrypted by another reader, it is what the oracle says, and no
octet of it holds an address that is not public.
"""

import io
import socket
import struct
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

import pytest

import frames
import slow_fcfx
from corpus import Golden, goldens
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.decode.capture import Payload
from flowcoll.logs import Log
from flowcoll.output import open_outputs
from flowcoll.pipeline import Pipeline
from oracle import Datagram
from oracle_facts import Address
from oracle_record import RecordOracle
from own_exports import own_exports
from slow_fcfx import CUSTOMER, KEY, Shown, ordered
from strategies import NOW, Spec, announcement, block, export
from strategies_sflow import item, words

EXPORTER = "192.0.2.1"
PUBLIC, OTHER, INSIDE, DEEPER = "8.8.8.8", "89.160.20.112", "10.1.2.3", "172.16.7.9"
PUBLIC6, INSIDE6 = "2600:6000::7", "fd12:3456:789a::7"
REVERSE = 29305  # RFC 5103 section 6.1
_PORTS_AND_COUNTS = ((7, 2), (11, 2), (4, 1), (6, 1), (1, 8), (2, 8))


class Sent(NamedTuple):
    """What came at the socket: each frame's decrypted octets, their records, and the counters."""

    plains: Sequence[bytes]
    records: Sequence[Shown]
    counts: Counts


def send(payloads: Sequence[Payload], **options: Any) -> Sent:
    """Carry exports through pipeline and output, and take what comes at a real socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        settings = {
            "ENABLE": True,
            "HOST": "127.0.0.1",
            "PORT": sock.getsockname()[1],
            "CUSTOMER_UUID": CUSTOMER,
            "CUSTOMER_ENCRYPTION_KEY": KEY,
        }
        made = defaults(**{f"EF_OUTPUT_RISKIQ_{name}": value for name, value in settings.items()}, **options)
        counts, log = Counts(), Log(io.StringIO())
        (output,) = open_outputs(made, counts, log, lambda _fd, _s: False)
        pipeline = Pipeline(made, counts, log, [output.wanted])
        for payload in payloads:
            pipeline.handle(payload.octets, (payload.source, payload.source_port), round(payload.time * 1000))
        output.write(pipeline.take(output.wanted))
        output.close()
        datagrams = [sock.recv(65_535) for _ in range(counts["frames.sent.riskiq"])]
    heads, plains = zip(*map(slow_fcfx.opened, datagrams), strict=True) if datagrams else ((), ())
    assert [head["counter"] for head in heads] == list(range(1, len(heads) + 1))
    assert all(len(datagram) <= 1200 for datagram in datagrams)
    return Sent(plains, [record for plain in plains for record in slow_fcfx.records(plain)], counts)


def check(payloads: Sequence[Payload]) -> Sent:
    """Hold what is sent equal to the oracle, and search it for what is hidden."""
    sent = send(payloads)
    expected, none, hidden = [], 0, set[Address]()
    for exporter in dict.fromkeys(payload.source for payload in payloads):
        datagrams = [
            Datagram(payload.source_port, round(payload.time * 1000), payload.octets)
            for payload in payloads
            if payload.source == exporter
        ]
        found, passed_over, more = RecordOracle().records(datagrams, exporter)
        expected, none, hidden = expected + found, none + passed_over, hidden | more
    assert ordered(sent.records) == ordered(expected)
    assert sent.counts["documents.delivered.riskiq"] == len(expected)
    assert sent.counts["documents.passed_over.riskiq"] == none
    assert found_in(sent.plains, hidden) == []
    for record in sent.records:
        assert record["src"] or not record["src_port"]
        assert record["dst"] or not record["dst_port"]
    return sent


def found_in(plains: Sequence[bytes], hidden: set[Address]) -> list[Address]:
    """The hidden addresses that stand anywhere, as octets or as text; the unspecified ones are zeros, as is much else."""
    return [
        address
        for address in hidden
        if not address.is_unspecified
        and any(address.packed in plain or str(address).encode() in plain for plain in plains)
    ]


def payload(octets: bytes) -> Payload:
    return Payload(NOW / 1000, EXPORTER, 4000, 2055, octets)


@pytest.mark.parametrize("case", goldens(), ids=str)
def test_recorded(case: Golden) -> None:
    """Of each recorded export exactly the public side is sent."""
    check(case.payloads)


def test_all_together() -> None:
    """So it is of all of them at once, which is more than a frame."""
    sent = check([payload for case in goldens() for payload in case.payloads])
    assert len(sent.plains) > 5
    assert len(sent.records) > 100
    assert sent.counts["documents.passed_over.riskiq"] > 100


@pytest.mark.parametrize("case", own_exports())
def test_made(case: str) -> None:
    """So it is of exports made by hand, sampling rates among them: these are not applied."""
    check(own_exports()[case])


def fixed(template: Sequence[tuple[int, int] | tuple[int, int, int]], *records: Sequence[int | str]) -> bytes:
    """An IPFIX datagram with a template (element and width, or enterprise, element and width) and records."""
    specs = tuple(Spec(*(field if len(field) == 3 else (0, *field))) for field in template)
    body = b"".join(
        value.to_bytes(spec.width, "big") if isinstance(value, int) else ip_address(value).packed
        for record in records
        for spec, value in zip(specs, record, strict=True)
    )
    return export(10, block(2, announcement(256, specs)) + block(256, body))


def test_biflow() -> None:
    """Of a biflow the sum of both directions is sent, not multiplied by the sampling rate that the record names."""
    template = ((8, 4), (12, 4), *_PORTS_AND_COUNTS, (34, 4), (REVERSE, 1, 8), (REVERSE, 2, 8))
    record = (INSIDE, PUBLIC, 51_000, 443, 6, 27, 1_000, 10, 100, 50_000, 40)
    (sent,) = check([payload(fixed(template, record))]).records
    assert (sent["bytes"], sent["packets"]) == (51_000, 50)
    assert (sent["src"], sent["src_port"], sent["dst"], sent["dst_port"]) == ("", 0, PUBLIC, 443)
    assert (sent["start"], sent["end"]) == (0, 0)


def test_both_families() -> None:
    """Dual-stack templates, mapped addresses, transition mechanisms: an address is sent only if all of it is public."""
    template = ((27, 16), (28, 16), *_PORTS_AND_COUNTS)
    counts = (51_000, 443, 6, 27, 1_000, 10)
    pairs = (
        *((PUBLIC6, INSIDE6), (INSIDE6, PUBLIC6), (PUBLIC6, "2a02:a90::1"), (INSIDE6, "fe80::1")),
        *((f"::ffff:{INSIDE}", f"::ffff:{PUBLIC}"), (f"64:ff9b::{DEEPER}", PUBLIC6), (f"64:ff9b::{DEEPER}", INSIDE6)),
        *(("2002:ac10:709::1", PUBLIC6), (f"64:ff9b::{PUBLIC}", INSIDE6)),
    )
    sent = check([payload(fixed(template, *((*pair, *counts) for pair in pairs)))])
    assert len(sent.records) == len(pairs) - 2
    assert not any(ip_address(DEEPER).packed in plain for plain in sent.plains)


@pytest.mark.parametrize("element", [8, 12])
def test_one_address_alone(element: int) -> None:
    """A record with one address is sent if that one is public; the other's port is not, since nobody knows whose it is."""
    template = ((element, 4), *_PORTS_AND_COUNTS)
    counts = (51_000, 443, 6, 27, 1_000, 10)
    (sent,) = check([payload(fixed(template, (PUBLIC, *counts), (INSIDE, *counts)))]).records
    assert sent["community_id"] == ""
    assert [sent["src_port"], sent["dst_port"]] == ([51_000, 0] if element == 8 else [0, 443])


def test_without_ports_times_and_flags() -> None:
    """A record of two addresses and a protocol is sent with zeros for what it does not tell."""
    template = ((8, 4), (12, 4), (4, 1))
    icmp, gre = check([payload(fixed(template, (PUBLIC, INSIDE, 1), (PUBLIC, INSIDE, 47)))]).records
    assert {icmp[name] for name in ("start", "end", "bytes", "packets", "flags", "src_port", "dst_port")} == {0}
    assert (icmp["community_id"], gre["community_id"][:2]) == ("", "1:")


def sampled(packet: bytes, rate: int = 100) -> bytes:
    """An sFlow datagram with a sampled packet."""
    header = item(1, words(1, 1500, 4, len(frames.ethernet(packet))) + frames.ethernet(packet))
    sample = item(1, words(9, 1, rate, 0, 0, 1, 2, 1) + header)
    return words(5, 1) + bytes([192, 0, 2, 7]) + words(0, 1, 1_000_000, 1) + sample


@pytest.mark.parametrize("inner", [4, 47])
def test_tunnels(inner: int) -> None:
    """Of a tunnel the outer addresses are sent and nothing of the packet in it; of a sample the frame, not times the rate."""
    within = frames.udp(INSIDE, DEEPER, 1, 2, b"within")
    body = within if inner == 4 else struct.pack("!HH", 0, 0x0800) + within
    sent = check([payload(sampled(frames.ip(PUBLIC, OTHER, inner, body)))])
    (record,) = sent.records
    assert (record["src"], record["dst"], record["protocol"]) == (PUBLIC, OTHER, inner)
    assert (record["bytes"], record["packets"]) == (1500, 1)
    assert record["start"] == record["end"] == NOW
    assert found_in(sent.plains, {ip_address(INSIDE), ip_address(DEEPER)}) == []


def test_the_search_finds() -> None:
    """The search would find an address that was sent."""
    assert found_in([b"x" + ip_address(INSIDE).packed], {ip_address(INSIDE)})
    assert found_in([INSIDE.encode()], {ip_address(INSIDE)})


@pytest.fixture
def flow() -> list[Payload]:
    template = ((8, 4), (12, 4), *_PORTS_AND_COUNTS)
    return [payload(fixed(template, (INSIDE, PUBLIC, 51_000, 443, 6, 27, 1_000, 10)))]


def test_the_seed_counts(flow: list[Payload]) -> None:
    """The seed of the Community ID is the one that documents have; the switch of the output leaves the id out."""
    ids = [
        send(flow, **options).records[0]["community_id"]
        for options in (
            {},
            {"EF_PROCESSOR_ENRICH_COMMUNITYID_SEED": 4711},
            {"EF_OUTPUT_RISKIQ_COMMUNITYID_ENABLE": False},
            {"EF_PROCESSOR_ENRICH_COMMUNITYID_ENABLE": False},
        )
    ]
    assert len(set(ids)) == 3
    assert ids[2:] == ["", ""]


def test_dropped_fields_do_not_count(flow: list[Payload]) -> None:
    """What is left out of documents says nothing about what is sent here: that is always the same list."""
    dropped = send(flow, EF_PROCESSOR_DROP_FIELDS=["destination", "network", "event.start"])
    assert dropped.records == send(flow).records
