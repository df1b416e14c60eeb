"""Named counters: declared once, counted in a dict, shown by /metrics and at the end of a replay.

A key is a dotted name; where a counter is split by a label, the last part is the label's value:
`datagrams.refused.short_header` is `flowcoll_datagrams_refused_total{reason="short_header"}`.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Counter(NamedTuple):
    """One declared counter: dotted name, the label that splits it (or empty), one line of text."""

    name: str
    label: str
    text: str

    @property
    def metric(self) -> str:
        """Name for Prometheus, without the prefix `flowcoll_` and the suffix `_total`."""
        return self.name.replace(".", "_")


COUNTERS = (
    Counter("datagrams.received", "", "Datagrams read from the sockets or from a capture."),
    Counter("octets.received", "", "Octets in these datagrams, UDP payload only."),
    Counter("datagrams.decoded", "protocol", "Datagrams whose header was right, by protocol."),
    Counter("datagrams.refused", "reason", "Datagrams refused because their header is wrong, by reason."),
    Counter("sets.refused", "reason", "Sets or sFlow samples that could not be decoded, by reason."),
    Counter("sets.skipped", "reason", "Sets or sFlow samples that hold no flows and are passed over, by kind."),
    Counter("templates.learned", "", "Templates that were new or changed."),
    Counter("templates.refused", "reason", "Templates that cannot be used, by reason."),
    Counter("templates.withdrawn", "", "Templates withdrawn by their exporter."),
    Counter("templates.evicted", "", "Templates given up because there were too many."),
    Counter("records.flow", "protocol", "Flow records decoded, by protocol."),
    Counter("records.option", "protocol", "Option records decoded, by protocol."),
    Counter("records.refused", "reason", "Records that could not be decoded, by reason."),
    Counter("lookups.failed", "database", "Addresses on which a database turned out to be corrupt, by database."),
    Counter("documents.written", "", "Documents made of flow records."),
    Counter("documents.delivered", "output", "Documents handed over, by output."),
    Counter("documents.dropped", "output", "Documents lost at an output, by output."),
    Counter("bugs", "", "Datagrams on which the collector failed; the log has the traceback."),
)


class Counts(dict[str, int]):
    """Counter key -> how often; a key that was never counted reads as 0."""

    def __missing__(self, key: str) -> int:
        return 0

    def add(self, key: str, by: int = 1) -> None:
        """Add to one counter; one that never counted anything does not appear."""
        if by:
            self[key] += by

    def samples(self) -> Iterator[tuple[Counter, str, int]]:
        """Every counted key as (declared counter, label value, count), in declared order."""
        for counter in COUNTERS:
            if not counter.label:
                yield counter, "", self[counter.name]
                continue
            prefix = counter.name + "."
            for key in sorted(key for key in self if key.startswith(prefix)):
                yield counter, key.removeprefix(prefix), self[key]

    def undeclared(self) -> list[str]:
        """Keys that no declared counter covers; always empty, or a test fails."""
        known = {c.name for c in COUNTERS if not c.label}
        prefixes = tuple(c.name + "." for c in COUNTERS if c.label)
        return sorted(key for key in self if key not in known and not key.startswith(prefixes))
