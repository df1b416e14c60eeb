"""Match tables in memory, for tests."""

import io
from collections.abc import Iterable

from flowcoll.enrich.locality import Address
from flowcoll.threat.matching.spans import Spans
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading.unwrap import Pause, at_once

Said = tuple[Address, Address, bytes]


def octets(spans: Iterable[Said], pause: Pause = at_once) -> bytes:
    """The file of a table."""
    collected = Spans()
    for span in spans:
        collected.add(*span)
    file = io.BytesIO()
    figures = collected.write(file, {"name": "x"}, pause)
    made = Table(file.getvalue())
    made.check()
    assert made.about == {"name": "x"}
    assert figures == {"entries": made.entries, "networks": made.networks, "private": made.private}
    return file.getvalue()


def table(spans: Iterable[Said], pause: Pause = at_once) -> Table:
    """A table."""
    return Table(octets(spans, pause))
