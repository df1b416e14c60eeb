import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from corpus import enriching, threat_list
from elastic_node import Node, distribution
from flowcoll.config import Options
from flowcoll.errors import SetupError
from traffic import capture

# the same examples on every run and every machine; a slow machine is no failure
settings.register_profile("flowcoll", deadline=None, derandomize=True)
settings.load_profile("flowcoll")


# whoever runs the tests in the background may have had them ignore Ctrl-C, and with them the programs they start
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name octets by their place: some hold the time when they were compressed, and names must not differ."""
    return argname if isinstance(val, bytes) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write what goldens expect anew and show what changed")
    parser.addoption(
        "--all-shipped", action="store_true", help="run every hermetic test on the shipped Python, not a part"
    )


@pytest.fixture(scope="session")
def threats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The list of threats that the golden corpus is enriched with."""
    return threat_list(tmp_path_factory.mktemp("threats"))


@pytest.fixture(scope="session")
def enriched(threats: Path) -> Options:
    """Options of the golden corpus: every enrichment is on, counters are corrected for sampling."""
    return enriching(threats)


@pytest.fixture(scope="session")
def uncorrected(threats: Path) -> Options:
    """The same, with counters as the exporter sent them."""
    return enriching(threats, EF_PROCESSOR_SAMPLING_CORRECT=False)


@pytest.fixture(scope="session")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of a small network's traffic, for real exporters to read; `traffic.truth` says what is in it."""
    return capture(tmp_path_factory.mktemp("traffic") / "traffic.pcap")


@pytest.fixture(scope="session")
def server() -> Path:
    """The Elasticsearch server is unpacked; what it needs and is missing is named in one line."""
    try:
        return distribution.server()
    except SetupError as exc:
        pytest.fail(str(exc), pytrace=False)


@pytest.fixture(scope="session")
def node(server: Path) -> Iterator[Node]:  # noqa: ARG001  it must be there
    """A real Elasticsearch node with security and a trial licence, the same for all tests of a run; see elastic_node."""
    with Node() as made:
        yield made.start()
