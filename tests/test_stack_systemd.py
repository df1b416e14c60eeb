"""The real systemd's reading of a drop-in, beside ours."""

import os
import pwd
import random
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from flowcoll.transfer.drop_in import read

pytestmark = pytest.mark.stack

SYSTEMD = Path("/usr/lib/systemd/systemd")
PIECES = (
    *(
        "EF_A=",
        "EF_B=",
        "x",
        "1",
        " ",
        " ",
        "\t",
        '"',
        '"',
        "'",
        "'",
        "=",
        "#",
        ";",
        "\\\\",
        '\\"',
        "\\'",
        "\\s",
        "\\t",
    ),
    *("\\x41", "\\101", "\\u00e9", "\\q", "%%", "% ", "%z", "%", "é", " \\\n", "\\\n# no\n", "EF-C=", "$X"),
)
_UNIT = re.compile(r"-> Unit t(\d+)\.service:(.*?)(?=-> Unit |\Z)", re.DOTALL)


def taken(folder: Path, lines: Sequence[str]) -> list[list[str]]:
    """What systemd gives to a service for each Environment= line; it only loads units and says what it has read."""
    if not SYSTEMD.exists():
        pytest.fail(f"{SYSTEMD} is missing: apt-get install systemd", pytrace=False)
    folder.chmod(0o755)
    names = [f"t{number}.service" for number in range(len(lines))]
    (folder / "default.target").write_text(f"[Unit]\nDescription=all\nWants={' '.join(names)}\n")
    for name, line in zip(names, lines, strict=True):
        (folder / name).write_text(f"[Service]\nExecStart=/bin/true\nEnvironment={line}\n")
    runtime = folder / "run"
    runtime.mkdir()
    who = {}
    if os.geteuid() == 0:  # a user's instance does not start for root without a session
        nobody = pwd.getpwnam("nobody")
        os.chown(runtime, nobody.pw_uid, nobody.pw_gid)
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    done = subprocess.run(
        [SYSTEMD, "--test", "--user", "--unit=default.target", "--log-target=null"],
        env={"XDG_RUNTIME_DIR": str(runtime), "SYSTEMD_UNIT_PATH": str(folder), "HOME": "/nonexistent"},
        capture_output=True,
        check=False,
        timeout=60,
        **who,  # type: ignore[call-overload]
    )
    found = dict(_UNIT.findall(done.stdout.decode()))
    assert len(found) == len(lines), done.stderr.decode()
    return [re.findall(r"^\t*Environment: (.*)$", found[str(n)], re.MULTILINE) for n in range(len(lines))]


def test_random_lines_mean_what_they_mean_to_systemd() -> None:
    """Names and values that it gives to the service are those that are read here, in whatever way a line is written."""
    chance = random.Random(7)
    lines = [
        chance.choice(("EF_A=", '"EF_A=', "'EF_A=", "")) + "".join(chance.choices(PIECES, k=chance.randint(1, 10)))
        for _ in range(600)
    ]
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are for root alone
        expected = taken(Path(folder), lines)
    for line, entries in zip(lines, expected, strict=True):
        found = read(Path("/x"), f"[Service]\nEnvironment={line}\n")
        if any("systemd replaces" in notice for notice in found.notices):
            continue
        ours = {given.name: given.text for given in found.given}
        assert dict(entry.split("=", 1) for entry in entries if entry.startswith("EF_")) == ours, repr(line)
    assert sum(map(bool, expected)) > 150
