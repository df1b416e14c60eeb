"""What the running collector says of itself, judged."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flowcoll import config
from flowcoll.doctor.findings import Verdict
from flowcoll.doctor.running import CHECKS, Running, probe

OK, WARN, FAIL, SKIP = Verdict
JUDGES = {check.name: check.judge for check in CHECKS}
WORKER = {"number": 0, "pid": 77, "up": True, "restarts": 0, "memory_bytes": 1}
REPORT: dict[str, Any] = {
    "ready": True,
    "uptime_s": 3600.0,
    "workers": [WORKER],
    "sockets": [{"port": 9995, "kernel_drops": 0, "receive_buffer_bytes": 1}],
    "enrichers": {"threat_riskiq": {"state": "on"}},
    "outputs": [{"name": "elasticsearch", "up": True}],
}
EXPORTER: dict[str, Any] = {"address": "192.0.2.1", "clock_skew_ms": 20, "waiting": {"sets": 0, "bytes": 0}}


def running(**change: Any) -> Running:
    return Running(REPORT | change, [EXPORTER], api="http://127.0.0.1:8080")


def test_all_is_well() -> None:
    """And its parts are found by name."""
    found = running()
    assert {judge(found).verdict for judge in JUDGES.values()} == {OK}
    assert (found.pid, found.ports) == (77, {9995})
    assert found.enricher("threat_riskiq") == {"state": "on"}
    assert found.enricher("other") == found.output("other") == {}
    assert found.output("elasticsearch")["up"]


@pytest.mark.parametrize(
    ("check", "change", "verdict", "words"),
    [
        ("collector", {"ready": False}, WARN, "does not read its ports"),
        ("collector", {"workers": [WORKER | {"up": False}]}, FAIL, "do not run: 0"),
        ("collector", {"workers": [WORKER | {"restarts": 2}]}, WARN, "2 times"),
        ("outputs", {"outputs": [{"name": "elasticsearch", "up": False, "last_error": "401"}]}, FAIL, "401"),
        ("outputs", {"outputs": [{"name": "file", "dropped": 1200}]}, WARN, "file has dropped 1,200"),
        ("outputs", {"outputs": [{"name": "elasticsearch", "up": True, "rejected": 3}]}, WARN, "3 documents rejected"),
        (
            "enrichers",
            {"enrichers": {"maxmind_asn": {"state": "failed", "last_error": "why"}}},
            WARN,
            "maxmind_asn: why",
        ),
        ("kernel drops", {"sockets": [{"port": 9995, "kernel_drops": 1200}]}, WARN, "1,200 at port 9995"),
    ],
)
def test_what_is_wrong_with_it(check: str, change: dict[str, Any], verdict: Verdict, words: str) -> None:
    """Is told with what to do."""
    found = JUDGES[check](running(**change))
    assert (found.verdict, words in found.text, bool(found.advice)) == (verdict, True, True), found


@pytest.mark.parametrize(("name", "words"), [("elasticsearch.dc2", "wait in memory"), ("riskiq.dc2", "are dropped")])
def test_what_an_output_does_that_is_down(name: str, words: str) -> None:
    """Of Elasticsearch documents wait; what the RiskIQ output cannot send is lost."""
    found = JUDGES["outputs"](running(outputs=[{"name": name, "up": False, "last_error": "why"}]))
    assert words in found.advice


@pytest.mark.parametrize(
    ("check", "exporters", "verdict", "words"),
    [
        ("exporters", [], WARN, "none has been heard"),
        ("exporters", [EXPORTER | {"waiting": {"sets": 3, "bytes": 9}}], WARN, "192.0.2.1"),
        ("exporters' clocks", [EXPORTER | {"clock_skew_ms": -7_200_000}], WARN, "192.0.2.1"),
        ("exporters' clocks", [EXPORTER | {"clock_skew_ms": None}], OK, "within"),
        ("exporters' clocks", [], SKIP, "no exporter"),
    ],
)
def test_exporters(check: str, exporters: list[dict[str, Any]], verdict: Verdict, words: str) -> None:
    """Silence, data without templates, and wrong clocks are told."""
    found = JUDGES[check](Running(REPORT, exporters))
    assert (found.verdict, words in found.text) == (verdict, True), found


def test_many_are_not_all_named() -> None:
    """Three, and how many more."""
    many = [EXPORTER | {"address": f"192.0.2.{n}", "clock_skew_ms": 10**9} for n in range(1, 8)]
    found = JUDGES["exporters' clocks"](Running(REPORT, many))
    assert "192.0.2.1, 192.0.2.2, 192.0.2.3 and 4 others" in found.text


@contextmanager
def serving(pages: dict[str, Any]) -> Iterator[config.Options]:
    """Serve JSON pages on loopback, and give options whose API is there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(pages.get(self.path, {})).encode()
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield config.defaults(EF_API_PORT=server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_is_asked_over_its_api() -> None:
    """Both pages, once each."""
    with serving({"/readyz": REPORT, "/exporters": {"exporters": [EXPORTER]}}) as options:
        found = probe(options)
    assert found.there
    assert found.exporters == [EXPORTER]


def test_somebody_else_at_the_apis_port_is_told() -> None:
    """The collector could not have the port."""
    with serving({"/": {}}) as options:
        found = probe(options)
    assert JUDGES["collector"](found).verdict is FAIL


def test_nobody_there_is_no_fault() -> None:
    """Everything else can still be looked at."""
    with serving({}) as options:
        pass
    found = probe(options)
    assert not found.there
    assert {judge(found).verdict for judge in JUDGES.values()} == {SKIP}
