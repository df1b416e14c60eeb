"""The packages of this checkout, and hosts to try them on."""

from pathlib import Path

import pytest

from building import CHECKOUT, NEXT, Built, build, next_deb, script
from flowcoll.errors import SetupError
from hosts.roots import root


@pytest.fixture(scope="session")
def hosts() -> Path:
    """The root folders of hosts are made; what that needs and is missing is named in one line. Gives their folder."""
    try:
        for suite in ("bookworm", "trixie"):
            made = root(suite)
    except SetupError as exc:
        pytest.fail(str(exc), pytrace=False)
    return made.parent


@pytest.fixture(scope="session")
def tree(hosts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree that both packages install; its runtime is kept beside the hosts."""
    made = tmp_path_factory.mktemp("tree") / "tree"
    script(CHECKOUT / "packaging/tree/build", made, WORK=hosts)
    return made


@pytest.fixture(scope="session")
def debs(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("debs")
    return Built(build("deb", folder, TREE=tree), next_deb(tree, folder))


@pytest.fixture(scope="session")
def rpms(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("rpms")
    return Built(build("rpm", folder, TREE=tree), build("rpm", folder, TREE=tree, VERSION=NEXT))
