"""What a child needs to know, in memory that the supervisor hands on with the sockets: nothing of it shows in `ps`.

Options are resolved once, by the supervisor: all children have the same ones, whatever becomes of the file meanwhile.
"""

import os
import pickle
from typing import NamedTuple

from flowcoll.collect.sockets import Listener
from flowcoll.collect.unnamed import unnamed
from flowcoll.config import Options, Resolved
from flowcoll.member import Member


class Place(NamedTuple):
    """A bound socket, by its descriptor."""

    fd: int
    ip: str
    port: int
    buffer_bytes: int

    @classmethod
    def of(cls, listener: Listener) -> "Place":
        """Describe a listener."""
        return cls(listener.socket.fileno(), listener.ip, listener.port, listener.buffer_bytes)


class Handover(NamedTuple):
    """All that is handed on. role: `worker` or `refresher`; slot: its place on the board; *_fd: descriptors.

    again: another process has had its place before, and was ready.
    """

    role: str
    member: Member
    slot: int
    slots: int
    board_fd: int
    turn_fd: int | None
    channel_fd: int
    places: tuple[Place, ...]
    options: Resolved
    again: bool = False

    def descriptors(self) -> list[int]:
        """Give what the child must inherit besides the handover itself."""
        turn = [] if self.turn_fd is None else [self.turn_fd]
        return [self.board_fd, self.channel_fd, *turn, *(place.fd for place in self.places)]

    def write(self) -> int:
        """Write it into memory of its own, and give the descriptor."""
        fd = unnamed("flowcoll-handover")
        with os.fdopen(os.dup(fd), "wb") as file:
            pickle.dump(self, file)
        return fd

    @classmethod
    def read(cls, fd: int) -> "Handover":
        """Read what the supervisor has written."""
        os.lseek(fd, 0, os.SEEK_SET)
        with os.fdopen(fd, "rb") as file:
            found: Handover = pickle.load(file)  # noqa: S301  nobody but the supervisor can have written it
        return found

    def resolved(self) -> Options:
        """Give the options."""
        return Options.again(self.options)
