"""`flowcoll run`, killed or stopped, and started again: what its exporters said before is still known."""

import json
import time
from pathlib import Path

from flowcoll.decode.capture import Payload
from service import Service
from strategies import Spec, announcement, block, export

EXPORTER, OTHER = "127.30.1.1", "127.30.1.2"
PAIR = (Spec(0, 8, 4), Spec(0, 12, 4))
TEMPLATE = export(10, block(2, announcement(256, PAIR)))


def data(last: int) -> bytes:
    return export(10, block(256, bytes([10, 0, 0, last, 10, 9, 9, 9])))


def sent(octets: bytes, source: str = EXPORTER) -> Payload:
    return Payload(time.time(), source, 4000, 2055, octets)


def found(output: Path) -> list[str]:
    return [json.loads(line)["source"]["ip"] for line in output.read_text().splitlines()]


def service(folder: Path) -> Service:
    return Service(folder, EF_OUTPUT_FILE_ENABLE=True, EF_OUTPUT_FILE_PATH=folder / "flows.ndjson")


def test_killed_and_started_again(tmp_path: Path) -> None:
    """An exporter that announced its template only before a kill -9 is read after it."""
    output, kept = tmp_path / "flows.ndjson", tmp_path / "state" / "templates"
    with service(tmp_path) as running:
        running.send([sent(TEMPLATE), sent(data(1))])
        running.until("the template is kept", (kept / f"{EXPORTER}.templates").exists)
        running.until("the flow is written", lambda: output.exists() and found(output) == ["10.0.0.1"])
        running.kill()
    with service(tmp_path) as again:
        again.send([sent(data(2))])
        assert again.count("templates_restored") == 1
    assert found(output) == ["10.0.0.1", "10.0.0.2"]
    assert again.lines("warn") == again.lines("error") == []


def test_stopped_while_data_wait(tmp_path: Path) -> None:
    """Data that wait for their template at SIGTERM are written when it comes after the start."""
    with service(tmp_path) as first:
        first.send([sent(data(1)), sent(data(9), OTHER)])
        assert first.metrics()["sets_waiting"] == 2
    with service(tmp_path) as second:
        second.send([sent(data(2)), sent(TEMPLATE), sent(data(3))])
        assert second.metrics()["sets_waiting"] == 0
    assert found(tmp_path / "flows.ndjson") == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    names = sorted(path.name for path in (tmp_path / "state" / "templates").iterdir())
    assert names == [f"{EXPORTER}.templates", f"{OTHER}.waiting"]


def test_no_state_path(tmp_path: Path) -> None:
    """Where nothing can be kept the service runs all the same, and says it once."""
    (tmp_path / "state").write_text("in the way")
    with service(tmp_path) as running:
        running.send([sent(TEMPLATE), sent(data(1))])
    assert found(tmp_path / "flows.ndjson") == ["10.0.0.1"]
    (line,) = running.lines("warn")
    assert "templates are not kept" in line["msg"]
    assert running.lines("error") == []
