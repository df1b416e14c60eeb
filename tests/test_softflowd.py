import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from exporters import pmacctd, softflowd
from service import Service
from traffic import Volume, conversations, flow_of, frames, truth, volumes

pytestmark = pytest.mark.stack


@contextmanager
def collector(folder: Path) -> Iterator[tuple[Service, list[dict[str, Any]]]]:
    """A collector that writes to a file, and its documents: they are there after the block."""
    output = folder / "flows.ndjson"
    documents: list[dict[str, Any]] = []
    with Service(folder, EF_OUTPUT_FILE_ENABLE=True, EF_OUTPUT_FILE_PATH=output) as running:
        yield running, documents
    documents += [json.loads(line) for line in output.read_text().splitlines()]


# options -> how far its times may be off: header and records of NetFlow v9 meet at a whole second
TIMED = {
    "-v 5": 0.002,
    "-v 9": 1,
    "-v 10 -A sec": 1,
    "-v 10 -A milli": 0.002,
    "-v 10 -A micro": 0.002,
    "-v 10 -A nano": 0.002,
}


@pytest.mark.parametrize("options", ["-v 10", *TIMED])
def test_softflowd(options: str, traffic: Path, tmp_path: Path) -> None:
    """Every octet and packet of a capture arrives in the documents, flow by flow, in each protocol softflowd speaks.

    softflowd leaves out what is not IP, and IPv6 in NetFlow v5, which has no room for it. Both directions of a
    conversation carry the time of its first and of its last packet. What plain IPFIX counts in ms of its uptime can be
    placed only with the start time that softflowd sends in an option record.
    """
    version = int(options.split()[1])
    expected = {flow: volume for flow, volume in truth(traffic).items() if version != 5 or ":" not in flow.source}
    with collector(tmp_path) as (running, documents):
        softflowd(traffic, running.port, tmp_path, *options.split())
    assert volumes(documents) == expected
    kind = "ipfix" if version == 10 else "netflow"
    assert {(one["flow"]["export"]["type"], one["flow"]["export"]["version"]) for one in documents} == {(kind, version)}
    assert {one["observer"]["ip"] for one in documents} == {"127.0.0.1"}
    if options in TIMED:
        times = conversations(traffic)
        for document in documents:
            found = [datetime.fromisoformat(document["event"][end]).timestamp() for end in ("start", "end")]
            assert found == pytest.approx(times[flow_of(document).ends()], abs=TIMED[options])


@pytest.mark.parametrize(("version", "kind"), [(5, "netflow"), (9, "netflow"), (10, "ipfix")])
def test_nfprobe(version: int, kind: str, traffic: Path, tmp_path: Path) -> None:
    """What pmacct's NetFlow probe exports of a capture arrives octet by octet."""
    expected = {flow: volume for flow, volume in truth(traffic).items() if version != 5 or ":" not in flow.source}
    with collector(tmp_path) as (running, documents):
        pmacctd(
            traffic,
            tmp_path,
            "plugins: nfprobe",
            f"nfprobe_receiver: 127.0.0.1:{running.port}",
            f"nfprobe_version: {version}",
            "aggregate: src_host, dst_host, src_port, dst_port, proto, tos",
        )
    assert volumes(documents) == expected
    assert {one["flow"]["export"]["type"] for one in documents} == {kind}


def test_sfprobe(traffic: Path, tmp_path: Path) -> None:
    """Each packet that pmacct's sFlow probe samples, here every one, is a document with the length of its frame.

    The length includes the frame check sequence, four octets that a capture lacks. What is in the probe's last datagram
    when it ends is never sent; up to there not one packet is missing.
    """
    expected = [(flow, Volume(octets + 4, 1)) for flow, octets in frames(traffic)]
    with collector(tmp_path) as (running, documents):
        receiver = f"sfprobe_receiver: 127.0.0.1:{running.port}"
        pmacctd(traffic, tmp_path, "plugins: sfprobe", receiver, "sfprobe_agentip: 127.0.0.9")
    found = [(flow_of(one), Volume(one["network"]["bytes"], one["network"]["packets"])) for one in documents]
    assert Counter(found) == Counter(expected[: len(found)])
    assert len(expected) - len(found) < 8
    assert {one["observer"]["ip"] for one in documents} == {"127.0.0.9"}
    assert {one["flow"]["export"]["ip"] for one in documents} == {"127.0.0.1"}
