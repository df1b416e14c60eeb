"""Loops of outputs: as in the receive loop, nothing may end one but its own return."""

import traceback
from collections.abc import Callable

import gevent

from flowcoll.counters import Counts
from flowcoll.logs import Log

_REST_S = 1.0


def kept(loop: Callable[[], None], output: str, counts: Counts, log: Log) -> "gevent.Greenlet[..., None]":
    """Start a loop of an output, and begin it anew whenever it fails; that is counted as a bug, and told."""
    return gevent.spawn(_keep, loop, output, counts, log)


def _keep(loop: Callable[[], None], output: str, counts: Counts, log: Log) -> None:
    while True:
        try:
            loop()
        except Exception as exc:  # noqa: BLE001
            counts.add("bugs")
            log.limited(f"bug.{type(exc).__name__}", 60).error(
                "the output failed where it may not; please report it with these lines",
                output=output,
                traceback=traceback.format_exc(),
            )
            gevent.sleep(_REST_S)
        else:
            return
