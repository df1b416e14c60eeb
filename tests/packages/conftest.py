"""The packages of this checkout, and hosts to try them on."""

import os
from pathlib import Path

import pytest

import building
from building import CHECKOUT, Built, once, script
from flowcoll.errors import SetupError
from hosts.roots import SUITES, root


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a run share: what takes long is built there by the first one that needs it."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def hosts() -> Path:
    """The root folders of hosts are made; what that needs and is missing is named in one line. Gives their folder."""
    try:
        for suite in SUITES:
            made = root(suite)
    except SetupError as exc:
        pytest.fail(str(exc), pytrace=False)
    return made.parent


@pytest.fixture(scope="session")
def wheel(yard: Path) -> Path:
    (made,) = once(yard, "wheel", building.wheel).glob("flowcoll-*.whl")
    return made


@pytest.fixture(scope="session")
def tree(hosts: Path, wheel: Path, yard: Path) -> Path:
    """The tree that both packages install; its runtime is kept beside the hosts."""

    def make(folder: Path) -> None:
        script(CHECKOUT / "packaging/tree/build", folder / "tree", WORK=hosts, WHEEL=wheel)

    return once(yard, "tree", make) / "tree"


@pytest.fixture(scope="session")
def debs(tree: Path, yard: Path) -> Built:
    return building.built(once(yard, "debs", lambda folder: building.debs(tree, folder)), "deb")


@pytest.fixture(scope="session")
def rpms(tree: Path, yard: Path) -> Built:
    return building.built(once(yard, "rpms", lambda folder: building.rpms(tree, folder)), "rpm")
