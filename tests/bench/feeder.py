"""Writes the documents of a file to Elasticsearch in one of several ways: `python -m bench.feeder WAY FILE`.

The environment has the EF_OUTPUT_ELASTICSEARCH_ options of the output. The feeder makes everything ready, writes `ready`,
waits for a line on stdin, writes all documents, and tells in one JSON line how many seconds it took until Elasticsearch had
taken the last one, and the CPU seconds of this process, all its threads included.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

from flowcoll.config import Options, load

BATCH = 16 * 24  # documents that the receive loop hands over at once
REQUEST_OCTETS = 8 << 20  # the same for all; ours is BATCH_MAX_BYTES
Work = Callable[[], None]


def ours(options: Options, lines: Sequence[str]) -> Work:
    """The output of `flowcoll run`, given texts in batches as the receive loop gives them; requests are gzipped."""
    import gevent  # noqa: PLC0415

    from flowcoll.counters import Counts  # noqa: PLC0415
    from flowcoll.logs import Log  # noqa: PLC0415
    from flowcoll.output import open_outputs  # noqa: PLC0415

    counts = Counts()
    (output,) = open_outputs(options, counts, Log(sys.stderr, level="warn"), lambda *_: True)
    while not output.state()["up"]:
        gevent.sleep(0.01)

    def write() -> None:
        for at in range(0, len(lines), BATCH):
            output.write(lines[at : at + BATCH])
            gevent.sleep(0)
        output.flush()
        while counts[f"documents.delivered.{output.name}"] < len(lines):
            gevent.sleep(0.005)

    return write


def helpers_bulk(options: Options, lines: Sequence[str], *, parsed: bool = False, gzip: bool = False) -> Work:
    """elasticsearch-py's `helpers.bulk`, given dicts: made beforehand (`parsed`), or from the texts on the way."""
    from elasticsearch import Elasticsearch, helpers  # noqa: PLC0415

    from flowcoll.streams import FLOW  # noqa: PLC0415

    (output,) = options.outputs("ELASTICSEARCH")
    values = output.values
    stream = FLOW.name(values["NAMESPACE"])
    hosts = [f"http://{address}" for address in values["ADDRESSES"]]
    client = Elasticsearch(
        hosts, basic_auth=(values["USERNAME"], values["PASSWORD"]), http_compress=gzip, request_timeout=60
    )
    client.info()
    documents: Iterable[Any] = [orjson.loads(line) for line in lines] if parsed else map(orjson.loads, lines)

    def write() -> None:
        actions = ({"_op_type": "create", "_index": stream, "_source": document} for document in documents)
        helpers.bulk(client, actions, chunk_size=len(lines), max_chunk_bytes=REQUEST_OCTETS)

    return write


WAYS: dict[str, tuple[str, Callable[[Options, Sequence[str]], Work]]] = {
    "flowcoll": ("the output of `flowcoll run`, given texts", ours),
    "helpers.bulk": ("given dicts", lambda *given: helpers_bulk(*given, parsed=True)),
    "helpers.bulk gzip": ("given dicts, requests compressed as ours", lambda *given: helpers_bulk(*given, parsed=True, gzip=True)),
    "helpers.bulk texts": ("given dicts that orjson makes of the texts", helpers_bulk),
}  # fmt: skip
"""Name -> what it is, and how it is made ready."""


def main(way: str, file: str) -> None:
    if way == "flowcoll":
        from gevent import monkey  # noqa: PLC0415

        monkey.patch_all()  # as `flowcoll run` does
    options = load(Path(os.devnull), os.environ, ())
    work = WAYS[way][1](options, Path(file).read_text().splitlines())
    print("ready", flush=True)
    sys.stdin.readline()
    begin, cpu = time.monotonic(), time.process_time()
    work()
    found = {"seconds": time.monotonic() - begin, "cpu_s": time.process_time() - cpu}
    print(json.dumps(found), flush=True)
    os._exit(0)  # what the output would do at its end is not measured


if __name__ == "__main__":
    main(*sys.argv[1:])
