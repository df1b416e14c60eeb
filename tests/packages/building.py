"""Builds packages of this checkout for tests."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).parents[2]
NEXT = "9.9.9"
"""A version after this one."""

_QUICK = {"deb": "gzip -z1", "rpm": "w1.gzdio"}  # what is shipped takes a minute to compress


class Built(NamedTuple):
    """The package of this version, and the next one's, which has another line in flowcoll.conf."""

    now: Path
    then: Path


def build(kind: str, folder: Path, **environ: object) -> Path:
    """Build a package as `make deb` and `make rpm` do, and give where it says it is."""
    told = script(CHECKOUT / "packaging" / kind / "build", folder, COMPRESS=_QUICK[kind], **environ)
    assert re.fullmatch(r"\S+: [\d.]+M\n", told), told
    return Path(told.partition(":")[0])


def script(path: Path, *arguments: object, **environ: object) -> str:
    """Run a script of packaging/; what it says of a prerequisite that is missing ends the test."""
    ours = {name: str(value) for name, value in environ.items()}
    done = subprocess.run(
        [str(path), *map(str, arguments)],
        env=os.environ | {"PYTHON": sys.executable} | ours,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stderr, pytrace=False)
    return done.stdout


def next_deb(tree: Path, folder: Path) -> Path:
    """Build the next version, and change a configuration file in it."""
    made = build("deb", folder, TREE=tree, VERSION=NEXT)
    inside = folder / "inside"
    subprocess.run(["dpkg-deb", "--raw-extract", str(made), str(inside)], check=True)
    with (inside / "etc/systemd/system/flowcoll.service.d/flowcoll.conf").open("a") as drop_in:
        drop_in.write("# a new line of the next version\n")
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(inside), str(made)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return made
