"""Sets of NetFlow v9 and IPFIX: templates are learnt, data sets become rows for the generated code."""

from collections.abc import Iterable, Iterator
from itertools import islice
from struct import Struct
from typing import NamedTuple

from flowcoll.counters import Counts
from flowcoll.decode.context import Context
from flowcoll.decode.elements import Elements
from flowcoll.decode.rows import Truncated
from flowcoll.decode.templates import MAX_FIELDS, Spec, Template, TemplateError, TemplateStore, judge
from flowcoll.document.compiler import Compiled, Compiler

_PAIR = Struct("!HH").unpack_from
_TRIPLE = Struct("!HHH").unpack_from
_PEN = Struct("!I").unpack_from


class Set(NamedTuple):
    """Rows of one set, the code that writes them, and what they share."""

    rows: Iterable[tuple[object, ...]]
    compiled: Compiled
    context: Context


class Message(NamedTuple):
    """A NetFlow v9 or IPFIX message: who sent it, for which domain, and what its sets share."""

    octets: bytes
    exporter: tuple[str, int]
    domain: int
    context: Context
    budget: "Budget"


class Budget:
    """Records that one datagram may still give; 0 as a limit means what the datagram holds."""

    __slots__ = ("left",)

    def __init__(self, limit: int) -> None:
        self.left = limit or 65_536


class SetReader:
    """Reads the sets of one export protocol; a set that cannot be read costs only itself.

    protocol: `netflow9` or `ipfix`; template and options: the set ids that announce them (RFC 3954 section 5.2 and
    6.1, RFC 7011 section 3.3.2).
    """

    def __init__(
        self, protocol: str, elements: Elements, store: TemplateStore, compiler: Compiler, counts: Counts
    ) -> None:
        self._protocol = protocol
        self._ipfix = protocol == "ipfix"
        self._elements = elements
        self._store = store
        self._compiler = compiler
        self._counts = counts
        self._template, self._options = (2, 3) if self._ipfix else (0, 1)

    def read(self, message: Message, start: int) -> Iterator[Set]:
        """Give the flow sets of a message from `start` on; everything else is learnt or counted."""
        octets = message.octets
        end = len(octets)
        counts = self._counts
        while end - start >= 4:
            number, length = _PAIR(octets, start)
            stop = start + length
            if length < 4 or stop > end:
                if any(octets[start:end]):  # a tail of zeros is padding
                    counts.add("sets.refused.length")
                return
            if number > 255:
                template = self._store.find(message.exporter, message.domain, number)
                if template is None:
                    counts.add("sets.refused.no_template")
                elif template.options:
                    self._count_options(octets[start + 4 : stop], template)
                else:
                    yield from self._data(octets[start + 4 : stop], template, message)
            elif number in (self._template, self._options):
                self._templates(octets[start + 4 : stop], message, options=number == self._options)
            else:
                counts.add("sets.refused.reserved_id")
            start = stop

    # -- data ----------------------------------------------------------------------------------------------------

    def _data(self, body: bytes, template: Template, message: Message) -> Iterator[Set]:
        compiled = self._compiler.of(template)
        counts, protocol = self._counts, self._protocol
        context, budget = message.context, message.budget
        if template.variable:
            rows = self._variable(compiled, body, budget)
            yield Set(rows, compiled, context)
            return
        size = template.size
        records = len(body) // size
        if records == 0:
            counts.add("sets.refused.no_record")
            return
        if len(body) - records * size > 3 and any(body[records * size :]):
            # more than padding (RFC 7011 section 3.3.1): a record was cut off
            counts.add("records.refused.truncated")
        taken = min(records, budget.left)
        if taken < records:
            counts.add("records.refused.over_limit", records - taken)
        budget.left -= taken
        counts.add(f"records.flow.{protocol}", taken)
        yield Set(compiled.read(body[: taken * size]), compiled, context)

    def _variable(self, compiled: Compiled, body: bytes, budget: Budget) -> Iterator[tuple[object, ...]]:
        counts, done = self._counts, 0
        rows = iter(compiled.read(body))
        try:
            for row in islice(rows, budget.left):
                done += 1
                yield row
            over = sum(1 for _ in rows)
            if over:
                counts.add("records.refused.over_limit", over)
        except Truncated:
            counts.add("records.refused.truncated")
        budget.left -= done
        counts.add(f"records.flow.{self._protocol}", done)

    def _count_options(self, body: bytes, template: Template) -> None:
        """Count option records; what they teach is not learnt yet."""
        records = 0
        if template.variable:
            try:
                for _ in self._compiler.of(template).read(body):
                    records += 1
            except Truncated:
                self._counts.add("records.refused.truncated")
        else:
            records = len(body) // template.size
        self._counts.add(f"records.option.{self._protocol}", records)

    # -- templates -----------------------------------------------------------------------------------------------

    def _templates(self, body: bytes, message: Message, *, options: bool) -> None:
        """Learn the templates of a set (RFC 7011 sections 3.4.1 and 3.4.2.2, RFC 3954 sections 5.2 and 6.1)."""
        head = 6 if options else 4
        here, end = 0, len(body)
        while end - here >= 4:
            number, fields = _PAIR(body, here)
            if number < 256:
                if any(body[here:]):
                    self._refuse_or_withdraw(number, fields, message, options=options)
                return
            if fields == 0 and self._ipfix:
                self._store.withdraw(message.exporter, message.domain, number, options=options)
                here += 4
                continue
            if end - here < head:
                self._counts.add("templates.refused.truncated")
                return
            scopes = 0
            if options:
                third = _TRIPLE(body, here)[2]
                # IPFIX counts fields, the scope's among them; NetFlow v9 gives octets of scope and of options
                fields, scopes = (fields, third) if self._ipfix else ((fields + third) // 4, fields // 4)
                scopes = max(scopes, 1)
            specs = self._specs(body, here + head, fields)
            if specs is None:
                if fields > MAX_FIELDS:
                    self._store.forget(message.exporter, message.domain, number)
                return
            self._learn(body[here + head : specs.end], number, specs.found, scopes, message)
            here = specs.end

    def _refuse_or_withdraw(self, number: int, fields: int, message: Message, *, options: bool) -> None:
        if self._ipfix and fields == 0 and number in (self._template, self._options):
            self._store.withdraw(message.exporter, message.domain, None, options=options)
        else:
            self._counts.add("templates.refused.reserved_id")

    def _specs(self, body: bytes, here: int, fields: int) -> "_Specs | None":
        """Give the field specifiers that start at `here` (RFC 7011 section 3.2); None when they are cut off."""
        counts = self._counts
        if fields > MAX_FIELDS:
            counts.add("templates.refused.too_many_fields")
            return None
        found: list[Spec] = []
        end = len(body)
        for _ in range(fields):
            enterprise = self._ipfix and end > here and body[here] & 0x80
            if end - here < (8 if enterprise else 4):
                counts.add("templates.refused.truncated")
                return None
            number, width = _PAIR(body, here)
            here += 4
            pen = 0
            if enterprise:
                number, pen = number & 0x7FFF, _PEN(body, here)[0]
                here += 4
            found.append((pen, number, width))
        return _Specs(found, here)

    def _learn(self, body: bytes, number: int, specs: list[Spec], scopes: int, message: Message) -> None:
        """Learn one template; an equal body was judged before."""
        options = scopes > 0
        key = scopes.to_bytes(2, "big") + body
        template = self._store.bodies.get(self._protocol, key, options=options)
        if template is None:
            if not self._ipfix:  # scope types are numbers of their own (RFC 3954 section 6.1), not elements
                specs[:scopes] = [(1, scope, width) for _, scope, width in specs[:scopes]]
            try:
                template = judge(self._protocol, specs, self._elements, options=options)
            except TemplateError as problem:
                self._counts.add(f"templates.refused.{problem}")
                self._store.forget(message.exporter, message.domain, number)
                return
            self._store.bodies.keep(self._protocol, key, template)
        self._store.learn(message.exporter, message.domain, number, template)


class _Specs(NamedTuple):
    """Field specifiers of a template, and where they end."""

    found: list[Spec]
    end: int
