"""The HTTP server of the API: its port, TLS, and who may ask."""

import base64
import errno
import hmac
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from gevent import socket, ssl
from gevent.pywsgi import WSGIServer

from flowcoll.errors import ConfigError, SetupError
from flowcoll.logs import Log

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

_MAX_CONNECTIONS = 64
_SILENCE_S = 75.0  # who says nothing for so long makes room for others; Prometheus asks once a minute at least


def guarded(answer: Application, username: str, password: str, free: Container[str]) -> Application:
    """Let in who knows name and password (RFC 7617); the pages in `free` are for everybody."""
    wanted = f"{username}:{password}".encode()

    def ask_first(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = _credentials(environ.get("HTTP_AUTHORIZATION", ""))
        if environ["PATH_INFO"] in free or hmac.compare_digest(given, wanted):
            return answer(environ, start_response)
        body = b'{"error":"user name and password are needed"}\n'
        headers = [
            ("WWW-Authenticate", 'Basic realm="flowcoll", charset="UTF-8"'),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        start_response("401 Unauthorized", headers)
        return [body]

    return ask_first


def _credentials(header: str) -> bytes:
    """Give what a header says, or nothing where it makes no sense."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return b""


def encryption(certificate: Path, key: Path) -> ssl.SSLContext:
    """Make what serves TLS of a certificate chain and its key, both PEM; ConfigError names the file that is wrong."""
    for option, path in (("EF_API_TLS_CERT_FILEPATH", certificate), ("EF_API_TLS_KEY_FILEPATH", key)):
        try:
            path.read_bytes()
        except OSError as exc:
            raise ConfigError(f"{option}: cannot read {path} ({exc.strerror}); give the path of a PEM file") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            why = f"EF_API_TLS_KEY_FILEPATH: {key} is not the key of the certificate in {certificate}; give the one that is"
        else:
            why = (
                f"EF_API_TLS_CERT_FILEPATH: {certificate} and {key} are not a certificate and its key in PEM, the key "
                "without a password; give files that are"
            )
        raise ConfigError(why) from None
    return context


class Certificate:
    """A certificate chain and its key, read anew when their files change; ConfigError where they cannot be used at first."""

    def __init__(self, certificate: Path, key: Path, log: Log) -> None:
        self._files = (certificate, key)
        self._log = log
        self._stamps = self._look()
        self._context = encryption(certificate, key)

    def context(self) -> ssl.SSLContext:
        """Give what serves TLS: of the newest files, or of those before if the newest are no good."""
        stamps = self._look()
        if stamps != self._stamps:
            self._stamps = stamps
            try:
                self._context = encryption(*self._files)
            except ConfigError as exc:  # or one of them is still to be replaced
                self._log.warn(f"{exc}; the certificate from before serves on")
            else:
                self._log.info("the certificate of the API was read anew")
        return self._context

    def _look(self) -> list[tuple[int, ...]]:
        return [_stamp(path) for path in self._files]


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _no_password() -> str:
    return ""  # else OpenSSL asks the terminal


def serve(ip: str, port: int, answer: Application, log: Log, tls: Certificate | None = None) -> WSGIServer:
    """Start to serve, and return the server to be stopped at the end; a port that cannot be had is a SetupError."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the last run may linger
        listener.bind((ip, port))
        listener.listen(_MAX_CONNECTIONS)
    except OSError as exc:
        listener.close()
        reason = "is taken by another program" if exc.errno == errno.EADDRINUSE else f"cannot be bound: {exc.strerror}"
        raise SetupError(
            f"the API's TCP {ip} port {port} {reason}; set EF_API_IP and EF_API_PORT to a free one"
        ) from exc
    encrypted = {} if tls is None else {"ssl_context": tls.context()}
    server = _Server(listener, answer, log=None, error_log=_ErrorLog(log), spawn=_MAX_CONNECTIONS, **encrypted)
    server.tls = tls
    server.start()
    return server


class _Server(WSGIServer):  # type: ignore[misc]  # gevent has no types
    """Gives up connections on which nothing happens, and tells of those that make no sense."""

    tls: Certificate | None = None

    def do_read(self) -> Any:
        accepted = super().do_read()
        if accepted:
            accepted[0].settimeout(_SILENCE_S)
        return accepted

    def wrap_socket_and_handle(self, client_socket: socket.socket, address: Any) -> None:
        if self.tls is not None:
            self.wrap_socket = self.tls.context().wrap_socket
        try:
            super().wrap_socket_and_handle(client_socket, address)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, TimeoutError, ConnectionError):
            pass  # a probe that only connects, or somebody who has gone
        except ssl.SSLError as exc:
            self.error_log.write(f"no TLS with {address[0]}: {exc.reason or exc}")


class _ErrorLog:
    """The stream to which pywsgi writes about requests that make no sense."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def write(self, text: str) -> None:
        if text.strip():
            self._log.limited("api", 60).warn("request to the API refused", reason=text.strip())

    def flush(self) -> None:
        pass
