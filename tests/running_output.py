"""An Elasticsearch output that runs in this process, and what a test wants to see of it."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent

from fakes.elasticsearch import Elasticsearch
from flowcoll.config import OutputOptions, defaults
from flowcoll.counters import Counts
from flowcoll.document.fields import Wanted
from flowcoll.elastic import connect
from flowcoll.logs import Log
from flowcoll.member import Member
from flowcoll.output.dead_letter import DeadLetters
from flowcoll.output.disk import Place
from flowcoll.output.elasticsearch import ElasticsearchOutput
from flowcoll.output.session import Means


def options(**values: Any) -> OutputOptions:
    """Options of an Elasticsearch output, given by the ends of their names."""
    given = {f"EF_OUTPUT_ELASTICSEARCH_{name}": value for name, value in values.items()}
    quick = {"EF_OUTPUT_ELASTICSEARCH_BATCH_DEADLINE": 20, "EF_OUTPUT_ELASTICSEARCH_RETRY_BACKOFF": 2}
    return defaults(EF_OUTPUT_ELASTICSEARCH_ENABLE=True, **(quick | given)).outputs("ELASTICSEARCH")[0]


def documents(*numbers: int, day: str = "2026-11-21") -> list[str]:
    return [f'{{"@timestamp":"{day}T22:54:27.123Z","n":{number}}}' for number in numbers]


class Running:
    """An output that writes to a fake, and what a test wants to see of it."""

    def __init__(self, folder: Path, fake: Elasticsearch, install: Any = None, **values: Any) -> None:
        own = {name: values.pop(name) for name in list(values) if name.islower()}
        means = own.pop("means", Means(connect, install))
        self.stream = io.StringIO()
        self.counts = Counts()
        self.given = 0
        self.log = Log(self.stream)
        self.letters = DeadLetters(folder, "elasticsearch", self.counts, self.log)
        self.output = ElasticsearchOutput(
            options(**{"ADDRESSES": fake.address, **values}),
            Wanted(),
            self.letters,
            means,
            counts=self.counts,
            log=self.log,
            **{"memory_octets": 1 << 20, "close_s": 5.0, **own},
        )
        self.output.start()

    def write(self, *numbers: int, **kwargs: Any) -> None:
        self.given += len(numbers)
        self.output.write(documents(*numbers, **kwargs))

    def wait(self, condition: Callable[[], Any]) -> None:
        with gevent.Timeout(90):  # longer than any wait before another try
            while not condition():
                gevent.sleep(0.005)

    def settle(self) -> None:
        """Wait until nothing is queued."""
        self.wait(lambda: not self.output.state()["queued_documents"])

    def count(self, name: str) -> int:
        return self.counts[f"{name}.elasticsearch"]

    def by(self, name: str) -> dict[str, int]:
        """Counts of a counter by its last label."""
        prefix = f"{name}.elasticsearch."
        return {key.removeprefix(prefix): count for key, count in self.counts.items() if key.startswith(prefix)}

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def dead(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.letters.path.read_text().splitlines()]

    def end(self) -> None:
        """Close it, and see that no document is missing."""
        self.output.close()
        self.check()

    def check(self) -> None:
        """Every document that was given has its place."""
        placed = sum(self.count(f"documents.{where}") for where in ("delivered", "delivered_before", "dropped"))
        rejected = sum(self.by("documents.rejected").values())
        state = self.output.state()
        spooled, found = state.get("spooled_documents", 0), self.count("documents.found")
        left = self.count("documents.left")
        assert placed + rejected + state["queued_documents"] + spooled + left == self.given + found
        damaged = self.by("documents.dropped_because").get("spool_damaged", 0)
        assert found + self.count("documents.spooled") == self.count("documents.replayed") + damaged + spooled + left
        assert sum(self.by("documents.dropped_because").values()) == self.count("documents.dropped")
        assert self.counts.undeclared() == []


class Spooling(Running):
    """An output with a spool, that waits for no more than a moment before it uses it."""

    def __init__(self, folder: Path, fake: Elasticsearch, **values: Any) -> None:
        self.folder = folder / "spool"
        place = Place(self.folder, values.pop("member", Member()), values.pop("limit", 1 << 20))
        unusable = values.pop("unusable", False)
        super().__init__(folder / "dead-letter", fake, **{"spool": place, "patience_s": 0.05, "close_s": 0.5, **values})
        self.wait(lambda: unusable or self.output._disk.there)

    def settle(self) -> None:
        """Wait until nothing is queued, nor spooled."""
        self.wait(lambda: not self.state("queued_documents") and not self.state("spooled_documents"))

    def state(self, key: str) -> Any:
        return self.output.state()[key]
