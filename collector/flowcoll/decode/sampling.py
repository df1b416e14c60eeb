"""What options data say of sampling (RFC 3954 section 8, RFC 5477 section 8.2), and what that means for a domain."""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from struct import unpack
from typing import Any, NamedTuple

from flowcoll.decode.option_data import Values, number

DOMAIN, INTERFACE, SAMPLER, SEQUENCE = "domain", "interface", "sampler", "sequence"
TOLD_BY = frozenset(
    {
        "samplingInterval",
        "samplerRandomInterval",
        "samplingPopulation",
        "samplingProbability",
        "samplingPacketInterval",
    }
)
"""Elements that tell a rate."""

_SAMPLERS = ("selectorId", "samplerId")
_PARTS = {
    "scopeInterface": INTERFACE,
    "ingressInterface": INTERFACE,
    "egressInterface": INTERFACE,
    "scopeLineCard": "line_card",
    "lineCardId": "line_card",
    "portId": "port",
    "observationPointId": "point",
    "scopeTemplate": "template",
    "templateId": "template",
}
"""Scopes that are a part of a domain."""

_WIDE = frozenset({"scopeSystem", "exportingProcessId", "exporterIPv4Address", "exporterIPv6Address"})
_IPFIX = 1 << 32  # the domain 0 of IPFIX, which may speak of all others (RFC 7011 section 3.1)
_SELECTORS = 16  # of a sequence, at most
_HIGHEST = 2**32 - 1  # what an element can say


class Told(NamedTuple):
    """One thing that a record says: of which domain, about what in it, by which number, and whether of others too."""

    domain: int
    about: str
    key: int
    value: tuple[int | str, ...]
    wide: bool


class Rates(dict[int, tuple[int, str]]):
    """Sampler -> its rate and where that comes from; `other` is that of a sampler which nothing is known of."""

    other: tuple[int, str] = (1, "none")

    def __missing__(self, key: int) -> tuple[int, str]:
        return self.other


class Sampling(NamedTuple):
    """What records of a domain stand for: those that name no sampler, those that name one, or a selection sequence.

    interfaces: where it depends on the interface on which a packet came in.
    """

    rate: int
    source: str
    samplers: Rates
    sequences: Rates
    interfaces: Rates | None = None


UNKNOWN = Sampling(1, "none", Rates(), Rates())


def rate_of(values: Values) -> int | None:
    """Give the packets that one counted packet stands for, None when the record does not say it; 0 and 1 mean all.

    The elements are asked in an order that fits exporters which send several: a Cisco router says
    samplingPacketInterval 1 beside samplingSize and samplingPopulation, others fill what they do not use with 0.
    """
    rates = list(_rates(values))
    return min(next(filter(None, rates), 1), _HIGHEST) if rates else None


def _rates(values: Values) -> Iterator[int]:
    for name in ("samplingInterval", "samplerRandomInterval"):
        interval = number(values, name)
        if interval is not None:
            yield interval
    population, size = number(values, "samplingPopulation"), number(values, "samplingSize") or 1
    if population is not None:
        yield _nearest(population, size)
    probability = values.get("samplingProbability", (b"",))[0]
    if len(probability) in (4, 8):
        share = unpack("!f" if len(probability) == 4 else "!d", probability)[0]
        yield round(1 / share) if 1 / _HIGHEST <= share <= 1 else 0
    taken, passed = number(values, "samplingPacketInterval"), number(values, "samplingPacketSpace")
    if taken is not None:
        # without the space between, the interval can only be meant as samplingInterval is
        yield taken if passed is None else _nearest(taken + passed, taken)


def _nearest(all_of: int, taken: int) -> int:
    return (2 * all_of + taken) // (2 * taken) if taken else 0


def tell_rate(values: Values, scopes: frozenset[str], domain: int) -> Iterator[Told]:
    """Give the rate that a record tells, if it does: of a sampler, of a sequence of them, of a part, or of all."""
    rate = rate_of(values)
    if rate is None:
        return
    about, key = DOMAIN, 0
    for name in ("selectionSequenceId", *reversed(_SAMPLERS)):
        named = number(values, name)
        if named is not None:
            about, key = (SEQUENCE if name == "selectionSequenceId" else SAMPLER), named
    if about == DOMAIN:
        for name in sorted(scopes & _PARTS.keys()):
            about, key = _PARTS[name], number(values, name) or 0
    if about == INTERFACE and not key:  # no interface has this number: all are meant
        about = DOMAIN
    of, wide = _spoken_of(values, scopes, domain)
    yield Told(of, about, key, (rate,), wide and about not in _PARTS.values())


def sound_rate(value: tuple[int | str, ...]) -> bool:
    """Tell whether a value can be a rate."""
    return len(value) == 1 and type(value[0]) is int and 1 <= value[0] <= _HIGHEST


def sound_sequence(value: tuple[int | str, ...]) -> bool:
    """Tell whether a value can be the selectors of a sequence."""
    return 0 < len(value) <= _SELECTORS and all(type(each) is int for each in value)


def tell_sequence(values: Values, scopes: frozenset[str], domain: int) -> Iterator[Told]:
    """Give the selectors of a selection sequence (RFC 5476 section 6.5.1)."""
    sequence = number(values, "selectionSequenceId")
    selectors = [int.from_bytes(octets[-8:], "big") for octets in values.get("selectorId", ())[:_SELECTORS]]
    if sequence is not None and selectors and "selectionSequenceId" in scopes:
        of, wide = _spoken_of(values, scopes, domain)
        yield Told(of, SEQUENCE, sequence, tuple(selectors), wide)


def _spoken_of(values: Values, scopes: frozenset[str], domain: int) -> tuple[int, bool]:
    """Give the domain that a record is about, and whether it is about those that say nothing of their own, too."""
    if domain == _IPFIX:
        named = number(values, "observationDomainId") if "observationDomainId" in scopes else 0
        return (_IPFIX | named & 0xFFFFFFFF, False) if named else (domain, True)
    return domain, bool(scopes & _WIDE)


# -- what it means -------------------------------------------------------------------------------------------------


def sampling_of(rates: Iterable[Told], selections: Iterable[Told], domain: int) -> Sampling:
    """Give what an exporter's words mean for one of its domains.

    What it said of the domain itself counts; of a domain of which it said nothing, what it said of the whole system. A
    record that names no sampler has the rate of the interface where it came in, the rate that was said without a
    sampler, or that of the samplers. Where several rates are said and nothing tells which is meant, none is taken: a
    wrong volume is worse than one that is not corrected.
    """
    meant = _meant(rates, domain)
    if not meant:
        return UNKNOWN
    samplers, sequences = _keyed(meant, SAMPLER), _keyed(meant, SEQUENCE)
    parts = [one for one in meant if one.about not in (SAMPLER, SEQUENCE)]
    whole = [one for one in parts if one.about == DOMAIN] or parts
    plain = _only(whole)
    rate = plain if whole else _only(one for one in meant if one.about == SAMPLER)
    for sequence, selectors in _keyed(_meant(selections, domain), SEQUENCE).items():
        known = [samplers[each][0] for each in selectors if each in samplers]
        if known:  # a selector without a rate is a filter
            sequences.setdefault(sequence, (min(prod(known), _HIGHEST),))
    by_interface = _keyed(meant, INTERFACE)
    interfaces = _rates_by(by_interface, plain) if any(value != (plain,) for value in by_interface.values()) else None
    return Sampling(*_said(rate), _rates_by(samplers, plain), _rates_by(sequences, plain), interfaces)


def _meant(told: Iterable[Told], domain: int) -> list[Told]:
    """Give what was said of a domain, else what was said by others of the same protocol for all."""
    same = [one for one in told if (one.domain >= _IPFIX) is (domain >= _IPFIX)]
    return [one for one in same if one.domain == domain] or [one for one in same if one.wide]


def _keyed(told: Iterable[Told], about: str) -> dict[int, Any]:
    """Give values by number; of a number for which several domains say different things, none."""
    found: dict[int, set[tuple[int | str, ...]]] = {}
    for one in told:
        if one.about == about:
            found.setdefault(one.key, set()).add(one.value)
    return {key: values.pop() for key, values in found.items() if len(values) == 1}


def _only(told: Iterable[Told]) -> Any:
    """Give the rate on which all agree."""
    rates = {one.value[0] for one in told}
    return rates.pop() if len(rates) == 1 else None


def _said(rate: int | None) -> tuple[int, str]:
    return (1, "none") if rate is None else (rate, "options")


def _rates_by(known: Mapping[int, tuple[int]], plain: int | None) -> Rates:
    rates = Rates({key: _said(value[0]) for key, value in known.items()})
    rates.other = _said(plain)
    return rates
