"""Choose the versions that are shipped: `.venv/bin/python packaging/tree/lock.py` writes requirements.txt anew.

The newest versions that pyproject.toml allows and that have wheels for CPython 3.14 and glibc 2.28, with their hashes,
for x86_64 and aarch64.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

PYTHON = "3.14"
MACHINES = ("x86_64", "aarch64")
HERE = Path(__file__).parent
LOCK = HERE / "requirements.txt"
HEAD = "# What is shipped beside the collector; written by packaging/tree/lock.py.\n"


def dependencies(pyproject: Path) -> list[str]:
    """Give what the collector itself asks for."""
    return list(tomllib.loads(pyproject.read_text())["project"]["dependencies"])


def resolved(wanted: list[str], machine: str) -> list[dict[str, Any]]:
    """Give what pip would install on a machine."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"]
        command += [
            "--ignore-installed",
            "--only-binary",
            ":all:",
            "--implementation",
            "cp",
            "--python-version",
            PYTHON,
        ]
        for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none"):
            command += ["--abi", abi]
        for platform in ("manylinux_2_28", "manylinux2014", "manylinux_2_17"):
            command += ["--platform", f"{platform}_{machine}"]
        subprocess.run([*command, "--target", folder, "--report", str(report), *wanted], check=True)
        return list(json.loads(report.read_text())["install"])


def main() -> None:
    """Write the lock."""
    hashes: dict[str, set[str]] = {}
    for machine in MACHINES:
        for row in resolved(dependencies(HERE.parents[1] / "pyproject.toml"), machine):
            name = f"{re.sub('[-_.]+', '-', row['metadata']['name']).lower()}=={row['metadata']['version']}"
            hashes.setdefault(name, set()).add(row["download_info"]["archive_info"]["hashes"]["sha256"])
    lines = [
        " \\\n    ".join([name, *(f"--hash=sha256:{each}" for each in sorted(hashes[name]))]) for name in sorted(hashes)
    ]
    LOCK.write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
