"""JSON that lists addresses -> entries: an array, an object that holds one, a map of addresses, an object a line."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from flowcoll.errors import ListError
from flowcoll.threat.reading import slices
from flowcoll.threat.reading.entries import OtherKindError, Places, Refused, Row, entry

LISTS = ("results", "data", "indicators", "blocklist", "items", "entries", "threats", "objects")
"""Keys under which an object may hold its list."""

_LONGEST = 1_048_576  # octets of a line that is an object
_HEAD = 65_536  # octets in which the key of the list, or the end of a first line, is looked for
_LIST_KEY = re.compile(rb'"(?:' + "|".join(LISTS).encode() + rb')"\s*:\s*(?=\[)', re.IGNORECASE)
_ARRAY = re.compile(rb'\[\s*[\[{"\]]')  # an IPv6 address in brackets is none


def begins(text: bytes) -> bool:
    """Tell whether a text is JSON, by its first characters."""
    start = slices.after_blanks(text, 0)
    return text[start : start + 1] == b"{" or _ARRAY.match(text, start) is not None


class _Said(NamedTuple):
    """A member of a map: its key, most often an address, and one thing said of it."""

    address: str
    said: Any


def objects(text: bytes) -> Iterator[Row]:
    """Give every row; ListError for a text that as a whole is no list."""
    try:
        yield from _read(text)
    except orjson.JSONDecodeError as exc:
        raise ListError(f"is broken or cut JSON ({exc.msg})") from None


def _read(text: bytes) -> Iterator[Row]:
    start = slices.after_blanks(text, 0)
    opening = text[start : start + 1]
    if opening == b"[":
        return _entries(item for some in slices.elements(text, start) for item in some)
    if opening != b"{":
        raise ListError("is no JSON")
    if _is_ndjson(text, start):
        return _entries(_ndjson(text))
    place = _list_in(text, start)
    if place is not None:
        return _entries(item for some in slices.elements(text, place, b'{"":[') for item in some)
    return _entries(_map(text, start))


def _is_ndjson(text: bytes, start: int) -> bool:
    """Tell whether the first line is an object, and another one follows."""
    end = text.find(b"\n", start, start + _HEAD)
    after = slices.after_blanks(text, end)
    if end < 0 or text[after : after + 1] != b"{":
        return False
    try:
        return isinstance(orjson.loads(text[start:end]), dict)
    except orjson.JSONDecodeError:
        return False


def _ndjson(text: bytes) -> Iterator[Any]:
    """Give an object a line, None for a broken one; ListError when a last line tells that lines are missing.

    Spamhaus ends its lists so: with how many records there are, and whose they are.
    """
    records, first = 0, None
    told: Any = None
    for line in io.BytesIO(text):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line) if len(line) <= _LONGEST else None
        except orjson.JSONDecodeError:
            row = None
        if isinstance(row, dict):
            if row.get("type") == "metadata":
                told = row
            else:
                records += 1
                first = first or row
        yield row
    if told is None and first is not None and first.keys() >= {"cidr", "sblid"}:
        raise ListError("is cut: the line that ends it is missing", "cut")
    if told is not None and isinstance(told.get("records"), int) and told["records"] != records:
        raise ListError(f"is cut: it says that it has {told['records']} records, and has {records}", "cut")


def _list_in(text: bytes, start: int) -> int | None:
    """Give the place of the list in an object: its key is one of LISTS, and stands in the object itself."""
    for key in _LIST_KEY.finditer(text, start, start + _HEAD):
        try:
            orjson.loads(text[start : key.end()] + b"[]}")
        except orjson.JSONDecodeError:
            continue
        return key.end()
    return None


def _map(text: bytes, start: int) -> Iterator[_Said]:
    """Give the members of an object address -> text, number, object or list; ListError when it is a server's refusal."""
    complaint = ""
    for number, found in enumerate(slices.members(text, start)):
        complaint = "" if number else _complaint(found)
        if complaint:
            raise ListError(f"is a message, not a list: {complaint}", "message")
        for address, said in found.items():
            if isinstance(said, list) and any(isinstance(each, dict) for each in said):
                yield from (_Said(address, each) for each in said)
            else:
                yield _Said(address, said)


def _complaint(answer: Mapping[str, Any]) -> str:
    """Give what a server says in the place of a list."""
    error = answer.get("error") or answer.get("message")
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("developer_message")
    if isinstance(error, str) and error:
        return " ".join(error.split())[:200]
    return "success is false" if answer.get("success") is False else ""


def _entries(rows: Iterable[Any]) -> Iterator[Row]:
    """Make entries of what JSON holds: objects, addresses, members of a map."""
    shapes = Shapes()
    for number, row in enumerate(rows, 1):
        if type(row) is dict:
            try:
                yield entry(row, shapes.places(row))
            except ValueError as exc:
                yield _refused(f"row {number}", exc, row)
        elif isinstance(row, _Said):
            yield shapes.row(f"row {number}", row.address, row.said)
        elif isinstance(row, str):
            yield shapes.row(f"row {number}", row, {})
        else:
            yield Refused(f"row {number}", "is neither an object nor an address")


class Shapes:
    """Where the parts of objects are, by their keys."""

    def __init__(self) -> None:
        self._known: dict[Sequence[str], Places] = {}

    def places(self, said: Mapping[str, Any]) -> Places:
        keys = tuple(said)
        places = self._known.get(keys)
        if places is None:
            if len(self._known) >= 1024:
                self._known.clear()
            places = self._known[keys] = Places.of(keys, keys)
        return places

    def row(self, where: str, address: str, said: Any) -> Row:
        """Make an entry of what is said of an address: an object, a score, a name or several."""
        if not isinstance(said, dict):
            said = {"score" if isinstance(said, int | float) else "label": said}
        try:
            return entry(said, self.places(said), address)
        except ValueError as exc:
            return _refused(where, exc, said)


def _refused(where: str, exc: ValueError, said: Mapping[str, Any]) -> Refused:
    """Refuse a row; what a list says of itself is kept as far as it has to be."""
    terms = ""
    if said.get("type") == "metadata":
        terms = " ".join(" ".join(str(said[key]).split())[:512] for key in ("copyright", "terms") if said.get(key))
    return Refused(where, str(exc)[:120], isinstance(exc, OtherKindError), terms)
