import io
import json
import urllib.error
import urllib.request
from contextlib import contextmanager
from wsgiref.util import setup_testing_defaults

import gevent
import pytest
from prometheus_client.parser import text_string_to_metric_families

from flowcoll.collect.api import Metrics, application, serve
from flowcoll.counters import Counts
from flowcoll.errors import SetupError
from flowcoll.logs import Log


class Service:
    """A service whose state a test sets."""

    def __init__(self):
        self.is_alive = True
        self.is_ready = True

    def alive(self):
        return self.is_alive

    def ready(self):
        return self.is_ready

    def report(self):
        return {
            "sockets": [{"port": 9995, "receive_buffer_bytes": 4096, "kernel_drops": 7}],
            "enrichers": {"a": {"state": "on"}},
        }

    def gauges(self):
        return {"templates": 3.0}


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def counts():
    counts = Counts()
    counts.add("datagrams.received", 5)
    counts.add("datagrams.refused.too_short", 2)
    counts.add("datagrams.refused.unknown_version", 1)
    counts.add('documents.delivered.file.dc"1')
    return counts


@pytest.fixture
def get(service, counts):
    answer = application(service, counts, "north")

    def ask(path, method="GET"):
        environ = {}
        setup_testing_defaults(environ)
        environ |= {"PATH_INFO": path, "REQUEST_METHOD": method}
        heard = {}
        body = b"".join(answer(environ, lambda status, headers: heard.update(status=status, headers=dict(headers))))
        assert heard["headers"]["Content-Length"] == str(len(body))
        return int(heard["status"].split()[0]), heard["headers"], body.decode()

    return ask


@pytest.mark.parametrize(("alive", "status"), [(True, 200), (False, 500)])
def test_livez(get, service, alive, status):
    """/livez is 200 while the receive loop turns, else 500."""
    service.is_alive = alive
    code, _, body = get("/livez")
    assert (code, json.loads(body)) == (status, {"alive": alive})


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
def test_readyz(get, service, ready, status):
    """/readyz is 503 until the sockets are read, then 200, and tells the state of the parts either way."""
    service.is_ready = ready
    code, _, body = get("/readyz")
    assert (code, json.loads(body)) == (status, {"ready": ready, **service.report()})


def test_metrics(get):
    """/metrics holds every counter with its label, the sockets, the pipeline's gauges and what runs here."""
    code, headers, body = get("/metrics")
    assert code == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    assert samples["flowcoll_datagrams_received_total", ()] == 5
    assert samples["flowcoll_datagrams_refused_total", ("too_short",)] == 2
    assert samples["flowcoll_datagrams_refused_total", ("unknown_version",)] == 1
    assert samples["flowcoll_documents_delivered_total", ('file.dc"1',)] == 1
    assert samples["flowcoll_bugs_total", ()] == 0
    assert samples["flowcoll_socket_drops_total", ("9995",)] == 7
    assert samples["flowcoll_socket_receive_buffer_bytes", ("9995",)] == 4096
    assert samples["flowcoll_templates", ()] == 3
    assert samples["process_resident_memory_bytes", ()] > 0
    assert next(labels for name, labels in samples if name == "flowcoll_build_info")[0] == "north"


def test_outputs(service, counts):
    """/metrics holds connection and queue of outputs that have them, and a counter of two labels has both."""
    counts.add("documents.dropped_because.elasticsearch.dc1.queue_full", 4)
    states = [
        {"name": "file", "delivered": 3},
        {"name": "elasticsearch.dc1", "up": True, "queued_documents": 5, "queued_bytes": 600, "state": "connected"},
    ]
    report = service.report()
    service.report = lambda: report | {"outputs": states}
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in Metrics(service, counts, "north").collect()
        for sample in family.samples
        if sample.labels.get("output") == "elasticsearch.dc1"
    }
    assert found == {
        ("flowcoll_documents_dropped_because_total", "elasticsearch.dc1", "queue_full"): 4,
        ("flowcoll_output_up", "elasticsearch.dc1"): 1,
        ("flowcoll_output_queued_documents", "elasticsearch.dc1"): 5,
        ("flowcoll_output_queued_bytes", "elasticsearch.dc1"): 600,
    }


def test_lists_of_threats(service, counts):
    """/metrics holds how long each list of threats is, and of one that is downloaded how old; a list that is off has none."""
    states = {
        "threat_mine": {"state": "on", "entries": 3},
        "threat_off": {"state": "off"},
        "threat_riskiq": {"state": "failed", "entries": 5, "age_s": 7},
    }
    report = service.report()
    service.report = lambda: report | {"enrichers": states}
    found = {
        (sample.name, sample.labels["list"]): sample.value
        for family in Metrics(service, counts, "north").collect()
        for sample in family.samples
        if "list" in sample.labels
    }
    assert found == {
        ("flowcoll_threat_list_entries", "mine"): 3,
        ("flowcoll_threat_list_entries", "riskiq"): 5,
        ("flowcoll_threat_list_age_seconds", "riskiq"): 7,
    }


def test_metrics_move(get, counts):
    """Each request sees the counters as they are now."""
    before = get("/metrics")[2]
    counts.add("datagrams.received")
    assert "flowcoll_datagrams_received_total 5.0" in before
    assert "flowcoll_datagrams_received_total 6.0" in get("/metrics")[2]


@pytest.mark.parametrize("path", ["/", "/metrics/", "/livez/../metrics", "", "/favicon.ico"])
def test_other_pages_are_not_found(get, path):
    """Any other path is 404 and names the pages there are."""
    code, _, body = get(path)
    assert code == 404
    assert json.loads(body)["pages"] == ["/livez", "/readyz", "/metrics"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_get(get, method):
    """Any other method is 405 and names GET."""
    code, headers, _ = get("/livez", method)
    assert (code, headers["Allow"]) == (405, "GET")


@contextmanager
def serving(answer, log, ip="127.0.0.1"):
    server = serve(ip, 0, answer, log)
    try:
        yield server.address[1]
    finally:
        server.stop(timeout=1)


def fetch(url):
    """Ask from a thread, while the hub serves."""

    def ask():
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.read()

    return gevent.get_hub().threadpool.spawn(ask).get(timeout=10)


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_it_is_served(service, counts, ip):
    """The pages are served over HTTP, on IPv4 and IPv6, and requests leave no line in the log."""
    stream = io.StringIO()
    with serving(application(service, counts, "north"), Log(stream), ip) as port:
        host = f"[{ip}]" if ":" in ip else ip
        assert fetch(f"http://{host}:{port}/livez") == (200, b'{"alive":true}\n')
        assert fetch(f"http://{host}:{port}/nothing")[0] == 404
    assert stream.getvalue() == ""


def test_nonsense_is_logged_once(service, counts):
    """What is no HTTP is refused, and told in our log at most once a minute."""
    stream = io.StringIO()
    with serving(application(service, counts, "north"), Log(stream)) as port:
        for _ in range(3):
            with gevent.socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(b"\x00\x01nonsense\r\n\r\n")
                assert b"400" in sock.recv(1000)
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["level"], line["caller"].split(":")[0]) == ("warn", "collect/api.py")


def test_a_taken_port_is_one_line(service, counts):
    """A taken port is a SetupError that names the place and the options."""
    answer, log = application(service, counts, "north"), Log(io.StringIO())
    with serving(answer, log) as port, pytest.raises(SetupError) as caught:
        serve("127.0.0.1", port, answer, log)
    words = str(caught.value)
    assert f"127.0.0.1 port {port} is taken" in words
    assert "EF_API_PORT" in words
    assert "\n" not in words
