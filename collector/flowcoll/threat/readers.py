"""Texts of listed addresses -> entries; a row that makes no sense is handed on as refused, never fatal here.

    plain  an address, a network or a range first-last in each line; `#` and `;` begin a comment
    csv    a header, then rows; comma, semicolon or tabulator between columns
    json   an array; an object with an array under one of LISTS; an object address -> what is said of it; an object a line
    auto   one of these, by the first characters

Rows come one by one: whoever takes them decides when others may have the processor.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from flowcoll.errors import ListError
from flowcoll.threat import slices
from flowcoll.threat.entries import Entry, OtherKindError, Places, Refused, entry, interval

Row = Entry | Refused

LISTS = ("results", "data", "indicators", "blocklist", "items", "entries", "threats", "objects")
"""Keys under which a JSON object may hold its list."""

_HEAD = 65_536  # octets in which the key of the list, or the end of a first line, is looked for
_LIST_KEY = re.compile(rb'"(?:' + "|".join(LISTS).encode() + rb')"\s*:\s*(?=\[)', re.IGNORECASE)
_JSON_ARRAY = re.compile(rb'\[\s*[\[{"\]]')  # an IPv6 address in brackets is none


def read(text: bytes, kind: str = "auto") -> Iterator[Row]:
    """Give every row; ListError, worded to follow the name of the list, when the text as a whole makes no sense."""
    readers: Mapping[str, Callable[[bytes], Iterator[Row]]] = {"plain": _plain, "csv": _csv, "json": _json}
    try:
        yield from readers[form(text) if kind == "auto" else kind](text)
    except orjson.JSONDecodeError as exc:
        raise ListError(f"is broken or cut JSON ({exc.msg})") from None


def form(text: bytes) -> str:
    """Give the form of a text by its first characters."""
    start = slices.after_blanks(text, 0)
    if text[start : start + 1] == b"{" or _JSON_ARRAY.match(text, start):
        return "json"
    return "plain" if _header(text) is None else "csv"


def _lines(text: bytes) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(io.BytesIO(text), 1):
        yield number, line.decode("utf-8", "replace").rstrip("\r\n")


def _plain(text: bytes) -> Iterator[Row]:
    for number, line in _lines(text):
        row = line.partition("#")[0].partition(";")[0].strip()
        if row:
            yield _kept(number, _bare, row)


def _bare(row: str) -> Entry:
    return Entry(*interval(row))


def _kept(number: int, make: Callable[[str], Entry], line: str) -> Row:
    try:
        return make(line)
    except (ValueError, csv.Error) as exc:
        return Refused(f"line {number}", str(exc)[:120], other=isinstance(exc, OtherKindError))


# -- csv ---------------------------------------------------------------------------------------------------------------


class _Header(NamedTuple):
    """Number of its line, separator, how many columns, and where the parts of a row are in them."""

    line: int
    delimiter: str
    width: int
    places: Places


def _header(text: bytes) -> _Header | None:
    """Give the line that names columns: the first that is no comment, or else the comment before it."""
    comment = None
    for number, line in _lines(text):
        if not line.strip():
            continue
        header = _named(number, line.removeprefix("#").strip())
        if not line.startswith("#"):
            return header or comment
        comment = header
    return None


def _named(number: int, line: str) -> _Header | None:
    delimiter = max(",;\t", key=line.count)
    names = line.replace('"', "").split(delimiter)
    places = Places.of(names, range(len(names)))
    return _Header(number, delimiter, len(names), places) if places else None


def _csv(text: bytes) -> Iterator[Row]:
    header = _header(text)
    if header is None:
        raise ListError("has no line that names a column of addresses; call one 'address', or two 'start' and 'end'")

    def make(line: str) -> Entry:  # one line is one row, so that a quote left open does not swallow the rest
        cells = next(csv.reader([line], delimiter=header.delimiter, skipinitialspace=True), [])
        return entry(cells + [""] * (header.width - len(cells)), header.places)

    for number, line in _lines(text):
        if number > header.line and line.strip() and not line.startswith("#"):
            yield _kept(number, make, line)


# -- json --------------------------------------------------------------------------------------------------------------


class _Said(NamedTuple):
    """A member of a map: its key, most often an address, and one thing said of it."""

    address: str
    said: Any


def _json(text: bytes) -> Iterator[Row]:
    start = slices.after_blanks(text, 0)
    opening = text[start : start + 1]
    if opening == b"[":
        return _objects(item for some in slices.elements(text, start) for item in some)
    if opening != b"{":
        raise ListError("is no JSON")
    if _is_ndjson(text, start):
        return _objects(_ndjson(text))
    place = _list_in(text, start)
    if place is not None:
        return _objects(item for some in slices.elements(text, place, b'{"":[') for item in some)
    return _objects(_map(text, start))


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
    for line in io.BytesIO(text):
        if line.strip():
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                yield None


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


def _objects(rows: Iterator[Any]) -> Iterator[Row]:
    """Make entries of what JSON holds: objects, addresses, members of a map."""
    shapes: dict[Sequence[str], Places] = {}
    for number, row in enumerate(rows, 1):
        address, said = row if isinstance(row, _Said) else ("", row)
        if isinstance(row, _Said) and not isinstance(said, dict):
            said = {"score" if isinstance(said, int | float) else "label": said}
        elif isinstance(row, str):
            address, said = row, {}
        if not isinstance(said, dict):
            yield Refused(f"row {number}", "is neither an object nor an address")
            continue
        keys = tuple(said)
        places = shapes.get(keys)
        if places is None:
            if len(shapes) >= 1024:
                shapes.clear()
            places = shapes[keys] = Places.of(keys, keys)
        try:
            yield entry(said, places, address)
        except ValueError as exc:
            yield Refused(f"row {number}", str(exc)[:120], other=isinstance(exc, OtherKindError))
