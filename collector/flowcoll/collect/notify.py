"""What systemd is told of the service: that it is ready, that it is alive, what it does (sd_notify(3)).

A service of Type=notify with WatchdogSec= is told by NOTIFY_SOCKET where to say it, and by WATCHDOG_USEC how often.
"""

import os
import time
from collections.abc import Mapping

from gevent import socket

_MICRO = 1_000_000


class Notifier:
    """Sends states to the service manager; without one it does nothing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_s = int(environ.get("WATCHDOG_USEC", "0")) / _MICRO if ours and self._socket else 0.0
        """How long the service manager waits for a sign of life; 0: for ever."""

    def send(self, *assignments: str) -> None:
        """Send states such as `READY=1`; whether anybody hears them does not matter."""
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(assignments).encode(), self._address)
        except OSError:  # the manager is being restarted: the next sign of life is heard again
            return

    def close(self) -> None:
        """Say nothing more."""
        if self._socket is not None:
            self._socket.close()

    def ready(self, status: str) -> None:
        """Say that the service does what it is for."""
        self.send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that configuration is read again; `ready` says when that is done."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service ends."""
        self.send("STOPPING=1", "STATUS=what the sockets still hold is read and handed over")

    def alive(self) -> None:
        """Give the sign of life."""
        self.send("WATCHDOG=1")
