"""A bulk request that is being carried: who holds it, what is left of it, and what is tried."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from flowcoll.output.account import Account
from flowcoll.output.backoff import Backoff
from flowcoll.output.bulk import Request

PATIENCE_S = 5.0
"""How long a request waits in memory for a connection, or to be sent, before it goes to the spool."""

_TRIES = 5


class Policy(NamedTuple):
    """What is tried again and how often, and how a data stream is told from an index."""

    backoff: Callable[[], Backoff]
    retry: bool = True
    retry_timeouts: bool = True
    data_stream: bool = True
    answer_s: float = 120  # for one that comes octet by octet; between two octets the client's own limit holds
    retries: int = 3  # where there is a spool
    patience_s: float = PATIENCE_S


class Holder(Protocol):
    """Who holds a request while it is carried, and what is left of it."""

    def keeps(self) -> bool:
        """Whether a request may be put aside."""

    def put_aside(self, request: Request) -> None:
        """Have it sent another time."""

    def split(self, request: Request, parts: tuple[Request, Request]) -> None:
        """Take note that a request was split, and keep the second part for later."""

    def done(self, before: Request, after: Request | None = None) -> None:
        """Take note of what is left of a request."""

    def shrink(self, octets: int) -> int:
        """Make later requests no larger, and give the limit that holds."""


class Delivery:
    """A request that is being carried: what is left of it, and what was tried."""

    def __init__(self, request: Request, holder: Holder, account: Account, backoff: Backoff, done: int) -> None:
        self.rest: Request | None = request
        self.holder = holder
        self.account = account
        self.backoff = backoff
        self.nodes = 1
        self.left = _TRIES
        self.retries = 0
        self.partly = False  # whether some of its documents were taken when these were not
        self.done = done  # requests that were carried out when it was last tried
        self._refused = 0

    def is_too_much(self) -> bool:
        """Count that a server was too busy for all of it, and say whether that was so time and again."""
        self._refused += 1
        return self._refused % _TRIES == 0
