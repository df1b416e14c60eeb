"""What matched as a block-list: which addresses, and in which form.

Addresses stand in their order, IPv4 first, so that two lists of the same addresses are the same text. A private address
is never among them, nor one that rules exclude now.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

import orjson

from flowcoll.enrich.locality import Address, is_private, packed, parse
from flowcoll.errors import SetupError
from flowcoll.moments import utc
from flowcoll.threat.hits.gathered import KEPT_MS, Hit

FORMATS: Mapping[str, str] = {"plain": "text/plain", "csv": "text/csv", "json": "application/json"}
"""Form of a block-list -> its media type."""

SINCE = "24h"
"""How far back a block-list reaches unless something else is said."""

Allowed = Callable[[str, Address], bool]
"""Tells whether an address that a list names may match now."""

_SPAN = re.compile(r"([0-9]{1,9})(min|[smhdw])")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NAME = re.compile(r"[a-z0-9_]{1,64}")
_COLUMNS = ("address", "first", "last", "flows", "lists")


class Query(NamedTuple):
    """What a block-list is to hold. since_s: how far back, in seconds; list: the one list, or an empty text for any."""

    since_s: int = 86_400
    format: str = "plain"
    list: str = ""
    min_flows: int = 1


def span(text: str) -> int:
    """Give the seconds that `90s`, `15min`, `24h`, `7d` or `2w` is; SetupError for anything else, or more than is kept."""
    found = _SPAN.fullmatch(text)
    if not found:
        raise SetupError(f"since = {text!r}: give a number and a unit: s, min, h, d or w, such as {SINCE}")
    seconds = int(found[1]) * _SECONDS[found[2]]
    if not 0 < seconds <= KEPT_MS // 1000:
        raise SetupError(f"since = {text!r}: matches are kept for 30 days; give at most 30d")
    return seconds


def query(text: str) -> Query:
    """Read the query of a URL; SetupError, in one line, for what is unknown or makes no sense."""
    made = Query()
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=16, errors="strict")
    except ValueError:
        raise SetupError("the query cannot be read; write it as since=24h&format=plain") from None
    for name, value in pairs:
        match name:
            case "since":
                made = made._replace(since_s=span(value))
            case "format":
                made = made._replace(format=one_of_formats(value))
            case "list":
                made = made._replace(list=list_name(value))
            case "min-flows" | "min_flows":
                made = made._replace(min_flows=number(value))
            case _:
                raise SetupError(f"{name[:64]!r} is unknown; a block-list takes since, format, list and min-flows")
    return made


def one_of_formats(text: str) -> str:
    """Give a form; SetupError."""
    if text not in FORMATS:
        raise SetupError(f"format = {text[:64]!r}: give one of {', '.join(FORMATS)}")
    return text


def list_name(text: str) -> str:
    """Give the name of a list, in lower case; SetupError."""
    name = text.lower()
    if not _NAME.fullmatch(name):
        raise SetupError(f"list = {text[:64]!r}: give the name of one list, such as riskiq")
    return name


def number(text: str) -> int:
    """Give how many flows there have to be; SetupError."""
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text)):
        raise SetupError(f"min-flows = {text[:64]!r}: give a number from 1")
    return int(text)


def chosen(hits: Iterable[Hit], wanted: Query, now_ms: int, allowed: Allowed) -> list[Hit]:
    """Give the addresses that a block-list holds, in order, each with the lists that may name it now."""
    since_ms = now_ms - wanted.since_s * 1000
    found: dict[bytes, Hit] = {}
    for hit in hits:
        if hit.last_ms < since_ms or hit.flows < wanted.min_flows or (wanted.list and wanted.list not in hit.lists):
            continue
        try:
            address = parse(hit.address)
        except ValueError:
            continue
        lists = tuple(name for name in hit.lists if allowed(name, address))
        if is_private(address) or not lists or (wanted.list and wanted.list not in lists):
            continue
        found[packed(address)] = hit._replace(lists=lists)
    return [found[key] for key in sorted(found, key=lambda key: (len(key), key))]


def rendered(hits: Iterable[Hit], form: str) -> bytes:
    """Give the text of a block-list."""
    if form == "json":
        rows = [dict(zip(_COLUMNS, (*_row(hit), list(hit.lists)), strict=True)) for hit in hits]
        return orjson.dumps({"addresses": rows}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    text = io.StringIO(newline="")
    if form == "csv":
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows((*_row(hit), " ".join(hit.lists)) for hit in hits)
    else:
        text.writelines(f"{hit.address}\n" for hit in hits)
    return text.getvalue().encode()


def _row(hit: Hit) -> tuple[str, str, str, int]:
    return hit.address, utc(hit.first_ms / 1000), utc(hit.last_ms / 1000), hit.flows
