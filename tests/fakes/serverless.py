"""A fake Elasticsearch Serverless as far as the installer sees it; a real node cannot be made to be one.

It says so at its root, has no lifecycle policies (410), refuses settings about shards and replicas (400), and keeps
templates as they were put. The shapes are those of a real server.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_INFO = {
    "name": "serverless",
    "cluster_name": "a",
    "cluster_uuid": "b",
    "version": {"number": "8.11.0", "build_flavor": "serverless"},
    "tagline": "You Know, for Search",
}
_KINDS = {
    "_component_template": ("component_templates", "component_template"),
    "_index_template": ("index_templates", "index_template"),
}


class Serverless:
    """What was put, by path, and the address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.things: dict[str, Any] = {}

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Give status and body."""
        _, kind, *name = urlsplit(path).path.split("/")
        if not kind:
            return 200, _INFO
        if kind in _KINDS:
            return self._put(path, body) if method == "PUT" else self._get(kind, name, path)
        if kind == "_ilm":
            reason = f"Request for uri [{path}] with method [{method}] exists but is not available when running in serverless mode"
            return _error(410, "api_not_available_exception", reason)
        return _error(404, "index_not_found_exception", f"no such index [{name}]")

    def _get(self, kind: str, name: list[str], path: str) -> tuple[int, Any]:
        several, one = _KINDS[kind]
        if not name:
            return 200, {several: [{"name": p.split("/")[2], one: b} for p, b in self.things.items() if kind in p]}
        if path not in self.things:
            return _error(404, "resource_not_found_exception", f"{name} not found")
        return 200, {several: [{"name": name[0], one: self.things[path]}]}

    def _put(self, path: str, body: Any) -> tuple[int, Any]:
        settings = body.get("template", {}).get("settings", {})
        barred = sorted(name for name in settings if name.startswith(("index.number_of", "index.lifecycle")))
        if barred:
            reason = f"Settings [{','.join(barred)}] are not available when running in serverless mode"
            return _error(400, "illegal_argument_exception", reason)
        self.things[path] = body
        return 200, {"acknowledged": True}


def _error(status: int, kind: str, reason: str) -> tuple[int, Any]:
    return status, {"error": {"type": kind, "reason": reason}, "status": status}


@contextmanager
def serverless() -> Iterator[Serverless]:
    """Serve on a port of loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            octets = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, body = fake.answer(self.command, self.path, json.loads(octets) if octets else None)
            answer = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_POST = _serve  # noqa: N815  names of http.server

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake = Serverless(f"127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
