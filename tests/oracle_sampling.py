"""The oracle's own reading of options data on sampling: what was said, and what it means for a record."""

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

PARTS = {
    **dict.fromkeys(("scope 2", "ingressInterface", "egressInterface"), "an interface"),
    **dict.fromkeys(("scope 3", "lineCardId"), "a card"),
    **dict.fromkeys(("scope 5", "templateId"), "a template"),
    "portId": "a port",
    "observationPointId": "a point",
}
EVERYTHING = ("scope 1", "exportingProcessId", "exporterIPv4Address", "exporterIPv6Address")


class OptionField(NamedTuple):
    """A field of an option record: the element's name, or `scope 1` for a scope of NetFlow v9, and its octets."""

    name: str
    octets: bytes
    scope: bool


class Said(NamedTuple):
    """A rate, or the selectors of a sequence, as it was said: by which domain, of what."""

    of: str
    number: int
    value: Any
    for_all: bool


def _number(octets: bytes | None) -> int | None:
    return int.from_bytes(octets, "big") if octets and len(octets) < 9 else None


def rate(fields: Mapping[str, bytes]) -> int | None:
    """How many packets a counted one stands for."""
    said: list[int] = []
    numbers = {name: _number(octets) for name, octets in fields.items()}
    said += [numbers[name] for name in ("samplingInterval", "samplerRandomInterval") if numbers.get(name) is not None]
    if numbers.get("samplingPopulation") is not None:
        said.append(_rounded(numbers["samplingPopulation"], numbers.get("samplingSize") or 1))
    share = fields.get("samplingProbability", b"")
    if len(share) in {4, 8}:
        value = struct.unpack("!d" if len(share) == 8 else "!f", share)[0]
        said.append(round(1 / value) if math.isfinite(value) and 1 / (2**32 - 1) <= value <= 1 else 0)
    taken, passed = numbers.get("samplingPacketInterval"), numbers.get("samplingPacketSpace")
    if taken is not None:
        said.append(taken if passed is None else _rounded(taken + passed, taken))
    if not said:
        return None
    for one in said:
        if one > 0:
            return min(one, 2**32 - 1)
    return 1


def _rounded(packets: int, of_these: int) -> int:
    """The nearest whole number; a half counts as one."""
    return math.floor(Fraction(packets, of_these) + Fraction(1, 2)) if of_these else 0


class Words:
    """What one exporter has said in options data."""

    def __init__(self) -> None:
        self._rates: dict[tuple[int, int], dict[tuple[str, int], Said]] = {}
        self._selections: dict[tuple[int, int], dict[tuple[str, int], Said]] = {}

    def hear(self, version: int, domain: int, record: Sequence[OptionField]) -> None:
        """Take note of an option record."""
        fields: dict[str, bytes] = {}
        for field in record:
            fields.setdefault(field.name, field.octets)
        scope = {field.name for field in record if field.scope}
        for_all = bool(scope & set(EVERYTHING))
        if version == 10 and domain == 0:
            for_all = True
            if "observationDomainId" in scope and (_number(fields["observationDomainId"]) or 0) % 2**32:
                domain, for_all = (_number(fields["observationDomainId"]) or 0) % 2**32, False
            elif "observationDomainId" in scope and _number(fields["observationDomainId"]):
                for_all = False
        self._hear_rate(fields, scope, (version, domain), for_all)
        selectors = [int.from_bytes(f.octets[-8:], "big") for f in record if f.name == "selectorId"][:16]
        sequence = _number(fields.get("selectionSequenceId"))
        if sequence is not None and selectors and "selectionSequenceId" in scope:
            said = Said("a sequence", sequence, tuple(selectors), for_all)
            self._selections.setdefault((version, domain), {})["a sequence", sequence] = said

    def _hear_rate(self, fields: Mapping[str, bytes], scope: set[str], place: tuple[int, int], for_all: bool) -> None:
        found = rate(fields)
        if found is None:
            return
        of, number = "all", 0
        for name, what in (
            ("selectorId", "a sampler"),
            ("samplerId", "a sampler"),
            ("selectionSequenceId", "a sequence"),
        ):
            named = _number(fields.get(name))
            if of == "all" and named is not None:
                of, number = what, named
        if of == "all":
            of, number = next(
                ((PARTS[name], _number(fields[name]) or 0) for name in _last_first(scope) if name in PARTS), ("all", 0)
            )
            if of == "an interface" and not number:
                of = "all"
            for_all = for_all and of == "all"
        self._rates.setdefault(place, {})[of, number] = Said(of, number, found, for_all)

    def _about(
        self, kept: Mapping[tuple[int, int], Mapping[tuple[str, int], Said]], place: tuple[int, int]
    ) -> list[Said]:
        """What was said of a domain; else, for all, by others of the same protocol."""
        own = list(kept.get(place, {}).values())
        others = [said for other, each in kept.items() if other[0] == place[0] for said in each.values()]
        return own or [said for said in others if said.for_all]

    def meaning(self, version: int, domain: int, values: Mapping[str, Any]) -> tuple[int, str]:
        """The rate of a record that does not say one itself, and its source."""
        said = self._about(self._rates, (version, domain))
        parts = [one for one in said if one.of not in {"a sampler", "a sequence"}]
        plainly = _agreed([one for one in parts if one.of == "all"] or parts)
        without = (plainly, "options") if plainly else (1, "none")
        for name in ("selectorId", "samplerId"):
            if name in values:
                of_it = self._sampler(said, values[name])
                return (of_it, "options") if of_it else without
        if "selectionSequenceId" in values:
            of_it = self._sequence(said, (version, domain), values["selectionSequenceId"])
            return (of_it, "options") if of_it else without
        interface = values.get("ingressInterface")
        of_it = _agreed([one for one in parts if one.of == "an interface" and one.number == interface])
        only = _agreed([one for one in said if one.of == "a sampler"]) if not parts else None
        return (of_it or only or 0, "options") if of_it or only else without

    def _sequence(self, said: Sequence[Said], place: tuple[int, int], number: int) -> int | None:
        """The rate of a selection sequence: said of it, or that of its selectors one after the other."""
        direct = _agreed([one for one in said if one.of == "a sequence" and one.number == number])
        selections = self._about(self._selections, place) if said else []
        lists = {one.value for one in selections if one.number == number}
        if direct or len(lists) != 1:
            return direct
        rates = [self._sampler(said, selector) for selector in lists.pop()]
        return min(math.prod(one for one in rates if one), 2**32 - 1) if any(rates) else None

    def _sampler(self, said: Iterable[Said], number: int) -> int | None:
        return _agreed([one for one in said if one.of == "a sampler" and one.number == number])


def _agreed(said: Sequence[Said]) -> int | None:
    rates = {one.value for one in said}
    return rates.pop() if len(rates) == 1 else None


def _last_first(names: Iterable[str]) -> list[str]:
    """The order in which a part is looked for where several are named."""
    order = {name: f"scope{kind}" for name, kind in (("scope 2", "Interface"), ("scope 3", "LineCard"))}
    return sorted(names, key=lambda name: order.get(name, name.replace("scope 5", "scopeTemplate")), reverse=True)
