"""The process that downloads lists of threats, so that many workers need not: it keeps them on disk, where workers find them."""

import signal
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flowcoll.config import Options
from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.threat.feeds import NAME, copy_of
from flowcoll.threat.source import Source

if TYPE_CHECKING:
    from gevent.event import Event

Publish = Callable[[Mapping[str, Any]], object]
"""Takes what the process has counted and how its lists are: counts, report, gauges."""

_PUBLISH_S = 0.5


def needed(options: Options) -> bool:
    """Tell whether there is anything to download; ConfigError when it could not be kept."""
    return Source.of(options) is not None and bool(copy_of(options))


def run(options: Options, counts: Counts, log: Log, publish: Publish, ending: "Event | None" = None) -> None:
    """Keep the lists that the options name fresh until `ending` is set or SIGTERM comes.

    What it publishes has the form of what a worker publishes; its `report` has `enrichers` alone.
    """
    source = Source.of(options)
    if source is None:
        return
    import gevent  # noqa: PLC0415
    from gevent.event import Event  # noqa: PLC0415
    from gevent.util import wrap_errors  # noqa: PLC0415

    from flowcoll.threat.refresh import Refresher  # noqa: PLC0415  brings requests, which nobody else needs
    from flowcoll.threat.surroundings import Surroundings  # noqa: PLC0415

    def tell() -> None:
        enrichers = {f"threat_{NAME}": refresher.state()}
        publish({"counts": dict(counts), "report": {"enrichers": enrichers}, "gauges": {}})

    refresher = Refresher(source, copy_of(options), counts, log, Surroundings(changed=tell))
    ending = ending or Event()
    handler = gevent.signal_handler(signal.SIGTERM, ending.set)
    working = gevent.spawn(wrap_errors(Exception, refresher.run))  # an error is for who called this, nobody else
    try:
        while not gevent.wait([ending, working], timeout=_PUBLISH_S, count=1):
            tell()
        if isinstance(working.value, Exception):
            raise working.value
    finally:
        working.kill()
        handler.cancel()
