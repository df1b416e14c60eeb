"""What becomes of what is sent, as equations between counters; whatever vanishes without a word breaks one.

    datagrams sent      = received + dropped by the kernel, and one for each worker killed, read and not yet on its tally
    datagrams received  = decoded + refused by reason + lost with a worker + bugs
    flow records        = documents written
    sets waited         = read late + kept for the next start + given up by reason + waiting
    documents written   = delivered + delivered before + rejected + dropped + queued + in the spool, for each output,
                          where in the spool = spooled - replayed - damaged, less than 0 where an earlier run left some
    spooled + found     = replayed + damaged + left at the end + in the spool, for each output
    documents dropped   = those dropped by reason, for each output
    documents rejected  = dead letters written + those that could not be, unless a worker was killed at it
    lines of the file   = delivered to it, and what a worker that was killed had written and not yet told;
                          it may have left one line without an end
    distinct ids        = documents written without those rejected, dropped, queued and in the spool, at least: these may
                          have been delivered, an answer being lost or nobody there to count them
    perhaps twice       = documents that Elasticsearch has twice, at most
    flows of a sound exporter, sent = its documents + those in datagrams that are counted as lost
    missing by sequence numbers     = what was lost on the way, where nobody was started anew

They hold of the last word of a collector, its log line "stopped", and of /metrics when nothing is under way.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from flowcoll.counters import Counts
from flowcoll.decode.waiting import GIVEN_UP
from soak.lines import Lines

_MOST = 24  # flows in a datagram of a sound exporter
_REQUEST = 10_000  # documents in a request, at most


class Row(NamedTuple):
    """One figure."""

    name: str
    labels: Mapping[str, str]
    value: int


class Page:
    """What a collector has counted, by the names of /metrics without `flowcoll_` and `_total`."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows = list(rows)

    @classmethod
    def stopped(cls, line: Mapping[str, Any]) -> Self:
        """Read the log line "stopped"."""
        assert line["msg"] == "stopped", line
        counts = Counts({key: value for key, value in line.items() if isinstance(value, int)})
        rows = [
            Row(counter.metric, dict(zip(counter.labels, counter.values(label), strict=True)), count)
            for counter, label, count in counts.samples()
        ]
        return cls([*rows, Row("socket_drops", {}, line["kernel_drops"])])

    @classmethod
    def metrics(cls, metrics: Mapping[str, float]) -> Self:
        """Read what `Service.metrics` gives."""
        rows = []
        for key, value in metrics.items():
            name, _, labels = key.partition("{")
            pairs = (pair.split("=", 1) for pair in labels.rstrip("}").split(",") if pair)
            rows.append(Row(name, {label: text.strip('"') for label, text in pairs}, int(value)))
        return cls(rows)

    def sum(self, name: str, **labels: str) -> int:
        """Give the sum of a counter over its labels, or over those that match."""
        return sum(row.value for row in self.rows if row.name == name and labels.items() <= row.labels.items())

    def by(self, name: str, label: str, **labels: str) -> Counter[str]:
        """Give a counter by one of its labels."""
        found: Counter[str] = Counter()
        for row in self.rows:
            if row.name == name and labels.items() <= row.labels.items():
                found[row.labels[label]] += row.value
        return found

    def __add__(self, other: "Page") -> "Page":
        return Page([*self.rows, *other.rows])


class Equation(NamedTuple):
    """One of the equations: what stands on its left, on its right, and how much more the left may be."""

    text: str
    left: int
    right: int
    slack: int = 0

    @property
    def holds(self) -> bool:
        return 0 <= self.left - self.right <= self.slack

    def __str__(self) -> str:
        more = f" (to {self.right + self.slack})" if self.slack else ""
        return f"{self.text}: {self.left} = {self.right}{more}"


@dataclass
class Facts:
    """What is known without asking the collector.

    sent: datagrams; killed: workers; flows: of each sound exporter; lines: what is in the file; twice,
    ids: documents more than once and distinct ones that Elasticsearch has, by output; missing: lost on the way, by protocol, where that can be told.
    """

    sent: int
    killed: int = 0
    flows: Mapping[str, int] = field(default_factory=dict)
    lines: Lines = field(default_factory=Lines)
    ids: Mapping[str, int] = field(default_factory=dict)
    twice: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] | None = None


def equations(page: Page, facts: Facts) -> list[Equation]:
    """Give every equation, for a collector that is at rest or has stopped."""
    killed = facts.killed
    lost = page.sum("datagrams_lost")
    received, drops = page.sum("datagrams_received"), page.sum("socket_drops")
    unread = max(facts.sent - received - drops, 0)
    waited = [page.sum(f"sets_{name}") for name in ("read_late", "kept", "waiting")]
    given_up = page.by("sets_refused", "reason")
    found = [
        Equation("datagrams sent = received + dropped by the kernel", facts.sent, received + drops, killed),
        Equation(
            "datagrams received = decoded + refused + lost + bugs",
            received,
            page.sum("datagrams_decoded") + page.sum("datagrams_refused") + lost + page.sum("bugs"),
        ),
        Equation("bugs = 0", page.sum("bugs"), 0),
        Equation("flow records = documents written", page.sum("records_flow"), page.sum("documents_written")),
        Equation(
            "sets waited = read late + kept + given up + waiting",
            page.sum("sets_waited"),
            sum(waited) + sum(given_up[reason] for reason in GIVEN_UP),
        ),
    ]
    outputs = sorted(page.by("documents_delivered", "output"))
    for output in outputs:
        found += _of_output(page, output, killed)
    more = _MOST * (lost + unread)
    if "file" in outputs:
        delivered = page.sum("documents_delivered", output="file")
        found.append(Equation("lines of the file = delivered", facts.lines.whole, delivered, more))
        found.append(Equation("torn lines = 0", facts.lines.torn, 0, killed))
    for output, ids in facts.ids.items():
        lost_or_waiting = sum(_at(page, output)) - page.sum("documents_delivered", output=output)
        lost_or_waiting -= page.sum("documents_delivered_before", output=output)
        written = page.sum("documents_written")
        text = f"{output}: distinct ids + rejected + dropped + queued + in the spool = documents written"
        twice = page.sum("documents_perhaps_twice", output=output) + _REQUEST * killed
        found.append(
            Equation(f"{output}: perhaps stored twice = stored twice", twice, facts.twice.get(output, 0), twice)
        )
        *_, dropped, queued, spooled = _at(page, output)  # any of these may have been stored without our knowing
        found.append(Equation(text, ids + lost_or_waiting, written, dropped + queued + spooled + more))
    if facts.flows:
        # who is killed at once after it has taken up what was kept has not told that these sets wait again
        sets = page.sum("sets_kept") + sum(given_up[reason] for reason in GIVEN_UP) if killed else 0
        short = _MOST * (lost + unread + drops + sets) + page.sum("documents_dropped", output="file")
        sound = sum(facts.lines.by_exporter[source] for source in facts.flows)
        found.append(Equation("flows of sound exporters = their documents", sum(facts.flows.values()), sound, short))
    for protocol, missing in (facts.missing or {}).items():
        said = page.sum("sequence_lost", protocol=protocol) - page.sum("sequence_found", protocol=protocol)
        found.append(Equation(f"{protocol}: lost on the way = missing by sequence numbers", missing, said))
    return found


def _at(page: Page, output: str) -> list[int]:
    """Give how many documents have come to each place where they can be."""
    places = ("delivered", "delivered_before", "rejected", "passed_over", "dropped")
    spool = page.sum("documents_spooled", output=output) - page.sum("documents_replayed", output=output)
    spool -= page.sum("documents_dropped_because", output=output, reason="spool_damaged")
    queued = page.sum("output_queued_documents", output=output)
    return [*(page.sum(f"documents_{place}", output=output) for place in places), queued, spool]


def _of_output(page: Page, output: str, killed: int) -> list[Equation]:
    def of(name: str) -> int:
        return page.sum(name, output=output)

    return [
        Equation(
            f"{output}: documents written = delivered + before + rejected + dropped + passed over + queued + in the spool",
            page.sum("documents_written"),
            sum(_at(page, output)),
        ),
        Equation(
            f"{output}: spooled + found = replayed + damaged + left on disk + in the spool",
            of("documents_spooled") + of("documents_found"),
            of("documents_replayed")
            + page.sum("documents_dropped_because", output=output, reason="spool_damaged")
            + of("documents_left")
            + of("output_spooled_documents"),
        ),
        Equation(f"{output}: dropped = dropped by reason", of("documents_dropped"), of("documents_dropped_because")),
        Equation(
            f"{output}: rejected = dead letters, written or not",
            of("documents_rejected"),
            of("dead_letters_written") + of("dead_letters_failed"),
            _REQUEST * killed,  # of which it may have written a part
        ),
    ]


def broken(found: Iterable[Equation]) -> list[str]:
    """Give those that do not hold, as text."""
    return [str(each) for each in found if not each.holds]
