"""GoFlow2, the peer: how it is had and how it is started."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.process import Launch, Sample, free_ports
from flowcoll.errors import SetupError

MODULE = "github.com/netsampler/goflow2/v2/cmd/goflow2"


def install(folder: Path) -> Path:
    """Build GoFlow2 into a folder unless it lies there already, and give its path."""
    program = folder / "goflow2"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise SetupError(
            "the peer GoFlow2 is built with Go, and there is no `go` here; install golang-go (1.24 or newer), "
            "or leave the peer out with --no-peer"
        )
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [go, "install", f"{MODULE}@latest"],
        env={**os.environ, "GOBIN": str(folder.resolve()), "GOTOOLCHAIN": "auto"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:]
        raise SetupError(f"`go install {MODULE}@latest` failed: {''.join(why)}; mend it, or use --no-peer")
    return program


def version(program: Path) -> str:
    """The version of GoFlow2 as its build information has it."""
    go = shutil.which("go")
    if go is None:
        return "unknown"
    told = subprocess.run([go, "version", "-m", str(program)], capture_output=True, text=True, check=False).stdout
    rows = (line.split() for line in told.splitlines())
    return next((row[2] for row in rows if row[:1] == ["mod"]), "unknown")


def goflow2(program: Path, form: str, protocol: str) -> Launch:
    """Start GoFlow2 with an output format (`bin` or `json`) to /dev/null.

    It gets one processor, as a worker of ours has: given two it spends a fifth more CPU on the same flows.
    """
    port, api = free_ports(2)
    scheme = "sflow" if protocol == "sflow" else "netflow"
    command = [
        str(program),
        *("-addr", f"127.0.0.1:{api}"),
        *("-listen", f"{scheme}://127.0.0.1:{port}"),
        *("-format", form),
        *("-transport", "file"),
        *("-transport.file", "/dev/null"),
        *("-loglevel", "warn"),
    ]
    environ = {**os.environ, "GOMAXPROCS": "1"}
    return Launch(f"goflow2 {form}", command, environ, port, f"http://127.0.0.1:{api}/metrics", flows)


def flows(samples: Sequence[Sample]) -> float:
    """Data records of v9 and IPFIX, records of v5 (counted as FlowSets), flow samples of sFlow."""
    total = 0.0
    for name, labels, value in samples:
        match name, labels.get("type"), labels.get("version"):
            case "goflow2_flow_process_nf_flowset_records_total", "DataFlowSet", _:
                total += value
            case "goflow2_flow_process_nf_flowset_total", "DataFlowSet", "5":
                total += value
            case "goflow2_flow_process_sf_samples_total", "FlowSample", _:
                total += value
            case _:
                pass
    return total
