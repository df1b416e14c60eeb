"""What options data say of sampling, and what that means for the records of a domain."""

import struct
from typing import Any

import pytest

from flowcoll.decode.option_data import Values
from flowcoll.decode.sampling import UNKNOWN, Told, rate_of, sampling_of, tell_rate, tell_sequence

IPFIX = 1 << 32


def said(**fields: Any) -> Values:
    """A record with these values."""
    return {name: [value if isinstance(value, bytes) else value.to_bytes(4, "big")] for name, value in fields.items()}


def share(value: float, code: str = "!d") -> bytes:
    return struct.pack(code, value)


@pytest.mark.parametrize(
    ("fields", "rate"),
    [
        ({"samplingInterval": 1000}, 1000),  # RFC 3954 section 8
        ({"samplingInterval": 1000, "samplingAlgorithm": 2}, 1000),
        ({"samplingInterval": 1}, 1),
        ({"samplingInterval": 0}, 1),
        ({"samplerMode": 2, "samplerRandomInterval": 50}, 50),
        ({"samplingInterval": 0, "samplerRandomInterval": 50}, 50),
        ({"samplingPacketInterval": 1, "samplingPacketSpace": 99}, 100),  # RFC 5477 section 8.2
        ({"samplingPacketInterval": 10, "samplingPacketSpace": 90}, 10),
        ({"samplingPacketInterval": 3, "samplingPacketSpace": 7}, 3),
        ({"samplingPacketInterval": 1, "samplingPacketSpace": 0}, 1),
        ({"samplingPacketInterval": 0, "samplingPacketSpace": 99}, 1),
        ({"samplingPacketInterval": 1000}, 1000),
        ({"samplingSize": 1, "samplingPopulation": 256}, 256),
        ({"samplingSize": 2, "samplingPopulation": 5}, 3),
        ({"samplingSize": 0, "samplingPopulation": 5}, 5),
        ({"samplingPacketInterval": 1, "samplingSize": 1, "samplingPopulation": 256}, 256),  # a Cisco ASR 9000
        ({"samplingPacketInterval": 1, "samplingPacketSpace": 9, "samplingSize": 0, "samplingPopulation": 0}, 10),
        ({"samplingProbability": share(0.001)}, 1000),
        ({"samplingProbability": share(0.5, "!f")}, 2),
        ({"samplingProbability": share(1 / 3)}, 3),
        ({"samplingProbability": share(1)}, 1),
        *(({"samplingProbability": share(odd)}, 1) for odd in (0, -1, 2, 1e-300, float("nan"), float("inf"))),
        ({"samplingInterval": b"\xff" * 8}, 2**32 - 1),
        ({"samplingInterval": b""}, None),
        ({"samplingAlgorithm": 1}, None),
        ({}, None),
    ],
)
def test_rate(fields: dict[str, Any], rate: int | None) -> None:
    """Each way of saying a rate gives the packets that one counted packet stands for; 0 and 1 mean every packet."""
    assert rate_of(said(**fields)) == rate


def told(fields: dict[str, Any], *scopes: str, domain: int = 5) -> list[Told]:
    return [*tell_rate(said(**fields), frozenset(scopes), domain)]


@pytest.mark.parametrize(
    ("named", "scopes", "about", "key", "wide"),
    [
        ({}, (), "domain", 0, False),
        ({"scopeSystem": 0}, ("scopeSystem",), "domain", 0, True),
        ({"samplerId": 3, "scopeSystem": 0}, ("scopeSystem",), "sampler", 3, True),
        ({"scopeInterface": 7, "samplerId": 3}, ("scopeInterface",), "sampler", 3, False),
        ({"scopeInterface": 7}, ("scopeInterface",), "interface", 7, False),
        ({"scopeInterface": 0}, ("scopeInterface",), "domain", 0, False),  # no interface has this number
        ({"scopeLineCard": 2}, ("scopeLineCard",), "line_card", 2, False),
        ({"scopeTemplate": 256}, ("scopeTemplate",), "template", 256, False),
        ({"scopeCache": 1}, ("scopeCache",), "domain", 0, False),
        ({"selectorId": 9}, ("selectorId",), "sampler", 9, False),
        ({"selectorId": 9, "samplerId": 3}, ("selectorId",), "sampler", 9, False),
        ({"selectionSequenceId": 4}, ("selectionSequenceId",), "sequence", 4, False),
        ({"exportingProcessId": 4}, ("exportingProcessId",), "domain", 0, True),
        ({"exporterIPv4Address": 4}, (), "domain", 0, False),
        (
            {"ingressInterface": 4, "exportingProcessId": 1},
            ("ingressInterface", "exportingProcessId"),
            "interface",
            4,
            False,
        ),
    ],
)
def test_what_about(named: dict[str, Any], scopes: tuple[str, ...], about: str, key: int, wide: bool) -> None:
    """A rate is that of the sampler which its record names, else of what its scope names, else of the domain."""
    assert told({"samplingInterval": 10, **named}, *scopes) == [Told(5, about, key, (10,), wide)]


def test_which_domain() -> None:
    """The domain 0 of IPFIX speaks of the domain that the scope names, or of all (RFC 7011 section 3.1)."""
    rate = {"samplingInterval": 10}
    assert told(rate, domain=IPFIX) == [Told(IPFIX, "domain", 0, (10,), True)]
    of_seven = {**rate, "observationDomainId": 7}
    assert told(of_seven, "observationDomainId", domain=IPFIX) == [Told(IPFIX | 7, "domain", 0, (10,), False)]
    assert told(of_seven, "observationDomainId", domain=IPFIX | 3) == [Told(IPFIX | 3, "domain", 0, (10,), False)]
    assert told(of_seven, "observationDomainId", domain=0) == [Told(0, "domain", 0, (10,), False)]


def test_a_sequence() -> None:
    """A selection sequence is told by its scope, and has some selectors."""
    values = {"selectionSequenceId": [b"\7"], "selectorId": [b"\1", b"\2"]}
    scope = frozenset({"selectionSequenceId"})
    assert list(tell_sequence(values, scope, 5)) == [Told(5, "sequence", 7, (1, 2), False)]
    assert list(tell_sequence(values, frozenset(), 5)) == []
    assert list(tell_sequence({"selectionSequenceId": [b"\7"]}, scope, 5)) == []


def rate(value: int, about: str = "domain", key: int = 0, domain: int = 5, *, wide: bool = False) -> Told:
    return Told(domain, about, key, (value,), wide)


ONE, TWO = rate(100, "sampler", 1), rate(200, "sampler", 2)


@pytest.mark.parametrize(
    ("rates", "found"),
    [
        ([], (1, "none")),
        ([rate(10)], (10, "options")),
        ([rate(1)], (1, "options")),
        ([ONE], (100, "options")),  # the only sampler there is
        ([ONE, TWO], (1, "none")),
        ([ONE, TWO, rate(10)], (10, "options")),
        ([ONE, rate(100, "sampler", 2)], (100, "options")),
        ([rate(10, "interface", 7)], (10, "options")),
        ([rate(10, "interface", 7), rate(10, "interface", 8)], (10, "options")),
        ([rate(10, "interface", 7), rate(20, "interface", 8)], (1, "none")),
        ([rate(10, "interface", 7), rate(20, "interface", 8), ONE], (1, "none")),
        ([rate(10, "interface", 7), rate(20, "interface", 8), rate(30)], (30, "options")),
        ([rate(10, domain=6)], (1, "none")),
        ([rate(10, domain=6, wide=True)], (10, "options")),
        ([rate(10, domain=6, wide=True), rate(10, domain=7, wide=True)], (10, "options")),
        ([rate(10, domain=6, wide=True), rate(20, domain=7, wide=True)], (1, "none")),
        ([rate(10, domain=6, wide=True), rate(20)], (20, "options")),
        ([rate(10, domain=6, wide=True), ONE, TWO], (1, "none")),
        ([rate(10, domain=IPFIX | 6, wide=True)], (1, "none")),  # of another protocol
    ],
)
def test_a_record_that_names_no_sampler(rates: list[Told], found: tuple[int, str]) -> None:
    """It has the rate that was said without one, else that of the samplers if it can only be one."""
    assert sampling_of(rates, [], 5)[:2] == found


def test_a_record_that_names_a_sampler() -> None:
    """It has the sampler's rate, else the one that was said without a sampler, and never that of another sampler."""
    samplers = sampling_of([ONE, TWO], [], 5).samplers
    assert [samplers[each] for each in (0, 1, 2, 3)] == [(1, "none"), (100, "options"), (200, "options"), (1, "none")]
    assert sampling_of([ONE], [], 5).samplers[3] == (1, "none")
    assert sampling_of([ONE, rate(10)], [], 5).samplers[3] == (10, "options")
    assert len(samplers) == 2  # what is asked for is not remembered


def test_samplers_of_the_system() -> None:
    """Where several domains say different things of one sampler of the system, none is taken for the others."""
    one, other = (rate(value, "sampler", 1, domain, wide=True) for value, domain in ((100, 6), (200, 7)))
    assert sampling_of([one], [], 5).samplers[1] == (100, "options")
    assert sampling_of([one, other], [], 5).samplers[1] == (1, "none")
    assert sampling_of([one, other], [], 6).samplers[1] == (100, "options")


def test_sequences() -> None:
    """A selection sequence samples as its selectors do, one after the other; a selector without a rate is a filter."""
    sequence = [Told(5, "sequence", key, value, False) for key, value in ((1, (1, 9)), (2, (1, 2)), (3, (9,)))]
    found = sampling_of([ONE, TWO, rate(7, "sequence", 4)], sequence, 5).sequences
    assert [found[each][0] for each in (1, 2, 3, 4, 5)] == [100, 20_000, 1, 7, 1]
    assert sampling_of([], sequence, 5) is UNKNOWN


def test_interfaces() -> None:
    """Where interfaces have different rates, a record has that of its own; where they have the same, nothing is asked."""
    seven, eight, other = rate(10, "interface", 7), rate(20, "interface", 8), rate(30, "line_card", 1)
    found = sampling_of([seven, eight], [], 5)
    assert found.interfaces is not None
    assert [found.interfaces[each] for each in (7, 8, 9)] == [(10, "options"), (20, "options"), (1, "none")]
    found = sampling_of([seven, rate(30)], [], 5)
    assert found.interfaces is not None
    assert [found.interfaces[each] for each in (7, 9)] == [(10, "options"), (30, "options")]
    for same in ([seven], [seven, rate(10, "interface", 8)], [seven, rate(10)], [other], [rate(30)]):
        assert sampling_of(same, [], 5).interfaces is None
