"""Lists of threats: how long a long list takes to be of use, what look-ups cost, and what memory all workers need for it.

`python -m bench.threats LIST TABLE` makes a table of a list, and tells what that took as a JSON object.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from fakes.passivetotal import FORMS, many
from flowcoll.threat.matching.lists import Stated, compile_list
from flowcoll.threat.matching.spans import Spans
from flowcoll.threat.reading.readers import read
from flowcoll.threat.reading.unwrap import at_once, unwrapped
from sharing import Shared, share

SEED = 12
PROCESSES = 3
READY_S = 5.0
ADDED_OCTETS = 32_000_000


class Size(NamedTuple):
    """How much is listed, and looked up."""

    rows: int = 300_000
    hosts: int = 1_000_000
    networks: int = 50_000
    lookups: int = 1_000_000
    rounds: int = 5


class Made(NamedTuple):
    """What it took to make a table of a list: in a process of its own, seconds from its start on, the interpreter's apart."""

    octets: int
    entries: int
    table_octets: int
    seconds: float
    cpu_s: float
    peak_octets: int


class Verdict(NamedTuple):
    """What lists of threats cost."""

    made: list[Made]
    shared: Shared
    hosts: int
    networks: int

    @property
    def ready_s(self) -> float:
        """How long the best run took."""
        return min(each.seconds for each in self.made)


def threats(folder: Path, size: Size) -> Verdict:
    """Make a table of a long list of PassiveTotal's, and share a longer one."""
    path = folder / "passivetotal.json"
    path.write_bytes(FORMS["object"](many(size.rows)))
    table = folder / "threats.table"
    made = [_made(path, table) for _ in range(size.rounds)]
    _write(table, size)
    return Verdict(made, share(table, PROCESSES, size.lookups), size.hosts, size.networks)


def _made(path: Path, table: Path) -> Made:
    told = subprocess.run(
        [sys.executable, "-m", "bench.threats", str(path), str(table)],
        cwd=Path(__file__).parents[1],
        check=True,
        capture_output=True,
    )
    return Made(**json.loads(told.stdout))


def _peak_octets() -> int:
    """Give the most memory that this process ever had; getrusage would tell that of its parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _write(path: Path, size: Size) -> None:
    """Write a table of random hosts and networks of a size that lists have."""
    chance = random.Random(SEED)
    spans = Spans()
    for number in range(size.hosts):
        host = chance.getrandbits(32)
        said = f"Malware host {number % 300}\nblocklist\n{number % 101}\n\n2025-01-{number % 28 + 1:02}\n\n"
        spans.add(host, host, said.encode())
    for number in range(size.networks):
        first = chance.getrandbits(24) << 8
        spans.add(first, first | (1 << number % 9) - 1, f"Network {number % 300}\n\n\n\n\n\n".encode())
    with path.open("wb") as file:
        spans.write(file, {}, at_once)


def main(path: Path, table: Path) -> None:
    """Make a table of a list."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    octets = path.read_bytes()
    with table.open("wb") as file:
        state = compile_list(read(unwrapped(octets, at_once)), Stated("bench", ""), file, at_once)
    made = Made(
        len(octets),
        state["entries"],
        table.stat().st_size,
        time.perf_counter() - begin,
        time.process_time() - begin_cpu,
        _peak_octets(),
    )
    print(json.dumps(made._asdict()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
