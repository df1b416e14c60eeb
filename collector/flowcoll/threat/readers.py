"""Files of listed addresses -> entries; a row that makes no sense is handed on as refused, never fatal here.

`plain` has an address, a network or a range first-last in each line; `#` and `;` begin a comment. `csv` has a header; its
columns are found by the names that feeds use, without regard to case, `_`, `-` and spaces.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flowcoll.enrich.locality import Address, network, packed, parse, text
from flowcoll.errors import ConfigError


class Entry(NamedTuple):
    """Addresses from first to last, and what the row says of them; what it does not say is empty."""

    first: Address
    last: Address
    prefix: str
    label: str = ""
    feed: str = ""
    confidence: int | None = None
    description: str = ""


class Refused(NamedTuple):
    """A row that holds no address, with its line and the reason."""

    line: int
    why: str


COLUMNS: Mapping[str, Sequence[str]] = {
    "address": (
        *("ip", "ipaddress", "address", "value", "indicator", "ioc", "iocvalue", "dstip"),
        *("cidr", "network", "netblock", "prefix"),
    ),
    "start": ("start",),
    "end": ("end",),
    "label": (
        *("threat", "threatname", "name", "malware", "malwareprintable", "malwarefamily", "family", "botnet"),
        *("threattype", "category", "classification", "label", "labels", "tag", "tags", "type"),
    ),
    "feed": ("feed", "feedname", "source", "sources", "provider", "list", "sblid"),
    "description": ("description", "descr", "summary", "reason"),
    "confidence": ("score", "riskscore", "confidence", "confidencelevel", "severity"),
}
"""Part of an entry -> names of columns that may hold it; the first one in the header counts."""

_WORDS = {"low": 15, "medium": 50, "high": 85}


def read(option: str, path: Path, kind: str) -> Iterator[Entry | Refused]:
    """Give every row of a file; ConfigError when it cannot be read or a csv has no column of addresses."""
    try:
        lines = path.read_bytes().decode("utf-8-sig", "replace").split("\n")
    except OSError as exc:
        raise ConfigError(f"{option}: cannot read {path} ({exc.strerror}); give the path of a {kind} list") from None
    yield from _csv(option, path, lines) if kind == "csv" else _plain(lines)


def interval(row: str) -> tuple[Address, Address, str]:
    """Give first and last address and the prefix of `address`, `address:port`, `address/length` or `first-last`."""
    begin, dash, end = (part.strip() for part in row.partition("-"))
    first, last = (parse(begin), parse(end)) if dash else network(_without_port(begin))
    low, high = packed(first), packed(last)
    if len(low) != len(high) or low > high:
        raise ValueError(f"{row!r} does not go from a lower to a higher address")
    bits = 8 * len(low)
    host = int.from_bytes(low, "big") ^ int.from_bytes(high, "big")
    length = bits - host.bit_length()
    if int.from_bytes(low, "big") & host or host & (host + 1):
        return first, last, f"{text(first)}-{text(last)}"
    if not length:
        raise ValueError(f"{row!r} is every address there is")
    return first, last, f"{text(first)}/{length}"


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    head, colon, port = address.partition(":")
    return head if colon and "." in head and port.isdigit() else address


def _kept(line: int, make: Callable[..., Entry], *parts: Any) -> Entry | Refused:
    try:
        return make(*parts)
    except (ValueError, csv.Error) as exc:
        return Refused(line, str(exc)[:120])


def _plain(lines: Sequence[str]) -> Iterator[Entry | Refused]:
    for number, line in enumerate(lines, 1):
        row = line.partition("#")[0].partition(";")[0].strip()
        if row:
            yield _kept(number, _bare, row)


def _bare(row: str) -> Entry:
    return Entry(*interval(row))


def _csv(option: str, path: Path, lines: Sequence[str]) -> Iterator[Entry | Refused]:
    rows = ((number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#"))
    number, header = next(rows, (1, ""))
    delimiter = max(",;\t", key=header.count)
    places = _places(header.replace('"', "").split(delimiter))
    if "address" not in places and not {"start", "end"} <= places.keys():
        raise ConfigError(
            f"{option}: line {number} of {path} names no column of addresses; call one 'address', or two 'start' and 'end'"
        )
    for number, line in rows:
        yield _kept(number, _entry, places, line, delimiter)


def _places(header: Sequence[str]) -> Mapping[str, int]:
    names = [re.sub(r"[\s_-]", "", name.lower()) for name in header]
    named = {part: [name for name in candidates if name in names] for part, candidates in COLUMNS.items()}
    return {part: names.index(found[0]) for part, found in named.items() if found}


def _entry(places: Mapping[str, int], line: str, delimiter: str) -> Entry:
    cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])

    def cell(part: str) -> str:
        place = places.get(part, len(cells))
        return cells[place].strip() if place < len(cells) else ""

    where = cell("address") or f"{cell('start')}-{cell('end')}"
    return Entry(*interval(where), cell("label"), cell("feed"), _confidence(cell("confidence")), cell("description"))


def _confidence(word: str) -> int | None:
    if word.isascii() and word.isdigit() and int(word) <= 100:
        return int(word)
    return _WORDS.get(word.lower())
