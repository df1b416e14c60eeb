"""The screen fits, shows what goes on, and says so when nobody answers."""

import io

import pytest
from rich.console import Console

from flowcoll.exporters.screen import screen, summary

WORKER = {
    "number": 0,
    "up": True,
    "restarts": 2,
    "memory_bytes": 37_200_000,
    "cpu_share": 0.41,
    "datagrams_per_second": 512.0,
}
OUTPUT = {
    "name": "elasticsearch",
    "delivered_per_second": 950.0,
    "delivered": 12_345,
    "dropped_per_second": 0.0,
    "dropped": 0,
}
HELD = {
    "up": False,
    "state": "waiting",
    "last_error": "connection refused",
    "queued_documents": 1_000,
    "queued_bytes": 1_200_000,
    "spooled_documents": 50,
    "spooled_bytes": 60_000,
    "replay_left_s": 90,
}
EXPORTER = {"address": "192.0.2.1", "protocol": "ipfix", "domain": 7, "flows_per_second": 44.0, "datagrams_per_second": 2.0, "clock_skew_ms": 0, "sequence": {"lost": 0, "share": 0.0}}  # fmt: skip
FOUND = {
    "interval_s": 2.0,
    "ready": True,
    "uptime_s": 7_200,
    "flows_per_second": 1_000.0,
    "datagrams_per_second": 40.0,
    "bits_per_second": 4_200_000.0,
    "documents_per_second": 1_000.0,
    "sequence_lost_per_second": 0.0,
    "kernel_drops": 3.0,
    "kernel_drops_per_second": 0.0,
    "sets_waiting": 0.0,
    "refused": [{"what": "datagrams", "reason": "too_short", "why": "too short to tell its protocol", "total": 9, "per_second": 4.5}],
    "outputs": [{**OUTPUT, **HELD}, {**OUTPUT, "name": "file"}],
    "workers": [WORKER, {"number": 1, "up": False}],
    "exporters": [EXPORTER] * 100,
}  # fmt: skip


def lines(what, width=100):
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(what)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_screen():
    """Everything has its line: totals, reasons, outputs, workers, exporters."""
    found = lines(screen("http://127.0.0.1:8080", FOUND, "12:00:00", "", 30))
    assert found[0].endswith("http://127.0.0.1:8080  12:00:00")
    assert found[1] == "ready, up 2.0 h, 2 workers"
    words = [" ".join(line.split()) for line in found]
    for line in (
        "1,000 flows/s 40.0 datagrams/s 4.2 Mbit/s of exports 1,000 documents/s",
        "datagrams too short to tell its protocol 4.5 9",
        "elasticsearch waiting, replay 2 min 950 1,000 (1.2 MB) 50 (60.0 kB) 0",
        "elasticsearch: connection refused",
        "file up 950 0",
        "0 up 512 41% 37.2 MB 2",
        "1 down - - 0 B 0",
        "192.0.2.1 ipfix 7 44.0 2.0 0 right",
    ):
        assert line in words
    assert found[-1] == "q ends"


@pytest.mark.parametrize("height", [30, 40, 60])
def test_height(height):
    """As many exporters are shown as the terminal has lines for."""
    assert height - 3 <= len(lines(screen("http://127.0.0.1:8080", FOUND, "12:00:00", "", height))) <= height


@pytest.mark.parametrize("width", [60, 80, 100])
def test_width(width):
    """No line is wider than the terminal."""
    assert max(map(len, lines(screen("http://127.0.0.1:8080", FOUND, "12:00:00", "", 40), width))) <= width


def test_before_anything_was_found():
    """Before the first answer it says that it asks, or why there is none."""
    assert lines(screen("x", None, "12:00:00", "", 30))[1] == "asking"
    found = lines(screen("x", None, "12:00:00", "x does not answer (Connection refused)", 30))
    assert found[1] == "x does not answer (Connection refused); asking again"


def test_trouble():
    """What was found last stays, below what is wrong."""
    found = lines(screen("x", FOUND, "12:00:00", "x does not answer", 30))
    assert found[1] == "x does not answer; asking again"
    assert any(line.startswith("192.0.2.1") for line in found)


def test_no_rates_yet():
    """Where there is no rate, there is a dash."""
    rates = {name: None if name.endswith("_per_second") else value for name, value in FOUND.items()}
    found = lines(screen("x", {**rates, "refused": [], "workers": []}, "12:00:00", "", 30))
    assert any(line.split()[:4] == ["-", "flows/s", "-", "datagrams/s"] for line in found)


def test_summary():
    """What is printed once has all exporters, and says of how long it is."""
    found = lines(summary("http://127.0.0.1:8080", FOUND))
    assert found[0] == "http://127.0.0.1:8080  ready, up 2.0 h, 2 workers, rates of 2.0 s"
    assert sum(line.startswith("192.0.2.1") for line in found) == 100
