"""Tables of lists as the process that keeps them leaves them, for tests of who uses them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from flowcoll.config import defaults
from flowcoll.threat.keeping.jobs import Job, jobs_of
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.reading.unwrap import at_once

PREFIX = "EF_PROCESSOR_ENRICH_IPADDR_"
URL = "https://x.example/list"


def riskiq(url: str = URL) -> Job:
    """PassiveTotal's list at an address."""
    said: dict[str, Any] = {
        "THREAT_ENABLE": True,
        "THREAT_ENDPOINT": url,
        "API_USER": "jane@example.org",
        "API_KEY": "k",
    }
    (job,) = jobs_of(defaults(**{f"{PREFIX}RISKIQ_{name}": value for name, value in said.items()}))
    return job


def downloaded(*urls: str, name: str = "own", **said: Any) -> Job:
    """A list of one's own, from one address or more."""
    said = {"ENABLE": True, "URL": urls[0]} | said
    (job,) = jobs_of(defaults(**{f"{PREFIX}THREAT_{name.upper()}_{key}": value for key, value in said.items()}))
    (source,) = job.feed.sources
    return job.of(replace(job.feed, sources=tuple(replace(source, url=url) for url in urls)))


def in_file(path: Path, name: str = "mine", **said: Any) -> Job:
    """A list of one's own in a file."""
    said = {"ENABLE": True, "PATH": path} | said
    (job,) = jobs_of(defaults(**{f"{PREFIX}THREAT_{name.upper()}_{key}": value for key, value in said.items()}))
    return job


def table(folder: Path, job: Job, octets: bytes) -> None:
    """Leave the table of a list in a folder."""
    Shelf(folder).put(job.feed.name, lambda file: job.made([octets], "2025-06-15T00:00:00.000Z", [], file, at_once))
