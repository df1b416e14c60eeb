"""Flows from a process of its own, evenly spread over time: `python sending.py PORT COUNT PER_SECOND DESTINATION`.

Ten exporters send them in turn. It prints how many were sent.
"""

import socket
import sys
import time
from contextlib import ExitStack

from netflow5 import datagram


def main(port: int, count: int, per_second: int, destination: str) -> None:
    """Send one flow a datagram."""
    with ExitStack() as stack:
        sockets = []
        for number in range(1, 11):
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind((f"127.0.0.{number}", 0))
            sockets.append(sock)
        started = time.monotonic()
        for number in range(count):
            time.sleep(max(started + number / per_second - time.monotonic(), 0))
            octets = datagram(("10.0.0.1", destination), sequence=number // 10)
            sockets[number % 10].sendto(octets, ("127.0.0.1", port))
    print(count)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
