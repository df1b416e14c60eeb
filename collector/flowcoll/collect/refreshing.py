"""What the refresher process runs: all that makes tables of lists, told on the board as workers tell."""

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
from flowcoll.threat.keeping import keeper
from flowcoll.threat.keeping.keeper import Contact

_NICE = 5  # where processors are short, a list is read with what workers leave


def run(handover: Handover, channel: Channel, log: Log) -> None:
    """Keep lists fresh until the supervisor says that it is enough, or is gone."""
    counts = Counts()
    teller = Teller(Board(handover.board_fd, handover.slots).slots[handover.slot], counts)

    def publish(state: Mapping[str, Any]) -> None:
        teller.look(state["report"], state["gauges"])

    def ready() -> None:
        channel.send({"ready": True})

    os.nice(_NICE)
    contact = Contact(publish, ready, again=handover.again)
    listening = gevent.spawn(_obey, channel, contact)
    try:
        keeper.run(handover.resolved(), counts, log, contact)
    finally:
        listening.kill()  # the end of the channel is to end nothing any more


def _obey(channel: Channel, contact: Contact) -> None:
    for message in channel.messages():
        match message:
            case {"do": "reload"}:
                contact.reloading.set()
            case {"do": "stop"}:
                break
    os.kill(os.getpid(), signal.SIGTERM)
