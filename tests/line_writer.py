"""A process that writes lines where others write too: `python line_writer.py TURN_FD PATH`, told what to do on its standard input.

Each command is a JSON list, and is answered with the counts so far as a JSON object.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.output.file import LineOutput, poll_writable
from flowcoll.output.target import file_target
from flowcoll.output.turn import Turns


def documents(writer: int, first: int, count: int) -> list[str]:
    """Documents of different sizes, a tenth of them larger than a pipe takes at once (PIPE_BUF)."""
    sizes = (10_000 if n % 10 == 0 else 50 + 37 * n % 900 for n in range(first, first + count))
    return [json.dumps({"writer": writer, "n": first + n, "pad": "x" * size}) for n, size in enumerate(sizes)]


class Writer:
    """Such a process, as a test sees it."""

    def __init__(self, number: int, turn_fd: int, path: Path) -> None:
        self.number = number
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(turn_fd), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[turn_fd],
        )
        self.answer()

    def tell(self, *command: Any) -> None:
        """Have it do something, and do not wait for that."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, int]:
        """Wait until it has done what it was told, and give its counts."""
        assert self.process.stdout is not None
        counts: dict[str, int] = json.loads(self.process.stdout.readline())
        return counts

    def ask(self, *command: Any) -> dict[str, int]:
        """Have it do something, and give its counts."""
        self.tell(*command)
        return self.answer()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.communicate()


def main(turn_fd: int, path: Path) -> None:
    """Do what standard input says until it ends."""
    counts = Counts()
    patient = [True]

    def wait(fd: int, timeout_s: float) -> bool:
        return patient[0] and poll_writable(fd, timeout_s)

    output = LineOutput(file_target("file", path), counts, Log(sys.stderr), wait, Turns(turn_fd).at(0))
    print(json.dumps(counts), flush=True)
    for line in sys.stdin:
        match json.loads(line):
            case ["write", writer, batches, size]:
                for batch in range(batches):
                    output.write(documents(writer, batch * size, size))
            case ["impatient"]:
                patient[0] = False
            case ["limit", octets]:
                resource.setrlimit(resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))
            case ["flush"]:
                output.flush()
            case ["reopen"]:
                output.reopen()
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
