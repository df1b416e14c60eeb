"""`python -m soak`: a collector under load and faults for some minutes; exit code 1 when anything was lost without a word."""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from elastic_node import Node
from fakes.elasticsearch import Elasticsearch
from flowcoll.errors import FlowcollError
from soak import report
from soak.outcome import Outcome, Plan
from soak.run import Soak
from soak.store import RealNode, StandIn, Store

_LINE_S = 10.0
_DRAW_S = 1.0
_START_S = 600.0  # of a node whose machine has other things to do
_DISK = "256m"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Give a file system that can be filled, or None where this user may not make one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "flowcoll-soak", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)


@contextmanager
def store(*, stand_in: bool, lasting: bool) -> Iterator[Store]:
    """Give what documents go to, running."""
    if stand_in:
        with Elasticsearch() as fake:
            yield StandIn(fake)
        return
    with Node(lasting=lasting, start_s=_START_S) as node:
        made = RealNode(node)
        made.start()
        yield made


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.5), default=30.0, show_default=True, help="How long.")
@click.option("--flows", type=click.IntRange(min=1), default=3_000, show_default=True, help="Flows a second.")
@click.option("--seed", type=int, help="What load and faults follow from; random by default.")
@click.option("--stand-in", is_flag=True, help="Without a real Elasticsearch, for which Java is needed.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write figures here.")
@click.option("--report", "report_file", type=click.Path(path_type=Path, dir_okay=False), help="Write a page here.")
def main(
    *,
    minutes: float,
    flows: int,
    seed: int | None,
    stand_in: bool,
    json_file: Path | None,
    report_file: Path | None,
) -> None:
    """Run a collector under load and faults, and see that nothing is lost without a word and nothing grows."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # whatever was started and mounted is to go
    console = Console(width=None if sys.stdout.isatty() else 150)
    seed = random.SystemRandom().randrange(1 << 31) if seed is None else seed
    console.print(f"seed {seed}: --seed {seed} draws the same load and faults", highlight=False)
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowcoll-soak-")))
            disk = stack.enter_context(small_disk(folder / "disk"))
            if disk is None:
                console.print("no small disk can be mounted by this user: it is not filled", highlight=False)
            plan = Plan(seed, minutes, flows, folder, disk)
            soak = Soak(plan, stack.enter_context(store(stand_in=stand_in, lasting=not plan.short)))
            outcome = _watched(soak, console)
    except FlowcollError as exc:
        raise click.ClickException(str(exc)) from exc
    report.show(outcome, console)
    report.write(outcome, json_file, report_file)
    sys.exit(0 if outcome.kept else 1)


def _watched(soak: Soak, console: Console) -> Outcome:
    """Run it, and show meanwhile how things stand."""
    done = threading.Event()

    def lines() -> None:
        while not done.wait(_LINE_S):
            console.print(report.line(soak.state()), highlight=False, soft_wrap=True)

    def draw() -> None:
        with Live(console=console, auto_refresh=False) as screen:
            while not done.wait(_DRAW_S):
                screen.update(report.live(soak.state()), refresh=True)

    showing = threading.Thread(target=draw if console.is_terminal else lines, daemon=True)
    showing.start()
    try:
        return soak.run()
    finally:
        done.set()
        showing.join()


if __name__ == "__main__":
    main()
