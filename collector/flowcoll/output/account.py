"""Where the documents of an Elasticsearch output went: counted, told, and what was rejected kept."""

from collections.abc import Iterator, Sequence

import gevent

from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.output.bulk import Refusal, Request, Verdict
from flowcoll.output.dead_letter import DeadLetters, Letter

_AT_ONCE = 500
_OTHER = "other"
_TYPES = frozenset(  # errors of Elasticsearch that have a counter; the label must not grow with what a server says
    {
        "cluster_block_exception",
        "document_parsing_exception",
        "illegal_argument_exception",
        "illegal_state_exception",
        "index_closed_exception",
        "index_not_found_exception",
        "ingest_processor_exception",
        "invalid_index_name_exception",
        "mapper_exception",
        "mapper_parsing_exception",
        "request_entity_too_large",
        "request_refused",
        "security_exception",
        "strict_dynamic_mapping_exception",
        "validation_exception",
        "version_conflict_engine_exception",
    }
)


class Account:
    """Counts for one output; each document given to it ends in one of these methods."""

    def __init__(self, name: str, counts: Counts, log: Log, letters: DeadLetters) -> None:
        self.name = name
        self.retries = 0
        self.rejected = 0
        self._counts = counts
        self._log = log
        self._letters = letters
        for key in ("delivered", "delivered_before", "dropped"):  # a counter that is seen from the start can be watched
            counts.setdefault(f"documents.{key}.{name}", 0)

    def sent(self, request: Request, verdict: Verdict) -> None:
        """Count a request that was carried out, and those of its documents that are stored."""
        self._add("requests.done", 1)
        self._add("octets.sent", request.octets)
        self._add("documents.delivered", verdict.stored)
        self._add("documents.delivered_before", verdict.present)

    def failed(self, reason: str) -> None:
        """Count a request that was not carried out."""
        self._counts.add(f"requests.failed.{self.name}.{reason}")

    def drop(self, documents: int, reason: str, why: str) -> None:
        """Count documents that are lost, by `reason`, and say why."""
        if not documents:
            return
        self._add("documents.dropped", documents)
        self._counts.add(f"documents.dropped_because.{self.name}.{reason}", documents)
        self._log.limited(f"output.{self.name}.{reason}", 60).error(
            "documents are dropped",
            output=self.name,
            reason=why,
            dropped=self._counts[f"documents.dropped_because.{self.name}.{reason}"],
        )

    def reject(self, request: Request, refusals: Sequence[Refusal]) -> None:
        """Count documents that Elasticsearch does not take, keep them, and show one."""
        if not refusals:
            return
        self.rejected += len(refusals)
        for each in refusals:
            kind = each.type if each.type in _TYPES else _OTHER
            self._counts.add(f"documents.rejected.{self.name}.{kind}")
        pairs = request.pairs()
        for some in _slices(refusals):
            self._letters.append([Letter(*pairs[each.place], each) for each in some])
            gevent.sleep(0)  # nobody has to wait until thousands are written
        example = refusals[0]
        self._log.limited(f"rejected.{self.name}", 60).error(
            "Elasticsearch rejects documents; they are in the dead-letter file, one as an example",
            output=self.name,
            rejected=len(refusals),
            status=example.status,
            type=example.type,
            reason=example.reason,
            dead_letters=str(self._letters.path),
        )

    def _add(self, key: str, by: int) -> None:
        self._counts.add(f"{key}.{self.name}", by)


def _slices(refusals: Sequence[Refusal]) -> Iterator[Sequence[Refusal]]:
    for start in range(0, len(refusals), _AT_ONCE):
        yield refusals[start : start + _AT_ONCE]
