"""The oracle's own reading of NetFlow and IPFIX: octets to values of information elements, one field after the other.

It is as plain as the RFCs: no template is judged, nothing is prepared. Only the table of elements is shared with the
collector. A set that cannot be read gives no record; whether it is counted is for other tests.
"""

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from oracle_sampling import OptionField, Words

VARIABLE = 65535
REVERSE = 29305  # RFC 5103 section 6.1
MAX_FIELDS = 512

Value = int | bytes | IPv4Address | IPv6Address
Values = dict[str, Value]


class Header(NamedTuple):
    """What a datagram's header says for all its records; times are ms since 1970, uptime is ms since the start."""

    type: str
    version: int
    source: str
    observer: str
    now: int
    export: int
    uptime: int | None = None
    rate: int = 1


class Record(NamedTuple):
    """One flow record: the header it came under, the values that can be read by the element's name, and what options
    data said of its sampling.
    """

    header: Header
    values: Values
    told: tuple[int, str] = (1, "none")


class Field(NamedTuple):
    """A field of a template; an element that the table does not know has no name. A scope says what it is a scope of."""

    name: str
    type: str
    width: int
    scope: str = ""


class Template(NamedTuple):
    """A template and who announced it: protocol version, UDP port, domain."""

    session: tuple[int, int, int]
    number: int
    options: bool
    fields: tuple[Field, ...]


class Waiting(NamedTuple):
    """A data set before its template: session, set id, and what reading it takes; `left` is its whole datagram's."""

    session: tuple[int, int, int]
    number: int
    header: Header
    body: "Octets"
    left: list[int]


class Short(Exception):  # noqa: N818 - an event of reading
    """The octets end before what is asked for."""


class Octets:
    """Octets with a place in them."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.octets) - self.at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise Short
        self.at += size
        return self.octets[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")


@cache
def elements() -> Mapping[tuple[str, int], Mapping[str, str]]:
    """The table of elements: enterprise number and id to its row."""
    with files("flowcoll.decode").joinpath("elements.csv").open(encoding="utf-8") as table:
        return {(row["pen"], int(row["id"])): row for row in csv.DictReader(table)}


class Exporter:
    """One exporter address, and the templates it has announced so far: by session, and the newest of each domain.

    Data that came before their template wait for it. `most` records are taken of a datagram, whenever they are read.
    """

    def __init__(self, address: str, most: int = 0) -> None:
        self._address = address
        self._most = most or 65_536
        self._waiting: list[Waiting] = []
        self._templates: dict[tuple[tuple[int, int, int], int], Template] = {}
        self._newest: dict[tuple[tuple[int, ...], int], Template] = {}
        self._elements = elements()
        self._words = Words()

    def netflow5(self, octets: bytes, now: int) -> Iterator[Record]:
        """The records of a NetFlow v5 datagram: a header of 24 octets, records of 48."""
        wire = Octets(octets)
        wire.take(2)
        count = wire.number(2)
        uptime, seconds, nanoseconds = wire.number(4), wire.number(4), wire.number(4)
        wire.take(6)
        interval = wire.number(2) & 0x3FFF
        export = seconds * 1000 + min(nanoseconds // 1_000_000, 999)
        header = Header("netflow", 5, self._address, self._address, now, export, uptime, max(interval, 1))
        if 24 + 48 * count > 65_535:
            return
        for _ in range(count):
            if wire.left < 48:
                return
            values: Values = {}
            for name in ("sourceIPv4Address", "destinationIPv4Address", "ipNextHopIPv4Address"):
                values[name] = IPv4Address(wire.take(4))
            for name in ("ingressInterface", "egressInterface"):
                values[name] = wire.number(2)
            for name in ("packetDeltaCount", "octetDeltaCount", "flowStartSysUpTime", "flowEndSysUpTime"):
                values[name] = wire.number(4)
            for name in ("sourceTransportPort", "destinationTransportPort"):
                values[name] = wire.number(2)
            wire.take(1)
            for name in ("tcpControlBits", "protocolIdentifier", "ipClassOfService"):
                values[name] = wire.number(1)
            for name in ("bgpSourceAsNumber", "bgpDestinationAsNumber"):
                values[name] = wire.number(2)
            for name in ("sourceIPv4PrefixLength", "destinationIPv4PrefixLength"):
                values[name] = wire.number(1)
            wire.take(2)
            yield Record(header, values)

    def netflow9(self, octets: bytes, port: int, now: int) -> Iterator[Record]:
        """The records of a NetFlow v9 datagram (RFC 3954)."""
        wire = Octets(octets)
        wire.take(4)
        uptime, seconds, _, domain = (wire.number(4) for _ in range(4))
        header = Header("netflow", 9, self._address, self._address, now, seconds * 1000, uptime)
        yield from self._sets(wire, (9, port, domain), header)

    def ipfix(self, octets: bytes, port: int, now: int) -> Iterator[Record]:
        """The records of an IPFIX message (RFC 7011)."""
        wire = Octets(octets)
        wire.take(2)
        length, seconds, _, domain = wire.number(2), wire.number(4), wire.number(4), wire.number(4)
        header = Header("ipfix", 10, self._address, self._address, now, seconds * 1000)
        if 16 <= length <= len(octets):
            yield from self._sets(Octets(wire.take(length - 16)), (10, port, domain), header)

    def _sets(self, wire: Octets, session: tuple[int, int, int], header: Header) -> Iterator[Record]:
        ipfix = session[0] == 10
        left = [self._most]
        while wire.left >= 4:
            number, length = wire.number(2), wire.number(2)
            if not 4 <= length <= wire.left + 4:
                return
            body = Octets(wire.take(length - 4))
            if number > 255:
                self._waiting.append(Waiting(session, number, header, body, left))
            elif number in ((2, 3) if ipfix else (0, 1)):
                for _ in self._announce(body, session, number, options=number == (3 if ipfix else 1)):
                    yield from self._known()
            yield from self._known()

    def _known(self) -> Iterator[Record]:
        """The records of all sets whose template is known by now."""
        for one in list(self._waiting):
            template = self._template(one.session, one.number)
            if template is None:
                continue
            self._waiting.remove(one)
            version, _, domain = one.session
            if template.options:
                for record in _option_records(template.fields, one.body):
                    self._words.hear(version, domain, record)
                continue
            for values in _records(template.fields, one.body):
                if one.left[0]:
                    one.left[0] -= 1
                    yield Record(one.header, values, self._words.meaning(version, domain, values))

    def _give_up(self, session: tuple[int, int, int], number: int | None) -> None:
        """Whatever comes under this id after a withdrawal, or after a template that is refused, is something else."""
        self._waiting = [one for one in self._waiting if one.session != session or number not in (None, one.number)]

    def _template(self, session: tuple[int, int, int], number: int) -> Template | None:
        """The template of this session, else the newest of the same domain whatever port announced it."""
        return self._templates.get((session, number)) or self._newest.get((session[::2], number))

    def _forget(self, session: tuple[int, int, int], number: int) -> None:
        known = self._templates.pop((session, number), None)
        if known and self._newest.get((session[::2], number)) is known:
            del self._newest[session[::2], number]

    def _announce(self, body: Octets, session: tuple[int, int, int], kind: int, *, options: bool) -> Iterator[Template]:
        """Read a set of templates: learn them one by one, or forget what is withdrawn (RFC 7011 section 8.1)."""
        ipfix = session[0] == 10
        while body.left >= 4:
            number, count = body.number(2), body.number(2)
            if ipfix and count == 0 and (number > 255 or number == kind):
                for known in list(self._templates.values()):
                    if known.session == session and known.options == options and number in (kind, known.number):
                        self._forget(session, known.number)
                self._give_up(session, None if number == kind else number)
                if number == kind:
                    return
                continue
            if number < 256:
                return
            scopes = 0
            try:
                if options:
                    scopes = body.number(2)
                    if not ipfix:  # octets of scope and of options, four a field (RFC 3954 section 6.1)
                        count, scopes = (count + scopes) // 4, count // 4
                    scopes = max(scopes, 1)
                if count > MAX_FIELDS:
                    self._forget(session, number)
                    self._give_up(session, number)
                    return
                fields = tuple(self._field(body, ipfix=ipfix, scope=place < scopes) for place in range(count))
            except Short:
                return
            self._forget(session, number)
            if any(field.width for field in fields):
                template = Template(session, number, options, fields)
                self._templates[session, number] = self._newest[session[::2], number] = template
                yield template
            else:
                self._give_up(session, number)

    def _field(self, body: Octets, *, ipfix: bool, scope: bool) -> Field:
        number, width = body.number(2), body.number(2)
        prefix = ""
        if scope and not ipfix:
            return Field("", "", width, f"scope {number}" if 1 <= number <= 5 else "")
        if ipfix:
            pen = body.number(4) if number & 0x8000 else 0
            if pen == REVERSE:
                prefix, pen = "rev_", 0
            row = self._elements.get((str(pen), number & 0x7FFF))
        else:
            row = self._elements.get(("netflow9", number)) or self._elements.get(("0", number))
        if not row:
            return Field("", "", width)
        if row["pen"] not in {"0", "netflow9"}:
            prefix = row["vendor"] + "_"
        name = prefix + row["name"]
        return Field(name, row["type"], width, name if scope else "")


def _option_records(fields: tuple[Field, ...], body: Octets) -> Iterator[list[OptionField]]:
    """The records of options data as octets; one that is cut off ends them."""
    least = sum(1 if field.width == VARIABLE else field.width for field in fields)
    while body.left >= least:
        record = []
        try:
            for field in fields:
                size = field.width
                if size == VARIABLE:
                    size = body.number(1)
                    size = body.number(2) if size == 255 else size
                record.append(OptionField(field.scope or field.name, body.take(size), bool(field.scope)))
        except Short:
            return
        yield record


def _records(fields: tuple[Field, ...], body: Octets) -> Iterator[Values]:
    """The records of a data set; what is left at its end and is too short for one more is padding."""
    least = sum(1 if field.width == VARIABLE else field.width for field in fields)
    while body.left >= least:
        values: Values = {}
        try:
            for field in fields:
                if field.width == VARIABLE:
                    size = body.number(1)
                    body.take(body.number(2) if size == 255 else size)  # no document shows an element of that kind yet
                    continue
                octets = body.take(field.width)
                # of two that are the same element, the first is the flow's and the second a tunnelled header's
                if field.name and field.name not in values and _readable(field.type, field.width):
                    kind = "unsigned64" if field.name == "samplerId" else field.type  # which is sent wider than it is
                    values[field.name] = _interpret(kind, octets)
        except Short:
            return
        yield values


def _readable(kind: str, width: int) -> bool:
    if kind.startswith("unsigned") or kind in {"dateTimeSeconds", "dateTimeMilliseconds"}:
        return 1 <= width <= 8
    return width == {
        "dateTimeMicroseconds": 8,
        "dateTimeNanoseconds": 8,
        "ipv4Address": 4,
        "ipv6Address": 16,
        "macAddress": 6,
    }.get(kind)


def _interpret(kind: str, octets: bytes) -> Value:
    """The value of a field; one that is wider than its type holds it in its last octets."""
    if kind in {"ipv4Address", "ipv6Address"}:
        return ip_address(octets)
    if kind == "macAddress":
        return octets
    if kind in {"dateTimeMicroseconds", "dateTimeNanoseconds"}:  # RFC 7011 section 6.1.9: seconds since 1900, fraction
        seconds, fraction = int.from_bytes(octets[:4], "big"), int.from_bytes(octets[4:], "big")
        return (seconds - 2_208_988_800) * 1000 + fraction * 1000 // 2**32
    widest = {"unsigned8": 1, "unsigned16": 2}.get(kind, len(octets))
    return int.from_bytes(octets[-widest:], "big")
