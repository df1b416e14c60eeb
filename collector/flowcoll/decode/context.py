"""What holds for all records of a datagram: times, exporter, sampling; the generated code reads it once per set."""

import json
from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from flowcoll.decode.sampling import UNKNOWN, Sampling

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # the years 1 and 9999, what a date can hold
HALF = 1 << 31
_PROTOCOLS = {0: ("sflow", 5), 10: ("ipfix", 10)}


class Seconds(dict[int, str]):
    """Second since 1970 -> "2026-01-02T03:04:05."; a time no calendar holds is shown as the nearest that one does."""

    def __missing__(self, second: int) -> str:
        if len(self) >= 65_536:
            self.clear()
        moment = _EPOCH + timedelta(seconds=min(max(second, _FIRST), _LAST))
        self[second] = text = moment.strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0")
        return text


MILLIS = tuple(f"{ms:03d}Z" for ms in range(1000))


class Context:
    """One exporter, and the datagram of it that is being decoded; times are ms since 1970.

    now: when the datagram came. export: when the exporter sent it. A time given in ms of system uptime, 32 bits that
    wrap after 49.7 days, is `early + ms if ms < edge else late + ms`: the one of its two readings that is nearer to
    the export. rate: packets that one counted packet stands for, as the header or options data say it, for records that
    name no sampler; samplers and sequences: the same for those that do; interfaces: where it depends on the interface.
    generation, told: what of the facts it knows.
    """

    __slots__ = (
        "early",
        "edge",
        "export",
        "export_ip",
        "generation",
        "interfaces",
        "late",
        "now",
        "observer",
        "protocol",
        "rate",
        "rate_source",
        "samplers",
        "sequences",
        "told",
        "version",
    )

    def __init__(self, observer: str, source: str, version: int = 9) -> None:
        self.observer = observer
        self.export_ip = f'"ip":"{source}",' if source != observer else ""
        self.now = 0
        self.export = 0
        self.early = self.edge = self.late = 0
        self.learn(UNKNOWN)
        self.generation = self.told = 0
        self.protocol, self.version = _PROTOCOLS.get(version, ("netflow", version))

    def at(self, now_ms: int, export_ms: int, uptime_ms: int = 0) -> None:
        """Set the times of the datagram that is decoded next."""
        self.now = now_ms
        self.export = export_ms
        boot = export_ms - uptime_ms
        if uptime_ms < HALF:
            self.early, self.edge, self.late = boot, uptime_ms + HALF, boot - 2 * HALF
        else:
            self.early, self.edge, self.late = boot + 2 * HALF, uptime_ms - HALF, boot

    def learn(self, sampling: Sampling) -> None:
        """Set what is known of sampling."""
        self.rate, self.rate_source, self.samplers, self.sequences, self.interfaces = sampling

    def times(self) -> tuple[int, int, int]:
        """Give what `at` was told last."""
        return self.now, self.export, (self.edge + HALF) % (2 * HALF)


class Contexts:
    """Exporter address -> Context, bounded: the one silent longest goes."""

    def __init__(self, limit: int = 65_536) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[str, int, str, int], Context] = OrderedDict()

    def get(self, source: str, version: int, agent: str = "", domain: int = 0) -> Context:
        """Give the context of an exporter: UDP source, protocol version, agent or domain where the datagram names one."""
        key = (source, version, agent, domain)
        found = self._known.get(key)
        if found is None:
            seen = json.dumps(source)[1:-1]
            observer = seen if agent in {"", "0.0.0.0", "::"} else agent  # noqa: S104 - "no agent address", not a bind
            found = self._known[key] = Context(observer, seen, version)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return found


class Budget:
    """Records that one datagram may still give; 0 as a limit means what the datagram holds.

    held: how many it holds, None once that cannot be told.
    """

    __slots__ = ("held", "left")

    def __init__(self, limit: int) -> None:
        self.left = limit or 65_536
        self.held: int | None = 0

    def holds(self, records: int | None) -> None:
        """Take note of records, or that there are some that cannot be counted."""
        self.held = None if records is None or self.held is None else self.held + records
