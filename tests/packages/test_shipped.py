"""The collector's own tests on the Python that the packages bring, which is newer than that of many a checkout.

What the next version of it or of a library breaks is seen here. All of them, which takes minutes:

    .venv/bin/pytest -m stack tests/packages/test_shipped.py --all-shipped
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from building import CHECKOUT, once, run

TELLING = (
    *("golden", "tables", "community_id", "geoip", "capture"),  # datagrams and documents
    *("supervisor", "channel", "handover", "unnamed", "privileges", "notify", "spool"),  # processes, sockets and files
    *("trust", "elastic", "web", "metrics_page", "threat_readers", "threat_unwrap"),  # TLS, HTTP, compression
    *("cli", "config", "manual", "doctor_host", "transfer_compose"),  # the command line
)
"""Tests that stand for what an interpreter and libraries in C do: each takes part in it."""

_NOT_TESTS = ("mypy", "ruff", "types-")


def wanted() -> list[str]:
    """Give what the tests ask for beside what is shipped."""
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return [line for line in extras["dev"] if not line.startswith(_NOT_TESTS)]


@pytest.fixture(scope="session")
def tools(hosts: Path, tree: Path) -> Path:
    """What the tests ask for, for the shipped Python; it is kept beside the hosts."""
    version = run(tree / "lib/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    target = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", version]
    for abi in (f"cp{version.replace('.', '')}", "abi3", "none"):
        target += ["--abi", abi]
    for platform in ("manylinux_2_28", "manylinux2014", "manylinux_2_17"):
        target += ["--platform", f"{platform}_{os.uname().machine}"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    key = hashlib.sha256(repr((version, wanted())).encode()).hexdigest()[:12]
    return once(hosts, f"tools-{key}", lambda folder: run(*pip, *target, "--target", folder, *wanted()))


@pytest.mark.stack
def test_a_telling_part(tree: Path, tools: Path, request: pytest.FixtureRequest) -> None:
    """What holds on the Python of the checkout holds on the shipped one."""
    part = [] if request.config.getoption("--all-shipped") else [f"tests/test_{name}.py" for name in TELLING]
    ours = {"PYTHONPATH": str(tools), "PYTHONDONTWRITEBYTECODE": "1"}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | ours
    # below no folder of an outer run: another user has to get through, and long paths are cut in messages
    with tempfile.TemporaryDirectory(prefix="shipped-") as base:
        Path(base).chmod(0o755)
        run("cp", "-a", tree / "lib", base)
        how = f"-m pytest -n 2 -q -p no:cacheprovider --basetemp {base}/t -m".split()
        command = [f"{base}/lib/bin/python3", *how, "not stack", *part]
        done = subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) > 500
