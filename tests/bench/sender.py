"""Offers datagrams of a file to a port at a fixed rate: `python -m bench.sender FILE PORT RATE COUNT`.

It reads the file, writes `ready`, waits for a line on stdin, sends COUNT datagrams (the file over and over) at RATE a
second, and writes one JSON line: how many, how long it took, and by how much it was ever behind.
"""

import json
import socket
import sys
import time
from itertools import cycle, islice
from pathlib import Path

from bench.streams import read

TICK_S = 0.001


def offer(datagrams: list[bytes], port: int, rate: float, count: int) -> dict[str, float]:
    """Send `count` datagrams at `rate` a second, in ticks of a millisecond, catching up when the clock ran ahead."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", port))
        send, clock, sleep = sock.send, time.monotonic, time.sleep
        source = cycle(datagrams)
        sent = 0
        late_s = 0.0
        begin = clock()
        while sent < count:
            elapsed = clock() - begin
            due = min(count, int(elapsed * rate) + 1)
            late_s = max(late_s, elapsed - sent / rate)
            for octets in islice(source, due - sent):
                send(octets)
            sent = due
            sleep(TICK_S)
        return {"sent": sent, "seconds": clock() - begin, "late_s": late_s}


def main(path: str, port: str, rate: str, count: str) -> None:
    datagrams = read(Path(path))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(offer(datagrams, int(port), float(rate), int(count))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
