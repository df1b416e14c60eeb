"""Texts about autonomous systems -> which network belongs to which; a row that makes no sense is handed on as refused.

The form of PassiveTotal's own list is not public, so rows may be

    JSON   an array of objects or of arrays; an object with such an array; an object network -> system, or number ->
           networks; an object in each line
    lines  with a header or without: network or first and last address, number, name; comma, semicolon, tabulator, blanks

The parts of a row are found by the names that lists of this kind use; where there are no names, by what they look like.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from flowcoll.enrich.locality import Address, text
from flowcoll.errors import ListError
from flowcoll.threat.reading import slices
from flowcoll.threat.reading.entries import Refused, interval

_NETWORK = (
    *("network", "networks", "cidr", "cidrs", "prefix", "prefixes", "ipprefix", "netblock", "subnet", "block"),
    *("route", "inetnum", "range", "ip", "address", "ipaddress", "value"),
)
_START = ("start", "startip", "rangestart", "ipstart", "first", "firstip", "ipfrom", "from", "startaddress")
_END = ("end", "endip", "rangeend", "ipend", "last", "lastip", "ipto", "to", "endaddress")
_NUMBER = ("asn", "as", "asnumber", "autonomoussystemnumber", "asnum", "number", "origin", "originas")
_NAME = (
    *("org", "organization", "organisation", "asorganization", "asorg", "autonomoussystemorganization", "holder"),
    *("name", "asname", "owner", "description", "asdescription", "descr", "company"),
)
_PARTS = (_NETWORK, _START, _END, _NUMBER, _NAME)

_AS = re.compile(r"(?:ASN?)?\s*(\d{1,10})(?:\.(\d{1,5}))?(?![\w.:/])\s*[-,|]?\s*(.*)", re.IGNORECASE | re.DOTALL)
_JSON_ARRAY = re.compile(rb'\[\s*[\[{"\]]')  # an IPv6 address in brackets is none
_LIST_KEY = re.compile(rb'"[A-Za-z_]+"\s*:\s*(?=\[)')
_HEAD = 65_536  # octets in which the key of the list, or the end of a first line, is looked for
_LONGEST = 1_048_576  # octets of a line
_MOST_NAME = 256  # characters
_COUNTRY = 2  # characters


class System(NamedTuple):
    """Addresses from first to last, and the autonomous system that they belong to."""

    first: Address
    last: Address
    number: int
    organization: str


Row = System | Refused


def read(octets: bytes) -> Iterator[Row]:
    """Give every row; ListError, worded to follow the name of the list, when the text as a whole makes no sense."""
    start = slices.after_blanks(octets, 0)
    try:
        if octets[start : start + 1] == b"{" or _JSON_ARRAY.match(octets, start):
            for number, (key, row) in enumerate(_json(octets, start), 1):
                yield from _kept(f"row {number}", key, row)
        else:
            yield from _lines(octets)
    except orjson.JSONDecodeError as exc:
        raise ListError(f"is broken or cut JSON ({exc.msg})") from None


def _kept(where: str, key: str, row: Any) -> Iterator[Row]:
    try:
        yield from _systems(key, row)
    except (ValueError, csv.Error) as exc:
        yield Refused(where, str(exc)[:120])
    except _UnroutedError:
        yield Refused(where, "belongs to no system", other=True)


class _UnroutedError(Exception):
    """Nobody announces these addresses; lists give them the number 0."""


# -- forms -------------------------------------------------------------------------------------------------------------


def _json(octets: bytes, start: int) -> Iterator[tuple[str, Any]]:
    """Give rows, those of an object with their keys."""
    if octets[start : start + 1] == b"[":
        return (("", row) for some in slices.elements(octets, start) for row in some)
    if _is_ndjson(octets, start):
        return (("", _loaded(line) if len(line) <= _LONGEST else None) for line in io.BytesIO(octets) if line.strip())
    for key in _LIST_KEY.finditer(octets, start, start + _HEAD):
        try:
            orjson.loads(octets[start : key.end()] + b"[]}")
        except orjson.JSONDecodeError:
            continue
        return (("", row) for some in slices.elements(octets, key.end(), b'{"":[') for row in some)
    return _members(octets, start)


def _is_ndjson(octets: bytes, start: int) -> bool:
    """Tell whether the first line is an object, and another one follows."""
    end = octets.find(b"\n", start, start + _HEAD)
    after = slices.after_blanks(octets, end)
    return end > 0 and octets[after : after + 1] == b"{" and isinstance(_loaded(octets[start:end]), dict)


def _loaded(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _members(octets: bytes, start: int) -> Iterator[tuple[str, Any]]:
    for number, some in enumerate(slices.members(octets, start)):
        error = "" if number else some.get("error") or some.get("message")
        if isinstance(error, str | dict) and error:
            said = str(error.get("message", "") if isinstance(error, dict) else error)
            raise ListError(f"is a message, not a list: {' '.join(said.split())[:200]}", "message")
        yield from some.items()


def _lines(octets: bytes) -> Iterator[Row]:
    header: list[str] | None = None
    first = True
    for number, line in enumerate(io.BytesIO(octets), 1):
        where = f"line {number}"
        comment = line.lstrip().startswith(b"#")
        if not line.strip() or (comment and not first):
            continue
        try:
            cells = _cells(line)
        except (ValueError, csv.Error) as exc:
            yield Refused(where, str(exc)[:120])
            cells = []
        if first and _named(cells):
            header = cells
        elif cells and not comment:
            yield from _kept(where, "", cells if header is None else dict(zip(header, cells, strict=False)))
        first = first and comment and header is None


def _cells(line: bytes) -> list[str]:
    """Part a line. ValueError, csv.Error."""
    if len(line) > _LONGEST:
        raise ValueError(f"has more than {_LONGEST} octets")
    row = line.decode("utf-8", "replace").strip().removeprefix("#").strip()
    mark = next((each for each in "\t;," if each in row), "")
    return next(csv.reader([row], delimiter=mark, skipinitialspace=True), []) if mark else row.split(None, 2)


def _named(names: Iterable[str]) -> bool:
    network, start, end, number, _ = (set(map(_plain, names)) & set(part) for part in _PARTS)
    return bool((network or (start and end)) and number)


# -- rows --------------------------------------------------------------------------------------------------------------


def _systems(key: str, row: Any) -> Iterator[System]:
    """Give what a row says: a system for each of its networks. ValueError when it says none."""
    if isinstance(row, dict):
        networks, number, name = _by_names(key, row)
    elif isinstance(row, list) and not key:
        networks, number, name = _by_looks([str(cell) for cell in row if isinstance(cell, str | int)])
    elif isinstance(row, list) and _AS.fullmatch(key):
        networks, number, name = [each for each in row if isinstance(each, str)], key, ""
    elif key and isinstance(row, str | int):
        networks, number, name = [key], str(row), ""
    else:
        raise ValueError("is neither an object nor a network with its system")
    found, rest = _number(number)
    if not networks:
        raise ValueError("names no network")
    for network in networks:
        first, last = interval(network)
        yield System(first, last, found, " ".join((name or rest).split())[:_MOST_NAME])


def _by_names(key: str, row: Mapping[str, Any]) -> tuple[list[str], str, str]:
    said = {_plain(name): value for name, value in row.items()}
    for place in _NUMBER:
        nested = said.get(place)
        if isinstance(nested, dict):  # {"network": ..., "as": {"number": ..., "name": ...}}
            said |= {_plain(each): value for each, value in nested.items() if _plain(each) not in said or each == place}
    network, start, end, number, name = ([said[each] for each in part if each in said] for part in _PARTS)
    spans = [f"{_address(begin)}-{_address(last)}" for begin, last in zip(start[:1], end[:1], strict=False)]
    for value in network:
        spans = spans or [
            each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and each
        ]
    numbers = [str(each) for each in number if isinstance(each, str | int) and str(each)]
    if key and not numbers and _AS.fullmatch(key):
        numbers = [key]
    elif key and not spans:
        spans = [key]
    names = [each for each in name if isinstance(each, str) and each.strip()]
    return spans, (numbers or [""])[0], (names or [""])[0]


def _by_looks(cells: Sequence[str]) -> tuple[list[str], str, str]:
    """Tell apart what stands in no named places: network, or first and last address; then number; then words."""
    stripped = [cell.strip() for cell in cells]
    both = stripped[:2]
    both = [_address(cell) for cell in both] if all(cell.isdecimal() for cell in both) else both
    addresses = len(both) == 2 and all(cell.count(".") == 3 or cell.count(":") > 1 for cell in both)
    span = "-".join(both) if addresses else ""
    rest = stripped[2 if span else 1 :]
    number = next((cell for cell in rest if _AS.fullmatch(cell)), "")
    words = [cell for cell in rest if cell and cell is not number]
    longer = [cell for cell in words if len(cell) > _COUNTRY]
    return [span or stripped[0]] if stripped else [], number, ["", *words, *longer][-1]


def _address(value: Any) -> str:
    """Give an address as text, also one that is written as the number that an IPv4 address is."""
    return text(int(value)) if str(value).isdecimal() and int(value) < 1 << 32 else str(value)


def _number(said: str) -> tuple[int, str]:
    """Give the number of a system, plain or as RFC 5396 has it, and what stands behind it. ValueError."""
    found = _AS.fullmatch(said.strip())
    number = (int(found[1]) << 16 | int(found[2]) if found[2] else int(found[1])) if found else -1
    if found is None or not 0 <= number < 1 << 32:
        raise ValueError(f"{said[:40]!r} is not the number of an autonomous system")
    if number == 0:
        raise _UnroutedError
    return number, found[3]


def _plain(name: str) -> str:
    return re.sub(r"[\s_()-]", "", name.lower())
