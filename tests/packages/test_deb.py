"""The Debian package, installed on hosts that have no Python."""

import subprocess
from pathlib import Path

import pytest

from building import Built, build
from exporters import softflowd
from hosts import Host
from installed import DROP_IN, Installed, documents
from traffic import truth, volumes

pytestmark = pytest.mark.stack


def test_the_same_inputs_give_the_same_bits(debs: Built, tree: Path, tmp_path: Path) -> None:
    """Who builds this version again gets this very file."""
    assert build("deb", tmp_path, TREE=tree).read_bytes() == debs.now.read_bytes()


def test_lintian(debs: Built) -> None:
    """Lintian has nothing to say but what lintian-overrides explains."""
    command = ["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", str(debs.now)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
@pytest.mark.usefixtures("hosts")
def test_from_installation_to_purge(suite: str, debs: Built, traffic: Path, tmp_path: Path) -> None:
    """It collects as its own user; an upgrade keeps what was edited, a removal what is the user's, a purge nothing.

    The host lacks Python. What may stay after the purge is what belongs to others: the lists of users, which are as
    they were before.
    """
    with Host(suite) as host:
        assert host.attempt("sh", "-c", "command -v python3").returncode
        before = host.files()
        users = host.path("/etc/passwd").read_text(), host.path("/etc/group").read_text()
        host.put(debs.now, "/tmp/now.deb")
        host.put(debs.then, "/tmp/then.deb")

        host.run("dpkg", "--install", "/tmp/now.deb")
        assert host.run("flowcoll", "--version").startswith("flowcoll ")
        assert host.run("dpkg", "--verify", "flowcoll") == ""
        assert host.run("stat", "-c", "%U:%G %a", "/etc/flowcoll/flowcoll.yml") == "root:flowcoll 640\n"
        assert host.run("stat", "-c", "%U:%G %a", "/var/lib/flowcoll") == "flowcoll:flowcoll 750\n"
        with Installed(host, tmp_path) as running:
            softflowd(traffic, running.port, tmp_path, "-v", "9")
        assert volumes(list(documents(host))) == truth(traffic)

        edited = host.path(DROP_IN).read_text() + "# edited\n"
        host.path(DROP_IN).write_text(edited)
        host.run("dpkg", "--force-confdef", "--force-confold", "--install", "/tmp/then.deb")
        assert host.path(DROP_IN).read_text() == edited
        assert "new line" in host.path(f"{DROP_IN}.dpkg-dist").read_text()
        assert list(documents(host))

        host.run("dpkg", "--remove", "flowcoll")
        assert not host.path("/usr/lib/flowcoll").exists()
        assert host.path(DROP_IN).read_text() == edited
        assert list(documents(host))

        told = host.run("dpkg", "--purge", "flowcoll")
        assert "not empty" not in told
        kept = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid")
        assert {line for line in host.files() ^ before if not line.startswith(kept)} == set()
        assert (host.path("/etc/passwd").read_text(), host.path("/etc/group").read_text()) == users
