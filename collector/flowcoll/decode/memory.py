"""What is known of exporters beyond a datagram: their templates, the data that wait for some, and what they said."""

from typing import NamedTuple

from flowcoll.decode.facts import Facts
from flowcoll.decode.store import Bodies, TemplateStore
from flowcoll.decode.waiting import Waiting


class Memory(NamedTuple):
    """Templates by body, by who announced them, the sets that came before theirs, and what options data said."""

    bodies: Bodies
    store: TemplateStore
    waiting: Waiting
    facts: Facts

    def withdraw(self, exporter: tuple[str, int], domain: int, number: int | None, *, options: bool) -> None:
        """Forget one template, or all of one kind, and give up what waits: it was not meant for what comes after."""
        self.store.withdraw(exporter, domain, number, options=options)
        self.waiting.give_up(exporter, domain, number, "template_withdrawn")

    def forget(self, exporter: tuple[str, int], domain: int, number: int) -> None:
        """Forget a template that was announced anew and cannot be used, and give up what waits for it."""
        self.store.forget(exporter, domain, number)
        self.waiting.give_up(exporter, domain, number, "template_refused")
