"""Sends datagrams from the addresses of their exporters, all of which are local on Linux (127.0.0.0/8)."""

import socket
from collections import OrderedDict
from collections.abc import Iterable
from typing import Self

from soak.load import Datagram

_SOCKETS = 400


class Sender:
    """Has a socket for each exporter and keeps it, so that its source port stays, until there are too many."""

    def __init__(self) -> None:
        self._sockets: OrderedDict[tuple[str, int], socket.socket] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._sockets.values():
            sock.close()

    def send(self, datagrams: Iterable[Datagram], port: int) -> None:
        """Send them to a port of 127.0.0.1."""
        for each in datagrams:
            self._socket(each.source, each.port).sendto(each.octets, ("127.0.0.1", port))

    def _socket(self, source: str, number: int) -> socket.socket:
        key = source, number
        if key not in self._sockets:
            self._sockets[key] = sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((source, 0))
            if len(self._sockets) > _SOCKETS:
                self._sockets.popitem(last=False)[1].close()
        self._sockets.move_to_end(key)
        return self._sockets[key]
