"""The HTTP API: /livez, /readyz, /metrics, /exporters and /threats/blocklist, for GET alone.

/livez      200 while the supervisor and every worker turn, else 500; nobody has to say who he is
/readyz     503 until the sockets are read, then 200; the state of workers, sockets, enrichers and outputs is detail in
            its JSON body
/metrics    every counter and gauge, as Prometheus reads them
/exporters  who sends, and what is known of it
/threats/blocklist  listed addresses that flows went to or came from; ?since=24h&format=plain&list=NAME&min-flows=1
"""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Protocol
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson
from gevent.pywsgi import WSGIServer
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from flowcoll.collect import web
from flowcoll.collect.matched import Page as Named
from flowcoll.collect.metrics import Measured, Page
from flowcoll.config import Options
from flowcoll.errors import SetupError
from flowcoll.logs import Log

_LIVEZ = "/livez"


class Service(Measured, Protocol):
    """What the API tells about the running service.

    `report` gives uptime_s, workers, refresher, sockets, enrichers and outputs, as JSON can hold it.
    """

    def alive(self) -> bool:
        """Whether the receive loops turn."""

    def ready(self) -> bool:
        """Whether the sockets are read."""

    def exporters(self) -> Mapping[str, Any]:
        """Give what the workers know of each exporter, `exporters` with all else; this asks them."""

    def blocklist(self, query: str) -> Named:
        """Give the block-list that a query asks for; SetupError for one that makes no sense."""


def start(options: Options, service: Service, log: Log) -> WSGIServer:
    """Serve a service as the options say, and return the server to be stopped at the end. ConfigError, SetupError."""
    ip, tls = options["EF_API_IP"], None
    answer = application(service, options["EF_INSTANCE_NAME"])
    if options["EF_API_TLS_ENABLE"]:
        tls = web.Certificate(options["EF_API_TLS_CERT_FILEPATH"], options["EF_API_TLS_KEY_FILEPATH"], log)
    if options["EF_API_BASIC_AUTH_ENABLE"]:
        username, password = options["EF_API_BASIC_AUTH_USERNAME"], options["EF_API_BASIC_AUTH_PASSWORD"]
        answer = web.guarded(answer, username, password, free={_LIVEZ})
        if tls is None and not ip_address(ip).is_loopback:
            log.warn("the API's password goes over the network unencrypted; switch on EF_API_TLS_ENABLE")
    return web.serve(ip, options["EF_API_PORT"], answer, log, tls)


def application(service: Service, instance: str) -> web.Application:
    """Make the WSGI application."""
    figures = Page(service, instance)

    def livez(_: str) -> tuple[HTTPStatus, str, bytes]:
        alive = service.alive()
        return _json(HTTPStatus.OK if alive else HTTPStatus.INTERNAL_SERVER_ERROR, {"alive": alive})

    def readyz(_: str) -> tuple[HTTPStatus, str, bytes]:
        ready = service.ready()
        return _json(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, {"ready": ready, **service.report()})

    def metrics(_: str) -> tuple[HTTPStatus, str, bytes]:
        return HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, figures.render()

    def exporters(_: str) -> tuple[HTTPStatus, str, bytes]:
        return _json(HTTPStatus.OK, service.exporters())

    def blocklist(query: str) -> tuple[HTTPStatus, str, bytes]:
        try:
            return HTTPStatus.OK, *service.blocklist(query)
        except SetupError as exc:
            return _json(HTTPStatus.BAD_REQUEST, {"error": str(exc)})

    pages: dict[str, Callable[[str], tuple[HTTPStatus, str, bytes]]] = {
        _LIVEZ: livez,
        "/readyz": readyz,
        "/metrics": metrics,
        "/exporters": exporters,
        "/threats/blocklist": blocklist,
    }

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page = pages.get(environ["PATH_INFO"])
        headers = []
        if page is None:
            status, kind, body = _json(HTTPStatus.NOT_FOUND, {"error": "not found", "pages": list(pages)})
        elif environ["REQUEST_METHOD"] != "GET":
            status, kind, body = _json(HTTPStatus.METHOD_NOT_ALLOWED, {"error": "only GET is served"})
            headers = [("Allow", "GET")]
        else:
            status, kind, body = page(environ.get("QUERY_STRING", ""))
        headers += [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    return answer


def _json(status: HTTPStatus, body: Mapping[str, Any]) -> tuple[HTTPStatus, str, bytes]:
    return status, "application/json", orjson.dumps(body, default=str, option=orjson.OPT_APPEND_NEWLINE)
