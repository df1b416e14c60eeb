"""`flowcoll run` with an Elasticsearch output, as a process of its own, before a stand-in that a test makes fail."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elastic_node.certificates import Authority
from fakes.elasticsearch import Elasticsearch
from flowcoll.decode.capture import Payload
from service import Service, free_port
from test_cli import netflow5

PATCHED = Path(__file__).with_name("patched_output.py")


@pytest.fixture
def fake() -> Iterator[Elasticsearch]:
    with Elasticsearch() as made:
        yield made


def options(fake, **values):
    ours = {"ENABLE": True, "ADDRESSES": fake.address, "INDEX_TEMPLATE_ENABLE": False, "BATCH_DEADLINE": 50, **values}
    return {f"EF_OUTPUT_ELASTICSEARCH_{name}": value for name, value in ours.items()}


def exports(count, flows=20):
    """Datagrams of one exporter, with so many flows each; their octets number them."""
    return [
        Payload(0.0, "127.0.0.1", 1, 0, netflow5(*range(start, start + flows), sequence=start))
        for start in range(1, count * flows, flows)
    ]


def octets(fake):
    return sorted(document["source"]["bytes"] for document in fake.documents())


def test_from_datagram_to_elasticsearch(fake, tmp_path):
    """Flows become documents, each once; SIGTERM sends what is gathered; the API tells of connection and queue."""
    with Service(tmp_path, **options(fake, BATCH_DEADLINE=60_000)) as service:
        service.until("connected", lambda: service.metrics()['output_up{output="elasticsearch"}'])
        service.send(exports(50))
        service.until("queued", lambda: service.count("output_queued_documents") == 1000)
        (state,) = service.ready()["outputs"]
        assert (state["name"], state["state"], state["version"]) == ("elasticsearch", "connected", "8.19.8")
        assert fake.bulks == []
        service.stop()
    assert octets(fake) == list(range(1, 1001))
    last = service.lines("info")[-1]
    assert last["documents.delivered.elasticsearch"] == last["documents.written"] == 1000


def test_a_server_that_does_not_answer_does_not_stop_the_receive_loop(fake, tmp_path):
    """While every request hangs, datagrams are read as they come and the API answers; then all of it is delivered."""
    fake.fault("stop")
    with Service(tmp_path, **options(fake)) as service:
        service.send(exports(10))
        service.until("requests under way", lambda: len(fake.bulks) >= 1)
        service.send(exports(400))
        assert service.count("socket_drops") == 0
        service.until("all gathered", lambda: service.ready()["outputs"][0]["queued_documents"] == 8200)
        assert service.status("/livez") == 200
        fake.fault("")
        fake.go_on.set()
        service.until("delivered", lambda: service.count("documents_delivered") == 8200)
    assert service.lines("error") == []


def test_nobody_there_does_not_stop_the_receive_loop(tmp_path):
    """With no Elasticsearch at all datagrams are read as they come; what waits at the end is delivered by the next start."""
    fake = Elasticsearch()
    with fake:
        pass
    with Service(tmp_path, **options(fake)) as service:
        service.send(exports(400))
        assert service.count("socket_drops") == 0
        assert service.count("output_up") == 0
        service.until("all gathered", lambda: service.count("documents_written") == 8000)
    assert service.lines("error") == []
    assert len(service.lines("warn")) <= 2  # nobody there; perhaps the receive buffer
    with fake, Service(tmp_path, **options(fake)) as service:
        service.until("delivered", lambda: service.count("documents_delivered") == 8000)
        assert service.count("documents_found") == service.count("documents_replayed") == 8000
    assert octets(fake) == list(range(1, 8001))


def test_a_file_beside_it_gets_everything(fake, tmp_path):
    """An output that hangs does not hold up another one."""
    fake.fault("stop")
    flows = tmp_path / "flows.ndjson"
    both = {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": flows, **options(fake)}
    with Service(tmp_path, **both) as service:
        service.send(exports(100))
        service.until("written", lambda: service.count("documents_delivered", output="file") == 2000)
        fake.fault("")
        fake.go_on.set()
    assert len(flows.read_text().splitlines()) == 2000
    assert octets(fake) == list(range(1, 2001))


def test_over_tls_without_a_warning(tmp_path, monkeypatch):
    """TLS works in the patched process, and no library warns of anything: any warning would be an error here."""
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    authority = Authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*map(str, authority.issue("server", "127.0.0.1")))
    with Elasticsearch(tls=context) as fake:
        tls = {"TLS_ENABLE": True, "TLS_CA_CERT_FILEPATH": authority.certificate}
        with Service(tmp_path, **options(fake, **tls)) as service:
            service.send(exports(50))
            service.until("delivered", lambda: service.count("documents_delivered") == 1000)
        assert octets(fake) == list(range(1, 1001))
    assert {line["level"] for line in service.lines("info") + service.lines("warn") + service.lines("error")} <= {
        "info",
        "warn",
    }
    assert "Recursion" not in service.log()


def test_a_warning_of_a_server_is_a_line_of_our_log(fake, tmp_path):
    """What Elasticsearch says in a Warning header, and any other warning of a library, is a log line like the others."""
    fake.warning = '299 Elasticsearch-8.19.8 "this is deprecated"'
    with Service(tmp_path, **options(fake)) as service:
        service.send(exports(1))
        service.until("delivered", lambda: service.count("documents_delivered") == 20)
    assert [line["msg"] for line in service.lines("warn") if "deprecated" in line["msg"]] == [
        "a library warns: this is deprecated"
    ]


def test_options_that_cannot_work_end_the_start(tmp_path):
    """A certificate that is not there ends the start with 78 and one line."""
    sets = {
        "EF_FLOW_SERVER_UDP_PORT": free_port(socket.SOCK_DGRAM),
        "EF_LOGGER_LEVEL": "error",
        "EF_OUTPUT_ELASTICSEARCH_ENABLE": "true",
        "EF_OUTPUT_ELASTICSEARCH_TLS_ENABLE": "true",
        "EF_OUTPUT_ELASTICSEARCH_TLS_CA_CERT_FILEPATH": tmp_path / "missing.pem",
    }
    words = [word for name, value in sets.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "flowcoll", "run", "--config", "/dev/null", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 78
    (line,) = done.stderr.splitlines()
    assert line.startswith("flowcoll: EF_OUTPUT_ELASTICSEARCH_TLS_CA_CERT_FILEPATH = ")


def test_datagrams_are_read_from_plain_sockets():
    """In the patched process the UDP sockets are not gevent's: nothing stands between the loop and the kernel."""
    code = """
from gevent import monkey; monkey.patch_all()
import io, socket
from flowcoll.collect.sockets import listen
from flowcoll.logs import Log
(listener,) = listen("127.0.0.1", [0], 0, Log(io.StringIO()))
print(type(listener.socket).__module__, socket.socket.__module__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["socket", "gevent._socket3"]


def test_in_a_patched_process():
    """What only a patched process can show is shown in one: see patched_output.py."""
    code = "from gevent import monkey; monkey.patch_all(); import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "-q", "-p", "no:cacheprovider", str(PATCHED)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
