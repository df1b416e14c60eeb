import base64
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich import community_id
from flowcoll.enrich.locality import MAPPED, packed, parse

DATA = Path(__file__).parent / "data" / "community-id"
BASELINES = [
    (seed, row)
    for seed, name in ((0, "baseline_deflt.json"), (1, "baseline_seed1.json"))
    for row in json.loads((DATA / name).read_text())
]
PROTOCOLS = st.one_of(st.sampled_from([1, 6, 17, 47, 58, 132]), st.integers(0, 255))
PORTS = st.one_of(st.integers(0, 20), st.integers(120, 160), st.integers(0, 65535))
FOURS = st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 1))
SIXES = st.one_of(st.just(bytes(16)), st.binary(min_size=16, max_size=16))


def slow(seed: int, src: bytes, dst: bytes, protocol: int, ports: tuple[int, int]) -> str:
    """Take the specification word by word."""
    src_port, dst_port = ports
    answers = {1: community_id.ICMP4_ANSWERS, 58: community_id.ICMP6_ANSWERS}
    one_way = False
    if protocol in answers:
        one_way = src_port not in answers[protocol]
        dst_port = answers[protocol].get(src_port, dst_port)
    ends = [(src, src_port), (dst, dst_port)]
    if not one_way:
        ends.sort()
    octets = struct.pack("!H", seed) + ends[0][0] + ends[1][0] + bytes([protocol, 0])
    if protocol in (1, 6, 17, 58, 132):
        octets += struct.pack("!HH", ends[0][1], ends[1][1])
    return base64.b64encode(hashlib.sha1(octets).digest()).decode()


@pytest.mark.parametrize(("seed", "row"), BASELINES)
def test_baseline(seed: int, row: dict[str, Any]) -> None:
    """Every vector of the specification comes out, with seed 0 and 1."""
    src, dst = parse(row["saddr"]), parse(row["daddr"])
    make: Any = community_id.cid4 if isinstance(src, int) else community_id.cid6
    made = make(seed)(src, dst, row["proto"], row["sport"] or 0, row["dport"] or 0)
    assert f"1:{made}" == row["communityid"]


def test_baseline_is_complete() -> None:
    """Both files of vectors are there: TCP, UDP, SCTP, RSVP, ICMP and ICMPv6, paired and one-way."""
    assert len(BASELINES) == 46
    assert {row["proto"] for _, row in BASELINES} == {1, 6, 17, 46, 58, 132}


@given(FOURS, FOURS, PROTOCOLS, st.tuples(PORTS, PORTS), st.integers(0, 65535))
def test_ipv4_is_the_specification(src: int, dst: int, protocol: int, ports: tuple[int, int], seed: int) -> None:
    """For any IPv4 flow the id is what the specification says, called or written into generated code."""
    one, other = ports
    expected = slow(seed, packed(src), packed(dst), protocol, (one, other))
    assert community_id.cid4(seed)(src, dst, protocol, one, other) == expected
    names = {**community_id.names(seed), "s": src, "d": dst, "p": protocol, "a": one, "b": other}
    assert eval(community_id.expression4("s", "d", "p", ("a", "b"), ("a", "b")), names) == expected


@given(SIXES, SIXES, PROTOCOLS, st.tuples(PORTS, PORTS), st.integers(0, 65535))
def test_ipv6_is_the_specification(src: bytes, dst: bytes, protocol: int, ports: tuple[int, int], seed: int) -> None:
    """For any IPv6 flow the id is what the specification says."""
    assert community_id.cid6(seed)(src, dst, protocol, *ports) == slow(seed, src, dst, protocol, ports)


@given(FOURS, FOURS, PROTOCOLS, PORTS, PORTS)
def test_mapped_addresses_have_the_id_of_ipv4(src: int, dst: int, protocol: int, one: int, other: int) -> None:
    """Two IPv4-mapped addresses give the same id as the two IPv4 addresses."""
    mapped = (MAPPED + packed(src), MAPPED + packed(dst))
    assert community_id.cid6(0)(*mapped, protocol, one, other) == community_id.cid4(0)(src, dst, protocol, one, other)


@given(FOURS, FOURS, st.integers(0, 255).filter(lambda protocol: protocol not in (1, 58)), PORTS, PORTS)
def test_both_directions_are_equal(src: int, dst: int, protocol: int, one: int, other: int) -> None:
    """The flow back has the id of the flow forth."""
    cid = community_id.cid4(7)
    assert cid(src, dst, protocol, one, other) == cid(dst, src, protocol, other, one)


@pytest.mark.parametrize("protocol", [1, 58])
@given(src=FOURS, dst=FOURS, kind=st.integers(0, 255), codes=st.tuples(st.integers(0, 255), st.integers(0, 255)))
def test_question_and_answer_are_equal(protocol: int, src: int, dst: int, kind: int, codes: tuple[int, int]) -> None:
    """An ICMP message that has an answer shares its id; one that has none differs from its way back."""
    code, answer_code = codes
    cid = community_id.cid4(0)
    ports = community_id.ICMP_PORTS[protocol]
    _, answer, one_way = ports(kind, code)
    if one_way:
        assert answer == code
        assert (cid(src, dst, protocol, kind, code) == cid(dst, src, protocol, kind, code)) is (src == dst)
    else:
        assert cid(src, dst, protocol, kind, code) == cid(dst, src, protocol, answer, answer_code)
        assert ports(answer, answer_code) == (answer, kind, False)


@given(FOURS, FOURS, st.integers(0, 255).filter(lambda protocol: protocol not in (1, 6, 17, 58, 132)), PORTS, PORTS)
def test_ports_do_not_count_without_ports(src: int, dst: int, protocol: int, one: int, other: int) -> None:
    """What is passed as ports of a protocol without ports does not change the id."""
    cid = community_id.cid4(0)
    assert cid(src, dst, protocol, one, other) == cid(src, dst, protocol, 0, 0)
