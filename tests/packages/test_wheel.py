"""The wheel: what `pip install` gives."""

import json
import re
import sys
import zipfile
from pathlib import Path

import pytest

from building import CHECKOUT, run
from flowcoll.cli import commands

pytestmark = pytest.mark.stack

_LOAD_ALL = """
import importlib, pkgutil, flowcoll
from flowcoll.cli import commands
for module in pkgutil.walk_packages(flowcoll.__path__, "flowcoll."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for name in sorted(commands.commands):
    commands.main([name, "--help"], prog_name="flowcoll", standalone_mode=False)
"""
_CAPTURE = CHECKOUT / "demo/captures/branch-softflowd-v9.pcap"


def test_everything_is_in_it(wheel: Path) -> None:
    """Every file of the package that git knows is in the wheel: modules, tables, what is installed elsewhere."""
    known = run("git", "-C", CHECKOUT, "ls-files", "--cached", "--others", "--exclude-standard", "collector/flowcoll")
    wanted = {line.removeprefix("collector/") for line in known.splitlines() if (CHECKOUT / line).exists()}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert wanted - names == set()
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_works_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    """`pip install` of the wheel alone gives a collector that makes documents; all its modules and commands can be loaded."""
    program = tmp_path / "venv/bin/flowcoll"
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    pip = [sys.executable, "-m", "pip", "--python", tmp_path / "venv", "--quiet", "--disable-pip-version-check"]
    run(*pip, "install", "--no-compile", "--only-binary", ":all:", wheel)
    assert run(program, "--version").startswith("flowcoll ")
    written = [json.loads(line) for line in run(program, "replay", _CAPTURE).splitlines()]
    assert {document["event"]["dataset"] for document in written} == {"flowcoll.flow"}
    told = run(tmp_path / "venv/bin/python", "-I", "-c", _LOAD_ALL)
    assert re.findall(r"^Usage: flowcoll ([\w-]+)", told, re.MULTILINE) == sorted(commands.commands)
