"""What every document shows of an address: looked up once, then a dict hit."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from flowcoll.document.fragment import Paths
from flowcoll.enrich.locality import Address, is_private, text, unmapped

PRIVATE, LISTED = 1, 2


class Place(NamedTuple):
    """What is known of an address by its network, as JSON members for each object where it is shown."""

    full: str
    """Of source or destination."""
    open: str | None
    """The same as far as it stands beside an AS that the exporter names; None where that one does not count."""
    client: str
    server: str
    flags: int


Entry = tuple[str, Place]
"""Text, and the place that it shares with others: what documents touch of all addresses stays small enough for the cache."""


class Provider(Protocol):
    """One source of facts about networks: an AS, a place. Never raises."""

    def network(self, text: str) -> tuple[Mapping[str, object], int]:
        """Give facts by name, and the prefix length of the network that all of them hold for."""
        ...


class Kept(NamedTuple):
    """Names of the facts that a shape keeps: of source or destination, of client, of server."""

    full: Paths
    client: Paths
    server: Paths


_NOWHERE = Place("", None, "", "", PRIVATE)  # a private address has no AS, whatever the exporter says


class Addresses(dict[Address, Entry]):
    """Address -> Entry, bounded by two generations.

    When the younger one is full it becomes the older; what is still in use comes back from there without being looked
    up again. What then dies is taken apart two entries a miss, so that no packet waits for a quarter of a million.
    """

    def __init__(  # noqa: PLR0913  all that it shows depends on
        self,
        providers: Iterable[Provider],
        listed: Callable[[Address], bool],
        kept: Kept,
        limit: int,
        places: int = 65_536,
        *,
        flow_first: bool = False,
    ) -> None:
        super().__init__()
        self._providers = tuple(providers)
        self._listed = listed
        self._kept = kept
        self._limit = max(limit, 2)
        self._most_places = places
        self._flow_first = flow_first  # the exporter's AS counts more than the one looked up
        self._older: dict[Address, Entry] = {}
        self._dying: dict[Address, Entry] = {}
        self._blocks: dict[Address, Place] = {}
        self._places: dict[Place, Place] = {}

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

    def forget(self) -> list[dict[Address, Entry]]:
        """Look every address up anew, since a source of facts has changed; give what was known, to be taken apart in time."""
        dead = [dict(self), self._older, self._dying]
        self.clear()
        self._older, self._dying = {}, {}
        self._blocks.clear()
        self._places.clear()
        return dead

    def _render(self, address: Address) -> Entry:
        address = unmapped(address)
        shown = text(address)
        if is_private(address):
            return shown, _NOWHERE
        place = self._place(address, shown)
        return shown, place._replace(flags=LISTED) if self._listed(address) else place

    def _place(self, address: Address, shown: str) -> Place:
        """Give the facts of the network; addresses of one /24, or /48, mostly share them, and then share the work."""
        block: Address = address >> 8 if isinstance(address, int) else address[:6]
        place = self._blocks.get(block)
        if place is not None:
            return place
        facts: dict[str, object] = {}
        longest = 0
        for provider in self._providers:
            found, length = provider.network(shown)
            facts |= found
            longest = max(longest, length)
        without = {name: fact for name, fact in facts.items() if not name.startswith("as.")}
        full, client, server = self._kept
        lean = client.members(facts)
        place = Place(
            full.members(without) + full.members({name: fact for name, fact in facts.items() if name not in without}),
            full.members(without) if self._flow_first or len(without) == len(facts) else None,
            lean,
            lean if client == server else server.members(facts),
            0,
        )
        # networks smaller than a block add places without adding blocks
        if max(len(self._blocks), len(self._places)) >= self._most_places:
            self._blocks.clear()
            self._places.clear()
        place = self._places.setdefault(place, place)
        if longest <= (24 if isinstance(address, int) else 48):
            self._blocks[block] = place
        return place
