"""A way to a server that can lose answers: what is asked arrives, what is answered does not."""

import socket
import threading
from contextlib import suppress
from typing import Self

_PIECE = 65_536
_PATIENCE_S = 60.0


class Way:
    """Forwards connections on a port of its own to a server, in both directions, one of them, or not at all."""

    def __init__(self, port: int) -> None:
        self.answers = True
        self._open = True
        self._to = ("127.0.0.1", port)
        self._ends: set[socket.socket] = set()

    @property
    def address(self) -> str:
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def close(self) -> None:
        """End every connection, and each new one at once, until `open`."""
        self._open = False
        for end in list(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        """Let everything through, from the next connection on."""
        self.answers = self._open = True

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_PATIENCE_S)
        self._listener.close()
        self.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._to) as server:
            if not self._open:
                return
            self._ends |= {client, server}
            back = threading.Thread(target=self._copy, args=(server, client, False), daemon=True)
            back.start()
            self._copy(client, server, True)
            back.join(_PATIENCE_S)
            self._ends -= {client, server}

    def _copy(self, source: socket.socket, to: socket.socket, asking: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if asking or self.answers:
                    to.sendall(piece)
        for end in (source, to):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
