"""What a worker knows of the exporters that it hears: one row for each domain of each, as JSON can hold it.

Ports of an exporter are told together: most have one, and a new one after each restart.
"""

from collections.abc import Callable, Iterable, Sequence
from heapq import nlargest
from itertools import islice
from typing import Any

from flowcoll.decode.domains import Domain, Domains
from flowcoll.decode.memory import Memory
from flowcoll.decode.netflow_fixed import FIELDS
from flowcoll.decode.sequence import Way
from flowcoll.decode.store import Known
from flowcoll.exporters import Row
from flowcoll.exporters.lacks import SAMPLING, lacking
from flowcoll.moments import utc

LIMIT = 10_000
PORTS = 16
_IPFIX = 1 << 32  # what the store adds to a domain of IPFIX
_SLICE = 1_000  # domains that are gathered without giving way,
_ROWS = 20  # and rows made

Told = tuple[int | None, int, str]
"""Sampler (None: records that name none), its rate, and where that comes from."""

Key = tuple[str, str, Any]
"""Exporter's address, protocol, and domain."""


def rows(
    domains: Domains, memory: Memory, now: int, give_way: Callable[[], None] = lambda: None, limit: int = LIMIT
) -> dict[str, Any]:
    """Give `exporters`, the most active of them if there are too many, and how many `others` there are.

    now: in ms since 1970. Others may run whenever `give_way` is called, which is every few milliseconds.
    """
    gathered: dict[Key, list[tuple[int, Domain]]] = {}
    known = iter(list(domains))
    while some := list(islice(known, _SLICE)):
        for ((address, port), protocol, domain), one in some:
            gathered.setdefault((address, protocol, domain), []).append((port, one))
        give_way()
    chosen = list(gathered)
    if len(chosen) > limit:
        activity = {}
        for number, (key, ports) in enumerate(gathered.items()):
            activity[key] = sum(one.rates(now).flows for _, one in ports), max(one.last for _, one in ports)
            if number % _SLICE == 0:
                give_way()
        chosen = nlargest(limit, chosen, key=activity.__getitem__)
        give_way()
    chosen.sort(key=lambda key: key[0])  # what is found by address is found once
    found = []
    of_address = _OfAddress(memory)
    for number, key in enumerate(chosen):
        found.append(_row(key, gathered[key], of_address, now))
        if number % _ROWS == 0:
            give_way()
    return {"exporters": found, "others": len(gathered) - len(found)}


class _OfAddress:
    """Templates and waiting sets of one address at a time, by domain as the store has it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._address = ""
        self._templates: dict[int, dict[int, Known]] = {}
        self._waiting: dict[int, list[int]] = {}

    def look(self, address: str) -> None:
        """Find what there is of an address."""
        if address == self._address:
            return
        self._address, self._templates, self._waiting = address, {}, {}
        for known in self._memory.store.of(address):
            self._templates.setdefault(known.domain, {}).setdefault(known.number, known)
        for one in self._memory.waiting.of(address):
            self._waiting.setdefault(one.domain, []).append(len(one.body))

    def templates(self, domain: int) -> list[Known]:
        """Give each template once, as it was announced last."""
        return list(self._templates.get(domain, {}).values())

    def sampling(self, protocol: str, domain: Any) -> Sequence[Told]:
        """Give what options data say of the sampling."""
        return self._memory.facts.sampling(self._address, protocol, domain)

    def waiting(self, domain: int) -> list[int]:
        """Give the size of each set that waits."""
        return self._waiting.get(domain, [])


def _row(key: Key, ports: list[tuple[int, Domain]], of_address: _OfAddress, now: int) -> Row:
    address, protocol, domain = key
    of_address.look(address)
    every = [one for _, one in ports]
    latest = max(every, key=lambda one: one.last)
    rates = [one.rates(now) for one in every]
    skews = [skew for one in every if (skew := one.skew()) is not None and protocol != "sflow5"]
    row = base(address, sorted(port for port, _ in ports), protocol, domain)
    templates = of_address.templates(domain) if protocol in {"netflow9", "ipfix"} else []
    describe(row, templates, latest.rate, of_address.sampling(protocol, domain))
    waiting = of_address.waiting(domain) if protocol in {"netflow9", "ipfix"} else []
    return row | {
        "datagrams": sum(one.datagrams for one in every),
        "flows": sum(one.flows for one in every),
        "bytes": sum(one.octets for one in every),
        "datagrams_per_second": round(sum(rate.datagrams for rate in rates), 2),
        "flows_per_second": round(sum(rate.flows for rate in rates), 2),
        "bits_per_second": round(sum(rate.octets for rate in rates) * 8),
        "first_seen": moment(min(one.first for one in every)),
        "last_seen": moment(latest.last),
        "sequence": _sequence(every, latest.way),
        "clock_skew_ms": max(skews, default=None),
        "waiting": {"sets": len(waiting), "bytes": sum(waiting)},
    }


def base(address: str, ports: list[int], protocol: str, domain: Any) -> Row:
    """Begin a row: who it is about."""
    agent, number = domain if isinstance(domain, tuple) else ("", domain & ~_IPFIX if protocol == "ipfix" else domain)
    row: Row = {"address": address, "ports": ports[:PORTS], "port_count": len(ports), "protocol": protocol}
    return row | ({"agent": agent, "domain": number} if protocol == "sflow5" else {"domain": number})


def describe(row: Row, templates: Iterable[Known], rate: int, told: Sequence[Told]) -> None:
    """Add what templates, headers and options data say: how many there are, the sampling, and what is missing.

    Templates that no data has used count only where none has been used: many exporters announce more than they send.
    """
    protocol, every = row["protocol"], list(templates)
    data = [known for known in every if not known.template.options]
    row["templates"] = {"data": len(data), "options": len(every) - len(data)}
    used = [known for known in data if known.template.compiled is not None] or data
    elements = {known.number: {column.name for column in known.template.columns} for known in used}
    if protocol == "netflow5":
        elements = {0: {name for name, *_ in FIELDS}}
    found = {number: lacking(protocol, names) for number, names in elements.items()}
    row["sampling"] = sampling = _sampling(protocol, elements.values(), rate, told)
    said = {SAMPLING} if sampling["source"] != "none" else set()
    always = frozenset.intersection(*found.values()) - said if found else frozenset()
    sometimes = frozenset().union(*found.values()) - always - said
    row["lacks"] = sorted(always)
    row["lacks_in"] = {name: sorted(n for n, lacks in found.items() if name in lacks) for name in sorted(sometimes)}


def _sampling(protocol: str, elements: Iterable[set[str]], rate: int, told: Sequence[Told]) -> Row:
    """Give the sampling interval, None where it differs by record or is not known, and who says it."""
    if protocol == "sflow5":
        return {"rate": rate or None, "source": "record"}
    if rate > 1:
        return {"rate": rate, "source": "header"}
    if any("samplingInterval" in names for names in elements):
        return {"rate": None, "source": "record"}
    if not told:
        return {"rate": None, "source": "none"}
    sampler, plain, source = told[0]
    return {
        "rate": plain if sampler is None or len(told) == 1 else None,
        "source": source,
        "samplers": {str(sampler): each for sampler, each, _ in told if sampler is not None},
    }


def _sequence(every: list[Domain], way: Way) -> dict[str, Any]:
    """Give what the numbers of all ports say."""
    datagrams = way is Way.DATAGRAMS
    lost = sum(one.numbers.lost for one in every)
    came = sum(one.datagrams if datagrams else one.flows + one.options for one in every)
    return {
        "unit": "datagrams" if datagrams else "records",
        "received": came,
        "lost": lost,
        "share": share(lost, came),
        "late": sum(one.numbers.late for one in every),
        "repeated": sum(one.numbers.repeated for one in every),
        "restarts": sum(one.numbers.restarts for one in every),
    }


def share(lost: int, came: int) -> float:
    """Give the part that is lost of all that was sent."""
    return round(lost / (lost + came), 6) if lost else 0.0


def moment(ms: int) -> str:
    """Write a time as documents do."""
    return utc(ms / 1000)
