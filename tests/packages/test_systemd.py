"""The unit, under the systemd of Debian 13 that has the package installed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from building import CHECKOUT, Built
from exporters import softflowd
from hosts import Booted
from installed import DROP_IN, Unit, documents
from service import until
from traffic import truth, volumes

# one host boots for all of them
pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("systemd")]

UNIT = CHECKOUT / "packaging/common/flowcoll.service"
_EXPOSURE = 2.0


@pytest.fixture(scope="module")
def host(debs: Built) -> Iterator[Booted]:
    with Booted("trixie") as made:
        made.put(debs.now, "/var/tmp/now.deb")
        made.put(debs.then, "/var/tmp/then.deb")
        made.run("dpkg", "--install", "/var/tmp/now.deb")
        yield made


@pytest.fixture
def unit(host: Booted, tmp_path: Path) -> Iterator[Unit]:
    """The service, started anew; what it wrote before is gone."""
    with Unit(host, tmp_path) as running:
        yield running
    host.attempt("systemctl", "stop", "flowcoll")
    host.run("systemctl", "reset-failed")
    host.run("sh", "-c", "rm -rf /var/lib/flowcoll/*; journalctl --rotate --quiet; journalctl --vacuum-time=1s --quiet")


def test_it_is_enabled_and_waits_to_be_configured(host: Booted) -> None:
    """A new installation starts with the host, and not before somebody starts it."""
    assert host.attempt("systemctl", "is-enabled", "flowcoll").stdout == "enabled\n"
    assert host.attempt("systemctl", "is-active", "flowcoll").stdout == "inactive\n"


def test_verify(host: Booted) -> None:
    """There is nothing that systemd finds wrong with the unit and its drop-in."""
    assert host.run("systemd-analyze", "verify", "--man=no", "flowcoll.service") == ""


def test_exposure() -> None:
    """Whoever gets into the service gets little more: systemd's own figure is 2.0 at most."""
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={_EXPOSURE * 10:.0f}", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:]


def test_ready_when_it_receives(unit: Unit, traffic: Path) -> None:
    """`systemctl start` returns when workers read: what an exporter sends from then on is in the documents at the stop."""
    assert unit.host.show("flowcoll", "StatusText") == "2 workers read"
    softflowd(traffic, unit.port, unit.folder, "-v", "9")
    unit.host.run("systemctl", "stop", "flowcoll")
    assert unit.host.show("flowcoll", "Result") == "success"
    assert volumes(list(documents(unit.host))) == truth(traffic)


def test_no_right_of_roots(unit: Unit) -> None:
    """Every process of it runs as its user, without a capability."""
    pids = unit.host.run("cat", "/sys/fs/cgroup/system.slice/flowcoll.service/cgroup.procs").split()
    for pid in pids:
        status = unit.host.run("cat", f"/proc/{pid}/status")
        assert "CapEff:\t0000000000000000" in status
        assert unit.host.run("ps", "-o", "user=", pid) == "flowcoll\n"
    assert len(pids) == 3


def test_killed_and_started_again(unit: Unit, traffic: Path) -> None:
    """A supervisor that dies takes its workers along, and the service goes on anew."""
    first = unit.main()
    unit.host.run("kill", "-KILL", str(first))
    until("started again", lambda: unit.main() not in (0, first) and unit.status("/readyz") == 200)
    softflowd(traffic, unit.port, unit.folder, "-v", "9")
    unit.host.run("systemctl", "stop", "flowcoll")
    assert volumes(list(documents(unit.host))) == truth(traffic)


def test_a_worker_that_hangs(unit: Unit) -> None:
    """The watchdog ends a service of which a worker no longer works, and it is started again."""
    unit.configure("WatchdogSec=3", "RestartSec=100ms")
    unit.host.run("systemctl", "restart", "flowcoll")
    first = unit.main()
    pid = unit.host.run("pgrep", "--full", "worker-1").split()[0]
    unit.host.run("kill", "-STOP", pid)
    until("started again", lambda: unit.main() not in (0, first))
    assert unit.host.show("flowcoll", "NRestarts") == "1"


def test_wrong_configuration(unit: Unit) -> None:
    """What cannot work is said once, and not tried again and again."""
    unit.configure("RestartSec=100ms", EF_FLOW_SERVER_UDP_PORT="none")
    assert unit.host.attempt("systemctl", "restart", "flowcoll").returncode
    assert unit.host.show("flowcoll", "ExecMainStatus") == "78"
    assert unit.host.show("flowcoll", "NRestarts") == "0"
    assert unit.host.show("flowcoll", "ActiveState") == "failed"


def test_reload(unit: Unit) -> None:
    """`systemctl reload` reads helper files again, in the same processes."""
    first = unit.main()
    unit.host.run("systemctl", "reload", "flowcoll")
    until("read again", lambda: "files of enrichment were looked at again" in unit.log())
    assert unit.main() == first


def test_a_secret_by_credential(unit: Unit) -> None:
    """A secret that root alone may read reaches the service as a credential."""
    secret = unit.host.path("/etc/flowcoll/api-password")
    secret.write_text("a secret\n")
    secret.chmod(0o600)
    unit.configure(
        "LoadCredential=api-password:/etc/flowcoll/api-password",
        EF_API_BASIC_AUTH_ENABLE=True,
        EF_API_BASIC_AUTH_USERNAME="you",
        EF_API_BASIC_AUTH_PASSWORD_FILE="%d/api-password",
    )
    unit.host.run("systemctl", "restart", "flowcoll")
    assert unit.status("/metrics") == 401
    assert "a secret" not in unit.log()


def test_upgrade_and_removal(unit: Unit) -> None:
    """An upgrade restarts what runs and keeps its configuration; a removal ends it."""
    first, edited = unit.main(), unit.host.path(DROP_IN).read_text()
    unit.host.run("dpkg", "--force-confdef", "--force-confold", "--install", "/var/tmp/then.deb")
    assert unit.host.path(DROP_IN).read_text() == edited
    assert unit.main() not in (0, first)
    assert unit.status("/readyz") == 200
    unit.host.run("dpkg", "--purge", "flowcoll")
    assert unit.status("/readyz") == 0
    assert unit.host.attempt("systemctl", "is-enabled", "flowcoll").stdout.strip() in ("not-found", "disabled")
    unit.host.run("dpkg", "--install", "/var/tmp/now.deb")
