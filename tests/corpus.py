"""The golden corpus: recorded exports, the flows they hold, and what the collector made of them last time."""

import io
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flowcoll.config import Options, defaults
from flowcoll.counters import Counts
from flowcoll.decode.capture import Payload, payloads
from flowcoll.decode.memory import Memory
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline
from flowcoll.threat.matching import feeds

GOLDEN = Path(__file__).parent / "golden"
DATA = Path(__file__).parent / "data"
_ENRICH = "EF_PROCESSOR_ENRICH_IPADDR_"
_LIST_TIME = 1_400_000_000


@dataclass(frozen=True)
class Golden:
    """One case: a folder of `golden/` and its lines in cases.jsonl and expectations.jsonl."""

    name: str
    exporter: str
    datagrams: int
    expectation: Mapping[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        return GOLDEN / self.name

    @cached_property
    def payloads(self) -> Sequence[Payload]:
        """The datagrams in the order in which they came."""
        return tuple(payloads(self.folder / "datagrams.pcap"))


def goldens() -> list[Golden]:
    """Every case, in the order of cases.jsonl."""
    expectations = {line["case"]: line for line in _lines("expectations.jsonl")}
    return [
        Golden(line["case"], line["exporter"], line["datagrams"], expectations.pop(line["case"]))
        for line in _lines("cases.jsonl")
    ]


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / name).read_text().splitlines()]


def threat_list(folder: Path) -> Path:
    """A list that names a few addresses of the corpus, as if written at a fixed time: documents tell the time of it."""
    path = Path(shutil.copy(DATA / "threats.csv", folder))
    os.utime(path, (_LIST_TIME, _LIST_TIME))
    return path


def enriching(threats: Path, **overrides: Any) -> Options:
    """Options with every enrichment on."""
    return defaults(**(enrichments(threats) | overrides))


def enrichments(threats: Path) -> dict[str, Any]:
    """What to set to have every enrichment on: the test databases, and this list of threats."""
    return {
        _ENRICH + "MAXMIND_ASN_ENABLE": True,
        _ENRICH + "MAXMIND_ASN_PATH": DATA / "geo" / "GeoLite2-ASN-Test.mmdb",
        _ENRICH + "MAXMIND_GEOIP_ENABLE": True,
        _ENRICH + "MAXMIND_GEOIP_PATH": DATA / "geo" / "GeoLite2-City-Test.mmdb",
        _ENRICH + "THREAT_CORPUS_ENABLE": True,
        _ENRICH + "THREAT_CORPUS_TYPE": "csv",
        _ENRICH + "THREAT_CORPUS_PATH": threats,
    }


class Collector:
    """A pipeline with its counters, carrying payloads at the time of their capture."""

    def __init__(self, options: Options) -> None:
        self.counts = Counts()
        self.log = io.StringIO()
        log = Log(self.log)
        self._pipeline = Pipeline(options, self.counts, log)
        feeds.use(options, self._pipeline.lists, log)

    def carry(self, payloads: Iterable[Payload]) -> list[str]:
        """The documents of these payloads."""
        for payload in payloads:
            exporter = (payload.source, payload.source_port)
            self._pipeline.handle(payload.octets, exporter, round(payload.time * 1000))
        return self._pipeline.take()

    @property
    def memory(self) -> Memory:
        """What it knows of exporters."""
        return self._pipeline.memory

    def finish(self) -> None:
        """Nothing will follow."""
        self._pipeline.finish()
