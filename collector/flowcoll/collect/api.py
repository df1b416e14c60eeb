"""The HTTP API: /livez, /readyz and /metrics, for GET alone.

/livez    200 while the receive loop turns, else 500
/readyz   503 until the sockets are read, then 200; the state of sockets, enrichers and outputs is detail in its JSON body
/metrics  every counter and a few gauges, as Prometheus reads them
"""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Protocol
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson
from gevent import socket
from gevent.pywsgi import WSGIServer
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from flowcoll import __version__
from flowcoll.counters import Counts
from flowcoll.errors import SetupError
from flowcoll.logs import Log

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]
_MAX_CONNECTIONS = 64
_OUTPUT_GAUGES = {
    "up": "1 while the output is connected, else 0.",
    "queued_documents": "Documents that wait to be delivered, by output.",
    "queued_bytes": "Octets that they take.",
}
_LIST_GAUGES = {
    "entries": ("entries", "Addresses and networks on a list of threats, by list."),
    "age_s": ("age_seconds", "How long ago the server of a list said that this is its newest, by list."),
}


class Service(Protocol):
    """What the API tells about the running service."""

    def alive(self) -> bool:
        """Whether the receive loop turns."""

    def ready(self) -> bool:
        """Whether the sockets are read."""

    def report(self) -> dict[str, Any]:
        """State of its parts as JSON can hold it, `sockets` among them."""

    def gauges(self) -> Mapping[str, float]:
        """Sizes of what it holds, by name."""


class Metrics(Collector):
    """Every counter and gauge of the service, read anew for each request."""

    def __init__(self, service: Service, counts: Counts, instance: str) -> None:
        self._service = service
        self._counts = counts
        self._build = {"version": __version__, "instance": instance}

    def collect(self) -> Iterator[Metric]:
        """Give the counters in the order of their table, then what the sockets and the pipeline hold."""
        families: dict[str, CounterMetricFamily] = {}
        for counter, label, count in self._counts.samples():
            name = f"flowcoll_{counter.metric}"
            family = families.setdefault(name, CounterMetricFamily(name, counter.text, labels=counter.labels))
            family.add_metric(counter.values(label), count)
        yield from families.values()

        drops = CounterMetricFamily("flowcoll_socket_drops", "Datagrams the kernel dropped, by port.", labels=["port"])
        buffers = GaugeMetricFamily(
            "flowcoll_socket_receive_buffer_bytes", "Receive buffer the kernel granted, by port.", labels=["port"]
        )
        report = self._service.report()
        for sock in report["sockets"]:
            drops.add_metric([str(sock["port"])], sock["kernel_drops"])
            buffers.add_metric([str(sock["port"])], sock["receive_buffer_bytes"])
        yield drops
        yield buffers
        yield from self._outputs(report.get("outputs", ()))
        yield from self._lists(report.get("enrichers", {}))

        for name, value in self._service.gauges().items():
            yield GaugeMetricFamily(f"flowcoll_{name}", f"Now: {name.replace('_', ' ')}.", value)
        yield InfoMetricFamily("flowcoll_build", "What runs here.", self._build)

    def _outputs(self, states: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
        """Give what outputs that have a connection and a queue tell of them."""
        for key, text in _OUTPUT_GAUGES.items():
            family = GaugeMetricFamily(f"flowcoll_output_{key}", text, labels=["output"])
            for state in states:
                if key in state:
                    family.add_metric([state["name"]], float(state[key]))
            if family.samples:
                yield family

    def _lists(self, states: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
        """Give what lists of threats tell of them."""
        for key, (name, text) in _LIST_GAUGES.items():
            family = GaugeMetricFamily(f"flowcoll_threat_list_{name}", text, labels=["list"])
            for enricher, state in states.items():
                if enricher.startswith("threat_") and key in state:
                    family.add_metric([enricher.removeprefix("threat_")], float(state[key]))
            if family.samples:
                yield family


def application(service: Service, counts: Counts, instance: str) -> Application:
    """Make the WSGI application."""
    registry = CollectorRegistry()
    registry.register(Metrics(service, counts, instance))
    ProcessCollector(registry=registry)

    def livez() -> tuple[HTTPStatus, str, bytes]:
        alive = service.alive()
        return _json(HTTPStatus.OK if alive else HTTPStatus.INTERNAL_SERVER_ERROR, {"alive": alive})

    def readyz() -> tuple[HTTPStatus, str, bytes]:
        ready = service.ready()
        return _json(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, {"ready": ready, **service.report()})

    def metrics() -> tuple[HTTPStatus, str, bytes]:
        return HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)

    pages = {"/livez": livez, "/readyz": readyz, "/metrics": metrics}

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page = pages.get(environ["PATH_INFO"])
        headers = []
        if page is None:
            status, kind, body = _json(HTTPStatus.NOT_FOUND, {"error": "not found", "pages": list(pages)})
        elif environ["REQUEST_METHOD"] != "GET":
            status, kind, body = _json(HTTPStatus.METHOD_NOT_ALLOWED, {"error": "only GET is served"})
            headers = [("Allow", "GET")]
        else:
            status, kind, body = page()
        headers += [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    return answer


def _json(status: HTTPStatus, body: Mapping[str, Any]) -> tuple[HTTPStatus, str, bytes]:
    return status, "application/json", orjson.dumps(body, default=str, option=orjson.OPT_APPEND_NEWLINE)


def serve(ip: str, port: int, answer: Application, log: Log) -> WSGIServer:
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
    server = WSGIServer(listener, answer, log=None, error_log=_ErrorLog(log), spawn=_MAX_CONNECTIONS)
    server.start()
    return server


class _ErrorLog:
    """The stream to which pywsgi writes about requests that make no sense."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def write(self, text: str) -> None:
        if text.strip():
            self._log.limited("api", 60).warn("request to the API refused", reason=text.strip())

    def flush(self) -> None:
        pass
