"""A stand-in for Elasticsearch: `GET /` and `POST /_bulk`, for what a real node cannot be made to say or do at will.

In a test: `with Elasticsearch() as fake:` serves on a free port of 127.0.0.1 until the block ends. It stores documents by
their ids, so that a second one is a conflict. What it says was recorded from a real node of 8.19 (elasticsearch.json).

What is to go wrong is a word, said for the next bulk requests by `fail` or for all by `fault`:

    400 401 403 413 429 502 503     refuse the request with this status; 413 is a limit in documents, see `most`
    mapping busy unauthorized …     refuse each document like this (a word below "item" in elasticsearch.json), or those
                                    that `picks` picks
    stop                            wait until `go_on` is set, then answer
    reset                           close the connection before the body is read
    stored_reset                    store the documents, then close the connection without an answer
    half                            store them, and send half of the answer
    garbage, page, other_json       answer 200 with octets that are no JSON, with HTML, with JSON of another kind
    trickle                         answer octet by octet, without an end
    stranger                        answer as a product that is not Elasticsearch
"""

import gzip
import hmac
import json
import socket
import ssl
import struct
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

SAID: Mapping[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text())
_JSON = "application/vnd.elasticsearch+json;compatible-with=8"
_PATIENCE_S = 60.0


class Bulk(NamedTuple):
    """A bulk request that came."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    octets: int
    pairs: list[tuple[dict[str, Any], dict[str, Any]]]


class Elasticsearch:
    """A node whose state a test sets and reads."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.user, self.password, self.api_key = "elastic", "", ""  # without a password or a key everybody may write
        self.stored: dict[str, tuple[str, dict[str, Any]]] = {}  # by id
        self.bulks: list[Bulk] = []
        self.asked = 0  # how often GET / came
        self.authorizations: list[str | None] = []  # and as whom
        self.picks: Callable[[dict[str, Any]], bool] = lambda _: True
        self.most = self.room = 1 << 30  # documents in a request: what is more is too large, what is more finds no room
        self.dislikes: Callable[[dict[str, Any]], bool] = lambda _: False  # as a proxy before it may
        self.retry_after = ""
        self.warning = ""
        self.generation = 1  # of the index behind the data stream; another one knows nothing of earlier documents
        self.doubled = 0  # documents that are stored a second time
        self.delay_s = 0.0  # before each answer to a bulk request
        self.go_on = threading.Event()
        self.everywhere = False  # GET / is refused like a bulk request
        self._generations: dict[str, int] = {}
        self._fault = ""
        self._next: list[str] = []
        self._tls = tls
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()

    @property
    def address(self) -> str:
        """What EF_OUTPUT_ELASTICSEARCH_ADDRESSES is to be."""
        return f"127.0.0.1:{self.port}"

    def fail(self, *words: str) -> None:
        """Let the next bulk requests go wrong, one word each; an empty one lets it be right."""
        self._next += words

    def fault(self, word: str) -> None:
        """Let every bulk request go wrong, until an empty word."""
        self._fault = word

    def start(self) -> Self:
        """Serve, on the port it had before if it had one."""
        fake = self

        class Handler(_Handler):
            node = fake

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        if self._tls:
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close every connection and serve no more."""
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_PATIENCE_S)
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def documents(self, index: str = "") -> list[dict[str, Any]]:
        """Give what is stored, in the order of its ids."""
        return [document for _, (name, document) in sorted(self.stored.items()) if index in {"", name}]

    def word(self) -> str:
        """Give what is to go wrong now."""
        with self._lock:
            return self._next.pop(0) if self._next else self._fault

    def knows(self, authorization: str | None) -> bool:
        """Whether somebody may write."""
        basic = "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()
        wanted = [f"ApiKey {self.api_key}"] * bool(self.api_key) + [basic] * bool(self.password)
        return not wanted or any(hmac.compare_digest(authorization or "", each) for each in wanted)

    def carry_out(self, bulk: Bulk, word: str) -> dict[str, Any]:
        """Store what is right, and give the answer."""
        items = []
        with self._lock:
            for action, document in bulk.pairs:
                meta = action["create"]
                if self._generations.get(meta["_id"]) == self.generation:
                    result = SAID["item"]["conflict"]
                elif word in SAID["item"] and self.picks(document):
                    result = SAID["item"][word]
                else:
                    self.doubled += meta["_id"] in self.stored
                    self.stored[meta["_id"]] = (meta["_index"], document)
                    self._generations[meta["_id"]] = self.generation
                    result = SAID["stored"]
                    if "_index" in bulk.query.get("filter_path", ""):
                        result = {"_index": f".ds-{meta['_index']}-2026.11.21-{self.generation:06}", **result}
                items.append({"create": result})
        return {"errors": any("error" in item["create"] for item in items), "took": 3, "items": items}


class _Handler(BaseHTTPRequestHandler):
    node: Elasticsearch
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_S
    disable_nagle_algorithm = True  # else each answer waits 40 ms

    def setup(self) -> None:
        super().setup()
        self.node._connections.add(self.request)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.node._connections.discard(self.request)

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        self.node.asked += 1
        self.node.authorizations.append(self.headers["authorization"])
        word = self.node.word() if self.node.everywhere else ""
        if not self._welcome():
            return
        if word in SAID["whole"]:
            self._say(int(word), SAID["whole"][word])
        else:
            self._say(200, SAID["info"], product="" if word == "stranger" else "Elasticsearch")

    def do_POST(self) -> None:
        node = self.node
        word = node.word()
        if word == "reset":
            self._reset()
            return
        octets = self.rfile.read(int(self.headers["content-length"]))
        if not self._welcome():
            return
        body = gzip.decompress(octets)
        lines = body.split(b"\n")
        assert lines.pop() == b""
        pairs = [(json.loads(lines[at]), json.loads(lines[at + 1])) for at in range(0, len(lines), 2)]
        target = urlsplit(self.path)
        assert target.path == "/_bulk"
        query = {key: values[0] for key, values in parse_qs(target.query).items()}
        bulk = Bulk(query, dict(self.headers), len(body), pairs)
        node.bulks.append(bulk)
        if len(pairs) > node.most:
            word = "413"
        elif len(pairs) > node.room:
            word = "429"
        if any(self.node.dislikes(document) for _, document in pairs):
            word = "403"
        if word == "stop":
            node.go_on.wait(_PATIENCE_S)
        if node.delay_s:
            time.sleep(node.delay_s)
        if word in SAID["whole"]:
            self._say(int(word), SAID["whole"][word])
        else:
            self._answer(bulk, word)

    def _answer(self, bulk: Bulk, word: str) -> None:
        match word:
            case "garbage":
                self._octets(200, b"\x00\xffnot JSON", _JSON)
            case "page":
                self._octets(200, b"<html>Welcome</html>", "text/html")
            case "other_json":
                self._octets(200, b'{"acknowledged":true}', _JSON)
            case "trickle":
                self._trickle()
            case _:
                answer = self.node.carry_out(bulk, word)
                if word == "stored_reset":
                    self._reset()
                elif word == "half":
                    self._octets(200, json.dumps(answer).encode(), _JSON, part=0.5)
                else:
                    self._say(200, answer)

    def _welcome(self) -> bool:
        known = self.node.knows(self.headers["authorization"])
        if not known:
            self._say(401, SAID["whole"]["401"], {"WWW-Authenticate": 'Basic realm="security", charset="UTF-8"'})
        return known

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _trickle(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "1000000")
        self.end_headers()
        while not self.node.go_on.wait(0.05):
            self.wfile.write(b" ")
        self.close_connection = True

    def _say(
        self, status: int, body: Any, headers: Mapping[str, str] | None = None, *, product: str = "Elasticsearch"
    ) -> None:
        more = {"X-elastic-product": product} if product and status < 400 else {}
        if self.node.warning:
            more["Warning"] = self.node.warning
        if status == 429 and self.node.retry_after:
            more["Retry-After"] = self.node.retry_after
        if isinstance(body, str):
            self._octets(status, body.encode(), "text/html", more)
        else:
            octets = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
            self._octets(status, octets, _JSON, more | dict(headers or {}))

    def _octets(
        self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None, part: float = 1
    ) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: int(len(body) * part)])
        if part < 1:
            self.close_connection = True
