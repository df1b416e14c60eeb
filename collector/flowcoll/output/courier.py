"""Carries bulk requests to Elasticsearch until each of their documents has its place.

A request that fails as a whole is sent again, to another node or once the session stands again. Of one that is carried
out only those documents are sent again that Elasticsearch had no room for, or may not take for a reason that has nothing
to do with them. What was sent often enough, or waits for a connection for some seconds, is put aside where there is a
spool.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from elastic_transport import ApiError, ConnectionTimeout, TransportError

from flowcoll.elastic import why
from flowcoll.elastic_errors import category, uncertain
from flowcoll.errors import SetupError
from flowcoll.logs import Log
from flowcoll.output.account import Account
from flowcoll.output.bulk import Refusal, Request, Verdict, indices, judge, perhaps_twice
from flowcoll.output.delivery import Delivery, Holder, Policy
from flowcoll.output.session import TROUBLE, Session, within

T = TypeVar("T")

_HEADERS = {"accept": "application/json", "content-type": "application/x-ndjson", "content-encoding": "gzip"}
_SHORT, _LONG = "items.*.status", "items.*.status,items.*._index"
_BULK = f"/_bulk?filter_path=took,errors,items.*.error,{_SHORT}"
_LOOK_S = 10.0  # from looking where documents go to the next time
_TOO_LARGE, _TOO_MANY = 413, 429
_ABOUT_NODE = frozenset({502, 503, 504})
_ABOUT_CONTENT = frozenset({400, 403, 406, 415, 422})


class Courier:
    """Carries requests over a session; several greenlets may call `carry`."""

    def __init__(self, session: Session, log: Log, policy: Policy) -> None:
        self.busy = 0  # how often Elasticsearch could not take something
        self._session = session
        self._log = log
        self._policy = policy
        # without it a missing template would make an index of the stream's name, mapped by guesses
        self._path = _BULK + "&require_data_stream=true" * policy.data_stream
        self._done = 0
        self._index = ""  # the one behind the data stream that was last seen to be written to
        self._look_at = 0.0

    def delivery(self, request: Request, holder: Holder, account: Account) -> Delivery:
        """Begin to deliver a request."""
        return Delivery(request, holder, account, self._policy.backoff(), self._done)

    def carry(self, delivery: Delivery) -> None:
        """Send a request until nothing of it is left, or it was put aside."""
        while (request := delivery.rest) is not None:
            if not self._may_send(delivery):
                delivery.rest = None
                delivery.holder.put_aside(request)
                return
            doubt = request.doubt
            if doubt is None:  # in doubt until there is an answer, even if this greenlet is ended before
                request = delivery.rest = request._replace(doubt=self._index)
            try:
                verdict = self._post(delivery, request, doubt)
            except TROUBLE as exc:
                delivery.account.failed(category(exc))
                if not uncertain(exc):
                    request = delivery.rest = request._replace(doubt=doubt)
                self._after_failure(delivery, request, exc)
            else:
                self._after_answer(delivery, request, verdict)
            delivery.account.retries += delivery.rest is not None

    def _may_send(self, delivery: Delivery) -> bool:
        """Wait for a connection; no: the request is to be put aside."""
        while True:
            away = self._session.away_s() >= self._policy.patience_s
            if (away or delivery.retries > self._policy.retries) and delivery.holder.keeps():
                return False
            if self._session.ready.wait(min(self._policy.patience_s, 1.0)):
                return True

    def _left(self, delivery: Delivery, rest: Request | None) -> None:
        """Take note of what is left of a delivery."""
        if delivery.rest is not None:
            delivery.holder.done(delivery.rest, rest)
        delivery.rest = rest

    def _post(self, delivery: Delivery, request: Request, doubt: str | None) -> Verdict:
        """Send a request; where it may have been stored before, look whether it went to another index since."""
        look = self._policy.data_stream and (doubt is not None or time.monotonic() >= self._look_at)
        with within(self._policy.answer_s):
            answer = self._session.client.perform_request(
                "POST", self._path.replace(_SHORT, _LONG) if look else self._path, headers=_HEADERS, body=request.body
            )
        verdict = judge(answer.body, request.documents)
        if verdict is None:
            raise SetupError("the answer is not one to a bulk request; is there something else before Elasticsearch?")
        if look:
            self._look_at = time.monotonic() + _LOOK_S
            stored_in = indices(answer.body)
            if doubt is not None:
                delivery.account.perhaps_twice(perhaps_twice(stored_in, doubt))
            if stored_in:
                self._index = stored_in[-1]
        return verdict

    def _after_failure(self, delivery: Delivery, request: Request, error: Exception) -> None:
        """Decide what is to be done with a request that was not carried out."""
        status = error.meta.status if isinstance(error, ApiError) else 0
        others_pass = self._done != delivery.done
        if status == _TOO_LARGE:
            self._make_smaller(delivery, request)
            self._divide(delivery, request, Refusal(0, status, "request_entity_too_large", why(error)))
        elif status in _ABOUT_CONTENT and self._is_alone(delivery):  # what stands before Elasticsearch may dislike it
            self._divide(delivery, request, Refusal(0, status, "request_refused", why(error)))
        elif status == _TOO_MANY and self._policy.retry:
            delivery.retries += 1
            self._busy(delivery, why(error))
            gevent.sleep(delivery.backoff.next(_retry_after(error)))
            if delivery.is_too_much() and request.documents > 1:  # it may be more than a node ever takes at a time
                self._divide(delivery, request, Refusal(0, status, "", ""))
        elif status == _TOO_MANY or not self._elsewhere(delivery, error, status):
            # what others get past may be about this one: then it is found out in five tries, not put aside
            delivery.retries += status not in _ABOUT_CONTENT or not others_pass
            self._lost(delivery, request, error, reach=status != _TOO_MANY)

    def _lost(self, delivery: Delivery, request: Request, error: Exception, *, reach: bool) -> None:
        """Have the connection made anew if it was not reached, and keep the request for then, or drop it."""
        delivery.nodes = 1
        if reach:
            self._session.lose(error)
        timeout = isinstance(error, ConnectionTimeout)
        if not self._policy.retry or (timeout and not self._policy.retry_timeouts):
            self._left(delivery, None)
            delivery.account.drop(request.documents, "timeout" if timeout else "not_retried", why(error))

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

    def _make_smaller(self, delivery: Delivery, request: Request) -> None:
        limit = delivery.holder.shrink(request.raw_octets // 2)
        self._log.limited(f"too_large.{delivery.account.name}", 60).warn(
            f"a bulk request of {request.raw_octets} octets is too large for Elasticsearch or a proxy before it; set "
            f"EF_OUTPUT_ELASTICSEARCH_BATCH_MAX_BYTES to {limit} or raise the limit there",
            output=delivery.account.name,
            packed_octets=request.octets,
        )

    def _divide(self, delivery: Delivery, request: Request, refusal: Refusal) -> None:
        """Go on with one half and leave the other for later; a single document is rejected."""
        if request.documents > 1:
            halves = in_thread(request.halves)
            delivery.holder.split(request, halves)
            delivery.rest = halves[0]
        else:
            self._left(delivery, None)
            delivery.account.reject(request, [refusal])

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
            delivery.retries += bool(verdict.busy) or not others_pass
            rest = in_thread(request.only, [each.place for each in again])
        delivery.account.sent(request, verdict)
        self._left(delivery, rest)
        delivery.account.reject(request, rejected)
        if again and rest is None:
            delivery.account.drop(len(again), "not_retried", str(again[0]))
        elif again and blocked and not others_pass:
            self._session.lose(SetupError(str(blocked[0])))
        elif again:
            self._busy(delivery, str(again[0]))
            gevent.sleep(delivery.backoff.next())

    def _busy(self, delivery: Delivery, reason: str) -> None:
        self.busy += 1
        self._log.limited(f"busy.{delivery.account.name}", 60).warn(
            "Elasticsearch cannot take all documents now; they are sent again",
            output=delivery.account.name,
            reason=reason,
        )


def in_thread(work: Callable[..., T], *args: object) -> T:
    """Do what takes milliseconds in a thread of the hub: unpacking a large request and packing a part of it anew."""
    result: T = gevent.get_hub().threadpool.apply(work, args)
    return result


def _retry_after(error: Exception) -> float:
    """Seconds that the server asks to wait; a date, which it may be too, counts as nothing."""
    value: Any = error.meta.headers.get("retry-after", "") if isinstance(error, ApiError) else ""
    return float(value) if value.isascii() and value.isdigit() else 0.0
