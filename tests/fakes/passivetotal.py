"""A stand-in for PassiveTotal: its HTTP API as far as clients of it are known, over small data of our own.

In a test, `with PassiveTotal() as fake:` serves on a free port of 127.0.0.1 until the block ends, and `fake.url` is its
address. As a command, `python tests/fakes/passivetotal.py --port 8443` serves until it is ended.

It can be made to fail: with a word of FAULTS for each of the next requests (`fake.fail("429", "cut-body")`), or for all of
them (`fake.fault = "401"`). Faults that wait do so until `fake.released` is set; `fake.waiting` says that one waits.
"""

import argparse
import gzip
import json
import re
import signal
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from base64 import b64decode
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

USER, KEY = "user@example.org", "0123456789abcdef-not-a-key"
BLOCKLIST = "/v2/netflow/blocklist/download"
SYSTEMS = "/v2/netflow/as/download"
MANY = 300_000
_DATA = Path(__file__).with_suffix("")
_MODIFIED = 1_749_945_600  # 2025-06-15 00:00 UTC
_PAGE_OF_ARTICLES = 2
_PATIENCE_S = 60.0
_JSON = {"Content-Type": "application/json"}
_HTML = {"Content-Type": "text/html"}
_PROXY_PAGE = b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>\n"

Row = Mapping[str, Any]
Query = Mapping[str, str]


class Request(NamedTuple):
    """A request that came, and as whom; an empty user is a stranger. The key is not kept."""

    path: str
    query: Query
    headers: Mapping[str, str]
    user: str


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """Make an answer of JSON; `_` in the name of a header stands for `-`."""
    return Answer(status, _JSON | {name.replace("_", "-"): text for name, text in headers.items()}, _json(value))


def data(name: str) -> Any:
    """Give one of the files of data."""
    return json.loads((_DATA / f"{name}.json").read_text())


def many(count: int = MANY) -> list[Row]:
    """Give as many rows as a real list has, always the same; two of three differ in more than the address."""
    kinds = ("Command and control", "Malware host", "Scanner")
    rows = []
    for number in range(count):
        bits = number * 2_654_435_761 & 0xFFFF_FFFF
        row = {
            "ip": f"{11 + bits % 80}.{bits >> 8 & 255}.{bits >> 16 & 255}.{bits >> 24}",
            "threat": f"{kinds[number % 3]} {number % 100}",
            "score": number % 101,
            "source": "blocklist",
        }
        if number % 3:
            row["firstSeen"] = f"2025-0{number % 6 + 1}-{number % 28 + 1:02} 0{number % 10}:00:00"
        rows.append(row)
    return rows


# -- the list, in every form that is worth trying: nobody outside knows which one the service has -----------------------


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _as_map(rows: Sequence[Row]) -> bytes:
    return _json({row["ip"]: {key: value for key, value in row.items() if key != "ip"} for row in rows})


def _as_csv(rows: Sequence[Row]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([row.get(name, "") for name in names] for row in rows)]
    return "".join(",".join(f'"{cell}"' for cell in line) + "\r\n" for line in lines).encode()


FORMS: Mapping[str, Callable[[Sequence[Row]], bytes]] = {
    "object": lambda rows: _json({"success": True, "totalRecords": len(rows), "results": rows}),
    "array": lambda rows: json.dumps(rows, indent=1).encode(),
    "map": _as_map,
    "ndjson": lambda rows: b"".join(_json(row) + b"\n" for row in rows),
    "csv": _as_csv,
    "plain": lambda rows: "".join(f"{row['ip']}\n" for row in rows).encode(),
    "gzip": lambda rows: gzip.compress(_json(rows), mtime=0),
}


# -- the server --------------------------------------------------------------------------------------------------------


class PassiveTotal:
    """The server; attributes may be changed while it runs."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        user: str = USER,
        key: str = KEY,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.user, self.key = user, key
        self.rows: Sequence[Row] = data("blocklist")
        self.systems: Sequence[Row] = data("systems")
        self.form = "object"
        self.modified = _MODIFIED
        self.compressed = False
        self.fault = ""
        self.moved_to = ""  # where the fault 302 sends those who ask; empty: to the list itself
        self._prepared: tuple[Sequence[Row], str, bytes] = ((), "", b"")
        self.requests: list[Request] = []
        self.waiting, self.released = threading.Event(), threading.Event()
        self._next: deque[str] = deque()
        self._server = ThreadingHTTPServer((host, port), type("_Bound", (_Handler,), {"fake": self}))
        self._server.daemon_threads = True
        self._server.handle_error = _quiet
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"http{'s' if tls else ''}://{host}:{self.port}"
        self.blocklist_url = self.url + BLOCKLIST
        self.systems_url = self.url + SYSTEMS
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fail(self, *faults: str) -> None:
        """Give each of the next requests a fault; an empty one is none."""
        unknown = set(faults) - {"", *FAULTS}
        if unknown:
            raise ValueError(f"{unknown} is no fault; these are: {', '.join(FAULTS)}")
        self._next.extend(faults)

    def next_fault(self) -> str:
        """Take the fault of this request."""
        return self._next.popleft() if self._next else self.fault

    def wait(self) -> None:
        """Wait until a test goes on."""
        self.waiting.set()
        self.released.wait(_PATIENCE_S)

    def answer(self, request: Request) -> Answer:
        """Answer as the service would."""
        if not request.user:
            error = {"message": "invalid credentials", "developer_message": "check user and key", "http_code": 401}
            return answer({"error": error}, 401, WWW_Authenticate='Basic realm="PassiveTotal"')
        path = request.path.removeprefix("/pt")  # api.riskiq.net has the same below /pt
        for pattern, page in _PAGES.items():
            if found := re.fullmatch(pattern, path):
                return page(self, request, *found.groups())
        return answer({"message": f"no such resource: {path}"}, 404)

    def blocklist(self, request: Request, rows: Sequence[Row] | None = None) -> Answer:
        """Give the list, or say that the asker has it."""
        kind = {"csv": "text/csv", "plain": "text/plain"}.get(self.form, "application/json")
        return self._listed(request, self._body(self.rows if rows is None else rows), kind)

    def prepare(self) -> int:
        """Write a long list down before somebody waits for it, and tell how many octets it has."""
        self._prepared = self.rows, self.form, FORMS[self.form](self.rows)
        return len(self._prepared[2])

    def _body(self, rows: Sequence[Row]) -> bytes:
        prepared, form, body = self._prepared
        return body if prepared is rows and form == self.form else FORMS[self.form](rows)

    def systems_list(self, request: Request) -> Answer:
        """Give the list of autonomous systems, or say that the asker has it."""
        return self._listed(request, FORMS["object"](self.systems), "application/json")

    def _listed(self, request: Request, body: bytes, kind: str) -> Answer:
        headers = {
            "Content-Type": kind,
            "ETag": f'"{zlib.crc32(body):08x}"',
            "Last-Modified": formatdate(self.modified, usegmt=True),
        }
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return Answer(304, headers, b"")
        if self.compressed and "gzip" in request.headers.get("Accept-Encoding", ""):
            return Answer(200, headers | {"Content-Encoding": "gzip"}, gzip.compress(body, 1, mtime=0))
        return Answer(200, headers, body)


def _quiet(request: object, client_address: object) -> None:  # noqa: ARG001  the server's signature
    """Say nothing of clients that went away; a test that wants an answer sees for itself."""
    error = sys.exception()
    if error is not None and not isinstance(error, OSError):
        raise error


class _Handler(BaseHTTPRequestHandler):
    fake: PassiveTotal
    protocol_version = "HTTP/1.1"
    server_version = "PassiveTotal-stand-in"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.title(): text for name, text in self.headers.items() if name.lower() != "authorization"}
        request = Request(parts.path, dict(parse_qsl(parts.query)), headers, self._user())
        self.fake.requests.append(request)
        fault = self.fake.next_fault()
        if fault:
            FAULTS[fault](self, request)
        else:
            self.send(self.fake.answer(request))

    def _user(self) -> str:
        scheme, _, code = self.headers.get("Authorization", "").partition(" ")
        try:
            user, _, key = b64decode(code, validate=True).decode().partition(":")
        except ValueError:
            return ""
        return user if scheme == "Basic" and (user, key) == (self.fake.user, self.fake.key) else ""

    def send(self, reply: Answer, *, part: float = 1.0) -> None:
        """Send an answer, or its beginning: the connection is then to be closed, or written to."""
        self.send_response(reply.status)
        empty = reply.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        lengths = {} if empty or "Transfer-Encoding" in reply.headers else {"Content-Length": str(len(reply.body))}
        for name, text in {**reply.headers, **lengths}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(reply.body[: int(len(reply.body) * part)])
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


# -- its pages ---------------------------------------------------------------------------------------------------------


def _passive(_: PassiveTotal, request: Request) -> Answer:
    results = _resolutions(request.query)
    asked = request.query.get("query", "")
    seen = [row["firstSeen"] for row in results], [row["lastSeen"] for row in results]
    first, last = (min(seen[0]), max(seen[1])) if results else (None, None)
    kind = "ip" if _is_address(asked) else "domain"
    found = {"queryValue": asked, "queryType": kind, "firstSeen": first, "lastSeen": last}
    return answer({"pager": None, **found, "totalRecords": len(results), "results": results})


def _unique(_: PassiveTotal, request: Request) -> Answer:
    counted = Counter(row["resolve"] for row in _resolutions(request.query)).most_common()
    names = [name for name, _ in counted]
    found = {"queryValue": request.query.get("query", ""), "total": len(names), "pager": {}, "results": names}
    return answer({**found, "frequency": [list(pair) for pair in counted]})


def _resolutions(query: Query) -> list[Row]:
    """Give the records of a name, or those that led to an address, seen between start and end."""
    asked, start, end = query.get("query", ""), query.get("start", ""), query.get("end", "9")
    records = data("passive")
    if _is_address(asked):
        turned = (
            {**row, "value": asked, "resolve": row["value"], "resolveType": "domain"}
            for row in records
            if row["resolve"] == asked
        )
        rows = list(turned)
    else:
        rows = [row for row in records if row["value"] == asked]
    return [row for row in rows if row["lastSeen"] >= start and row["firstSeen"] <= end]


def _is_address(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*", text))


def _services(_: PassiveTotal, request: Request) -> Answer:
    found = data("services").get(request.query.get("query", ""), [])
    return answer({"success": True, "totalRecords": len(found), "results": found})


def _articles(_: PassiveTotal, request: Request) -> Answer:
    """Give a page of articles, numbered from 0."""
    query = request.query
    found = [
        article
        for article in data("articles")
        if _created(article)[:10] >= query.get("createdAfter", "")
        and query.get("query", "").lower() in article["title"].lower()
    ]
    found.sort(key=_created, reverse=query.get("order") == "desc")
    start = int(query.get("page", "0")) * _PAGE_OF_ARTICLES
    page = found[start : start + _PAGE_OF_ARTICLES]
    return answer({"success": True, "totalRecords": len(found), "articles": page})


def _article(_: PassiveTotal, __: Request, guid: str) -> Answer:
    found = next((article for article in data("articles") if article["guid"] == guid), None)
    return answer(found) if found else answer({"message": f"no article {guid}"}, 404)


def _indicators(_: PassiveTotal, request: Request) -> Answer:
    """Give indicators one by one, the oldest first."""
    query = request.query
    rows = [
        {
            "type": group["type"],
            "value": value,
            "source": group["source"],
            "guid": article["guid"],
            "link": article["link"],
            "publishedDate": article["publishedDate"],
            "tags": article["tags"],
        }
        for article in sorted(data("articles"), key=_created)
        if query.get("articleGuid", article["guid"]) == article["guid"]
        and _created(article)[:10] >= query.get("startDate", "")
        for group in article["indicators"]
        for value in group["values"]
    ]
    return answer({"success": True, "totalRecords": len(rows), "indicators": rows})


def _mentions(_: PassiveTotal, request: Request) -> Answer:
    """Give the articles that mention an indicator."""
    asked, kind = request.query.get("query", ""), request.query.get("type")
    found = [
        article
        for article in data("articles")
        if any(asked in group["values"] and kind in {None, group["type"]} for group in article["indicators"])
    ]
    return answer({"success": True, "totalRecords": len(found), "articles": found})


def _created(article: Row) -> str:
    """Give when an article was made as text that sorts; older articles have a date that does not."""
    stamp: str = article["createdDate"]
    return stamp if stamp[0].isdigit() else f"{stamp[-4:]}-00-00"


_PAGES: Mapping[str, Callable[..., Answer]] = {
    "/v2/account": lambda *_: answer(data("account")),
    "/v2/account/quota": lambda *_: answer(data("quota")),
    "/v2/dns/passive": _passive,
    "/v2/dns/passive/unique": _unique,
    "/v2/services": _services,
    "/v2/articles": _articles,
    "/v2/articles/indicators": _indicators,
    "/v2/articles/indicator": _mentions,
    "/v2/articles/([0-9a-f-]+)": _article,
    BLOCKLIST: PassiveTotal.blocklist,
    SYSTEMS: PassiveTotal.systems_list,
}


# -- its faults --------------------------------------------------------------------------------------------------------

Fault = Callable[[_Handler, Request], None]


def _instead(reply: Answer) -> Fault:
    return lambda handler, _: handler.send(reply)


def _with_rows(rows: Callable[[PassiveTotal], Sequence[Row]]) -> Fault:
    return lambda handler, request: handler.send(handler.fake.blocklist(request, rows(handler.fake)))


def _later(handler: _Handler, _: Request) -> None:
    handler.send(answer({"message": "slow down"}, 429, Retry_After=formatdate(time.time() + 2, usegmt=True)))


def _slow_start(handler: _Handler, request: Request) -> None:
    handler.fake.wait()
    handler.send(handler.fake.answer(request))


def _slow_body(handler: _Handler, request: Request) -> None:
    reply = handler.fake.answer(request)
    handler.send(reply, part=0.5)
    handler.fake.wait()
    handler.wfile.write(reply.body[int(len(reply.body) * 0.5) :])


def _cut_body(handler: _Handler, request: Request) -> None:
    handler.send(handler.fake.answer(request), part=0.5)
    handler.close_connection = True


def _cut_chunked(handler: _Handler, request: Request) -> None:
    reply = handler.fake.answer(request)
    half = reply.body[: len(reply.body) // 2]
    headers = {**reply.headers, "Transfer-Encoding": "chunked"}
    handler.send(Answer(200, headers, b"%x\r\n%s\r\n" % (len(half), half)))
    handler.close_connection = True


def _reset(handler: _Handler, _: Request) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def _moved(handler: _Handler, _: Request) -> None:
    to = handler.fake.moved_to or handler.fake.blocklist_url
    handler.send(answer({"message": "moved"}, 302, Location=to))


def _cut_gzip(handler: _Handler, request: Request) -> None:
    """A server that has packed only half, and does not know."""
    reply = handler.fake.answer(request)
    packed = gzip.compress(reply.body, mtime=0)
    handler.send(Answer(200, reply.headers | {"Content-Encoding": "gzip"}, packed[: len(packed) // 2]))


def _quota_error() -> Answer:
    return answer({"message": "quota_exceeded: 1000 of 1000 searches used"}, 402)


FAULTS: Mapping[str, Fault] = {
    "401": _instead(
        answer({"error": {"message": "invalid credentials", "developer_message": "", "http_code": 401}}, 401)
    ),
    "402": _instead(_quota_error()),
    "403": _instead(answer({"error": "your licence does not include this"}, 403)),
    "404": _instead(answer({"message": "no such resource"}, 404)),
    "202": _instead(Answer(202, {}, b"")),
    "204": _instead(Answer(204, {}, b"")),
    "429": _instead(answer({"message": "slow down"}, 429, Retry_After="1")),
    "429-date": _later,
    "500": _instead(answer({"message": "internal error"}, 500)),
    "502": _instead(Answer(502, _HTML, _PROXY_PAGE)),
    "503": _instead(answer({"message": "in maintenance"}, 503, Retry_After="1")),
    "504": _instead(Answer(504, _HTML, _PROXY_PAGE)),
    "302": _moved,
    "success-false": _instead(answer({"success": False, "message": "quota_exceeded: come back tomorrow"})),
    "error": _instead(answer({"error": {"message": "invalid query", "developer_message": "no", "http_code": 400}})),
    "html": _instead(Answer(200, _HTML, _PROXY_PAGE)),
    "no-json": _instead(Answer(200, _JSON, b'{"success": tru')),
    "bad-gzip": _instead(Answer(200, _JSON | {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08\0no gzip at all")),
    "cut-gzip": _cut_gzip,
    "slow-start": _slow_start,
    "slow-body": _slow_body,
    "cut-body": _cut_body,
    "cut-chunked": _cut_chunked,
    "reset": _reset,
    "empty": _with_rows(lambda _: []),
    "shrunken": _with_rows(lambda fake: fake.rows[: len(fake.rows) // 10]),
    "many": _with_rows(lambda _: many()),
}


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="A stand-in for PassiveTotal, with data of its own.")
    parser.add_argument("--port", type=int, default=0, help="TCP port; a free one if it is not given")
    parser.add_argument("--user", default=USER)
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--form", choices=list(FORMS), default="object", help="form of the list of threats")
    parser.add_argument("--fault", choices=list(FAULTS), default="", help="what goes wrong with every request")
    asked = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with PassiveTotal(port=asked.port, user=asked.user, key=asked.key) as fake:
        fake.form, fake.fault = asked.form, asked.fault
        print(f"{fake.url} is a stand-in for PassiveTotal; user {fake.user}, key {fake.key}", flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    sys.exit(main())
