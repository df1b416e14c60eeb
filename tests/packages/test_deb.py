"""The Debian package, installed on hosts that have no Python."""

import re
import subprocess
from pathlib import Path

import pytest

from building import Built, build
from hosts import Host
from hosts.roots import SUITES
from installed import DROP_IN, documents, edit, see_it_work

pytestmark = pytest.mark.stack


def test_the_same_inputs_give_the_same_bits(debs: Built, tree: Path, tmp_path: Path) -> None:
    """Who builds this version again gets this very file."""
    assert build("deb", tmp_path, TREE=tree).read_bytes() == debs.now.read_bytes()


def test_lintian(debs: Built) -> None:
    """Lintian has nothing to say but what lintian-overrides explains."""
    command = ["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", str(debs.now)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("suite", SUITES)
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
        assert host.run("dpkg", "--verify", "flowcoll") == ""
        see_it_work(host, traffic, tmp_path)

        edited = edit(host)
        host.run("dpkg", "--force-confdef", "--force-confold", "--install", "/tmp/then.deb")
        assert host.path(DROP_IN).read_text() == edited
        assert "new line" in host.path(f"{DROP_IN}.dpkg-dist").read_text()
        assert list(documents(host))

        host.run("dpkg", "--remove", "flowcoll")
        assert not host.path("/usr/lib/flowcoll").exists()
        assert host.path(DROP_IN).read_text() == edited
        assert list(documents(host))

        told = host.run("dpkg", "--purge", "flowcoll")
        assert not re.search(r"flowcoll\S*' not empty", told)
        kept = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid")
        assert {line for line in host.files() ^ before if not line.startswith(kept)} == set()
        assert (host.path("/etc/passwd").read_text(), host.path("/etc/group").read_text()) == users
