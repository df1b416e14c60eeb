"""Rows of text, a line each: plain addresses, and columns with a header or with DShield's order."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

from flowcoll.errors import ListError
from flowcoll.threat.reading.entries import Entry, OtherKindError, Places, Refused, Row, entry, interval

_LONGEST = 65_536  # characters of a line that is a row


def lines(text: bytes) -> Iterator[tuple[int, str]]:
    """Give numbers and lines; one that is too long is cut behind the place from which on it is too long."""
    for number, line in enumerate(io.BytesIO(text), 1):
        yield number, line[: _LONGEST + 1].decode("utf-8", "replace").rstrip("\r\n")


def first(text: bytes) -> str:
    """Give the first line that is no comment."""
    return next((line for _, line in lines(text) if line.strip() and not line.startswith(("#", ";"))), "")


def plain(text: bytes) -> Iterator[Row]:
    for number, line in lines(text):
        row = line.partition("#")[0].partition(";")[0].strip()
        if row:
            yield _kept(number, _bare, row)


def _bare(row: str) -> Entry:
    return Entry(*interval(row))


def _kept(number: int, make: Callable[[str], Entry], line: str) -> Row:
    try:
        if len(line) > _LONGEST:
            return Refused(f"line {number}", f"has more than {_LONGEST:,} characters")
        return make(line)
    except (ValueError, csv.Error) as exc:
        return Refused(f"line {number}", str(exc)[:120], other=isinstance(exc, OtherKindError))


class Header(NamedTuple):
    """Number of its line, separator, how many columns, where the parts of a row are in them, and whether it is DShield's."""

    line: int
    delimiter: str
    width: int
    places: Places
    of_dshield: bool


def header_of(text: bytes) -> Header | None:
    """Give the line that names columns: the first that is no comment, or else the last comment before it that does."""
    comment = None
    for number, line in lines(text):
        if not line.strip():
            continue
        header = _named(number, line.lstrip("#").strip())
        if not line.startswith("#"):
            return header or (comment if comment and comment.delimiter in line else None)
        comment = header or comment
    return None


def _named(number: int, line: str) -> Header | None:
    if len(line) > _LONGEST:
        return None
    delimiter = max(",;\t", key=line.count)
    names = line.replace('"', "").split(delimiter)
    places = Places.of(names, range(len(names)))
    lowered = {name.strip().lower() for name in names}
    return Header(number, delimiter, len(names), places, lowered >= {"start", "end", "attacks"}) if places else None


def columns(text: bytes) -> Iterator[Row]:
    header = header_of(text)
    if header is None:
        raise ListError("has no line that names a column of addresses; call one 'address', or two 'start' and 'end'")

    def make(line: str) -> Entry:  # one line is one row, so that a quote left open does not swallow the rest
        if '"' in line:
            cells = next(csv.reader([line], delimiter=header.delimiter, skipinitialspace=True), [])
        else:
            cells = line.split(header.delimiter)
        if len(cells) < header.width:
            cells += [""] * (header.width - len(cells))
        return entry(cells, header.places)

    for number, line in lines(text):
        if number > header.line and line.strip() and not line.startswith("#"):
            yield _kept(number, make, line)


def dshield(text: bytes) -> Iterator[Row]:
    """Its column `name` is whose network it is, and no name of a threat."""

    def make(line: str) -> Entry:
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) < 2:
            raise ValueError("has no first and last address with a tabulator between")
        first, last = interval(f"{cells[0]}-{cells[1]}")
        network, country = (*cells[4:6], "", "")[:2]
        return Entry(first, last, description=", ".join(filter(None, (network, country)))[:1024])

    for number, line in lines(text):
        if line.strip() and not line.startswith("#") and not line.lower().startswith("start"):
            yield _kept(number, make, line)


def is_dshield(line: str) -> bool:
    cells = line.split("\t")
    try:
        return len(cells) > 2 and interval(f"{cells[0].strip()}-{cells[1].strip()}") is not None
    except ValueError:
        return False
