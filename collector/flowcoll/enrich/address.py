"""What every document shows of an address: looked up once, then a dict hit."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from flowcoll.document.fragment import Paths
from flowcoll.enrich.locality import Address, is_private, text

PRIVATE, LISTED = 1, 2

Entry = tuple[str, str, str, str, str, int]
"""Text; members of source or destination, without AS; members of its AS; members of client; of server; flags."""


class Provider(Protocol):
    """One source of facts: where `as` comes from, or `geo`, or a name. Never raises."""

    def facts(self, text: str) -> Mapping[str, object]: ...


class Kept(NamedTuple):
    """Names of the facts that a shape keeps: of source or destination, of client, of server."""

    full: Paths
    client: Paths
    server: Paths


class Addresses(dict[Address, Entry]):
    """Address -> Entry, bounded by two generations.

    When the younger one is full it becomes the older; what is still in use comes back from there without being looked
    up again. What then dies is taken apart two entries a miss, so that no packet waits for a quarter of a million.
    """

    def __init__(
        self, providers: Iterable[Provider], listed: Callable[[Address], bool], kept: Kept, limit: int
    ) -> None:
        super().__init__()
        self._providers = tuple(providers)
        self._listed = listed
        self._kept = kept
        self._limit = max(limit, 2)
        self._older: dict[Address, Entry] = {}
        self._dying: dict[Address, Entry] = {}

    def __missing__(self, address: Address) -> Entry:
        if len(self) >= self._limit:
            self._dying, self._older = self._older, dict(self)
            self.clear()
        dying = self._dying
        if dying:
            dying.popitem()
            if dying:
                dying.popitem()
        entry = self._older.get(address) or self._render(address)
        self[address] = entry
        return entry

    def forget(self) -> None:
        """Look every address up anew, since a source of facts has changed."""
        self.clear()
        self._older = {}

    def _render(self, address: Address) -> Entry:
        shown = text(address)
        private = is_private(address)
        facts: dict[str, object] = {}
        if not private:
            for provider in self._providers:
                facts |= provider.facts(shown)
        full, client, server = self._kept
        about = {"ip": shown, **facts}
        system = {name: fact for name, fact in facts.items() if name.startswith("as.")}
        return (
            shown,
            full.members({name: fact for name, fact in about.items() if name not in system}),
            full.members(system),
            (as_client := client.members(about)),
            as_client if client == server else server.members(about),
            (PRIVATE if private else 0) | (LISTED if not private and self._listed(address) else 0),
        )
