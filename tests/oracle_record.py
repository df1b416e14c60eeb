"""What the RiskIQ output must send of a record, worked out the slow and obvious way from what the oracle decodes."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from flowcoll.config import defaults
from oracle import Datagram, Oracle
from oracle_facts import Address, _moment, _observed, addresses, community_id, plain, ports, private, protocol_of, text
from oracle_wire import Exporter, Record
from slow_fcfx import Shown

_NUMBERS = {"start": 8, "end": 8, "bytes": 8, "packets": 8}


class RecordOracle:
    """Knows what is sent of the records of exporters; counters are never corrected for sampling."""

    def __init__(self, *, with_community_id: bool = True) -> None:
        options = defaults(EF_PROCESSOR_SAMPLING_CORRECT=False)
        self._oracle = Oracle(options)
        self._limit: int = options["EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET"]
        self._with_community_id = with_community_id

    def records(self, datagrams: Iterable[Datagram], source: str) -> tuple[list[Shown], int, set[Address]]:
        """What is sent of one exporter's records, of how many nothing is sent, and all addresses that are not public."""
        exporter = Exporter(source, self._limit)
        found, none, hidden = [], 0, set[Address]()
        for datagram in datagrams:
            for record in self._oracle._records(exporter, source, datagram):
                hidden |= {plain(each) for each in addresses(record.values) if each is not None and not _public(each)}
                shown = self._sent(record)
                if shown:
                    found.append(shown)
                else:
                    none += 1
        return found, none, hidden

    def _sent(self, record: Record) -> Shown | None:
        header, values, told = record
        ends = dict(zip(("src", "dst"), addresses(values), strict=True))
        public = {end: address for end, address in ends.items() if address is not None and _public(address)}
        if not public:
            return None
        volume = self._oracle._volume(header, values, told)
        start, end = (_moment(header, values, which) for which in ("Start", "End"))
        if end is None and "flowStartMilliseconds" in values and "flowDurationMilliseconds" in values:
            end = values["flowStartMilliseconds"] + values["flowDurationMilliseconds"]
        seen = _observed(header, values)
        protocol = protocol_of(values) or 0
        shown: Shown = {
            "start": start if start is not None else seen,
            "end": end if end is not None else seen,
            "bytes": volume.get("network.bytes"),
            "packets": volume.get("network.packets"),
            "flags": values.get("tcpControlBits", 0) & 0x0FFF if protocol == 6 else 0,
            "protocol": protocol,
            "community_id": "",
        }
        shown |= {name: min(max(shown[name] or 0, 0), 2**64 - 1) for name in _NUMBERS}
        for side, port in zip(("src", "dst"), ports(values), strict=True):
            shown[side] = text(public[side]) if side in public else ""
            shown[f"{side}_port"] = (port or 0) if side in public else 0
        src, dst = ends["src"], ends["dst"]
        if self._with_community_id and src is not None and dst is not None:
            shown["community_id"] = community_id(0, src, dst, values) or ""
        return shown


def _public(address: Address) -> bool:
    """Globally routable, and no private IPv4 address within it (RFC 6052, RFC 3056, RFC 4380, RFC 5214)."""
    if private(address):
        return False
    address = plain(address)
    within: list[IPv4Address] = []
    if isinstance(address, IPv6Address):
        if address.sixtofour:
            within.append(address.sixtofour)
        if address.teredo:
            within += address.teredo
        if int(address) >> 32 == 0x0064_FF9B << 64:
            within.append(IPv4Address(int(address) & 0xFFFF_FFFF))
        if int(address) >> 32 & 0xFFFF == 0x5EFE:
            within.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return not any(map(private, within))
