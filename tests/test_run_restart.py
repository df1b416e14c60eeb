"""`flowcoll run` stopped in the middle of recorded exports and started with another number of workers."""

import json
from collections import Counter
from pathlib import Path

import pytest

from corpus import goldens
from flowcoll.decode.capture import Payload
from service import Service


def captured() -> list[Payload]:
    """Give the datagrams of every golden capture but the broken ones, as if all exporters had sent side by side."""
    queues = [list(golden.payloads) for golden in goldens() if "broken" not in golden.name]
    found = []
    while any(queues):
        found += [queue.pop(0) for queue in queues if queue]
    return found


def collected(folder: Path, parts: list[tuple[int, list[Payload]]], **options: object) -> Counter[str]:
    """Give the documents of a run that is stopped after each part and started anew with so many workers."""
    output = folder / "flows.ndjson"
    for workers, payloads in parts:
        file = {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": output}
        with Service(folder, **file, **options, EF_PROCESSOR_POOL_SIZE=workers) as service:
            service.send(payloads)
            before = service.metrics()
        assert service.lines("error") == []
        assert before.get("bugs", 0) == 0
    return Counter(_comparable(line) for line in output.read_text().splitlines())


def _comparable(line: str) -> str:
    """Leave out of a document what only tells when it came."""
    document = json.loads(line)
    del document["@timestamp"], document["event"]["ingested"]
    if document["flow"]["export"]["type"] == "sflow":  # has no times of its own
        del document["flow"]["export"]["timestamp"], document["event"]["start"], document["event"]["end"]
    return json.dumps(document, sort_keys=True)


@pytest.fixture(scope="module")
def continuous(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    return collected(tmp_path_factory.mktemp("continuous"), [(1, captured())])


@pytest.mark.parametrize("steering", ["source", "off"])
def test_nothing_is_lost_that_a_continuous_run_has(tmp_path: Path, continuous: Counter[str], steering: str) -> None:
    """Stopped at any place and started with fewer or more workers, the same documents come out as without a stop."""
    payloads = captured()
    third = len(payloads) // 3
    parts = [(2, payloads[:third]), (3, payloads[third : 2 * third]), (1, payloads[2 * third :])]
    restarted = collected(tmp_path, parts, EF_FLOW_SERVER_STEERING=steering)
    assert continuous - restarted == Counter()
    assert restarted - continuous == Counter()
