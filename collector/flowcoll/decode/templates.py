"""Templates: judged once when they arrive, then shared by every exporter that sends the same body.

A template lists columns. A column has a name only where the table of elements knows it and its width fits its type;
everything else is passed over by its width, so that one odd element never costs a record.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from flowcoll.counters import Counts
from flowcoll.decode.elements import Elements

if TYPE_CHECKING:
    from flowcoll.document.compiler import Compiled

VARIABLE = 65535  # RFC 7011 section 7: the length stands before the value
MAX_FIELDS = 512  # a template of more fields than any exporter has is an attack on memory

_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_WIDTHS = {"unsigned8": 1, "unsigned16": 2}
_MASKS = {"unsigned8": " & 255", "unsigned16": " & 65535"}
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

    __slots__ = ("columns", "compiled", "options", "protocol", "ready", "size", "variable")

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
        mask = _MASKS.get(kind, "") if width > _WIDTHS.get(kind, 8) else ""
        if width in _UNSIGNED:
            return Column(name, _UNSIGNED[width], width, name + mask if mask else "")
        return Column(name, f"{width}s", width, f'from_bytes({name}, "big"){mask}') if 0 < width < 8 else nothing
    if kind.startswith("signed") and width in _SIGNED:
        return Column(name, _SIGNED[width], width)
    code, convert = _FIXED.get((kind, width), ("", ""))
    return Column(name, code, width, convert.format(name)) if code else nothing


class Bodies:
    """Template body -> Template, so that a repeated announcement costs a dict lookup and equal bodies share code."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[str, bool, bytes], Template] = OrderedDict()

    def get(self, protocol: str, body: bytes, *, options: bool) -> Template | None:
        found = self._known.get((protocol, options, body))
        if found is not None:
            self._known.move_to_end((protocol, options, body))
        return found

    def keep(self, protocol: str, body: bytes, template: Template) -> None:
        self._known[protocol, template.options, body] = template
        if len(self._known) > self._limit:
            self._known.popitem(last=False)


class TemplateStore:
    """Templates by exporter: address, port and domain first, else the newest of the same address and domain.

    RFC 7011 section 8 scopes a template to its transport session and observation domain; over UDP many exporters
    change their port when they restart, hence the second look. The number of templates is bounded: of the session
    that has been silent longest, the template that was announced longest ago goes.
    """

    def __init__(self, counts: Counts, limit: int = 16_384) -> None:
        self._counts = counts
        self._limit = limit
        self._size = 0
        self._sessions: OrderedDict[tuple[str, int, int], OrderedDict[int, Template]] = OrderedDict()
        self._newest: OrderedDict[tuple[str, int, int], tuple[int, Template]] = OrderedDict()
        self.bodies = Bodies(limit)

    def __len__(self) -> int:
        return self._size

    def learn(self, exporter: tuple[str, int], domain: int, number: int, template: Template) -> None:
        """Remember what an exporter announced; the same again changes nothing."""
        session = (*exporter, domain)
        known = self._sessions.setdefault(session, OrderedDict())
        before = known.get(number)
        if before is not template:
            self._counts.add("templates.learned")
        self._size += before is None
        known[number] = template
        known.move_to_end(number)
        self._sessions.move_to_end(session)
        newest = (exporter[0], domain, number)
        self._newest[newest] = (exporter[1], template)
        self._newest.move_to_end(newest)
        if len(self._newest) > self._limit:
            self._newest.popitem(last=False)
        if self._size > self._limit:
            # who floods gives up his own; else it is who has been silent longest
            silent = session if 2 * len(known) > self._limit else next(iter(self._sessions))
            self._sessions[silent].popitem(last=False)
            self._forget_empty(silent)
            self._counts.add("templates.evicted")
            self._size -= 1

    def withdraw(self, exporter: tuple[str, int], domain: int, number: int | None, *, options: bool) -> None:
        """Forget one template, or all of one kind (RFC 7011 section 8.1)."""
        session = (*exporter, domain)
        known = self._sessions.get(session)
        if known is None:
            return
        for each in [n for n, template in known.items() if template.options is options and number in (None, n)]:
            del known[each]
            self._forget_newest(exporter, domain, each)
            self._counts.add("templates.withdrawn")
            self._size -= 1
        self._forget_empty(session)

    def forget(self, exporter: tuple[str, int], domain: int, number: int) -> None:
        """Forget a template that was announced anew and cannot be used: what it described is no longer sent."""
        session = (*exporter, domain)
        known = self._sessions.get(session)
        if known is not None and known.pop(number, None) is not None:
            self._forget_newest(exporter, domain, number)
            self._size -= 1
            self._forget_empty(session)

    def _forget_newest(self, exporter: tuple[str, int], domain: int, number: int) -> None:
        address, port = exporter
        if self._newest.get((address, domain, number), (None,))[0] == port:
            del self._newest[address, domain, number]

    def _forget_empty(self, session: tuple[str, int, int]) -> None:
        if not self._sessions[session]:
            del self._sessions[session]

    def find(self, exporter: tuple[str, int], domain: int, number: int) -> Template | None:
        """Give the template of a data set, or None when it was never announced."""
        address, port = exporter
        session = (address, port, domain)
        known = self._sessions.get(session)
        if known is not None:
            self._sessions.move_to_end(session)
            if (found := known.get(number)) is not None:
                return found
        return self._newest.get((address, domain, number), (0, None))[1]

    def numbers(self, template: Template) -> list[int]:
        """Give the ids by which exporters call a template."""
        every = (known.items() for known in self._sessions.values())
        return sorted({number for items in every for number, each in items if each is template})
