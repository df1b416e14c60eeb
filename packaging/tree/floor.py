"""Say whether every program and library of a tree runs on an old host: `python3 floor.py TREE` names those that do not."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FLOOR = (2, 28)
"""The C library of RHEL 8; Ubuntu 20.04 and Debian 11 have newer ones."""

HOST = {
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
}
"""Libraries that every host has; the packages depend on them by name."""


def programs(tree: Path) -> Iterator[Path]:
    """Give every ELF file of a tree."""
    for path in sorted(tree.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def problems(path: Path, shipped: set[str]) -> Iterator[str]:
    """Say what a program needs that a host at the floor lacks; libraries of these names are shipped beside it."""
    command = ["readelf", "--wide", "--dynamic", "--version-info", str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    needs = told.partition("Version needs section")[2]
    newest = max((tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_(\d[\d.]*)", needs)), default=(0,))
    if newest > FLOOR:
        yield f"needs GLIBC_{'.'.join(map(str, newest))}, more than {'.'.join(map(str, FLOOR))}"
    for library in re.findall(r"\(NEEDED\).*\[(.+)\]", told):
        if library not in HOST | shipped:
            yield f"needs {library}, which is not shipped"


def main(tree: Path) -> int:
    """Print what is wrong; give the exit code."""
    found = list(programs(tree))
    shipped = {path.name for path in found}
    wrong = [f"{path.relative_to(tree)}: {problem}" for path in found for problem in problems(path, shipped)]
    for line in wrong:
        print(line, file=sys.stderr)
    if not found:
        print(f"{tree} holds no program", file=sys.stderr)
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
