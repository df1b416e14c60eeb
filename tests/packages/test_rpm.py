"""The RPM package, put into a root folder by rpm itself.

No host of the Red Hat family can be made here: what this shows is what rpm does with the package, and that its programs
run with nothing but a C library; `--nodeps`, since Debian's packages are not in rpm's database. The unit is the one
that Debian's systemd runs in test_systemd.py.
"""

import re
import subprocess
from pathlib import Path

import pytest

from building import CHECKOUT, NEXT, Built, run
from hosts import Host
from installed import DROP_IN, edit, see_it_work

pytestmark = pytest.mark.stack


def test_rpmlint(rpms: Built) -> None:
    """Rpmlint has nothing to say but what rpmlint.toml explains."""
    command = ["rpmlint", "--config", str(CHECKOUT / "packaging/rpm/rpmlint.toml"), str(rpms.now)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert re.search(r" 0 errors, 0 warnings", done.stdout), done.stdout


def test_it_asks_for_an_old_host_only(rpms: Built) -> None:
    """What it requires, RHEL 8 has: glibc 2.28, the C++ library of GCC 8, a shell, useradd."""
    required = {line.split(" ")[0] for line in run("rpm", "--query", "--package", "--requires", rpms.now).splitlines()}
    libraries = {line for line in required if "(" in line and not line.startswith(("config(", "rpmlib(", "rtld("))}
    assert required - libraries == {
        "/bin/sh",
        "/usr/sbin/groupadd",
        "/usr/sbin/useradd",
        *(line for line in required if line.startswith(("config(", "rpmlib(", "rtld("))),
    }
    versions = [
        tuple(map(int, found.split("."))) for line in libraries for found in re.findall(r"\(GLIBC_([\d.]+)", line)
    ]
    assert max(versions) <= (2, 28)
    newest = [
        tuple(map(int, found.split("."))) for line in libraries for found in re.findall(r"GLIBCXX_([\d.]+)", line)
    ]
    assert max(newest, default=(0,)) <= (3, 4, 25)


@pytest.mark.usefixtures("hosts")
def test_from_installation_to_removal(rpms: Built, traffic: Path, tmp_path: Path) -> None:
    """It collects as its own user; an upgrade keeps what was edited, a removal takes what it brought."""
    with Host("bookworm") as host:
        rpm = ("rpm", "--root", host.root, "--dbpath", "/var/lib/rpm")
        run(*rpm, "--install", "--nodeps", rpms.now)
        assert run(*rpm, "--verify", "--nodeps", "flowcoll") == ""
        see_it_work(host, traffic, tmp_path)

        edited = edit(host)
        run(*rpm, "--upgrade", "--nodeps", rpms.then)
        assert run(*rpm, "--query", "flowcoll").startswith(f"flowcoll-{NEXT}-1")
        assert host.path(DROP_IN).read_text() == edited
        changed = subprocess.run(
            [*map(str, rpm), "--verify", "--nodeps", "flowcoll"], capture_output=True, text=True, check=False
        ).stdout
        assert re.fullmatch(rf"S\.5\.+T\.\s+c {re.escape(DROP_IN)}\n", changed), changed

        run(*rpm, "--erase", "flowcoll")
        assert not host.path("/usr/lib/flowcoll").exists()
        assert not host.path("/usr/bin/flowcoll").exists()
        assert host.path(f"{DROP_IN}.rpmsave").read_text() == edited
