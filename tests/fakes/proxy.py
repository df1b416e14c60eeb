"""A proxy for HTTP (RFC 9110 section 9.3.6, RFC 9112 section 3.2.2) that leads to one server, whatever name it is asked for."""

import socket
import ssl
import threading
from base64 import b64decode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Serves on a free port of 127.0.0.1 for as long as a `with` block lasts; `asked` says for whom, and as whom."""

    def __init__(self, port: int, user: str = "", *, tls: ssl.SSLContext | None = None) -> None:
        self.to = ("127.0.0.1", port)
        self.user = user  # user:password to ask for
        self.asked: list[tuple[str, str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"proxy": self}))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy

    def do_CONNECT(self) -> None:
        if not self._welcome():
            return
        with socket.create_connection(self.proxy.to) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_carry, args=(there, self.connection))
            back.start()
            _carry(self.connection, there)
            back.join()
        self.close_connection = True

    def do_GET(self) -> None:
        if not self._welcome():
            return
        parts = urlsplit(self.path)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        passed = "".join(f"{n}: {t}\r\n" for n, t in self.headers.items() if not n.lower().startswith("proxy-"))
        with socket.create_connection(self.proxy.to) as there:
            there.sendall(f"GET {path} HTTP/1.1\r\n{passed}Connection: close\r\n\r\n".encode("latin-1"))
            _carry(there, self.connection)
        self.close_connection = True

    def _welcome(self) -> bool:
        code = self.headers.get("Proxy-Authorization", "").partition(" ")[2]
        user = b64decode(code).decode()
        self.proxy.asked.append((self.command, self.path, user))
        if user == self.proxy.user:
            return True
        self.send_response(407)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while octets := one.recv(65_536):
            other.sendall(octets)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)
