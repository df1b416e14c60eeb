"""Carries bulk requests to Elasticsearch until each of their documents has its place.

A request that fails as a whole is sent again, to another node or once the session stands again. Of one that is carried
out only those documents are sent again that Elasticsearch had no room for, or may not take for a reason that has nothing
to do with them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import gevent
from elastic_transport import ApiError, ConnectionTimeout, SerializationError, TlsError, TransportError

from flowcoll.elastic import why
from flowcoll.errors import FlowcollError, SetupError
from flowcoll.logs import Log
from flowcoll.output.account import Account
from flowcoll.output.backoff import Backoff
from flowcoll.output.bulk import Refusal, Request, Verdict, judge
from flowcoll.output.queue import Queue
from flowcoll.output.session import TROUBLE, Session, within

T = TypeVar("T")

_TRIES = 5
_HEADERS = {"accept": "application/json", "content-type": "application/x-ndjson", "content-encoding": "gzip"}
_BULK = "/_bulk?filter_path=took,errors,items.*.error,items.*.status"
_TOO_LARGE, _TOO_MANY = 413, 429
_ABOUT_NODE = frozenset({502, 503, 504})
_ABOUT_CONTENT = frozenset({400, 403, 406, 415, 422})


class Policy(NamedTuple):
    """What is tried again, and how a data stream is told from an index."""

    backoff: Callable[[], Backoff]
    retry: bool = True
    retry_timeouts: bool = True
    data_stream: bool = True
    answer_s: float = 120  # for one that comes octet by octet; between two octets the client's own limit holds


class Delivery:
    """A request that is being carried: what is left of it, and what was tried."""

    def __init__(self, request: Request, backoff: Backoff, done: int) -> None:
        self.rest: Request | None = request
        self.backoff = backoff
        self.nodes = 1
        self.left = _TRIES
        self.partly = False  # whether some of its documents were taken when these were not
        self.done = done  # requests that were carried out when it was last tried


class Courier:
    """Carries requests of a queue over a session; several greenlets may call `carry`."""

    def __init__(self, session: Session, queue: Queue, account: Account, log: Log, policy: Policy) -> None:
        self._session = session
        self._queue = queue
        self._account = account
        self._log = log
        self._policy = policy
        # without it a missing template would make an index of the stream's name, mapped by guesses
        self._path = _BULK + "&require_data_stream=true" * policy.data_stream
        self._done = 0

    def delivery(self, request: Request) -> Delivery:
        """Begin to deliver a request."""
        return Delivery(request, self._policy.backoff(), self._done)

    def carry(self, delivery: Delivery) -> None:
        """Send a request until nothing of it is left."""
        while (request := delivery.rest) is not None:
            self._session.ready.wait()
            try:
                verdict = self._post(request)
            except TROUBLE as exc:
                self._account.failed(_reason(exc))
                self._after_failure(delivery, request, exc)
            else:
                self._after_answer(delivery, request, verdict)
            self._account.retries += delivery.rest is not None

    def _left(self, delivery: Delivery, rest: Request | None) -> None:
        """Take note of what is left of a delivery."""
        if delivery.rest is not None:
            self._queue.done(delivery.rest, rest)
        delivery.rest = rest

    def _post(self, request: Request) -> Verdict:
        with within(self._policy.answer_s):
            answer = self._session.client.perform_request("POST", self._path, headers=_HEADERS, body=request.body)
        verdict = judge(answer.body, request.documents)
        if verdict is None:
            raise SetupError("the answer is not one to a bulk request; is there something else before Elasticsearch?")
        return verdict

    def _after_failure(self, delivery: Delivery, request: Request, error: Exception) -> None:
        """Decide what is to be done with a request that was not carried out."""
        status = error.meta.status if isinstance(error, ApiError) else 0
        if status == _TOO_LARGE:
            self._make_smaller(request)
            self._divide(delivery, request, Refusal(0, status, "request_entity_too_large", why(error)))
        elif status in _ABOUT_CONTENT and self._is_alone(delivery):  # what stands before Elasticsearch may dislike it
            self._divide(delivery, request, Refusal(0, status, "request_refused", why(error)))
        elif status == _TOO_MANY and self._policy.retry:
            self._busy(why(error))
            gevent.sleep(delivery.backoff.next(_retry_after(error)))
        elif status == _TOO_MANY or not self._elsewhere(delivery, error, status):
            self._lost(delivery, request, error, reach=status != _TOO_MANY)

    def _lost(self, delivery: Delivery, request: Request, error: Exception, *, reach: bool) -> None:
        """Have the connection made anew if it was not reached, and keep the request for then, or drop it."""
        delivery.nodes = 1
        if reach:
            self._session.lose(error)
        timeout = isinstance(error, ConnectionTimeout)
        if not self._policy.retry or (timeout and not self._policy.retry_timeouts):
            self._left(delivery, None)
            self._account.drop(request.documents, "timeout" if timeout else "not_retried", why(error))

    def _is_alone(self, delivery: Delivery) -> bool:
        """Whether a request was refused time and again while others were carried out."""
        if self._done != delivery.done:
            delivery.left -= 1
        delivery.done = self._done
        return delivery.left < 0

    def _elsewhere(self, delivery: Delivery, error: Exception, status: int) -> bool:
        """Whether another node is to be asked at once: the client leaves one that failed alone for a while."""
        of_node = status in _ABOUT_NODE or isinstance(error, TransportError)
        if not of_node or delivery.nodes >= self._session.nodes or not self._policy.retry:
            return False
        delivery.nodes += 1
        return True

    def _make_smaller(self, request: Request) -> None:
        limit = self._queue.shrink(request.raw_octets // 2)
        self._log.limited(f"too_large.{self._account.name}", 60).warn(
            f"a bulk request of {request.raw_octets} octets is too large for Elasticsearch or a proxy before it; set "
            f"EF_OUTPUT_ELASTICSEARCH_BATCH_MAX_BYTES to {limit} or raise the limit there",
            output=self._account.name,
            packed_octets=request.octets,
        )

    def _divide(self, delivery: Delivery, request: Request, refusal: Refusal) -> None:
        """Go on with one half and leave the other for later; a single document is rejected."""
        if request.documents > 1:
            halves = _in_thread(request.halves)
            self._queue.split(request, halves)
            delivery.rest = halves[0]
        else:
            self._left(delivery, None)
            self._account.reject(request, [refusal])

    def _after_answer(self, delivery: Delivery, request: Request, verdict: Verdict) -> None:
        """Account for a request that was carried out, and keep what is to be sent again of it."""
        rejected, blocked = verdict.rejected, verdict.blocked
        delivery.partly = delivery.partly or verdict.stored > 0
        others_pass = delivery.partly or self._done != delivery.done
        if blocked and others_pass:  # then it is about these documents after all: an old index that is read-only
            delivery.left -= 1
            if delivery.left < 0:
                rejected, blocked = [*rejected, *blocked], ()
        if not blocked:
            self._done += 1
            self._session.good()
        delivery.done = self._done
        again = sorted([*verdict.busy, *blocked])
        rest = None
        if again and self._policy.retry:
            rest = _in_thread(request.only, [each.place for each in again])
        self._account.sent(request, verdict)
        self._left(delivery, rest)
        self._account.reject(request, rejected)
        if again and rest is None:
            self._account.drop(len(again), "not_retried", str(again[0]))
        elif again and blocked and not others_pass:
            self._session.lose(SetupError(str(blocked[0])))
        elif again:
            self._busy(str(again[0]))
            gevent.sleep(delivery.backoff.next())

    def _busy(self, reason: str) -> None:
        self._log.limited(f"busy.{self._account.name}", 60).warn(
            "Elasticsearch cannot take all documents now; they are sent again", output=self._account.name, reason=reason
        )


def _in_thread(work: Callable[..., T], *args: object) -> T:
    """Do what takes milliseconds in a thread of the hub: unpacking a large request and packing a part of it anew."""
    result: T = gevent.get_hub().threadpool.apply(work, args)
    return result


def _retry_after(error: Exception) -> float:
    """Seconds that the server asks to wait; a date, which it may be too, counts as nothing."""
    value: Any = error.meta.headers.get("retry-after", "") if isinstance(error, ApiError) else ""
    return float(value) if value.isascii() and value.isdigit() else 0.0


def _reason(error: Exception) -> str:
    match error:
        case ApiError():
            return str(error.meta.status)
        case TlsError():
            return "tls"
        case ConnectionTimeout():
            return "timeout"
        case SerializationError() | FlowcollError():
            return "answer"
    return "connection"
