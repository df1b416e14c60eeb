"""What the refresher process runs: the downloads of lists of threats, told on the board as workers tell."""

import os
import signal
from collections.abc import Mapping
from typing import Any

import gevent

from flowcoll.collect.board import Board
from flowcoll.collect.channel import Channel
from flowcoll.collect.handover import Handover
from flowcoll.collect.telling import Teller
from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.threat import refresher

_NICE = 5  # where processors are short, a list is read with what workers leave


def run(handover: Handover, channel: Channel, log: Log) -> None:
    """Keep lists fresh until the supervisor says that it is enough, or is gone."""
    counts = Counts()
    teller = Teller(Board(handover.board_fd, handover.slots).slots[handover.slot], counts)

    def publish(state: Mapping[str, Any]) -> None:
        teller.look(state["report"], state["gauges"])

    os.nice(_NICE)
    gevent.spawn(_obey, channel)
    channel.send({"ready": True})
    refresher.run(handover.resolved(), counts, log, publish)


def _obey(channel: Channel) -> None:
    for message in channel.messages():
        if message.get("do") == "stop":
            break
    os.kill(os.getpid(), signal.SIGTERM)
