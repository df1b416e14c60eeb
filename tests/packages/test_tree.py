"""The private Python that both packages install."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from building import CHECKOUT

FLOOR = CHECKOUT / "packaging/tree/floor.py"
LOCK = CHECKOUT / "packaging/tree/requirements.txt"
_IMPORT_ALL = """
import importlib, pathlib, sysconfig
site = pathlib.Path(sysconfig.get_paths()["purelib"])
for path in sorted(site.rglob("*.so")):
    importlib.import_module(".".join(path.relative_to(site).parts).partition(".cpython")[0].partition(".abi3")[0].removesuffix(".so"))
    print(path)
"""


def test_the_lock_has_what_the_collector_asks_for() -> None:
    """Each dependency is shipped, in a version that pyproject.toml allows, with a hash to know it by."""
    shipped = dict(re.findall(r"^(\S+)==(\S+) \\$", LOCK.read_text(), re.MULTILINE))
    for line in tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]:
        wanted = Requirement(line)
        assert shipped[wanted.name] in wanted.specifier
    assert LOCK.read_text().count("--hash=sha256:") >= len(shipped)


@pytest.mark.stack
def test_an_old_host_suffices(tree: Path) -> None:
    """No program or library of it needs more than glibc 2.28, or a library that a host may lack."""
    done = subprocess.run([sys.executable, str(FLOOR), str(tree / "lib")], capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.stack
def test_a_newer_need_is_named(tree: Path, tmp_path: Path) -> None:
    """The check is able to fail: a program of this host, where that is newer, and a library that nobody ships."""
    (tmp_path / "a").write_bytes(next(tree.rglob("gevent/**/*.so")).read_bytes().replace(b"GLIBC_2.14", b"GLIBC_2.99"))
    (tmp_path / "b").write_bytes(next(tree.rglob("gevent/**/*.so")).read_bytes().replace(b"libc.so.6", b"libq.so.6"))
    done = subprocess.run([sys.executable, str(FLOOR), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a: needs GLIBC_2.99, more than 2.28" in done.stderr
    assert "b: needs libq.so.6, which is not shipped" in done.stderr


@pytest.mark.stack
def test_every_library_can_be_loaded(tree: Path) -> None:
    """What was trimmed and stripped still works."""
    command = [str(tree / "lib/bin/python3"), "-I", "-B", "-c", _IMPORT_ALL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(list(tree.rglob("*.so")))


@pytest.mark.stack
def test_everybody_is_named(tree: Path) -> None:
    """The copyright file has a paragraph for each distribution in the tree."""
    told = (tree / "copyright").read_text()
    found = {path.name for path in tree.rglob("*.dist-info")} - {p.name for p in tree.rglob("flowcoll-*.dist-info")}
    assert {name for name in found if f"{name}*" not in told} == set()
    assert len(found) > 20
