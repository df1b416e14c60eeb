"""What is lost with a worker that dies, worked out from what it had told last; pure."""

from collections.abc import Mapping

from flowcoll.counters import Counts
from flowcoll.decode.waiting import GIVEN_UP

REASON = "worker_died"
_PLACES = ("delivered", "delivered_before", "dropped", "passed_over")


def lost(counts: Mapping[str, int], held: Mapping[str, int], tally: int) -> Counts:
    """Give what is to be added to the counts of a worker that is gone, so that nothing it had is missing in them.

    held: output -> documents that were in its memory and nowhere else; tally: datagrams that it had read. One that
    ended in order has lost nothing.
    """
    told, more = Counts(counts), Counts()
    datagrams = max(tally - told["datagrams.received"], 0)
    more.add("datagrams.received", datagrams)
    more.add(f"datagrams.lost.{REASON}", datagrams)
    left = told["sets.read_late"] + told["sets.kept.no_template"]
    left += sum(told[f"sets.refused.{reason}"] for reason in GIVEN_UP)
    more.add(f"sets.refused.{REASON}", max(told["sets.waited"] - left, 0))
    for output, documents in held.items():
        given = sum(told[f"documents.{place}.{output}"] for place in _PLACES)
        given += sum(by for key, by in told.items() if key.startswith(f"documents.rejected.{output}."))
        damaged = told[f"documents.dropped_because.{output}.spool_damaged"]
        spooled = told[f"documents.spooled.{output}"] - told[f"documents.replayed.{output}"] - damaged
        given += spooled
        not_given = max(told["documents.written"] - given - documents, 0)  # an output before it made all wait
        more.add(
            f"documents.left.{output}", told[f"documents.found.{output}"] + spooled - told[f"documents.left.{output}"]
        )
        more.add(f"documents.dropped.{output}", documents + not_given)
        more.add(f"documents.dropped_because.{output}.{REASON}", documents + not_given)
    return more
