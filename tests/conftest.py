from pathlib import Path

import pytest
from hypothesis import settings

from corpus import enriching, threat_list
from flowcoll.config import Options

# the same examples on every run and every machine; a slow machine is no failure
settings.register_profile("flowcoll", deadline=None, derandomize=True)
settings.load_profile("flowcoll")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write what goldens expect anew and show what changed")


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
