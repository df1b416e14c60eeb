import io
import json
import socket
from contextlib import contextmanager
from wsgiref.util import setup_testing_defaults

import pytest
from prometheus_client.parser import text_string_to_metric_families

from asking import fetch
from elastic_node.certificates import Authority
from flowcoll.collect import api
from flowcoll.collect.matched import Page
from flowcoll.collect.metrics import Metrics
from flowcoll.config import defaults
from flowcoll.counters import Counts
from flowcoll.errors import SetupError
from flowcoll.logs import Log
from service import free_port


class Service:
    """A service whose state a test sets."""

    def __init__(self):
        self.is_alive = True
        self.is_ready = True
        self.counted = Counts()
        self.reported = {
            "sockets": [{"port": 9995, "receive_buffer_bytes": 4096, "kernel_drops": 7}],
            "enrichers": {"a": {"state": "on"}},
        }

    def alive(self):
        return self.is_alive

    def ready(self):
        return self.is_ready

    def counts(self):
        return self.counted

    def report(self):
        return self.reported

    def exporters(self):
        return {"exporters": [{"address": "192.0.2.1"}]}

    def gauges(self):
        return {"templates": 3.0}

    def blocklist(self, query):
        if query == "wrong":
            raise SetupError("'wrong' is unknown; give something else")
        return Page("text/csv", f"address {query}\n".encode())


@pytest.fixture
def service():
    service = Service()
    service.counted.add("datagrams.received", 5)
    service.counted.add("datagrams.refused.too_short", 2)
    service.counted.add("datagrams.refused.unknown_version", 1)
    service.counted.add('documents.delivered.file.dc"1')
    return service


@pytest.fixture
def get(service):
    answer = api.application(service, "north")

    def ask(path, method="GET"):
        environ = {}
        setup_testing_defaults(environ)
        page, _, query = path.partition("?")
        environ |= {"PATH_INFO": page, "QUERY_STRING": query, "REQUEST_METHOD": method}
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


def figures(service, label):
    """What /metrics holds with this label."""
    return {
        (sample.name.removeprefix("flowcoll_"), *sample.labels.values()): sample.value
        for family in Metrics(service, "north").collect()
        for sample in family.samples
        if label in sample.labels
    }


def test_outputs(service):
    """/metrics holds connection and queue of outputs that have them, and a counter of two labels has both."""
    service.counted = Counts({"documents.dropped_because.elasticsearch.dc1.queue_full": 4})
    service.reported["outputs"] = [
        {"name": "file", "delivered": 3},
        {"name": "elasticsearch.dc1", "up": True, "queued_documents": 5, "queued_bytes": 600, "state": "connected"},
    ]
    shown = figures(service, "output")
    assert {name: value for name, value in shown.items() if value} == {
        ("documents_dropped_because_total", "elasticsearch.dc1", "queue_full"): 4,
        ("output_up", "elasticsearch.dc1"): 1,
        ("output_queued_documents", "elasticsearch.dc1"): 5,
        ("output_queued_bytes", "elasticsearch.dc1"): 600,
    }


def test_workers(service):
    """/metrics holds of each worker whether it runs, how often it was started again, and what it takes."""
    service.reported["workers"] = [
        {"number": 0, "pid": 7, "up": True, "restarts": 0, "since": "noon", "cpu_s": 1.5, "memory_bytes": 4096},
        {"number": 1, "pid": 0, "up": False, "restarts": 3, "since": "noon", "cpu_s": 2.0, "memory_bytes": 0},
    ]
    assert figures(service, "worker") == {
        ("worker_up", "0"): 1,
        ("worker_up", "1"): 0,
        ("worker_restarts_total", "0"): 0,
        ("worker_restarts_total", "1"): 3,
        ("worker_cpu_seconds_total", "0"): 1.5,
        ("worker_cpu_seconds_total", "1"): 2,
        ("worker_resident_memory_bytes", "0"): 4096,
        ("worker_resident_memory_bytes", "1"): 0,
    }


def test_lists_of_threats(service):
    """/metrics holds how long each list of threats is, and of one that is downloaded how old; a list that is off has none."""
    service.reported["enrichers"] = {
        "threat_mine": {"state": "on", "entries": 3},
        "threat_off": {"state": "off"},
        "threat_riskiq": {"state": "failed", "entries": 5, "age_s": 7},
    }
    assert figures(service, "list") == {
        ("threat_list_entries", "mine"): 3,
        ("threat_list_entries", "riskiq"): 5,
        ("threat_list_age_seconds", "riskiq"): 7,
        ("threat_list_state", "mine", "on"): 1,
        ("threat_list_state", "off", "off"): 1,
        ("threat_list_state", "riskiq", "failed"): 1,
    }


def test_exporters(get, service):
    """/exporters holds what the workers know of exporters."""
    code, _, body = get("/exporters")
    assert (code, json.loads(body)) == (200, service.exporters())


def test_metrics_move(get, service):
    """Each request sees the counters as they are now."""
    before = get("/metrics")[2]
    service.counted.add("datagrams.received")
    assert "flowcoll_datagrams_received_total 5.0" in before
    assert "flowcoll_datagrams_received_total 6.0" in get("/metrics")[2]


@pytest.mark.parametrize("path", ["/", "/metrics/", "/livez/../metrics", "", "/favicon.ico"])
def test_other_pages_are_not_found(get, path):
    """Any other path is 404 and names the pages there are."""
    code, _, body = get(path)
    assert code == 404
    assert json.loads(body)["pages"] == ["/livez", "/readyz", "/metrics", "/exporters", "/threats/blocklist"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_get(get, method):
    """Any other method is 405 and names GET."""
    code, headers, _ = get("/livez", method)
    assert (code, headers["Allow"]) == (405, "GET")


@contextmanager
def started(service, stream=None, **options):
    account = {"EF_API_BASIC_AUTH_USERNAME": "jane", "EF_API_BASIC_AUTH_PASSWORD": "p\u00e4ss:word"}
    given = defaults(EF_API_PORT=free_port(socket.SOCK_STREAM), **account, **options)
    server = api.start(given, service, Log(stream or io.StringIO()))
    try:
        yield given["EF_API_PORT"]
    finally:
        server.stop(timeout=1)


def test_it_is_served_as_options_say(service):
    """Without TLS and user names every page is there for everybody."""
    with started(service) as port:
        assert fetch(f"http://127.0.0.1:{port}/metrics").status == 200


def test_a_password_guards_all_but_livez(service):
    """With EF_API_BASIC_AUTH_ENABLE pages need name and password; a probe needs none to see whether the service lives."""
    with started(service, EF_API_BASIC_AUTH_ENABLE=True) as port:
        url = f"http://127.0.0.1:{port}"
        assert fetch(f"{url}/livez").status == 200
        for page in ("/readyz", "/metrics", "/exporters", "/nothing"):
            assert fetch(url + page).status == 401
        assert fetch(f"{url}/metrics", account=("jane", "p\u00e4ss:word")).status == 200


@pytest.mark.parametrize(("ip", "lines"), [("127.0.0.1", 0), ("::1", 0), ("0.0.0.0", 1)])
def test_a_password_in_clear_is_warned_of(service, ip, lines):
    """A password that leaves the host without TLS is told once at the start."""
    stream = io.StringIO()
    with started(service, stream, EF_API_BASIC_AUTH_ENABLE=True, EF_API_IP=ip):
        assert stream.getvalue().count("EF_API_TLS_ENABLE") == lines


def test_tls_and_a_password(service, tmp_path):
    """With both, pages are there over TLS for who knows the password."""
    authority = Authority(tmp_path)
    issued = authority.issue("api", "127.0.0.1")
    options = {"EF_API_TLS_CERT_FILEPATH": issued.certificate, "EF_API_TLS_KEY_FILEPATH": issued.key}
    with started(service, EF_API_TLS_ENABLE=True, EF_API_BASIC_AUTH_ENABLE=True, **options) as port:
        url = f"https://127.0.0.1:{port}/metrics"
        assert fetch(url, authority.certificate).status == 401
        assert fetch(url, authority.certificate, ("jane", "p\u00e4ss:word")).status == 200


def test_blocklist(get):
    """/threats/blocklist has the media type of what it holds; a query that makes no sense is one line, and status 400."""
    assert get("/threats/blocklist?since=1h")[::2] == (200, "address since=1h\n")
    assert get("/threats/blocklist")[1]["Content-Type"] == "text/csv"
    status, headers, body = get("/threats/blocklist?wrong")
    assert (status, headers["Content-Type"]) == (400, "application/json")
    assert json.loads(body) == {"error": "'wrong' is unknown; give something else"}
    assert get("/threats/blocklist", "POST")[0] == 405
