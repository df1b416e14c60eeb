"""`flowcoll riskiq-receive`: what it is told, and what it says when that cannot work."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from service import PATIENCE_S, until
from slow_fcfx import CUSTOMER, KEY
from test_riskiq_encoder import GOLDEN
from test_riskiq_run import KEY_OPTION, UUID_OPTION, receiver


def fails(*arguments: str, **environ: str) -> tuple[int, str]:
    """Exit code and the line that it prints, of a call that does not get to listening."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EF_")}
    command = [sys.executable, "-m", "flowcoll", "riskiq-receive", "--listen", "127.0.0.1:0", *arguments]
    done = subprocess.run(command, env=clean | environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.stdout == ""
    assert KEY not in done.stderr
    (line,) = done.stderr.splitlines()
    return done.returncode, line


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        ((), {}, f"--customer-uuid is missing: give it, or {UUID_OPTION}"),
        (("--customer-uuid", "me"), {}, "--customer-uuid must be a UUID, such as"),
        (("--customer-uuid", CUSTOMER), {}, f"the key is missing: give --key-file, {KEY_OPTION}"),
        (("--customer-uuid", CUSTOMER), {KEY_OPTION: KEY[:-2]}, "the key must be base64 of exactly 16 octets"),
        (("--customer-uuid", CUSTOMER, "--key-file", "/no/such"), {}, "the key: /no/such must be a file that can be"),
        (("--customer-uuid", CUSTOMER), {KEY_OPTION + "_FILE": "/no/such"}, "the key: /no/such must be a file"),
        (("--customer-uuid", CUSTOMER, "--listen", "here"), {KEY_OPTION: KEY}, "--listen here: must be host:port"),
    ],
    ids=["nothing", "uuid", "no-key", "short-key", "no-file", "no-file-of-the-environment", "listen"],
)
def test_what_cannot_work(arguments: tuple[str, ...], environ: dict[str, str], words: str) -> None:
    """Exit code 78 and one line that says what to give; the key is never shown."""
    code, line = fails(*arguments, **environ)
    assert code == 78
    assert line.startswith(f"flowcoll: {words}")


def test_a_port_that_is_taken() -> None:
    """Exit code 1: that may pass."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{sock.getsockname()[1]}"
        code, line = fails("--customer-uuid", CUSTOMER, "--listen", place, **{KEY_OPTION: KEY})
    assert code == 1
    assert line == f"flowcoll: --listen {place}: Address already in use; choose another address or port"


def test_it_is_told_by_the_environment_and_tells_at_the_end(tmp_path: Path) -> None:
    """UUID and key may come from the environment; what was refused is told at the end, each reason in words."""
    with receiver(tmp_path, **{UUID_OPTION: CUSTOMER, KEY_OPTION: KEY}) as receiving:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", receiving.port))
            for datagram in (GOLDEN, GOLDEN, b"x" * 100, GOLDEN[:51] + b"\7" + GOLDEN[52:]):
                sock.send(datagram)
        until("the record has come", receiving.records)
        receiving.process.send_signal(signal.SIGINT)
        assert receiving.process.wait(PATIENCE_S) == 0
    (record,) = receiving.records()
    assert record["destination"] == {"ip": "66.35.250.204", "port": 80}
    assert record["event"] == {"start": 1_700_000_000_000, "end": 1_700_000_001_500}
    assert receiving.talk().splitlines()[1:] == [
        "flowcoll: 1 records in 1 frames of 1 senders; 0 frames lost, 0 sent before the first that came, 3 refused",
        "flowcoll: refused 1: no frame: it begins otherwise",
        "flowcoll: refused 1: it came before",
        "flowcoll: refused 1: changed on the way, or encrypted with another key",
    ]
