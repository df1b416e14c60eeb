"""IPFIX (RFC 7011): the message header."""

from collections.abc import Iterator
from struct import Struct

from flowcoll.counters import Counts
from flowcoll.decode.context import Budget, Contexts
from flowcoll.decode.sets import Message, Set, SetReader
from flowcoll.errors import DecodeError

_HEADER = Struct("!HHIII").unpack_from
HEADER = 16


class Ipfix:
    """Reads IPFIX messages."""

    def __init__(self, sets: SetReader, contexts: Contexts, counts: Counts) -> None:
        self._sets = sets
        self._contexts = contexts
        self._counts = counts

    def sets(self, octets: bytes, exporter: tuple[str, int], now_ms: int, budget: Budget) -> Iterator[Set]:
        """Give the flow sets of a message; raises DecodeError when the header is wrong (RFC 7011 section 3.1)."""
        if len(octets) < HEADER:
            raise DecodeError("short_header")
        _, length, seconds, number, domain = _HEADER(octets)
        if length < HEADER or length > len(octets):
            raise DecodeError("length")
        self._counts.add("datagrams.decoded.ipfix")
        context = self._contexts.get(exporter[0], 10, "", domain)
        context.at(now_ms, seconds * 1000)
        message = octets if length == len(octets) else octets[:length]
        # bit 32 keeps an observation domain apart from the NetFlow v9 source id of the same number
        return self._sets.read(Message(message, exporter, domain | 1 << 32, number, context, budget), HEADER)

    def late(self) -> Iterator[Set]:
        """Give the flow sets that wait for a template which is known by now."""
        return self._sets.late(lambda address, domain: self._contexts.get(address, 10, "", domain))
