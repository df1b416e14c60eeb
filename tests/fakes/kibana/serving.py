"""An HTTP server on loopback with accounts and switchable faults, that remembers who asked what."""

import re
import ssl
import sys
import threading
from abc import ABC, abstractmethod
from base64 import b64decode
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from fakes.kibana.faults import AbruptEndError, Fault, fault
from fakes.kibana.messages import Answer, RefusalError, Request

_PATIENCE_S = 60.0
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})


class Account(NamedTuple):
    """Who may come, and what for. The secret is a password, and what stands after the colon of an API key."""

    name: str
    secret: str
    role: str = "all"  # all; read: everything may be seen, nothing changed; none: nothing at all

    @property
    def may_write(self) -> bool:
        return self.role == "all"


class Service(ABC):
    """Serves on a free port for as long as a `with` block lasts.

    Without security everybody may do everything, and what says who asks is not looked at, as with the real ones.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.fault = ""  # what goes wrong with every request
        self.requests: list[Request] = []
        self.security = True
        self.accounts = [Account("elastic", "not-a-password"), Account("reader", "not-a-password-either", "read")]
        self.keys = [Account("key-id", "not-a-key")]
        self.tokens = [Account("robot", "not-a-token")]
        self.waiting, self.released = threading.Event(), threading.Event()
        self._next: deque[tuple[str, str]] = deque()
        self._one_at_a_time = threading.Lock()
        self._server = _Server((host, port), type("_Bound", (_Handler,), {"service": self}))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.address = f"http{'s' if tls else ''}://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fail(self, *faults: str, on: str = "") -> None:
        """Give each of the next requests a fault, an empty one is none; `on` says which: a pattern in "METHOD path"."""
        for word in faults:
            fault(word)
        self._next.extend((re.compile(on).pattern, word) for word in faults)

    def next_fault(self, request: Request) -> Fault | None:
        """Take the fault of this request."""
        for place, (on, word) in enumerate(self._next):
            if re.search(on, str(request)):
                del self._next[place]
                return fault(word) if word else None
        return fault(self.fault) if self.fault else None

    def asked(self, pattern: str = "") -> list[Request]:
        """Give the requests so far whose "METHOD path" has this pattern."""
        return [request for request in self.requests if re.search(pattern, str(request))]

    def wait(self) -> None:
        """Wait until a test goes on."""
        self.waiting.set()
        self.released.wait(_PATIENCE_S)

    def whose(self, authorization: str) -> Account | None:
        """Give the account that these credentials prove."""
        if not self.security:
            return Account("anonymous", "")
        scheme, _, given = authorization.partition(" ")
        if scheme == "Bearer":
            return next((account for account in self.tokens if account.secret == given), None)
        held = {"Basic": self.accounts, "ApiKey": self.keys}.get(scheme, [])
        with suppress(ValueError):
            name, _, secret = b64decode(given, validate=True).decode().partition(":")
            return next((account for account in held if account[:2] == (name, secret)), None)
        return None

    def reply(self, request: Request, account: Account | None) -> Answer:
        """Answer one request, one at a time."""
        with self._one_at_a_time:
            try:
                return self.answer(request, account)
            except RefusalError as refused:
                return refused.reply

    def place(self, path: str) -> tuple[str, str]:
        """Split a path into a space and the path in it."""
        return "default", path

    @abstractmethod
    def answer(self, request: Request, account: Account | None) -> Answer:
        """Answer as the real one would; nobody's account is None."""

    @abstractmethod
    def error(self, status: int, message: str) -> Answer:
        """Make an error as the real one words it."""

    @abstractmethod
    def stop_writing_after(self, count: int | None) -> None:
        """Break down at a write after this many; None takes it back."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away; a test that wants an answer sees for itself."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            raise error


class _Handler(BaseHTTPRequestHandler):
    service: Service
    protocol_version = "HTTP/1.1"
    server_version = "stand-in"
    timeout = _PATIENCE_S

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.title(): text for name, text in self.headers.items() if name.lower() not in _SECRET}
        space, path = self.service.place(parts.path)
        account = self.service.whose(self.headers.get("Authorization", ""))
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(self.command, path, space, query, headers, account.name if account else "", b"")
        found = self.service.next_fault(request)
        request = request._replace(body=self._body(found.octets_read if found else None))
        self.service.requests.append(request)
        try:
            if found:
                found.happen(self.service, self, lambda: self.service.reply(request, account))
            else:
                self.send(self.service.reply(request, account))
        except AbruptEndError:
            self.reset()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  names of http.server

    def _body(self, most: int | None) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        length = int(self.headers.get("Content-Length", 0))
        return self.rfile.read(length if most is None else min(most, length))

    def _chunks(self) -> bytes:
        octets = b""
        while length := int(self.rfile.readline().partition(b";")[0], 16):
            octets += self.rfile.read(length)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return octets

    def send(self, reply: Answer, *, octets: int | None = None) -> None:
        """Send an answer, or so many octets of its body: the connection is then to be closed, or written to."""
        self.send_response(reply.status)
        length = {} if reply.status == 204 else {"Content-Length": str(len(reply.body))}
        for name, text in {**reply.headers, **length}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[:octets])
        self.wfile.flush()

    def reset(self) -> None:
        """End the connection with nothing more said."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(2)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
