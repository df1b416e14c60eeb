"""Bulk requests, packed, and what Elasticsearch says to each of their documents."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

deflate: Any
try:
    from isal import isal_zlib as deflate
except ImportError:  # no wheel for this processor
    deflate = zlib

# Of documents of 1.3 kB level 1 leaves a twelfth, at 1.1 us each with ISA-L and 6 us with zlib; more is hardly smaller.
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS
_CREATED, _REFUSED, _PRESENT = 201, 300, 409
_FIRST = "-000001"
_BUSY = frozenset({429, 502, 503, 504})
# What these say is not about one document: a right or an index is missing, a block is set, there may be no more shards.
_BLOCKED = frozenset({403, 404})
_BLOCKED_TYPES = frozenset({"validation_exception"})


class Request(NamedTuple):
    """A bulk request, compressed; `raw_octets` is its size before.

    doubt: the index that was last known to be written to when it was first sent without an answer, empty when none was
    known; None: whatever was sent of it was answered.
    """

    body: bytes
    documents: int
    raw_octets: int
    doubt: str | None = None

    @property
    def octets(self) -> int:
        """Size as it is kept and sent."""
        return len(self.body)

    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Give action line and document of each."""
        lines = deflate.decompress(self.body, _GZIP).split(b"\n")
        return list(zip(lines[0:-1:2], lines[1::2], strict=True))

    def only(self, places: Sequence[int]) -> "Request":
        """Give the request for some of its documents, as if it had not been sent."""
        pairs = self.pairs()
        packer = Packer()
        packer.add(b"".join(b"\n".join((*pairs[place], b"")) for place in places), len(places))
        return packer.request()

    def halves(self) -> tuple["Request", "Request"]:
        """Give two requests for half of the documents each; there are two at least."""
        middle = self.documents // 2
        first, second = self.only(range(middle)), self.only(range(middle, self.documents))
        return first._replace(doubt=self.doubt), second._replace(doubt=self.doubt)


class Packer:
    """Makes one request of lines, compressing them as they come.

    Lines that have just been written are still in the processor's cache. Kept until a request is complete, and then
    compressed by a thread, they cost half as much again in all, and spared the hub next to nothing.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.raw_octets = 0
        self.octets = 0  # that are packed; the compressor holds back a little
        self._deflater = deflate.compressobj(_LEVEL, deflate.DEFLATED, _GZIP)
        self._parts: list[bytes] = []

    def add(self, lines: bytes, documents: int) -> int:
        """Take lines, and give the octets that came of them."""
        self.documents += documents
        self.raw_octets += len(lines)
        return self._append(self._deflater.compress(lines))

    def request(self) -> Request:
        """Give the request; no more lines can be taken."""
        self._append(self._deflater.flush())
        return Request(b"".join(self._parts), self.documents, self.raw_octets)

    def _append(self, part: bytes) -> int:
        self._parts.append(part)
        self.octets += len(part)
        return len(part)


class Refusal(NamedTuple):
    """Why a document was not stored; `place` is its place in the request."""

    place: int
    status: int
    type: str
    reason: str

    def __str__(self) -> str:
        return f"status {self.status}: {self.type}: {self.reason}"


class Verdict(NamedTuple):
    """What became of the documents of a request, as Elasticsearch sees it."""

    stored: int
    present: int = 0  # an earlier try has stored them
    busy: Sequence[Refusal] = ()  # to be sent again later
    blocked: Sequence[Refusal] = ()  # to be sent again once somebody has mended something
    rejected: Sequence[Refusal] = ()


def judge(answer: Any, documents: int) -> Verdict | None:
    """Read the answer to a bulk request of so many documents, or give None where it is none."""
    if not isinstance(answer, dict) or not isinstance(answer.get("errors"), bool):
        return None
    if not answer["errors"]:
        return Verdict(documents)
    items = answer.get("items")
    if not isinstance(items, list) or len(items) != documents:
        return None
    try:
        refusals = list(_refusals(items))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    busy, blocked, rejected = [], [], []
    for each in refusals:
        if each.status in _BUSY:
            busy.append(each)
        elif each.status in _BLOCKED or each.type in _BLOCKED_TYPES:
            blocked.append(each)
        elif each.status != _PRESENT:
            rejected.append(each)
    again = len(busy) + len(blocked) + len(rejected)
    return Verdict(documents - len(refusals), len(refusals) - again, busy, blocked, rejected)


def _refusals(items: Iterable[Any]) -> Iterator[Refusal]:
    for place, item in enumerate(items):
        result = item["create"]
        status = int(result["status"])
        if status >= _REFUSED:
            yield Refusal(place, status, str(result["error"]["type"]), str(result["error"]["reason"]))


def indices(answer: Any) -> list[str]:
    """Give the indices that the stored documents of a request went to, where the answer names them."""
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        return []
    created = [item.get("create") for item in items if isinstance(item, dict)]
    return [
        str(each["_index"])
        for each in created
        if isinstance(each, dict) and "_index" in each and each.get("status") == _CREATED
    ]


def perhaps_twice(stored_in: Iterable[str], doubt: str) -> int:
    """Say how many documents may be stored twice: an earlier try may have gone to the index before.

    Ids are looked for in the index alone that a data stream writes to now. It began with one whose number is 1.
    """
    return sum(index != doubt and not index.endswith(_FIRST) for index in stored_in)
