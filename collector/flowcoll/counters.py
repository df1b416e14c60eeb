"""Named counters: declared once, counted in a dict, shown by /metrics and at the end of a replay.

A key is a dotted name; where a counter is split by a label, the last part is the label's value:
`datagrams.refused.short_header` is `flowcoll_datagrams_refused_total{reason="short_header"}`. Of two labels the first may
hold dots, the second holds none.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Counter(NamedTuple):
    """One declared counter: dotted name, the labels that split it (comma separated, or empty), one line of text."""

    name: str
    label: str
    text: str

    @property
    def metric(self) -> str:
        """Name for Prometheus, without the prefix `flowcoll_` and the suffix `_total`."""
        return self.name.replace(".", "_")

    @property
    def labels(self) -> list[str]:
        """Names of the labels."""
        return self.label.split(",") if self.label else []

    def values(self, part: str) -> list[str]:
        """Values of the labels, from the part of a key behind the name."""
        return part.rsplit(".", len(self.labels) - 1) if self.label else []


PROTOCOLS = ("netflow5", "netflow9", "ipfix", "sflow5")
"""Values of the label `protocol`."""

COUNTERS = (
    Counter("datagrams.received", "", "Datagrams read from the sockets or from a capture."),
    Counter("octets.received", "", "Octets in these datagrams, UDP payload only."),
    Counter("datagrams.decoded", "protocol", "Datagrams whose header was right, by protocol."),
    Counter("datagrams.refused", "reason", "Datagrams refused because their header is wrong, by reason."),
    Counter(
        "datagrams.lost",
        "reason",
        "Datagrams that came and were neither decoded nor refused: their worker died, or nobody read them before the end.",
    ),
    Counter("sets.refused", "reason", "Sets or sFlow samples that could not be decoded, by reason."),
    Counter("sets.waited", "", "Sets that came before their template, and waited for it."),
    Counter("sets.read_late", "", "Of these, sets that were read when it came."),
    Counter("sets.kept", "reason", "Of these, sets that still waited at the end and were kept for the next start."),
    Counter("sets.skipped", "reason", "Sets or sFlow samples that hold no flows and are passed over, by kind."),
    Counter("templates.learned", "", "Templates that were new or changed."),
    Counter("templates.restored", "", "Templates known from before the start, of exporters that have sent since."),
    Counter("templates.outdated", "", "Of what was kept, templates that nobody had used for 30 days."),
    Counter("templates.refused", "reason", "Templates that cannot be used, by reason."),
    Counter("templates.withdrawn", "", "Templates withdrawn by their exporter."),
    Counter("templates.evicted", "", "Templates given up because there were too many."),
    Counter("facts.learned", "kind", "What exporters said in options data and was new or changed, by kind."),
    Counter("facts.restored", "kind", "Of that, what is known from before the start, by kind."),
    Counter("facts.outdated", "kind", "Of that, what its exporter did not say again for too long, by kind."),
    Counter("facts.evicted", "kind", "Of that, what was given up because there was too much, by kind."),
    Counter("kept.refused", "kind", "Files kept from before the start that were set aside as unusable, by kind."),
    Counter("records.flow", "protocol", "Flow records decoded, by protocol."),
    Counter("records.option", "protocol", "Option records decoded, by protocol."),
    Counter("records.refused", "reason", "Records that could not be decoded, by reason."),
    Counter(
        "sequence.lost",
        "protocol",
        "Missing by the exporters' sequence numbers: records of NetFlow v5 and IPFIX, datagrams of NetFlow v9 and sFlow.",
    ),
    Counter("sequence.found", "protocol", "Of these, what came late after all."),
    Counter("sequence.repeated", "protocol", "Datagrams that had come before."),
    Counter("sequence.restarts", "protocol", "Sequences that began anew, as at an exporter's restart."),
    Counter("lookups.failed", "database", "Addresses on which a database turned out to be corrupt, by database."),
    Counter("threats.refreshes", "list,result", "Lists that were downloaded, or read from a file, by list and result."),
    Counter("threats.tables", "list,result", "Tables of lists that a worker has looked into, by list and result."),
    Counter("threats.matches", "", "Flows of which a list of threats names an address."),
    Counter("threats.list_matches", "list", "The same by list; a flow that several lists name counts for each."),
    Counter("threats.hits_forgotten", "", "Addresses that matched and are not remembered, since there were too many."),
    Counter("helpers.reloaded", "file", "Databases that a worker has opened anew on SIGHUP, by file."),
    Counter("helpers.refused", "file", "The same that could not be used; what was read before serves on."),
    Counter("documents.written", "", "Documents made of flow records."),
    Counter("documents.delivered", "output", "Documents handed over, or flow records sent, by output."),
    Counter(
        "documents.delivered_before",
        "output",
        "Documents that an earlier try had handed over, its answer being lost, by output.",
    ),
    Counter(
        "documents.perhaps_twice",
        "output",
        "Of the delivered documents, those that may be stored twice, by output: an answer was lost, and the data stream "
        "had rolled over before they were sent again.",
    ),
    Counter("documents.spooled", "output", "Documents that went from memory to the spool, by output."),
    Counter("documents.found", "output", "Documents that were in the spool when it was opened, by output."),
    Counter("documents.replayed", "output", "Documents of the spool that were delivered or rejected, by output."),
    Counter("documents.left", "output", "Documents that were in the spool when their worker ended, by output."),
    Counter("documents.rejected", "output,type", "Documents that Elasticsearch rejected, by output and type of error."),
    Counter(
        "documents.passed_over",
        "output",
        "Flows of which the RiskIQ output sends nothing, since they have no public address, by output.",
    ),
    Counter("documents.dropped", "output", "Documents lost at an output, by output."),
    Counter("documents.dropped_because", "output,reason", "The same documents, by output and reason."),
    Counter("requests.done", "output", "Bulk requests that were carried out, by output."),
    Counter(
        "requests.failed", "output,reason", "Bulk requests that were not, by output and HTTP status or other reason."
    ),
    Counter("octets.sent", "output", "Octets of bulk requests that were carried out, as they were sent, by output."),
    Counter("frames.sent", "output", "Encrypted frames of flow records that were sent, by output."),
    Counter("spool.damaged", "output", "Octets of the spool that could not be read, by output."),
    Counter("dead_letters.written", "output", "Rejected documents that were kept in the dead-letter file, by output."),
    Counter("dead_letters.removed", "output", "Rejected documents that made room for newer ones there, by output."),
    Counter("dead_letters.failed", "output", "Rejected documents that could not be kept, by output."),
    Counter("workers.died", "", "Workers that ended without being told to."),
    Counter("refresher.died", "", "Ends of the process that keeps lists, without being told to."),
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
