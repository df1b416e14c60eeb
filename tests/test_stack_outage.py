"""Elasticsearch that comes late, is restarted or is killed while flows arrive: nothing is lost, nothing comes twice."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from corpus import goldens
from elastic_node import Node
from service import Service
from stored import Stored, lost, output, settled

pytestmark = pytest.mark.stack


NAMESPACE = "outage"
SOME = 200
_AT_ONCE = 10
_PAUSE_S = 0.1  # between some datagrams and the next, so that the node has a processor to start on


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


def test_outages(server: Path, tmp_path: Path) -> None:  # noqa: ARG001  it must be there
    """An Elasticsearch that comes after the collector, is restarted and then killed ends up with each document once.

    Flows arrive all the time, and requests are small and follow each other at once, so that some are under way when the
    node ends. While it is away the collector is ready and says why documents wait.
    """
    with Node() as node, Service(tmp_path, **output(node, NAMESPACE, BATCH_DEADLINE=10)) as service:

        def more(name: str) -> None:
            enough = service.count(name) + SOME
            service.until(f"{SOME} more {name}", lambda: service.count(name) >= enough)

        with sending(service):
            more("documents_written")
            (state,) = service.ready()["outputs"]
            assert state["delivered"] == 0
            assert node.address in state["last_error"]
            node.start()
            more("documents_delivered")
            ends: tuple[Callable[[], None], ...] = (node.stop, node.kill)
            for end in ends:
                end()
                more("documents_written")
                node.start()
                more("documents_delivered")
        written = settled(service)
        assert lost(service) == {}
        stored = Stored(node, NAMESPACE)
        assert len(set(stored.ids())) == stored.count() == written
        service.stop()
        told = [line["msg"] for line in service.lines("warn")]
        assert set(told) == {"Elasticsearch takes no documents now; they wait"}
        assert len(told) > len(ends)
