"""The RiskIQ output: packed records of a worker, gathered to frames, encrypted, sent.

The receive loop gathers and sends, since neither ever waits; a greenlet sends what has waited for a second. Each record given
is delivered (which means: sent), dropped with a reason, held, or passed over because it has no public address.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gevent

from flowcoll.counters import Counts
from flowcoll.document.fields import Records
from flowcoll.document.records import SMALLEST
from flowcoll.logs import Log
from flowcoll.output import loops
from flowcoll.output.riskiq.encoder import Encoder
from flowcoll.output.riskiq.transport import WORDS, Transport

GATHER_S = 1.0
"""How long a record waits at most for others to go with it."""

_LOOK_S = 0.1
_MOST_HELD = 8192  # records, while it is not known yet whether they can be sent: 0.6 MB


class RiskIqOutput:
    """Sends packed records; `start` begins to look up where to."""

    def __init__(  # noqa: PLR0913  what it is made of
        self,
        name: str,
        wanted: Records,
        encoder: Encoder,
        transport: Transport,
        *,
        counts: Counts,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.wanted = wanted
        self._encoder = encoder
        self._transport = transport
        self._counts = counts
        self._log = log
        self._clock = clock
        self._room = encoder.room
        self._most = encoder.room // SMALLEST  # records that one frame may have, if they are small
        self._records: list[bytes] = []
        self._waiting: list[list[bytes]] = []  # frames to be, until the transport is ready
        self._since = 0.0  # the oldest record is held
        self._greenlets: list[gevent.Greenlet] = []
        self._delivered, self._dropped = (f"documents.{what}.{name}" for what in ("delivered", "dropped"))
        self._passed_over, self._frames = f"documents.passed_over.{name}", f"frames.sent.{name}"
        for key in (self._delivered, self._dropped):  # a counter that is seen from the start can be watched
            counts.setdefault(key, 0)

    @property
    def held(self) -> int:
        """Records that wait."""
        return len(self._records) + sum(map(len, self._waiting))

    def start(self) -> None:
        """Begin to look up where to send, and send what waits long enough."""
        self._greenlets = [
            loops.kept(loop, self.name, self._counts, self._log) for loop in (self._transport.run, self._look)
        ]

    def write(self, records: Sequence[bytes], /) -> None:
        """Take a batch; a record without octets is one of a flow that has no public address."""
        public = [record for record in records if record]
        self._counts.add(self._passed_over, len(records) - len(public))
        if not public:
            return
        self._records += public
        while len(self._records) >= self._most:
            self._send(self._frame())
        if len(self._records) <= len(public):  # none that came before is left
            self._since = self._clock()

    def flush(self) -> None:
        """Send what is held."""
        while self._records:
            self._send(self._frame())

    def close(self) -> None:
        """Send what is held, and end."""
        self.flush()
        waiting, self._waiting = self._waiting, []
        for records in waiting:
            self._hand_over(records)
        gevent.killall(self._greenlets)
        self._transport.close()

    def state(self) -> Mapping[str, Any]:
        """Give where it sends to, whether that works, and how much went."""
        return {
            **self._transport.state(),
            "queued_documents": self.held,
            "records_sent": self._counts[self._delivered],
            "frames_sent": self._counts[self._frames],
            "passed_over": self._counts[self._passed_over],
        }

    def tick(self) -> None:
        """Send what has waited long enough."""
        if self._waiting and self._transport.ready:
            waiting, self._waiting = self._waiting, []
            for records in waiting:
                self._hand_over(records)
        if self._records and self._clock() >= self._since + GATHER_S:
            self.flush()

    def _frame(self) -> list[bytes]:
        """Take as many records as go into a frame, the oldest first."""
        frame = self._records[: self._most]
        size = sum(map(len, frame))
        while size > self._room:
            size -= len(frame.pop())
        del self._records[: len(frame)]
        return frame

    def _send(self, records: list[bytes]) -> None:
        if self._transport.ready or self.held >= _MOST_HELD:
            self._hand_over(records)
        else:
            self._waiting.append(records)

    def _hand_over(self, records: Sequence[bytes]) -> None:
        """Send a frame, and count what became of its records."""
        why = self._transport.send(self._encoder.encode(records))
        if not why:
            self._counts.add(self._delivered, len(records))
            self._counts.add(self._frames)
            return
        self._counts.add(self._dropped, len(records))
        self._counts.add(f"documents.dropped_because.{self.name}.{why}", len(records))
        state = self._transport.state()
        self._log.limited(f"output.{self.name}", 60).error(
            "flow records are dropped",
            output=self.name,
            to=state["to"],
            reason=WORDS[why],
            dropped=self._counts[self._dropped],
            **({"last_error": state["last_error"]} if "last_error" in state else {}),
        )

    def _look(self) -> None:
        while True:
            gevent.sleep(_LOOK_S)
            self.tick()
