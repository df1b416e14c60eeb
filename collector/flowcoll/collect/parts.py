"""Parts of the service as its report shows them: processes, sockets, lists of threats."""

import time
from collections.abc import Iterable
from typing import Any

from flowcoll.collect.child_process import ChildProcess
from flowcoll.collect.merge import State
from flowcoll.collect.sockets import Drops, Listener
from flowcoll.moments import utc
from flowcoll.threat.showing import words
from flowcoll.threat.showing.words import Summary

_STUCK_S = 15.0  # longer than an output waits for its reader
_STARTING_S = 60.0


def turns(child: ChildProcess) -> bool:
    """Tell whether the loop of a process turns; one that is being started may take a while."""
    now = time.monotonic()
    if child.ready:
        return now - max(child.told().turned, child.waiting_since) < _STUCK_S
    return now - child.waiting_since < _STARTING_S


def process(child: ChildProcess) -> dict[str, Any]:
    """Give what there is to say of a process."""
    usage = child.usage()
    return {
        "pid": child.pid,
        "up": child.ready,
        "restarts": max(child.starts - 1, 0),
        "since": utc(child.since, "seconds"),
        "cpu_s": usage.cpu_s,
        "memory_bytes": usage.memory_bytes,
    }


def sockets(listeners: Iterable[Listener], drops: Drops) -> list[State]:
    """Give each socket as a report of its own; those of a port are then joined as all other parts are."""
    return [
        State(
            report={
                "sockets": [
                    {
                        "address": listener.ip,
                        "port": listener.port,
                        "receive_buffer_bytes": listener.buffer_bytes,
                        "kernel_drops": drops.at(listener),
                    }
                ]
            }
        )
        for listener in listeners
    ]


def threats(together: State) -> Summary:
    """Give what there is to say of lists of threats."""
    return words.summary(together.report["enrichers"], together.counts)
