"""What a row of a list says: addresses, and what is said of them.

The parts of a row are found by the names that feeds use for columns and keys, without regard to case, `_`, `-` and blanks.
"""

import re
from collections.abc import Mapping, Sequence
from socket import AF_INET, inet_pton
from typing import Any, NamedTuple

from flowcoll.enrich.locality import Address, network, parse
from flowcoll.threat.reading.times import iso


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
    expires: str = ""


class Refused(NamedTuple):
    """A row that holds no address: where it is, and why; `other` when it is about something else, a domain say.

    terms: what a row about the list itself says that has to be kept with it: whose it is.
    """

    where: str
    why: str
    other: bool = False
    terms: str = ""


Row = Entry | Refused


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
        *("threat", "threatname", "name", "malwareprintable", "malware", "malwarefamily", "family", "botnet"),
        *("threattype", "category", "classification", "label", "labels", "tag", "tags"),
    ),
    "kind": ("type", "ioctype", "indicatortype"),
    "feed": ("feed", "feedname", "source", "sources", "provider", "list", "sblid"),
    "description": ("description", "descr", "summary", "reason"),
    "confidence": ("score", "riskscore", "confidence", "confidencelevel", "severity"),
    "first_seen": ("firstseen", "firstseenutc", "dateadded", "publisheddate"),
    "last_seen": ("lastseen", "lastseenutc", "lastonline", "collected"),
    "link": ("link", "url", "reference"),
    "expires": ("expires", "expiresat", "expiry", "expiration", "validuntil", "until"),
}
"""Part of a row -> names that may hold it; of those that are there, the first one with a value counts."""

_ADDRESS = {
    *("ip", "ipv4", "ipv6", "ip:port", "ipv4-addr", "ipv6-addr", "ip-src", "ip-dst", "ip-src|port", "ip-dst|port"),
    *("ip address", "address", "cidr", "network", "netblock", "host", "indicator"),
}
"""Kinds that say no more than that the row is about an address; any other kind is a label."""

_OTHER = re.compile(
    r"(domain|hostname|url|uri|e-?mails?|file|filename|filepath|mutex|metadata)([-_].*)?|.*_(e?mail|mutex|hash)|pdb_path"
    r"|(hash_)?(md5|sha-?\d+)([-_].*)?|imphash|ssdeep|tlsh|(code_)?certi?ficate_.*"
)
"""Kinds that are about something else than an address."""

_PORT = re.compile(r".*[:|]port$")
"""Kinds whose values end with a port."""

_WORDS = {"none": 0, "low": 15, "medium": 50, "moderate": 50, "high": 85, "critical": 95, "very high": 95}
_NAME, _TEXT, _TIME = 256, 1024, 40  # characters kept
_SEPARATING = re.compile(r"[\s_()-]")


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
    expires: Sequence[Any]

    @classmethod
    def of(cls, names: Sequence[str], places: Sequence[Any]) -> "Places":
        """Find the parts by the names of columns or keys."""
        found: dict[str, Any] = {}
        for name, place in zip(names, places, strict=False):
            found.setdefault(_SEPARATING.sub("", name.lower()), place)
        return cls(**{part: tuple(found[n] for n in known if n in found) for part, known in COLUMNS.items()})

    def __bool__(self) -> bool:
        """Tell whether rows name addresses."""
        return bool(self.address or (self.start and self.end))


def entry(row: Any, places: Places, address: str = "") -> Entry:
    """Make an entry of a row; `address` counts where the row names none. ValueError when there is none at all."""
    start, end, where, names, kinds, feeds, texts, scores, firsts, lasts, links, ends = places
    said = _text(row, kinds) if kinds else ""
    kind = said.lower()
    if kind and kind not in _ADDRESS and _OTHER.fullmatch(kind):
        raise OtherKindError(f"is about a {said}")
    span = f"{_text(row, start)}-{_text(row, end)}" if start and end else ""
    named = (span if len(span) > 1 else "") or _text(row, where) or address
    first, last = interval(_before_port(named) if kind and _PORT.match(kind) else named)
    label = _text(row, names) if names else ""
    if kind and not label and kind not in _ADDRESS:
        label = said
    link = _text(row, links) if links else ""
    return Entry(
        first,
        last,
        label[:_NAME],
        _text(row, feeds)[:_NAME] if feeds else "",
        _confidence(row, scores) if scores else None,
        _text(row, texts)[:_TEXT] if texts else "",
        _text(row, firsts)[:_TIME] if firsts else "",
        _text(row, lasts)[:_TIME] if lasts else "",
        link if link.startswith(("https://", "http://")) and len(link) <= _TEXT else "",  # half a link leads nowhere
        _expiry(_text(row, ends)) if ends else "",
    )


def interval(row: str) -> tuple[Address, Address]:
    """Give first and last address of `address`, `address:port`, `address/length` or `first-last`."""
    if "/" in row:
        return _interval(row)
    try:
        number = int.from_bytes(inet_pton(AF_INET, row), "big")
    except (OSError, ValueError):  # ValueError: a null character or a surrogate in it
        return _interval(row)
    return number, number


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
    colons = address.count(":")
    head, _, port = address.rpartition(":")
    if port.isdecimal() and (colons == 8 or (colons == 1 and "." in head)):
        return head
    return address


def _before_port(named: str) -> str:
    """Give the address of a value that is said to end with a port, be it IPv6 without brackets; if it does not, all of it."""
    named = named.strip()
    for mark in "|:":
        head, found, port = named.rpartition(mark)
        if found and port.isdecimal() and not named.startswith("["):
            try:
                parse(head)
            except ValueError:
                continue
            return head
    return named


def _text(row: Any, places: Sequence[Any]) -> str:
    """Give the first value that says something."""
    for place in places:
        value = row[place]
        text = value.strip() if type(value) is str else _joined(value)
        if text:
            return text
    return ""


def _joined(value: Any) -> str:
    """Give a number, or the texts of a list, as one text."""
    if isinstance(value, list):
        return ", ".join(each.strip() for each in value if isinstance(each, str) and each.strip())
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _confidence(row: Any, places: Sequence[Any]) -> int | None:
    """Give 0 to 100 out of a number, a share of one, or a word."""
    value = row[places[0]]
    if type(value) is int:  # no boolean
        return value if 0 <= value <= 100 else None
    word = _text(row, places)
    try:
        score = float(word)
    except ValueError:
        return _WORDS.get(word.lower())
    if 0 < score < 1:
        score *= 100
    return round(score) if 0 <= score <= 100 else None


def _expiry(text: str) -> str:
    """Give the time after which an entry does not count: a day counts to its end. Empty for no time."""
    if len(text) == 10 and text.count("-") == 2:
        text += "T23:59:59.999"
    return text if len(text) <= _TIME and iso(text) else ""
