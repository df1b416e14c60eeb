"""What a row of a list says: addresses, and what is said of them.

The parts of a row are found by the names that feeds use for columns and keys, without regard to case, `_`, `-` and blanks.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flowcoll.enrich.locality import Address, network, parse


class Entry(NamedTuple):
    """Addresses from first to last, and what the row says of them, in its words; what it does not say is empty."""

    first: Address
    last: Address
    label: str = ""
    feed: str = ""
    confidence: int | None = None
    description: str = ""
    first_seen: str = ""
    last_seen: str = ""
    link: str = ""


class Refused(NamedTuple):
    """A row that holds no address: where it is, and why; `other` when it is about something else, a domain say."""

    where: str
    why: str
    other: bool = False


class OtherKindError(ValueError):
    """A row is about something else than addresses, and no fault of the list."""


COLUMNS: Mapping[str, Sequence[str]] = {
    "start": ("start",),
    "end": ("end",),
    "address": (
        *("ip", "ipaddress", "address", "value", "indicator", "ioc", "iocvalue", "dstip"),
        *("cidr", "network", "netblock", "prefix"),
    ),
    "label": (
        *("threat", "threatname", "name", "malware", "malwareprintable", "malwarefamily", "family", "botnet"),
        *("threattype", "category", "classification", "label", "labels", "tag", "tags"),
    ),
    "kind": ("type", "ioctype", "indicatortype"),
    "feed": ("feed", "feedname", "source", "sources", "provider", "list", "sblid"),
    "description": ("description", "descr", "summary", "reason"),
    "confidence": ("score", "riskscore", "confidence", "confidencelevel", "severity"),
    "first_seen": ("firstseen", "firstseenutc", "dateadded", "publisheddate"),
    "last_seen": ("lastseen", "lastseenutc", "lastonline", "collected"),
    "link": ("link", "url", "reference"),
}
"""Part of a row -> names that may hold it; of those that are there, the first one with a value counts."""

_ADDRESS = {
    *("ip", "ipv4", "ipv6", "ip:port", "ipv4-addr", "ipv6-addr", "ip-src", "ip-dst", "ip-src|port", "ip-dst|port"),
    *("ip address", "address", "cidr", "network", "netblock", "host", "indicator"),
}
"""Kinds that say no more than that the row is about an address; any other kind is a label."""

_OTHER = {
    *(
        "domain",
        "domain-name",
        "hostname",
        "url",
        "uri",
        "email",
        "email-addr",
        "file",
        "filename",
        "mutex",
        "metadata",
    ),
    *("md5", "sha1", "sha256", "md5_hash", "sha1_hash", "sha256_hash", "hash_md5", "hash_sha1", "hash_sha256"),
}

_WORDS = {"none": 0, "low": 15, "medium": 50, "moderate": 50, "high": 85, "critical": 95, "very high": 95}
_NAME, _TEXT, _TIME = 256, 1024, 40  # characters kept


class Places(NamedTuple):
    """Where the parts of a row are, for each part the most telling place first: numbers of columns, or keys."""

    start: Sequence[Any]
    end: Sequence[Any]
    address: Sequence[Any]
    label: Sequence[Any]
    kind: Sequence[Any]
    feed: Sequence[Any]
    description: Sequence[Any]
    confidence: Sequence[Any]
    first_seen: Sequence[Any]
    last_seen: Sequence[Any]
    link: Sequence[Any]

    @classmethod
    def of(cls, names: Sequence[str], places: Sequence[Any]) -> "Places":
        """Find the parts by the names of columns or keys."""
        plain = [re.sub(r"[\s_()-]", "", name.lower()) for name in names]
        return cls(
            **{part: tuple(places[plain.index(n)] for n in known if n in plain) for part, known in COLUMNS.items()}
        )

    def __bool__(self) -> bool:
        """Tell whether rows name addresses."""
        return bool(self.address or (self.start and self.end))


def entry(row: Any, places: Places, address: str = "") -> Entry:
    """Make an entry of a row; `address` counts where the row names none. ValueError when there is none at all."""
    start, end, where, names, kinds, feeds, texts, scores, firsts, lasts, links = places
    kind = _text(row, kinds) if kinds else ""
    if kind and kind.lower() in _OTHER:
        raise OtherKindError(f"is about a {kind}")
    span = f"{_text(row, start)}-{_text(row, end)}" if start and end else ""
    first, last = interval((span if len(span) > 1 else "") or _text(row, where) or address)
    label = _text(row, names) if names else ""
    if kind and not label and kind.lower() not in _ADDRESS:
        label = kind
    link = _text(row, links) if links else ""
    return Entry(
        first,
        last,
        label[:_NAME],
        _text(row, feeds)[:_NAME] if feeds else "",
        _confidence(_text(row, scores)) if scores else None,
        _text(row, texts)[:_TEXT] if texts else "",
        _text(row, firsts)[:_TIME] if firsts else "",
        _text(row, lasts)[:_TIME] if lasts else "",
        link if link.startswith(("https://", "http://")) and len(link) <= _TEXT else "",  # half a link leads nowhere
    )


def interval(row: str) -> tuple[Address, Address]:
    """Give first and last address of `address`, `address:port`, `address/length` or `first-last`."""
    try:
        address = parse(row)
    except ValueError:
        return _interval(row)
    return address, address


def _interval(row: str) -> tuple[Address, Address]:
    begin, dash, end = row.partition("-")
    begin = begin.strip()
    if not dash and "/" not in begin:
        address = parse(_without_port(begin))
        return address, address
    first, last = (parse(begin), parse(end.strip())) if dash else network(_without_port(begin))
    if isinstance(first, int) and isinstance(last, int):
        rising, everything = first <= last, last - first == 2**32 - 1
    elif isinstance(first, bytes) and isinstance(last, bytes):
        rising, everything = first <= last, (first, last) == (bytes(16), b"\xff" * 16)
    else:
        rising = everything = False
    if not rising:
        raise ValueError(f"{row!r} does not go from a lower to a higher address")
    if everything:
        raise ValueError(f"{row!r} is every address there is")
    return first, last


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    head, colon, port = address.partition(":")
    return head if colon and "." in head and port.isdigit() else address


def _text(row: Any, places: Sequence[Any]) -> str:
    """Give the first value that says something."""
    for place in places:
        value = row[place]
        if not isinstance(value, str):
            if isinstance(value, list):
                value = ", ".join(each.strip() for each in value if isinstance(each, str) and each.strip())
            elif isinstance(value, int | float) and not isinstance(value, bool):
                value = str(value)
            else:
                continue
        text = value.strip()
        if text:
            return text
    return ""


def _confidence(word: str) -> int | None:
    """Give 0 to 100 out of a number, a share of one, or a word."""
    try:
        score = float(word)
    except ValueError:
        return _WORDS.get(word.lower())
    if 0 < score < 1:
        score *= 100
    return round(score) if 0 <= score <= 100 else None
