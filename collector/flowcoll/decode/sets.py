"""Sets of NetFlow v9 and IPFIX: templates are learnt, data sets become rows for the generated code."""

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from itertools import islice
from struct import Struct
from typing import NamedTuple

from flowcoll.counters import Counts
from flowcoll.decode.context import Budget, Context
from flowcoll.decode.domains import Domains
from flowcoll.decode.memory import Memory
from flowcoll.decode.rows import Truncated
from flowcoll.decode.templates import MAX_FIELDS, Template, TemplateError, specifiers
from flowcoll.decode.waiting import WaitingSet
from flowcoll.document.compiler import Compiled, Compiler

_PAIR = Struct("!HH").unpack_from
_TRIPLE = Struct("!HHH").unpack_from


class Set(NamedTuple):
    """Rows of one set, the code that writes them, and what they share."""

    rows: Iterable[tuple[object, ...]]
    compiled: Compiled
    context: Context


class Message(NamedTuple):
    """A NetFlow v9 or IPFIX message: who sent it, for which domain, its sequence number, and what its sets share."""

    octets: bytes
    exporter: tuple[str, int]
    domain: int
    number: int
    context: Context
    budget: Budget


class SetReader:
    """Reads the sets of one export protocol; a set that cannot be read costs only itself.

    protocol: `netflow9` or `ipfix`; template and options: the set ids that announce them (RFC 3954 section 5.2 and
    6.1, RFC 7011 section 3.3.2).
    """

    def __init__(self, protocol: str, memory: Memory, compiler: Compiler, domains: Domains, counts: Counts) -> None:
        self._protocol = protocol
        self._ipfix = protocol == "ipfix"
        self._memory = memory
        self._find = memory.store.find
        self._facts = memory.facts
        self._compiler = compiler
        self._domains = domains
        self._counts = counts
        self._template, self._options = (2, 3) if self._ipfix else (0, 1)

    def read(self, message: Message, start: int) -> Iterator[Set]:
        """Give the flow sets of a message from `start` on; everything else is learnt or counted."""
        octets, exporter, domain, number, context, budget = message
        limit = budget.left
        yield from self._read(message, start)
        flows = limit - budget.left
        self._domains.heard(self._protocol, exporter, domain, number, budget.held, flows, len(octets), context)

    def _read(self, message: Message, start: int) -> Iterator[Set]:
        octets = message.octets
        end = len(octets)
        counts = self._counts
        while end - start >= 4:
            number, length = _PAIR(octets, start)
            stop = start + length
            if length < 4 or stop > end:
                if any(octets[start:end]):  # a tail of zeros is padding
                    counts.add("sets.refused.length")
                    message.budget.holds(None)
                return
            if number > 255:
                template = self._find(message.exporter, message.domain, number)
                if template is None and self._memory.store.look(message.exporter[0]):
                    template = self._find(message.exporter, message.domain, number)
                if template is None:
                    self._wait(octets[start + 4 : stop], number, message)
                elif template.options:
                    message.budget.holds(self._options_data(octets[start + 4 : stop], template, message))
                else:
                    yield from self._data(octets[start + 4 : stop], template, message)
            elif number in (self._template, self._options):
                yield from self._templates(octets[start + 4 : stop], message, options=number == self._options)
            else:
                counts.add("sets.refused.reserved_id")
            start = stop

    # -- data ----------------------------------------------------------------------------------------------------

    def _data(self, body: bytes, template: Template, message: Message) -> Iterator[Set]:
        counts, protocol = self._counts, self._protocol
        context, budget = message.context, message.budget
        if context.generation != self._facts.generation:
            self._facts.brief(context, message.exporter[0], message.domain)
        if context.interfaces is not None:
            template = template.sampled_by_interface()
        compiled = self._compiler.of(template)
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
        budget.holds(records)
        taken = min(records, budget.left)
        if taken < records:
            counts.add("records.refused.over_limit", records - taken)
        budget.left -= taken
        counts.add(f"records.flow.{protocol}", taken)
        yield Set(compiled.read(body[: taken * size]), compiled, context)

    def _variable(self, compiled: Compiled, body: bytes, budget: Budget) -> Iterator[tuple[object, ...]]:
        counts, done, over = self._counts, 0, 0
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
            budget.holds(None)
        budget.left -= done
        budget.holds(done + over)
        counts.add(f"records.flow.{self._protocol}", done)

    def _options_data(self, body: bytes, template: Template, message: Message) -> int:
        """Learn what option records teach, and give how many they are."""
        self._facts.learn(message.exporter[0], message.domain, template, body, message.context.now)
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
        return records

    # -- data before its template --------------------------------------------------------------------------------

    def _wait(self, body: bytes, number: int, message: Message) -> None:
        """Let a set wait for its template; how many records it holds cannot be told."""
        message.budget.holds(None)
        (address, port), domain = message.exporter, message.domain
        one = WaitingSet(port, domain, number, message.context.times(), message.budget, body)
        self._memory.waiting.add(address, one)

    def _late(self, number: int, template: Template, message: Message) -> Iterator[Set]:
        """Give the sets that waited for a template which this message brings, each at the times of its own."""
        address, now_ms = message.exporter[0], message.context.now
        for one in self._memory.waiting.claim(address, message.domain, number, now_ms):
            context = copy(message.context)
            context.at(*one.times)
            earlier = message._replace(context=context, budget=one.budget)
            if template.options:
                self._options_data(one.body, template, earlier)
            else:
                limit = one.budget.left
                yield from self._data(one.body, template, earlier)
                flows = limit - one.budget.left
                self._domains.late(self._protocol, (address, one.port), message.domain, flows)

    def late(self, context_of: Callable[[str, int], Context]) -> Iterator[Set]:
        """Give the sets that wait for a template which is known by now, since what was kept had it."""
        waiting = self._memory.waiting
        for address in waiting.addresses():
            for domain, number in waiting.templates(address):
                template = self._find((address, 0), domain, number) if domain >> 32 == self._ipfix else None
                if template is not None:
                    context = context_of(address, domain & 0xFFFFFFFF)
                    message = Message(b"", (address, 0), domain, 0, context, Budget(0))
                    yield from self._late(number, template, message)

    # -- templates -----------------------------------------------------------------------------------------------

    def _templates(self, body: bytes, message: Message, *, options: bool) -> Iterator[Set]:
        """Learn the templates of a set (RFC 7011 sections 3.4.1 and 3.4.2.2, RFC 3954 sections 5.2 and 6.1).

        Gives the flow sets that waited for them.
        """
        memory, exporter, domain = self._memory, message.exporter, message.domain
        memory.store.now = message.context.now
        head = 6 if options else 4
        here, end = 0, len(body)
        while end - here >= 4:
            number, fields = _PAIR(body, here)
            if number < 256:
                if any(body[here:]):
                    self._refuse_or_withdraw(number, fields, message, options=options)
                return
            if fields == 0 and self._ipfix:
                memory.withdraw(exporter, domain, number, options=options)
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
            start = here + head
            try:
                here = specifiers(body, start, fields, ipfix=self._ipfix).end
            except TemplateError as problem:
                self._counts.add(f"templates.refused.{problem}")
                if fields > MAX_FIELDS:
                    memory.forget(exporter, domain, number)
                return
            template = self._judged(scopes.to_bytes(2, "big") + body[start:here], options=options)
            if template is None:
                memory.forget(exporter, domain, number)
            else:
                memory.store.learn(exporter, domain, number, template)
                yield from self._late(number, template, message)

    def _refuse_or_withdraw(self, number: int, fields: int, message: Message, *, options: bool) -> None:
        if self._ipfix and fields == 0 and number in (self._template, self._options):
            self._memory.withdraw(message.exporter, message.domain, None, options=options)
        else:
            self._counts.add("templates.refused.reserved_id")

    def _judged(self, body: bytes, *, options: bool) -> Template | None:
        """Give the template of a body, or None when it cannot be used; an equal body was judged before."""
        try:
            return self._memory.bodies.template(self._protocol, body, options=options)
        except TemplateError as problem:
            self._counts.add(f"templates.refused.{problem}")
            return None
