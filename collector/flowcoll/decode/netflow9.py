"""NetFlow v9 (RFC 3954): the header; sets are read as IPFIX's are."""

from collections.abc import Iterator
from struct import Struct

from flowcoll.counters import Counts
from flowcoll.decode.context import Budget, Contexts
from flowcoll.decode.sets import Message, Set, SetReader
from flowcoll.errors import DecodeError

_HEADER = Struct("!HHIIII").unpack_from
HEADER = 20


class NetFlow9:
    """Reads NetFlow v9 datagrams."""

    def __init__(self, sets: SetReader, contexts: Contexts, counts: Counts) -> None:
        self._sets = sets
        self._contexts = contexts
        self._counts = counts

    def sets(self, octets: bytes, exporter: tuple[str, int], now_ms: int, budget: Budget) -> Iterator[Set]:
        """Give the flow sets of a datagram; raises DecodeError when the header is wrong (RFC 3954 section 5.1)."""
        if len(octets) < HEADER:
            raise DecodeError("short_header")
        _, _, uptime, seconds, number, source_id = _HEADER(octets)
        self._counts.add("datagrams.decoded.netflow9")
        context = self._contexts.get(exporter[0], 9, "", source_id)
        context.at(now_ms, seconds * 1000, uptime)
        return self._sets.read(Message(octets, exporter, source_id, number, context, budget), HEADER)

    def late(self) -> Iterator[Set]:
        """Give the flow sets that wait for a template which is known by now."""
        return self._sets.late(lambda address, domain: self._contexts.get(address, 9, "", domain))
