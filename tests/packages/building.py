"""Builds packages of this checkout for tests."""

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from flowcoll import __version__

CHECKOUT = Path(__file__).parents[2]
NEXT = "9.9.9"
"""A version after this one."""

_QUICK = {"deb": "gzip -z1", "rpm": "w1.gzdio"}  # what is shipped takes a minute to compress


class Built(NamedTuple):
    """The package of this version, and the next one's; that of the deb has another line in flowcoll.conf."""

    now: Path
    then: Path


def once(folder: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Give the folder of that name, which `make` fills for the first process that asks; others wait for it."""
    made = folder / name
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            new = folder / f"{name}.new"
            new.mkdir(exist_ok=True)
            make(new)
            new.rename(made)
    return made


def wheel(folder: Path) -> None:
    """Build the wheel."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    run(*command, "--wheel-dir", folder, CHECKOUT)


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


def run(*command: object) -> str:
    """Run a command that must succeed, and give what it says."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def debs(tree: Path, folder: Path) -> None:
    """Build the package of this version, and of it the next version's."""
    now, inside = build("deb", folder, TREE=tree), folder / "inside"
    run("dpkg-deb", "--raw-extract", now, inside)
    with (inside / "etc/systemd/system/flowcoll.service.d/flowcoll.conf").open("a") as drop_in:
        drop_in.write("# a new line of the next version\n")
    control = inside / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {__version__}-1\n", f"Version: {NEXT}-1\n"))
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", inside, folder)


def rpms(tree: Path, folder: Path) -> None:
    """Build the package of this version and the next version's, side by side."""
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(lambda version: build("rpm", folder, TREE=tree, VERSION=version), (__version__, NEXT)):
            pass


def built(folder: Path, kind: str) -> Built:
    """Give the packages that lie in a folder."""
    (now,), (then,) = (folder.glob(f"flowcoll[-_]{version}-1*.{kind}") for version in (__version__, NEXT))
    return Built(now, then)
