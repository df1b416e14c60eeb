"""A plain client for tests of the stand-in: it sends what it is told and interprets nothing."""

import base64
import http.client
import json
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fakes.kibana.serving import Account

_EDGE = "an-edge-that-no-line-has"


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]  # by lower-case name
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def said(self) -> tuple[int, str]:
        """Status and message of an error."""
        return self.status, self.json.get("message", "")


class Caller:
    """Asks a service at a URL as somebody; an empty `as_` is a stranger."""

    def __init__(self, url: str, as_: str = "", *, trust: ssl.SSLContext | None = None) -> None:
        self.url, self.trust = url, trust
        self.headers: dict[str, str] = {"Authorization": as_} if as_ else {}

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send a request with nothing but these headers and who asks; `_` stands for `-`."""
        parts = urlsplit(self.url)
        host, port = str(parts.hostname), parts.port
        connection = http.client.HTTPConnection(host, port, timeout=20)
        if self.trust:
            connection = http.client.HTTPSConnection(host, port, timeout=20, context=self.trust)
        try:
            named = {name.replace("_", "-"): text for name, text in headers.items()}
            connection.request(method, parts.path + path, body, self.headers | named)
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        return self.send("POST", path, body, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send JSON with the token that Kibana wants."""
        octets = None if body is None else json.dumps(body).encode()
        headers = {"kbn_xsrf": "true", "Content_Type": "application/json"} | headers
        return self.ask(method, path, octets, **headers)

    def delete(self, path: str, **headers: str) -> Reply:
        return self.ask("DELETE", path, None, **{"kbn_xsrf": "true"} | headers)

    def upload(self, path: str, *rows: Any, file: bytes | None = None, **more: str) -> Reply:
        """Send a file of these lines as a form; `more` are other fields, and `filename`."""
        octets = ndjson(rows) if file is None else file
        filename = more.pop("filename", "assets.ndjson")
        kind = f"multipart/form-data; boundary={_EDGE}"
        return self.ask("POST", path, form(octets, filename, more), kbn_xsrf="true", Content_Type=kind)

    def load(self, *rows: Any, space: str = "", query: str = "", **more: Any) -> Reply:
        """Import saved objects."""
        return self.upload(f"{space and '/s/' + space}/api/saved_objects/_import{query}", *rows, **more)


def ndjson(rows: Iterable[Any]) -> bytes:
    """Give lines of JSON."""
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)


def form(octets: bytes, filename: str, fields: Mapping[str, str]) -> bytes:
    """Give a form with a file and fields."""
    parts = [f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode() + octets]
    parts += [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}'.encode() for name, text in fields.items()]
    return b"".join(b"--%s\r\n%s\r\n" % (_EDGE.encode(), part) for part in parts) + f"--{_EDGE}--\r\n".encode()


def basic(account: Account) -> str:
    return "Basic " + base64.b64encode(f"{account.name}:{account.secret}".encode()).decode()


def api_key(account: Account) -> str:
    return "ApiKey " + base64.b64encode(f"{account.name}:{account.secret}".encode()).decode()


# -- objects to send


def view(id_: str = "view", **more: Any) -> dict[str, Any]:
    """Give a data view."""
    attributes = {
        "title": f"{id_}-*",
        "timeFieldName": "@timestamp",
        "fieldFormatMap": '{"a":{"id":"ip"},"b":{"id":"url"}}',
    }
    return _object("index-pattern", id_, attributes, "7.11.0") | more


def dashboard(id_: str = "board", *views: str, **more: Any) -> dict[str, Any]:
    """Give a dashboard that refers to data views."""
    attributes = {"title": f"Board {id_}", "panelsJSON": '[{"type":"lens","panelIndex":"1"}]', "optionsJSON": "{}"}
    refs = [{"type": "index-pattern", "id": name, "name": f"1:{number}"} for number, name in enumerate(views)]
    return _object("dashboard", id_, attributes, "10.2.0", refs) | more


def links(id_: str = "links", *boards: str) -> dict[str, Any]:
    """Give a panel of links to dashboards."""
    made = [
        {"id": str(place), "order": place, "type": "dashboardLink", "destinationRefName": f"link_{place}_dashboard"}
        for place, _ in enumerate(boards)
    ]
    refs = [{"type": "dashboard", "id": name, "name": f"link_{place}_dashboard"} for place, name in enumerate(boards)]
    return _object("links", id_, {"title": "Links", "layout": "horizontal", "links": made}, "10.1.0", refs)


def other(type_: str, id_: str, **attributes: Any) -> dict[str, Any]:
    """Give an object of any type, without a version of its type."""
    return {"type": type_, "id": id_, "attributes": {"title": id_} | attributes, "references": []}


def _object(
    type_: str, id_: str, attributes: dict[str, Any], version: str, references: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    versions = {"coreMigrationVersion": "8.8.0", "typeMigrationVersion": version}
    return {"type": type_, "id": id_, "attributes": attributes, "references": references or [], **versions}
