"""What is kept of an exporter over a restart, as text: a line that says what it is, one a template or set, a checksum.

{"flowcoll":"templates","version":2,"exporter":"192.0.2.1"}
["ipfix",50000,4294967303,256,false,true,1750000000000,1750000000000,"000000080004000c0004"]
{"crc32":305419896}
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar
from zlib import crc32

import orjson

from flowcoll.decode.context import Budget
from flowcoll.decode.facts import Fact, KnownFact
from flowcoll.decode.memory import Memory
from flowcoll.decode.sampling import Told
from flowcoll.decode.store import Known
from flowcoll.decode.templates import TemplateError
from flowcoll.decode.waiting import WaitingSet
from flowcoll.errors import KeptError

VERSION = 2
TEMPLATES, FACTS, WAITING = "templates", "facts", "waiting"
OUTDATED_MS = 30 * 24 * 3_600_000  # nobody used a template for so long, or heard of an exporter: it goes
_SLICE = 128  # lines that are written without giving way
_MOST = 8 * 1024 * 1024  # octets of bodies that are kept of an exporter; ten thousand common templates have 1 million
_TEMPLATE = (str, int, int, int, bool, bool, int, int, str)
_FACT = (str, int, str, int, list, bool, int, int)
_SET = (int, int, int, int, int, int, int, int, str)
_T = TypeVar("_T")


def templates(address: str, memory: Memory) -> Iterator[bytes]:
    """Give the text of an exporter's templates piece by piece, those announced last first; none if it has none."""
    return _text(TEMPLATES, address, _template_rows(memory.store.of(address)))


def facts(address: str, memory: Memory) -> Iterator[bytes]:
    """Give the text of what an exporter said in options data piece by piece; none if it said nothing."""
    return _text(FACTS, address, _fact_rows(address, memory))


def waiting(address: str, memory: Memory) -> Iterator[bytes]:
    """Give the text of the sets of an exporter that wait, piece by piece; none if it has none."""
    return _text(WAITING, address, _set_rows(memory.waiting.of(address)))


def recall_templates(address: str, octets: bytes, memory: Memory, now_ms: int) -> int:
    """Restore templates from their text, and give how many nobody had used for too long; KeptError changes nothing."""

    def read(row: Sequence[Any]) -> Known:
        protocol, port, domain, number, options, newest, said, used, body = row
        template = memory.bodies.template(protocol, bytes.fromhex(body), options=options)
        return Known(port, domain, number, newest, said, used, template)

    kept = _rows(TEMPLATES, address, octets, _TEMPLATE, read)
    for known in reversed(kept):
        if known.used >= now_ms - OUTDATED_MS:
            memory.store.restore(address, known)
    return sum(known.used < now_ms - OUTDATED_MS for known in kept)


def recall_facts(address: str, octets: bytes, memory: Memory, now_ms: int) -> dict[str, int]:
    """Restore facts from their text, and give how many of each kind are outdated; KeptError changes nothing."""

    def read(row: Sequence[Any]) -> tuple[KnownFact, int]:
        kind, domain, about, key, value, wide, said, used = row
        known = KnownFact(kind, Fact(Told(domain, about, key, tuple(value), wide), said))
        if not known.sound():
            raise ValueError(kind)
        return known, used

    outdated: dict[str, int] = {}
    for known, used in reversed(_rows(FACTS, address, octets, _FACT, read)):
        if used >= now_ms - OUTDATED_MS:
            memory.facts.restore(address, known)
        else:
            outdated[known.kind] = outdated.get(known.kind, 0) + 1
    return outdated


def recall_waiting(address: str, octets: bytes, memory: Memory) -> None:
    """Let sets wait again, from their text; KeptError changes nothing."""
    for one in _sets(address, octets):
        memory.waiting.add(address, one)


def count_waiting(address: str, octets: bytes) -> int:
    """Give how many sets a text holds. KeptError."""
    return len(_sets(address, octets))


def _sets(address: str, octets: bytes) -> list[WaitingSet]:
    budgets: dict[int, Budget] = {}  # sets of one datagram share what it may give

    def read(row: Sequence[Any]) -> WaitingSet:
        port, domain, number, now, export, uptime, datagram, left, body = row
        budget = budgets.setdefault(datagram, Budget(1))
        budget.left, budget.held = left, None
        return WaitingSet(port, domain, number, (now, export, uptime), budget, bytes.fromhex(body))

    return _rows(WAITING, address, octets, _SET, read)


def _template_rows(kept: Iterable[Known]) -> Iterator[tuple[object, ...]]:
    octets = 0
    for port, domain, number, newest, said, used, template in kept:
        octets += len(template.body)
        if octets > _MOST:
            return
        yield template.protocol, port, domain, number, template.options, newest, said, used, template.body.hex()


def _fact_rows(address: str, memory: Memory) -> Iterator[tuple[object, ...]]:
    """Give the rows of an exporter's facts; they are in use as long as its templates are."""
    heard = max((known.used for known in memory.store.of(address)), default=0)
    for kind, (told, said) in memory.facts.of(address):
        domain, about, key, value, wide = told
        yield kind, domain, about, key, value, wide, said, max(said, heard)


def _set_rows(kept: Iterable[WaitingSet]) -> Iterator[tuple[object, ...]]:
    datagrams: dict[int, int] = {}
    for port, domain, number, times, budget, body in kept:
        datagram = datagrams.setdefault(id(budget), len(datagrams))
        yield port, domain, number, *times, datagram, budget.left, body.hex()


def _text(kind: str, address: str, rows: Iterator[tuple[object, ...]]) -> Iterator[bytes]:
    piece = _head(kind, address)
    checksum = 0
    while lines := [orjson.dumps(row) + b"\n" for row in islice(rows, _SLICE)]:
        piece += b"".join(lines)
        checksum = crc32(piece, checksum)
        yield piece
        piece = b""
    if not piece:
        yield _tail(checksum)


def _rows(
    kind: str, address: str, octets: bytes, types: tuple[type, ...], read: Callable[[Sequence[Any]], _T]
) -> list[_T]:
    """Give what a text holds, one of each line; KeptError when it is not exactly what was written."""
    head, *lines = octets.splitlines(keepends=True) or [b""]
    if head != _head(kind, address):
        raise KeptError(_strange(head))
    if len(lines) < 2 or lines[-1] != _tail(crc32(octets[: -len(lines[-1])])):
        raise KeptError("is not whole: its checksum is another")
    try:
        rows = [orjson.loads(line) for line in lines[:-1]]
        if any(tuple(map(type, row)) != types for row in rows):
            raise KeptError("is not whole: a line has other fields")
        return [read(row) for row in rows]
    except (ValueError, TypeError, TemplateError) as exc:
        raise KeptError("is not whole: a line makes no sense") from exc


def _strange(head: bytes) -> str:
    """Say why the first line is not ours."""
    try:
        version = orjson.loads(head)["version"]
    except (ValueError, TypeError, KeyError):
        return "is not whole: its first line makes no sense"
    return f"is of version {version}, and {VERSION} is read here" if version != VERSION else "is another exporter's"


def _head(kind: str, address: str) -> bytes:
    return orjson.dumps({"flowcoll": kind, "version": VERSION, "exporter": address}) + b"\n"


def _tail(checksum: int) -> bytes:
    return b'{"crc32":%d}\n' % checksum
