"""Real exporters that read a capture and export what they see: softflowd and pmacct, as Debian packages them."""

import os
import shutil
import subprocess
from pathlib import Path


def program(name: str, package: str) -> str:
    """Where a program is, or a failure that names its Debian package."""
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    assert found, f"{name} is missing: apt-get install {package}"
    return found


def softflowd(traffic: Path, port: int, folder: Path, *options: str) -> str:
    """Let softflowd read a capture and export it; `-a` makes it live at the time of the packets."""
    files = ["-p", str(folder / "softflowd.pid"), "-c", "none"]  # its control socket may make it wait for ever
    command = [program("softflowd", "softflowd"), "-d", "-a", "-r", str(traffic), "-n", f"127.0.0.1:{port}", *files]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout + done.stderr


def pmacctd(traffic: Path, folder: Path, *settings: str) -> None:
    """Let pmacctd read a capture and export it through one of its probes.

    Its exit code says nothing: it is 1 when the probe, which is done, ends before the reader.
    """
    config = folder / "pmacctd.conf"
    config.write_text("\n".join([f"pcap_savefile: {traffic}", *settings, ""]))
    subprocess.run([program("pmacctd", "pmacct"), "-f", str(config)], capture_output=True, timeout=60, check=False)
