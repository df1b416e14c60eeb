"""The wheel: what `pip install` gives."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from building import CHECKOUT

pytestmark = pytest.mark.stack

_CAPTURE = CHECKOUT / "demo/captures/branch-softflowd-v9.pcap"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, CHECKOUT)
    return next(folder.glob("flowcoll-*.whl"))


def run(*command: object) -> str:
    """Run a command that must succeed, and give what it says."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_is_in_it(wheel: Path) -> None:
    """Every file of the package that git knows is in the wheel: modules, tables, what is installed elsewhere."""
    known = run("git", "-C", CHECKOUT, "ls-files", "--cached", "--others", "--exclude-standard", "collector/flowcoll")
    wanted = {line.removeprefix("collector/") for line in known.splitlines() if (CHECKOUT / line).exists()}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert wanted - names == set()
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_works_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    """`pip install` of the wheel alone gives a collector that makes documents; all its commands can be loaded."""
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(tmp_path / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", wheel)
    program = tmp_path / "venv/bin/flowcoll"
    assert run(program, "--version").startswith("flowcoll ")
    written = [json.loads(line) for line in run(program, "replay", _CAPTURE).splitlines()]
    assert {document["event"]["dataset"] for document in written} == {"flowcoll.flow"}
    for command in run(program, "--help").partition("Commands:")[2].splitlines():
        if command[2:3].strip():
            run(program, command.split()[0], "--help")
