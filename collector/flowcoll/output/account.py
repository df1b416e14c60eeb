"""Where the documents of an Elasticsearch output went: counted, told, and what was rejected kept."""

from collections.abc import Iterator, Sequence

import gevent

from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.output.bulk import Refusal, Request, Verdict
from flowcoll.output.dead_letter import DeadLetters, Letter

_AT_ONCE = 500
_OTHER = "other"
_PLACES = ("documents.delivered.", "documents.delivered_before.", "documents.rejected.", "documents.dropped.")
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
        self._documents = counts  # where those of documents go
        self._log = log
        self._letters = letters
        for key in ("delivered", "delivered_before", "dropped"):  # a counter that is seen from the start can be watched
            counts.setdefault(f"documents.{key}.{name}", 0)

    def apart(self) -> "Account":
        """Give an account beside this one that counts its documents here not before `settle`."""
        other = Account(self.name, self._counts, self._log, self._letters)
        other._documents = Counts()
        return other

    def settle(self) -> None:
        """Count what the documents of an account apart have come to."""
        for key, by in self._documents.items():
            self._counts.add(key, by)
        self._documents.clear()

    def forget(self) -> None:
        """Let go what the documents of an account apart have come to."""
        self._documents.clear()

    @property
    def unsettled(self) -> int:
        """Documents of an account apart that have their place."""
        return sum(by for key, by in self._documents.items() if key.startswith(_PLACES))

    def sent(self, request: Request, verdict: Verdict) -> None:
        """Count a request that was carried out, and those of its documents that are stored."""
        self._counts.add(f"requests.done.{self.name}")
        self._counts.add(f"octets.sent.{self.name}", request.octets)
        self._add("delivered", verdict.stored)
        self._add("delivered_before", verdict.present)

    def perhaps_twice(self, documents: int) -> None:
        """Count documents that are stored, perhaps a second time."""
        if documents:
            self._add("perhaps_twice", documents)
            self._log.limited(f"twice.{self.name}", 60).warn(
                "documents may be stored twice: the answer to a request was lost, and the data stream has rolled over since",
                output=self.name,
                documents=documents,
            )

    def spooled(self, documents: int) -> None:
        """Count documents that went to the spool."""
        self._add("spooled", documents)

    def found(self, documents: int) -> None:
        """Count documents that were there when a spool was opened."""
        self._add("found", documents)

    def replayed(self, documents: int) -> None:
        """Count documents of the spool that have their place, whichever it is."""
        self._add("replayed", documents)

    def left(self, documents: int) -> None:
        """Count documents that are in the spool at the end."""
        self._add("left", documents)

    def damaged(self, documents: int, octets: int) -> None:
        """Count what could not be read of the spool, and its documents as dropped."""
        if octets:
            self._counts.add(f"spool.damaged.{self.name}", octets)
            self._log.warn("a part of the spool cannot be read", output=self.name, octets=octets, documents=documents)
            self.drop(documents, "spool_damaged", "the spool is damaged there")

    def failed(self, reason: str) -> None:
        """Count a request that was not carried out."""
        self._counts.add(f"requests.failed.{self.name}.{reason}")

    def drop(self, documents: int, reason: str, why: str) -> None:
        """Count documents that are lost, by `reason`, and say why."""
        if not documents:
            return
        self._add("dropped", documents)
        self._documents.add(f"documents.dropped_because.{self.name}.{reason}", documents)
        self._log.limited(f"output.{self.name}.{reason}", 60).error(
            "documents are dropped",
            output=self.name,
            reason=why,
            dropped=self._documents[f"documents.dropped_because.{self.name}.{reason}"],
        )

    def reject(self, request: Request, refusals: Sequence[Refusal]) -> None:
        """Count documents that Elasticsearch does not take, keep them, and show one."""
        if not refusals:
            return
        self.rejected += len(refusals)
        for each in refusals:
            kind = each.type if each.type in _TYPES else _OTHER
            self._documents.add(f"documents.rejected.{self.name}.{kind}")
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
        self._documents.add(f"documents.{key}.{self.name}", by)


def _slices(refusals: Sequence[Refusal]) -> Iterator[Sequence[Refusal]]:
    for start in range(0, len(refusals), _AT_ONCE):
        yield refusals[start : start + _AT_ONCE]
