"""Bad input gives documents or a counted refusal: never an exception, never broken JSON, never an uncounted loss.

What is cut: each datagram whose kinds and sizes of sets or samples a case shows for the first time, at every octet; one
that only repeats them with other values, at every sixteenth. What is mutated is drawn with fixed seeds.
"""

import json
import random
import struct
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus import Collector, Golden, goldens
from flowcoll.config import Options
from flowcoll.decode.capture import Payload
from spoiling import Mutator, pieces

CASES = goldens()
MUTANTS = 100
SOMEBODY = Payload(1_700_000_000.0, "192.0.2.1", 50_000, 2055, b"")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys come once."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError(f"a key comes twice: {[key for key, _ in pairs]}")
    return found


class Checker:
    """A collector that is held to its promises after every datagram."""

    def __init__(self, options: Options) -> None:
        self._collector = Collector(options)
        self._received = 0
        self._documents = 0

    def check(self, payload: Payload, octets: bytes) -> None:
        """Carry these octets as if they had come in this payload."""
        try:
            documents = self._collector.carry([payload._replace(octets=octets)])
            for document in documents:
                orjson.loads(document)  # strict, as Elasticsearch is
                json.loads(document, object_pairs_hook=once)
        except Exception as exc:  # noqa: BLE001  the finding itself, whatever it is, with what brought it about
            pytest.fail(f"{type(exc).__name__}: {exc}\nfrom {payload.source}: {octets.hex()}")
        self._received += 1
        self._documents += len(documents)
        counts = self._collector.counts
        judged = sum(n for key, n in counts.items() if key.startswith(("datagrams.decoded.", "datagrams.refused.")))
        assert counts["datagrams.received"] == judged == self._received, octets.hex()
        assert counts["documents.written"] == self._documents, octets.hex()
        assert counts["bugs"] == 0, octets.hex()

    def close(self) -> None:
        """Check what needs no check after every datagram."""
        assert self._collector.counts.undeclared() == []


@pytest.fixture
def checker(enriched: Options) -> Iterator[Checker]:
    checker = Checker(enriched)
    yield checker
    checker.close()


@pytest.fixture(scope="module")
def lasting_checker(enriched: Options) -> Iterator[Checker]:
    checker = Checker(enriched)
    yield checker
    checker.close()


def layout(octets: bytes) -> tuple[tuple[int, int | bytes], ...]:
    """Kinds and sizes of what a datagram holds, templates word for word."""
    header, found = pieces(octets)
    return ((-1, len(header)), *((kind, body if kind < 4 else len(body)) for kind, body in found))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_truncation(case: Golden, checker: Checker) -> None:
    """Cut anywhere, a datagram yields documents or is refused, and the datagrams after it are read."""
    seen: set[tuple[int, int | bytes]] = set()
    for payload in case.payloads:
        new = set(layout(payload.octets)) - seen
        seen |= new
        for end in range(0, len(payload.octets) + 1, 1 if new else 16):
            checker.check(payload, payload.octets[:end])
        checker.check(payload, payload.octets)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_mutation(case: Golden, checker: Checker) -> None:
    """However a datagram is spoilt, it yields documents or is refused, before and after its templates are known."""
    others = [other.payloads[-1].octets for other in CASES]
    mutator = Mutator(case.name, others)
    for number in range(MUTANTS):
        payload = case.payloads[number % len(case.payloads)]
        checker.check(payload, mutator.spoil(payload.octets))
        if number % 20 == 0:
            for sound in case.payloads[:8]:
                checker.check(sound, sound.octets)


HEADERS = {
    "netflow 1": lambda body: struct.pack(">HHIII", 1, len(body) // 52, 7_000, 1_700_000_000, 0),
    "netflow 5": lambda body: struct.pack(">HHIIIIBBH", 5, len(body) // 48, 7_000, 1_700_000_000, 0, 1, 0, 0, 0x4001),
    "netflow 9": lambda _: struct.pack(">HHIIII", 9, 2, 7_000, 1_700_000_000, 1, 7),
    "ipfix": lambda body: struct.pack(">HHIII", 10, 16 + len(body), 1_700_000_000, 1, 7),
    "sflow": lambda _: struct.pack(">IIIIIII", 5, 1, 0xC0000201, 0, 1, 7_000, 3),
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("protocol", HEADERS)
def test_random_octets(protocol: str, checker: Checker) -> None:
    """Behind a right header, any octets yield documents or are refused."""
    source = random.Random(protocol)
    for _ in range(300):
        body = source.randbytes(source.choice([0, 1, 7, 48, 100, 480, 1440]))
        checker.check(SOMEBODY, HEADERS[protocol](body) + body)


def blocks(bodies: list[tuple[int, bytes]]) -> bytes:
    """Sets with their headers."""
    return b"".join(struct.pack(">HH", kind, 4 + len(body)) + body for kind, body in bodies)


SOUND = [
    *((8, 4), (12, 4), (27, 16), (28, 16), (7, 2), (11, 2), (4, 1), (1, 4), (1, 8), (2, 4), (2, 8), (21, 4), (22, 4)),
    *(
        (10, 4),
        (14, 2),
        (15, 4),
        (62, 16),
        (6, 1),
        (6, 2),
        (5, 1),
        (32, 2),
        (139, 2),
        (56, 6),
        (80, 6),
        (58, 2),
        (61, 1),
    ),
    *((150, 4), (151, 4), (152, 8), (153, 8), (154, 8), (156, 8), (160, 8), (34, 4), (48, 1), (95, 4), (96, 0xFFFF)),
    *((225, 4), (226, 4), (227, 2), (228, 2), (231, 8), (232, 8), (298, 8), (299, 8), (136, 1), (82, 0xFFFF), (210, 3)),
]
ODD = st.tuples(
    st.integers(0, 500) | st.integers(0, 0x7FFF) | st.sampled_from(SOUND).map(lambda field: field[0]),
    st.sampled_from([0, 1, 2, 3, 4, 5, 6, 8, 16, 20, 0xFFFF]) | st.integers(0, 0xFFFF),
)
FIELDS = st.lists(
    st.builds(
        lambda field, pen: (field[0], pen, field[1]),
        st.sampled_from(SOUND) | st.sampled_from(SOUND) | st.sampled_from(SOUND) | ODD,
        st.sampled_from([0, 0, 0, 0, 0, 0, 29305, 9, 35632, 2**32 - 1]),
    ),
    max_size=24,
)

DATA = st.builds(
    lambda source, length: source.randbytes(length),
    st.randoms(use_true_random=False),
    st.sampled_from([0, 24, 60, 200, 1000]),
)


@settings(max_examples=100)
@given(fields=FIELDS, data=DATA, scopes=st.integers(0, 40))
@example(fields=[(27, 0, 16), (12, 0, 4), (4, 0, 1), (7, 0, 2), (11, 0, 2)], data=bytes(range(25)), scopes=1)
@example(fields=[(8, 0, 4), (28, 0, 16), (4, 0, 1), (7, 0, 2), (11, 0, 2)], data=bytes(range(25)), scopes=1)
def test_any_template(fields: list[tuple[int, int, int]], data: bytes, scopes: int, lasting_checker: Checker) -> None:
    """A template may hold any elements in any widths: what it describes is decoded, or it is refused, and counted."""
    plain = b"".join(struct.pack(">HH", element, length) for element, _, length in fields)
    ours = b"".join(
        struct.pack(">HHI", element | 0x8000, length, pen) if pen else struct.pack(">HH", element, length)
        for element, pen, length in fields
    )
    count = len(fields)
    for kind, template in (
        (2, struct.pack(">HH", 256, count) + ours),
        (3, struct.pack(">HHH", 256, count, scopes) + ours),
    ):
        body = blocks([(kind, template), (256, data)])
        lasting_checker.check(SOMEBODY, HEADERS["ipfix"](body) + body)
    for kind, template in (
        (0, struct.pack(">HH", 256, count) + plain),
        (1, struct.pack(">HHH", 256, scopes * 4, max(0, count - scopes) * 4) + plain),
    ):
        body = blocks([(kind, template), (256, data)])
        lasting_checker.check(SOMEBODY, HEADERS["netflow 9"](body) + body)


ADDRESSES = [(8, 4), (12, 4), (27, 16), (28, 16)]


@pytest.mark.parametrize("present", [mix for size in range(5) for mix in combinations(ADDRESSES, size)], ids=str)
def test_address_families(present: Sequence[tuple[int, int]], checker: Checker) -> None:
    """A record may carry any mix of IPv4 and IPv6 addresses, in any order, all zeros or not, with any protocol."""
    source = random.Random(str(present))
    for protocol in (1, 6, 17, 47, 58):
        fields = [*source.sample(present, len(present)), (4, 1), (7, 2), (11, 2)]
        records = b""
        for zeros in range(2 ** len(present)):
            mute = {element for bit, (element, _) in enumerate(present) if zeros >> bit & 1}
            for element, length in fields:
                octets = bytes(length) if element in mute else source.randbytes(length)
                records += bytes([protocol]) if element == 4 else octets
        template = struct.pack(">HH", 256, len(fields)) + b"".join(struct.pack(">HH", *field) for field in fields)
        body = blocks([(2, template), (256, records)])
        checker.check(SOMEBODY, HEADERS["ipfix"](body) + body)


def xdr(kind: int, body: bytes) -> bytes:
    return struct.pack(">II", kind, len(body)) + body


RECORDS = st.one_of(
    st.tuples(st.just(1), st.integers(0, 20), st.binary(max_size=128)),
    st.tuples(st.integers(2, 1100), st.just(0), st.binary(max_size=64)),
)


@settings(max_examples=150)
@given(records=st.lists(RECORDS, max_size=5), ethertype=st.sampled_from([0x0800, 0x86DD, 0x8100, 0x8847, 7]))
def test_any_sample(records: list[tuple[int, int, bytes]], ethertype: int, lasting_checker: Checker) -> None:
    """A flow sample may hold any records, a sampled header any octets: documents, or counted refusals."""
    bodies = []
    for kind, protocol, octets in records:
        if kind == 1:
            sampled = octets[:12] + struct.pack(">H", ethertype) + octets[12:]
            head = struct.pack(">IIII", protocol, 1500, 4, len(sampled))
            bodies.append(xdr(1, head + sampled + bytes(-len(sampled) % 4)))
        else:
            bodies.append(xdr(kind, octets + bytes(-len(octets) % 4)))
    small = xdr(1, struct.pack(">IIIIIIII", 1, 2, 100, 1000, 0, 3, 4, len(bodies)) + b"".join(bodies))
    large = xdr(3, struct.pack(">11I", 1, 0, 2, 100, 1000, 0, 0, 3, 0, 4, len(bodies)) + b"".join(bodies))
    lasting_checker.check(SOMEBODY, HEADERS["sflow"](b"") + small + large + small)
