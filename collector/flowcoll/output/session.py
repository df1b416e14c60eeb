"""The connection of an output to Elasticsearch: made when Elasticsearch comes, made anew when it was lost, told of."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import gevent
from elastic_transport import ApiError, ConnectionTimeout, TlsError, TransportError
from elasticsearch import AuthenticationException, AuthorizationException, Elasticsearch
from gevent.event import Event

from flowcoll.config import OutputOptions
from flowcoll.elastic import why
from flowcoll.errors import FlowcollError, SetupError
from flowcoll.logs import Log
from flowcoll.moments import utc
from flowcoll.output.backoff import Backoff

TROUBLE = (TransportError, ApiError, FlowcollError)
"""What may go wrong with Elasticsearch, and pass."""

# What may be mended in a file of ours: a secret, a certificate.
_OURS = (AuthenticationException, AuthorizationException, TlsError, FlowcollError)
_ASK_S = 10.0
_OPEN_S = 120.0
_QUIET_S = 10.0


class Means(NamedTuple):
    """How a client is made, and how the server is made ready for it (None: not at all)."""

    connect: Callable[[OutputOptions], Elasticsearch]
    install: Callable[[Elasticsearch, OutputOptions, Log], None] | None = None


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give up after so long with a ConnectionTimeout, wherever the block is."""
    try:
        with gevent.Timeout(seconds):
            yield
    except gevent.Timeout as exc:  # not an Exception of ours from the start: the client would make another one of it
        raise ConnectionTimeout("") from exc


class Session:
    """Keeps `client` usable; `ready` is set while it is, `given_up` once there will be no more tries.

    ConfigError where no client can be made of the options. `run` is a loop for a greenlet of its own.
    """

    def __init__(self, output: OutputOptions, name: str, log: Log, means: Means, backoff: Backoff) -> None:
        self.client = means.connect(output)
        self.ready = Event()
        self.given_up = Event()
        self._output = output
        self._name = name
        self._log = log
        self._means = means
        self._backoff = backoff
        self._lost = Event()
        self._lost.set()
        self._ending = Event()
        self._server: Mapping[str, str] = {}
        self._error: Exception | None = None  # why there is no connection
        self._last = ""
        self._since = time.time()
        self._away_since = time.monotonic()
        self._told = True
        self._quiet_until = 0.0

    @property
    def nodes(self) -> int:
        """How many nodes there are to turn to."""
        return len(self.client.transport.node_pool)

    def run(self) -> None:
        """Connect whenever there is no connection, until nothing is to be tried any more."""
        while not self.given_up.is_set():
            self._lost.wait()
            if self._error is not None:
                self._ending.wait(self._backoff.next())
            try:
                with within(_OPEN_S):
                    self._open()
            except TROUBLE as exc:
                self._tell(exc)
                if self._ending.is_set():
                    self.given_up.set()
            else:
                self._lost.clear()
                self.ready.set()

    def lose(self, error: Exception) -> None:
        """Take note that requests fail, and have the connection made anew."""
        if not self.ready.is_set():
            return  # somebody has told
        self.ready.clear()
        self._away_since = time.monotonic()
        self._since = time.time()
        self._tell(error)
        if self._ending.is_set():
            self.given_up.set()
        self._lost.set()

    def good(self) -> None:
        """Take note that a request was carried out."""
        self._backoff.reset()

    def away_s(self) -> float:
        """Give how long there has been no connection."""
        return 0.0 if self.ready.is_set() else time.monotonic() - self._away_since

    def end(self) -> None:
        """Try once more where there is no connection, and give up at the next failure."""
        self._ending.set()

    def state(self) -> dict[str, Any]:
        """Give what a person wants to know of it."""
        up = self.ready.is_set()
        return {
            "up": up,
            "state": "connected" if up else "connecting" if self._error is None else "waiting",
            "since": utc(self._since, "seconds"),
            **self._server,
            **({"last_error": self._last} if self._last else {}),
        }

    def _open(self) -> None:
        if isinstance(self._error, _OURS):
            old, self.client = self.client, self._means.connect(self._output.renewed())
            old.close()
        self._server = self._ask()
        if self._means.install is not None:
            self._means.install(self.client, self._output, self._log)
        after = {"after_s": round(time.time() - self._since, 1)} if self._error is not None else {}
        self._error = None
        self._since = time.time()
        if self._told:
            self._log.info("connected to Elasticsearch", output=self._name, **self._server, **after)

    def _ask(self) -> Mapping[str, str]:
        """Give version and cluster, turning to each node once at most."""
        client = self.client.options(request_timeout=_ASK_S)
        for others in reversed(range(self.nodes)):
            try:
                info = client.info()
            except AuthorizationException:
                break  # writing is another right
            except TransportError:
                if not others:
                    raise
            else:
                return _server(info.body)
        return {"version": "unknown, without the right to ask"}

    def _tell(self, error: Exception) -> None:
        """Say that there is no connection, and why; one that comes and goes is told of every ten seconds at most."""
        now = time.monotonic()
        self._told = self._told and self._error is not None
        self._error, self._last = error, why(error)
        log = self._log.limited(f"session.{self._name}.{self._last}", 60)  # counts from the first line on
        if not self._told:
            if now < self._quiet_until:
                return
            self._told, self._quiet_until, log = True, now + _QUIET_S, self._log
        log.warn("Elasticsearch takes no documents now; they wait", output=self._name, reason=self._last)


def _server(info: Any) -> Mapping[str, str]:
    try:
        return {"version": str(info["version"]["number"]), "cluster": str(info["cluster_name"])}
    except (KeyError, TypeError):
        raise SetupError("the server does not say which version it is; is that Elasticsearch?") from None
