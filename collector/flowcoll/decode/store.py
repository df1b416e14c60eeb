"""Who announced which template: found for each data set, bounded, and recalled for an exporter that is new here."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from flowcoll.counters import Counts
from flowcoll.decode.elements import Elements
from flowcoll.decode.templates import Template, template_of

Session = tuple[str, int, int]
"""Exporter's address and port, and domain; that of IPFIX is 2**32 more, which keeps it apart from NetFlow v9's."""

_MET = 65_536  # addresses of which it is remembered that nothing more is to be recalled


class Bodies:
    """Template body -> Template, so that a repeated announcement costs a dict lookup and equal bodies share code."""

    def __init__(self, elements: Elements, limit: int = 16_384) -> None:
        self._elements = elements
        self._limit = limit
        self._known: OrderedDict[tuple[str, bool, bytes], Template] = OrderedDict()

    def template(self, protocol: str, body: bytes, *, options: bool) -> Template:
        """Give the template of a body, judged when it is new; TemplateError."""
        key = protocol, options, body
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = template_of(protocol, body, self._elements, options=options)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return found


class Announced:
    """A template as one session announced it, and when it said so and data used it last, in ms since 1970."""

    __slots__ = ("said", "template", "used")

    def __init__(self, template: Template, said: int, used: int) -> None:
        self.template = template
        self.said = said
        self.used = used


class Known(NamedTuple):
    """One template of an exporter: what has to be kept to know it again."""

    port: int
    domain: int
    number: int
    newest: bool
    said: int
    used: int
    template: Template


class TemplateStore:
    """Templates by exporter: address, port and domain first, else the newest of the same address and domain.

    RFC 7011 section 8 scopes a template to its transport session and observation domain; over UDP many exporters
    change their port when they restart, hence the second look. The number of templates is bounded: of the session
    that has been silent longest, the template that was announced longest ago goes.

    now: the time that uses are noted with; coarse is good enough. changed: addresses whose templates are no longer
    what they were, the first changed first. recall: called once for an address that is new, before anything is learnt
    or missed of it; restores what was kept and tells whether there was anything. again: called when a template is missing
    all the same; restores what others have written down since, and tells whether that was anything.
    """

    def __init__(self, counts: Counts, limit: int = 16_384) -> None:
        self._counts = counts
        self._limit = limit
        self._size = 0
        self._sessions: OrderedDict[Session, OrderedDict[int, Announced]] = OrderedDict()
        self._newest: OrderedDict[Session, tuple[int, Announced]] = OrderedDict()
        self._addresses: dict[str, dict[Session, None]] = {}
        self._met: dict[str, None] = {}
        self.now = 0
        self.changed: OrderedDict[str, None] = OrderedDict()
        self.recall: Callable[[str], bool] = lambda _: False
        self.again: Callable[[str], bool] = lambda _: False

    def __len__(self) -> int:
        return self._size

    def learn(self, exporter: tuple[str, int], domain: int, number: int, template: Template) -> None:
        """Remember what an exporter announced; the same again changes nothing."""
        if exporter[0] not in self._addresses:
            self._meet(exporter[0])
        if self._put(exporter, domain, number, template):
            self._counts.add("templates.learned")

    def restore(self, address: str, known: Known) -> None:
        """Put back what was kept of an exporter, unless something newer is known."""
        session = self._sessions.get((address, known.port, known.domain))
        present = session.get(known.number) if session else None
        if present is None or present.said < known.said:
            self._put((address, known.port), known.domain, known.number, known.template, kept=known)
            self._counts.add("templates.restored")

    def _put(
        self, exporter: tuple[str, int], domain: int, number: int, template: Template, kept: Known | None = None
    ) -> bool:
        """Put a template in its places, and tell whether it is another than before."""
        session = (*exporter, domain)
        known = self._sessions.get(session)
        if known is None:
            known = self._sessions[session] = OrderedDict()
            self._addresses.setdefault(exporter[0], {})[session] = None
        before = known.get(number)
        changed = before is None or before.template is not template
        announced = known[number] = Announced(template, *((kept.said, kept.used) if kept else (self.now, self.now)))
        known.move_to_end(number)
        self._sessions.move_to_end(session)
        self._size += before is None
        newest = (exporter[0], domain, number)
        was = self._newest.get(newest)
        if not kept or (kept.newest and (was is None or was[1].said <= kept.said)):
            if not kept and (changed or was is None or was[0] != exporter[1]):
                self._change(exporter[0])
            self._newest[newest] = (exporter[1], announced)
            self._newest.move_to_end(newest)
            if len(self._newest) > self._limit:
                self._newest.popitem(last=False)
        if self._size > self._limit:
            # who floods gives up his own; else it is who has been silent longest
            silent = session if 2 * len(known) > self._limit else next(iter(self._sessions))
            self._sessions[silent].popitem(last=False)
            self._change(silent[0])
            self._forget_empty(silent)
            self._counts.add("templates.evicted")
            self._size -= 1
        return changed

    def withdraw(self, exporter: tuple[str, int], domain: int, number: int | None, *, options: bool) -> None:
        """Forget one template, or all of one kind (RFC 7011 section 8.1)."""
        if exporter[0] not in self._addresses:
            self._meet(exporter[0])
        session = (*exporter, domain)
        known = self._sessions.get(session)
        if known is None:
            return
        for each in [n for n, one in known.items() if one.template.options is options and number in (None, n)]:
            self._remove(exporter, domain, each)
            self._counts.add("templates.withdrawn")
        self._forget_empty(session)

    def forget(self, exporter: tuple[str, int], domain: int, number: int) -> None:
        """Forget a template that was announced anew and cannot be used: what it described is no longer sent."""
        if exporter[0] not in self._addresses:
            self._meet(exporter[0])
        session = (*exporter, domain)
        if number in self._sessions.get(session, ()):
            self._remove(exporter, domain, number)
            self._forget_empty(session)

    def _remove(self, exporter: tuple[str, int], domain: int, number: int) -> None:
        address, port = exporter
        del self._sessions[address, port, domain][number]
        if self._newest.get((address, domain, number), (None,))[0] == port:
            del self._newest[address, domain, number]
        self._size -= 1
        self._change(address)

    def _forget_empty(self, session: Session) -> None:
        if not self._sessions[session]:
            del self._sessions[session]
            sessions = self._addresses[session[0]]
            del sessions[session]
            if not sessions:
                del self._addresses[session[0]]

    def find(self, exporter: tuple[str, int], domain: int, number: int) -> Template | None:
        """Give the template of a data set, or None when it was never announced."""
        address, port = exporter
        session = (address, port, domain)
        known = self._sessions.get(session)
        if known is not None:
            self._sessions.move_to_end(session)
            if (found := known.get(number)) is not None:
                found.used = self.now
                return found.template
        newest = self._newest.get((address, domain, number))
        if newest is not None:
            newest[1].used = self.now
            return newest[1].template
        return None

    def look(self, address: str) -> bool:
        """Look for a template that is missing in what was kept; tell whether `find` may find it now."""
        if address not in self._addresses and self._meet(address):
            return True
        return self.again(address)

    def knows(self, address: str) -> bool:
        """Tell whether what was kept of an exporter has been asked for."""
        return address in self._met

    def _meet(self, address: str) -> bool:
        """Recall what was kept of an exporter, once; tell whether there was anything."""
        if address in self._met:
            return False
        if len(self._met) >= _MET:
            self._met.clear()
        self._met[address] = None
        return address not in self.changed and self.recall(address)

    def _change(self, address: str) -> None:
        self.changed[address] = None
        if len(self.changed) > _MET:  # faster than anybody keeps them: a flood of addresses
            self.changed.popitem(last=False)

    def of(self, address: str) -> Iterator[Known]:
        """Give every template of an exporter, that of a session announced last first.

        Templates may change meanwhile: what is given then is of before or of after.
        """
        for session in reversed(list(self._addresses.get(address, ()))):
            _, port, domain = session
            for number, one in reversed(list(self._sessions.get(session, {}).items())):
                newest = self._newest.get((address, domain, number), (None,))[0] == port
                yield Known(port, domain, number, newest, one.said, one.used, one.template)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Give address and time of last use of each template."""
        return ((session[0], one.used) for session, known in self._sessions.items() for one in known.values())

    def numbers(self, template: Template) -> list[int]:
        """Give the ids by which exporters call a template."""
        every = (known.items() for known in self._sessions.values())
        return sorted({number for items in every for number, each in items if template.is_of(each.template)})
