"""Messages between the supervisor and a child: JSON objects, one a line, over a pair of sockets.

A channel that ends tells each side that the other is gone.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import gevent
import orjson
from gevent import socket
from gevent.event import AsyncResult
from gevent.lock import Semaphore

Message = dict[str, Any]

_PIECE = 65_536
_LARGEST = 256 * 1024 * 1024


def pair() -> tuple[socket.socket, socket.socket]:
    """Make the two ends of a channel."""
    one, other = socket.socketpair()
    return one, other


def end_of(fd: int) -> socket.socket:
    """Take over the end that the process before has made."""
    return socket.socket(fileno=fd)


class Channel:
    """One end; `messages` is read by one greenlet, anybody may call `send` and `ask`."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._sending = Semaphore()
        self._numbers = count(1)
        self._asked: dict[int, AsyncResult[Any]] = {}

    def send(self, message: Message) -> bool:
        """Send a message, and tell whether the other side was there."""
        try:
            with self._sending:
                self._socket.sendall(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        except OSError:
            return False
        return True

    def messages(self) -> Iterator[Message]:
        """Give what the other side sends, but answers, until it is gone."""
        held = b""
        try:
            while piece := self._socket.recv(_PIECE):
                *lines, held = (held + piece).split(b"\n") if b"\n" in piece else [held + piece]
                if len(held) > _LARGEST:
                    return
                for line in lines:
                    message: Message = orjson.loads(line)
                    if "answer_to" in message:
                        self._answered(message)
                    else:
                        yield message
        except OSError:
            return
        finally:
            for asked in list(self._asked.values()):
                asked.set(None)

    def ask(self, what: str, timeout_s: float) -> Any:
        """Give the other side's answer; None when there is none in time."""
        number = next(self._numbers)
        asked = self._asked[number] = AsyncResult()
        try:
            return asked.get(timeout=timeout_s) if self.send({"ask": what, "number": number}) else None
        except gevent.Timeout:
            return None
        finally:
            del self._asked[number]

    def answer(self, question: Message, answer: object) -> None:
        """Answer what the other side has asked."""
        self.send({"answer_to": question["number"], "answer": answer})

    def close(self) -> None:
        """Let the other side know that nothing will follow."""
        self._socket.close()

    def _answered(self, message: Message) -> None:
        asked = self._asked.get(message["answer_to"])
        if asked is not None:
            asked.set(message["answer"])
