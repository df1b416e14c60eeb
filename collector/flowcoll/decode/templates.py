"""Templates: judged once when they arrive, then shared by every exporter that sends the same body.

A template lists columns. A column has a name only where the table of elements knows it and its width fits its type;
everything else is passed over by its width, so that one odd element never costs a record.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from flowcoll.decode.elements import Elements

if TYPE_CHECKING:
    from flowcoll.document.compiler import Compiled

VARIABLE = 65535  # RFC 7011 section 7: the length stands before the value
SCOPES = {1: "System", 2: "Interface", 3: "LineCard", 4: "Cache", 5: "Template"}  # of NetFlow v9, RFC 3954 section 6.1
MAX_FIELDS = 512  # a template of more fields than any exporter has is an attack on memory

_PAIR = Struct("!HH").unpack_from
_PEN = Struct("!I").unpack_from

_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_WIDTHS = {"unsigned8": 1, "unsigned16": 2}
_MASKS = {"unsigned8": " & 255", "unsigned16": " & 65535"}
_AS_SENT = {"samplerId"}  # routers give it two or four octets, and options data say what it is: no table is asked
_FIXED = {
    ("ipv4Address", 4): ("I", ""),
    ("ipv6Address", 16): ("16s", ""),
    ("macAddress", 6): ("6s", "MAC[{}]"),
    ("boolean", 1): ("B", ""),
    ("float32", 4): ("f", ""),
    ("float64", 8): ("d", ""),
    ("float64", 4): ("f", ""),
    ("dateTimeMicroseconds", 8): ("Q", "ntp_ms({})"),
    ("dateTimeNanoseconds", 8): ("Q", "ntp_ms({})"),
}
"""Type and width -> struct code and what converts the value."""

_SIGNED = {1: "b", 2: "h", 4: "i", 8: "q"}

Spec = tuple[int, int, int]
"""Enterprise number, element id, width in octets (VARIABLE: stands before the value)."""


class Column(NamedTuple):
    """One field of a record: local name (empty: passed over), struct code, width, expression that converts it."""

    name: str
    code: str
    width: int
    convert: str = ""


class TemplateError(ValueError):
    """A template cannot be used; the text completes the counter `templates.refused.<reason>`."""


class Template:
    """How one kind of record lies in a set; `compiled` is filled by the compiler at the first data."""

    __slots__ = (
        "_other",
        "body",
        "by_interface",
        "columns",
        "compiled",
        "fields",
        "options",
        "protocol",
        "ready",
        "scopes",
        "size",
        "variable",
    )

    def __init__(self, protocol: str, columns: Sequence[Column], *, options: bool = False, ready: bool = False) -> None:
        self.protocol = protocol
        self.columns = tuple(columns)
        self.options = options
        self.ready = ready
        """Rows come made, with a value for each column; nothing is read from octets."""
        self.variable = any(column.width == VARIABLE for column in columns)
        self.size = sum(1 if column.width == VARIABLE else column.width for column in columns)
        """Octets of a record; with variable fields, the least that a record can have."""
        self.compiled: Compiled | None = None
        self.body = b""
        """What it was made of: two octets that count its scope fields, then its field specifiers as announced."""
        self.fields: tuple[tuple[str, int], ...] = ()
        """Of an options template, name and width of every field; an unknown one has no name."""
        self.scopes: frozenset[str] = frozenset()
        """Which of these are its scope: what its records are about."""
        self.by_interface = False
        """Its records are sampled as the interface is on which their packets came in."""
        self._other: Template | None = None

    def sampled_by_interface(self) -> "Template":
        """Give the same template for records of which each interface has a sampling rate of its own."""
        if self._other is None:
            self._other = Template(self.protocol, self.columns)
            self._other.by_interface = True
            self._other.body = self.body
        return self._other

    def is_of(self, other: "Template") -> bool:
        """Tell whether this is another template, or that one for records sampled by interface."""
        return self is other or self is other._other  # noqa: SLF001  its own kind


class Specs(NamedTuple):
    """Field specifiers of a template, and where they end."""

    found: list[Spec]
    end: int


def specifiers(body: bytes, here: int, fields: int, *, ipfix: bool) -> Specs:
    """Read field specifiers from `here` on (RFC 7011 section 3.2, RFC 3954 section 5.2); TemplateError."""
    if fields > MAX_FIELDS:
        raise TemplateError("too_many_fields")
    found: list[Spec] = []
    end = len(body)
    for _ in range(fields):
        enterprise = ipfix and end > here and body[here] & 0x80
        if end - here < (8 if enterprise else 4):
            raise TemplateError("truncated")
        number, width = _PAIR(body, here)
        here += 4
        pen = 0
        if enterprise:
            number, pen = number & 0x7FFF, _PEN(body, here)[0]
            here += 4
        found.append((pen, number, width))
    return Specs(found, here)


def template_of(protocol: str, body: bytes, elements: Elements, *, options: bool) -> Template:
    """Make the template of a body such as `Template.body` holds; TemplateError."""
    here, scopes = 2, int.from_bytes(body[:2], "big")
    specs: list[Spec] = []
    while here < len(body):
        found, here = specifiers(body, here, 1, ipfix=protocol == "ipfix")
        specs += found
    if protocol == "netflow9":  # scope types are numbers of their own (RFC 3954 section 6.1), not elements
        specs[:scopes] = [(1, scope, width) for _, scope, width in specs[:scopes]]
    template = judge(protocol, specs, elements, options=options)
    template.body = body
    if options:
        template.fields = tuple((_named(protocol, spec, elements), spec[2]) for spec in specs)
        template.scopes = frozenset(name for name, _ in template.fields[:scopes] if name)
    return template


def _named(protocol: str, spec: Spec, elements: Elements) -> str:
    """Give the name of a field of options data; a scope type of NetFlow v9 has `scope` before it."""
    pen, number, _ = spec
    if protocol == "netflow9" and pen:
        return f"scope{SCOPES[number]}" if number in SCOPES else ""
    element = elements.netflow9(number) if protocol == "netflow9" else elements.ipfix(pen, number)
    return element.name if element else ""


def judge(protocol: str, specs: Sequence[Spec], elements: Elements, *, options: bool = False) -> Template:
    """Make a template of what an exporter announced; raises TemplateError when no record could be read with it."""
    columns: list[Column] = []
    seen: set[str] = set()
    for pen, number, width in specs:
        element = elements.netflow9(number, pen) if protocol == "netflow9" else elements.ipfix(pen, number)
        column = _column(element.name, element.type, width) if element else _skipped(width)
        if column.name in seen:  # the second of two is the inner header of a tunnel: the first is the flow
            column = Column("", "", width)
        seen.add(column.name or "-")
        columns.append(column)
    template = Template(protocol, columns, options=options)
    if template.size == 0:
        raise TemplateError("no_octets")
    return template


@lru_cache(maxsize=16_384)
def _skipped(width: int) -> Column:
    return Column("", f"{width}x", width)


@lru_cache(maxsize=16_384)
def _column(name: str, kind: str, width: int) -> Column:
    """Decide how an element of this type and width is read; RFC 7011 section 6.1 and 6.2 (reduced size)."""
    nothing = Column("", "", width)
    if kind in {"string", "octetArray"} and width:
        code = "" if width == VARIABLE else f"{width}s"
        return Column(name, code, width, f"TEXT[{name}]" if kind == "string" else "")
    if kind.startswith("unsigned") or kind in {"dateTimeSeconds", "dateTimeMilliseconds"}:
        # wider than its type: what the type cannot hold is cut, so that no table is asked for more than it has
        mask = _MASKS.get(kind, "") if width > _WIDTHS.get(kind, 8) and name not in _AS_SENT else ""
        if width in _UNSIGNED:
            return Column(name, _UNSIGNED[width], width, name + mask if mask else "")
        return Column(name, f"{width}s", width, f'from_bytes({name}, "big"){mask}') if 0 < width < 8 else nothing
    if kind.startswith("signed") and width in _SIGNED:
        return Column(name, _SIGNED[width], width)
    code, convert = _FIXED.get((kind, width), ("", ""))
    return Column(name, code, width, convert.format(name)) if code else nothing
