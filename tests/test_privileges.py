"""Root binds; what comes after needs no root."""

import os
import pwd
import tempfile
from pathlib import Path

from netflow5 import datagram
from service import Service


def users(pid: int) -> set[str]:
    """Give the users and groups that a process runs as: real, effective, saved (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {number for line in lines if line.startswith(("Uid:", "Gid:")) for number in line.split()[1:]}


def test_another_user_is_taken(tmp_path: Path) -> None:
    """Started as root, the collector runs as the user of EF_RUN_AS in all its processes; else as who started it."""
    nobody = pwd.getpwnam("nobody")
    for folder in (tmp_path, *tmp_path.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    written = tmp_path / "written"
    written.mkdir()
    written.chmod(0o777)
    options = {"EF_OUTPUT_FILE_ENABLE": True, "EF_OUTPUT_FILE_PATH": written / "flows", "EF_RUN_AS": "nobody"}
    with Service(tmp_path, **options, EF_STATE_PATH=written / "state") as service:
        service.send_plain(datagram(("192.0.2.1", "192.0.2.2")))
        service.until("a document", lambda: service.count("documents_delivered") == 1)
        found = set().union(*(users(pid) for pid in [service.pid, *service.children().values()]))
    if os.geteuid() == 0:
        assert found == {str(nobody.pw_uid), str(nobody.pw_gid)}
        assert (written / "flows").stat().st_uid == nobody.pw_uid
    else:
        assert found == {str(os.getuid()), str(os.getgid())}
