"""Elasticsearch that is away, killed, full or red while flows arrive: nothing is lost, nothing comes twice uncounted."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from corpus import goldens
from elastic_node import Node
from flowcoll.decode.capture import Payload
from lossy import Way
from service import Service
from stored import PREFIX, Stored, lost, output, settled
from test_cli import netflow5

pytestmark = pytest.mark.stack

OUTAGE_S = float(os.environ.get("FLOWCOLL_OUTAGE_S", "0"))
SOME = 200
_AT_ONCE = 10
_PAUSE_S = 0.1  # between some datagrams and the next, so that the node has a processor to start on
_PRESSURE = 1_000_000  # octets of documents that the node takes at a time


@pytest.fixture(scope="module")
def own(server: Path) -> Iterator[Node]:  # noqa: ARG001  it must be there
    """A node that a test may stop; it has little room for what is being indexed."""
    with Node(settings={"indexing_pressure.memory.limit": f"{_PRESSURE}b"}) as made:
        yield made


@pytest.fixture
def up(own: Node) -> Node:
    """The same, running."""
    return own if own.running else own.start()


@contextmanager
def sending(service: Service) -> Iterator[None]:
    """Captures are sent over and over during the block."""
    ended = threading.Event()
    failures: list[BaseException] = []
    payloads = [payload for golden in goldens() for payload in golden.payloads]

    def send() -> None:
        try:
            for start in cycle(range(0, len(payloads), _AT_ONCE)):
                service.send(payloads[start : start + _AT_ONCE])
                if ended.wait(_PAUSE_S):
                    return
        except BaseException as exc:  # noqa: BLE001  the test is to fail, not the thread
            failures.append(exc)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]


def more(service: Service, name: str, some: int = SOME) -> None:
    """Wait until a counter has grown."""
    enough = service.count(name) + some
    service.until(f"{some} more {name}", lambda: service.count(name) >= enough)


def on_disk(service: Service, some: int = 1) -> int:
    """Wait until so many documents are on disk and none in memory; give their number."""
    service.until(
        f"{some} documents on disk",
        lambda: not service.count("output_queued_documents") and service.count("output_spooled_documents") >= some,
    )
    return service.count("output_spooled_documents")


def flows(count: int, at: int = 0) -> list[Payload]:
    """Datagrams with so many flows, whose octets number them from one upwards."""
    return [
        Payload(0.0, "127.0.0.1", 1, 0, netflow5(*range(start + 1, min(start + 30, at + count) + 1), sequence=start))
        for start in range(at, at + count, 30)
    ]


def numbered(service: Service, count: int, at: int = 0) -> None:
    """Send so many flows, and wait until they are documents."""
    service.send(flows(count, at))
    service.until("documents", lambda: service.count("documents_written") == at + count)


def octets(stored: Stored) -> list[int]:
    return sorted(document["source"]["bytes"] for document in stored.documents())


def test_outages(own: Node, tmp_path: Path) -> None:
    """An Elasticsearch that comes after the collector, is stopped and then killed ends up with each document once.

    Flows arrive all the time, and requests are small and follow each other at once, so that some are under way when the
    node ends. While it is away the collector is ready and says why documents wait; they wait on disk.
    """
    namespace = "outage"
    own.kill()
    options = {"EF_PROCESSOR_POOL_SIZE": 2, **output(own, namespace, BATCH_DEADLINE=10)}
    with Service(tmp_path, **options) as service:
        with sending(service):
            more(service, "documents_written")
            (state,) = service.ready()["outputs"]
            assert state["delivered"] == 0
            assert own.address in state["last_error"]
            own.start()
            more(service, "documents_delivered")
            ends: tuple[Callable[[], None], ...] = (own.stop, own.kill)
            for end in ends:
                end()
                more(service, "documents_written")
                more(service, "documents_spooled")
                threading.Event().wait(OUTAGE_S)
                own.start()
                more(service, "documents_delivered")
        written = settled(service)
        assert lost(service) == {}
        stored = Stored(own, namespace)
        assert len(set(stored.ids())) == stored.count() == written
        assert service.count("documents_spooled") == service.count("documents_replayed") > 0
        assert service.count("documents_perhaps_twice") == 0
        service.stop()
    told = [line["msg"] for line in service.lines("warn")]
    assert "Elasticsearch takes no documents now; they wait" in told
    assert "sending what waits on disk" in {line["msg"] for line in service.lines("info")}


def test_a_collector_that_is_killed(own: Node, tmp_path: Path) -> None:
    """Killed while it sends what was on disk, and started with fewer workers, it delivers each document once."""
    namespace = "killed"
    own.kill()
    options = output(own, namespace, BATCH_MAX_BYTES=20_000)
    with Service(tmp_path, **{"EF_PROCESSOR_POOL_SIZE": 3, **options}) as service:
        for golden in goldens():
            service.send(golden.payloads)
        service.send(flows(3000))
        written = on_disk(service, 3000)
        assert written == service.count("documents_written")
        own.start()
        service.until("some of it delivered", lambda: service.count("documents_replayed") > SOME, 120)
        service.kill()
    assert 0 < Stored(own, namespace).count() < written
    with Service(tmp_path, **options) as service:
        service.until("found", lambda: service.count("documents_found") > 0)
        service.until("all delivered", lambda: service.count("output_spooled_documents") == 0, 120)
        assert service.count("documents_found") == service.count("documents_replayed")
        assert lost(service) == {}
        stored = Stored(own, namespace)
        assert len(set(stored.ids())) == stored.count() == written
    assert [path.name for path in (tmp_path / "state" / "spool" / "elasticsearch").iterdir()] == ["0"]


@contextmanager
def small_disk(folder: Path, octets: int) -> Iterator[Path]:
    """A file system of its own that has so many octets."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={octets}", "flowcoll-tests", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.fail(f"this test mounts a small tmpfs, as root: {made.stderr.strip()}", pytrace=False)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(up: Node, tmp_path: Path) -> None:
    """What a full disk does not take stays in memory, and goes there when there is room; all of it is delivered."""
    namespace = "disk"
    with small_disk(tmp_path / "disk", 2_000_000) as disk, Way(up.port) as way:
        way.close()
        filler = disk / "filler"
        options = {**output(up, namespace, BATCH_MAX_BYTES=50_000), PREFIX + "ADDRESSES": way.address}
        with Service(tmp_path, **{"EF_STATE_PATH": disk, **options}) as service:
            numbered(service, 1000)
            on_disk(service, 1000)
            filler.write_bytes(bytes(shutil.disk_usage(disk).free // 4096 * 4096))
            numbered(service, 4000, 1000)
            service.until("said", lambda: any("No space" in line.get("reason", "") for line in service.lines("warn")))
            assert service.count("output_queued_documents") > 0
            filler.unlink()
            on_disk(service, 5000)
            way.open()
            assert settled(service) == 5000
            assert lost(service) == {}
            stored = Stored(up, namespace)
            assert octets(stored) == list(range(1, 5001))


def test_too_many_requests(up: Node, tmp_path: Path) -> None:
    """What a node under pressure refuses with 429 is delivered, at the speed at which the node takes it."""
    namespace = "pressure"
    with Service(tmp_path, **output(up, namespace, BATCH_MAX_BYTES=_PRESSURE // 2)) as service:
        service.until("connected", lambda: service.count("output_up"))
        numbered(service, 8000)
        assert settled(service) == 8000
        assert service.count("requests_failed", reason="429") > 0
        assert lost(service) == {}
        stored = Stored(up, namespace)
        assert len(set(stored.ids())) == stored.count() == 8000


def test_a_red_index(up: Node, tmp_path: Path) -> None:
    """Documents for an index that no node holds go to disk, and from there to the index when it is there."""
    namespace = "red"
    with Service(tmp_path, **output(up, namespace)) as service:
        numbered(service, SOME)
        settled(service)
        allocation = "cluster.routing.allocation.enable"
        up.es.cluster.put_settings(persistent={allocation: "none"})
        try:
            up.es.options(ignore_status=503).indices.rollover(
                alias=Stored(up, namespace).name, wait_for_active_shards=0
            )
            assert up.es.cluster.health()["status"] == "red"
            for at in range(1, 20):
                numbered(service, SOME, at * SOME)
            service.until("on disk", lambda: service.count("documents_spooled") > 0)
        finally:
            up.es.cluster.put_settings(persistent={allocation: None})
        assert settled(service) == 20 * SOME
        assert lost(service) == {}
        assert octets(Stored(up, namespace)) == list(range(1, 20 * SOME + 1))
        assert service.count("documents_perhaps_twice") == 0


def test_a_mapping_conflict(up: Node, tmp_path: Path) -> None:
    """What an index does not take of the spool is in the dead-letter file, the rest is delivered."""
    namespace = "conflict"
    with Way(up.port) as way:
        way.close()
        options = {**output(up, namespace, INDEX_TEMPLATE_ENABLE=False), PREFIX + "ADDRESSES": way.address}
        with Service(tmp_path, **options) as service:
            numbered(service, 500)
            on_disk(service, 500)
            mapping = {"properties": {"source": {"properties": {"bytes": {"type": "byte"}}}}}
            stored = Stored(up, namespace)
            up.es.indices.put_index_template(
                name=namespace,
                index_patterns=[stored.name],
                data_stream={},
                template={"mappings": mapping},
                priority=999,
            )
            way.open()
            service.until("sent", lambda: service.count("documents_replayed") == 500)
            rejected = service.count("documents_rejected", type="document_parsing_exception")
            assert (rejected, service.count("documents_delivered")) == (500 - 127, 127)
            letters = (tmp_path / "state" / "dead-letter" / "elasticsearch.ndjson").read_text().splitlines()
            kept = sorted(json.loads(line)["document"]["source"]["bytes"] for line in letters)
            assert kept == list(range(128, 501))
            assert octets(Stored(up, namespace)) == list(range(1, 128))


def test_a_rollover_in_the_outage(up: Node, tmp_path: Path) -> None:
    """What was stored, its answer lost, is stored a second time after a rollover: no more than was under way, and counted."""
    namespace = "rollover"
    with Way(up.port) as way:
        options = {
            **output(up, namespace, BATCH_DEADLINE=500, BATCH_MAX_BYTES=_PRESSURE // 2),
            PREFIX + "ADDRESSES": way.address,
        }
        with Service(tmp_path, **options) as service:
            numbered(service, SOME)
            settled(service)
            way.answers = False
            numbered(service, SOME, SOME)
            service.until("stored", lambda: Stored(up, namespace).count() == 2 * SOME)
            way.close()
            up.es.indices.rollover(alias=Stored(up, namespace).name)
            numbered(service, 5 * SOME, 2 * SOME)
            on_disk(service, 6 * SOME)
            way.open()
            assert settled(service) == 7 * SOME
            stored = Stored(up, namespace)
            assert len(set(stored.ids())) == 7 * SOME
            twice = stored.count() - 7 * SOME
            assert twice == service.count("documents_perhaps_twice") == SOME
            assert lost(service) == {}
        assert any("stored twice" in line["msg"] for line in service.lines("warn"))
