"""Autonomous systems from a list that is downloaded: a match table, which can be replaced while it is in use."""

from collections.abc import Callable, Mapping
from typing import Any

from flowcoll.enrich.address import Provider
from flowcoll.enrich.locality import parse
from flowcoll.threat.matching.system_table import system_of
from flowcoll.threat.matching.table import Table

_NOTHING: Mapping[str, object] = {}


class Systems:
    """Facts of addresses by the list, and where it says none, by another provider of them."""

    def __init__(self, other: Provider | None = None) -> None:
        self._other = other
        self._table: Table | None = None
        self._state: Callable[[], Mapping[str, Any]] = dict

    def use(self, table: Table) -> None:
        """Look addresses up in a table from now on; whoever remembers what was found is to forget it."""
        self._table = table

    def watch(self, state: Callable[[], Mapping[str, Any]]) -> None:
        """Let somebody else, who looks after the table, tell its state."""
        self._state = state

    def state(self) -> dict[str, Any]:
        """Tell how the table is."""
        return dict(self._state())

    def network(self, text: str) -> tuple[Mapping[str, object], int]:
        """Give as.number and as.organization.name of an address, as far as known, and the prefix they hold for."""
        number, length = 0, 0
        if self._table is not None:
            said, length = self._table.block(parse(text))
            number, organization = system_of(said)
        if number:
            return {"as.number": number} | ({"as.organization.name": organization} if organization else {}), length
        found, other = self._other.network(text) if self._other is not None else (_NOTHING, 0)
        return found, max(length, other)
