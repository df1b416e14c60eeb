"""Processes that share a match table: `python sharing.py PATH SEED` maps it when told to, and looks random addresses up.

Each line of its standard input is such a command; it answers with what it measured as a JSON object.
"""

import json
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from flowcoll.threat.matching.table import Table
from tables import octets


class Shared(NamedTuple):
    """What a table costs all processes that map it, and how fast each of them is."""

    octets: int  # of the file
    mapped: int  # octets of memory (PSS) that its mappings take in all processes
    added: int  # octets of memory (PSS) by which all processes have grown
    per_second: float  # look-ups that the slowest process does in a second of processor time
    found: int


def share(path: Path, processes: int, lookups: int) -> Shared:
    """Have processes map a table and look addresses up, all at once."""
    with ExitStack() as running:
        readers = [running.enter_context(_reader(path, seed)) for seed in range(processes)]
        before = [_ask(reader, "measure") for reader in readers]
        for reader in readers:
            _tell(reader, f"look {lookups}")
        looked = [_answer(reader) for reader in readers]
        after = [_ask(reader, "measure") for reader in readers]
        for reader in readers:
            reader.communicate()
    return Shared(
        path.stat().st_size,
        sum(each["mapped"] for each in after),
        sum(each["all"] for each in after) - sum(each["all"] for each in before),
        lookups / max(each["seconds"] for each in looked),
        sum(each["found"] for each in looked),
    )


def _reader(path: Path, seed: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, __file__, str(path), str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _tell(reader: "subprocess.Popen[str]", command: str) -> None:
    assert reader.stdin is not None
    reader.stdin.write(command + "\n")
    reader.stdin.flush()


def _answer(reader: "subprocess.Popen[str]") -> dict[str, Any]:
    assert reader.stdout is not None
    answer: dict[str, Any] = json.loads(reader.stdout.readline())
    return answer


def _ask(reader: "subprocess.Popen[str]", command: str) -> dict[str, Any]:
    _tell(reader, command)
    return _answer(reader)


def pss(file: str, name: str = "") -> int:
    """Octets of memory that this process has, its share of what it shares: of one mapped file, or of all."""
    found, counts = 0, not name
    with Path(f"/proc/self/{file}").open() as lines:
        for line in lines:
            first = line.split(maxsplit=1)[0]
            if name and not first.endswith(":"):
                counts = line.rstrip("\n").endswith(name)
            elif counts and first == "Pss:":
                found += int(line.split()[1]) * 1024
    return found


def look(table: Table, chance: random.Random, count: int) -> dict[str, float]:
    """Look random IPv4 addresses up."""
    find, begin = table.find, time.process_time()
    found = sum(find(chance.getrandbits(32)) != b"" for _ in range(count))
    return {"seconds": time.process_time() - begin, "found": found}


def main(path: str, seed: int) -> None:
    """Do what standard input says until it ends."""
    chance = random.Random(seed)
    look(Table(octets([])), chance, 10_000)  # what the interpreter needs is there before the table is
    pss("smaps", path)
    table = None
    for line in sys.stdin:
        match line.split():
            case ["look", count]:
                table = table or Table.open(Path(path))
                print(json.dumps(look(table, chance, int(count))), flush=True)
            case _:
                print(json.dumps({"all": pss("smaps_rollup"), "mapped": pss("smaps", path)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
