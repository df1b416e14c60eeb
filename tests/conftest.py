import pytest
from hypothesis import settings

# the same examples on every run and every machine; a slow machine is no failure
settings.register_profile("flowcoll", deadline=None, derandomize=True)
settings.load_profile("flowcoll")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write what goldens expect anew and show what changed")
