"""The receiver of FCFX frames: which are accepted, which are refused and why, which are missing; pure.

Of each salt and worker the counters of the last 64 frames are remembered: a frame comes once, and one that is older than all
of these is refused. Streams are remembered up to a limit, those heard last; only who has the key can begin one, so nobody
else can push one out. A counter that was passed over is a frame that was lost, until it comes after all.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flowcoll.document.records import Record, RecordsError, records
from flowcoll.output.riskiq import fcfx

WINDOW = 64

REASONS: Mapping[str, str] = {
    "short": "shorter than a frame can be",
    "magic": "no frame: it begins otherwise",
    "version": "a version, flags or a length of the header that nobody knows",
    "customer": "of another customer",
    "tag": "changed on the way, or encrypted with another key",
    "replay": "it came before",
    "old": "more than 64 frames behind the newest of its sender",
    "records": "its records make no sense",
}
"""Why a frame is refused, in words."""

_SHORTEST = fcfx.HEADER.size + fcfx.COUNT.size + fcfx.TAG_OCTETS
_MOST_STREAMS = 4096


class Refused(ValueError):  # noqa: N818  a verdict, not a fault
    """A frame is not accepted; the text is one of REASONS."""


@dataclass
class _Stream:
    """Frames of one salt and worker."""

    first: int = 0
    highest: int = 0
    seen: int = 0  # bit n: the frame n below the highest came
    accepted: int = 0

    def check(self, counter: int) -> None:
        """Raise Refused for a frame that came before or is too old to know."""
        behind = self.highest - counter
        if behind >= WINDOW or not counter:
            raise Refused("old")
        if behind >= 0 and self.seen >> behind & 1:
            raise Refused("replay")

    def take(self, counter: int) -> None:
        """Take note of a frame that was accepted."""
        ahead = counter - self.highest
        if ahead > 0:
            self.seen = (self.seen << min(ahead, WINDOW) | 1) & (1 << WINDOW) - 1
            self.highest = counter
        else:
            self.seen |= 1 << -ahead
        self.first = min(self.first or counter, counter)
        self.accepted += 1

    @property
    def lost(self) -> int:
        """Frames that are missing between the first and the newest."""
        return self.highest - self.first + 1 - self.accepted


@dataclass
class Receiver:
    """Takes datagrams that came for a customer; bounded, whatever comes."""

    customer: UUID
    key: bytes = field(repr=False)
    most_streams: int = _MOST_STREAMS

    def __post_init__(self) -> None:
        self.accepted = self.records = 0
        self.refused: dict[str, int] = {}
        self._lost_before = self._early_before = 0  # by streams that are not remembered any more
        self._streams: OrderedDict[tuple[bytes, int], _Stream] = OrderedDict()
        self._ciphers: OrderedDict[bytes, AESGCM] = OrderedDict()

    def take(self, datagram: bytes) -> Sequence[Record]:
        """Give the records of a frame; one that is refused is counted, and has none."""
        try:
            found = self._open(datagram)
        except Refused as refused:
            reason = str(refused)
            self.refused[reason] = self.refused.get(reason, 0) + 1
            return ()
        self.accepted += 1
        self.records += len(found)
        return found

    @property
    def lost(self) -> int:
        """Frames that never came, by the gaps between those that did."""
        return self._lost_before + sum(stream.lost for stream in self._streams.values())

    @property
    def before(self) -> int:
        """Frames that were sent before the first that came: lost, or nobody listened yet."""
        return self._early_before + sum(stream.first - 1 for stream in self._streams.values())

    @property
    def streams(self) -> int:
        """Senders that are remembered, each start of a worker counting as one."""
        return len(self._streams)

    def _open(self, datagram: bytes) -> Sequence[Record]:
        if len(datagram) < _SHORTEST:
            raise Refused("short")
        head = fcfx.Header(*fcfx.HEADER.unpack_from(datagram))
        if head.magic != fcfx.MAGIC:
            raise Refused("magic")
        if (head.version, head.flags, head.length) != (fcfx.VERSION, 0, fcfx.HEADER.size):
            raise Refused("version")
        if head.customer != self.customer.bytes:
            raise Refused("customer")
        known = head.salt, head.worker
        stream = self._streams.get(known) or _Stream()
        stream.check(head.counter)
        cipher = self._ciphers.get(head.salt) or fcfx.cipher(self.key, self.customer, head.salt)
        try:
            plain = cipher.decrypt(head.nonce, datagram[fcfx.HEADER.size :], datagram[: fcfx.HEADER.size])
        except InvalidTag:
            raise Refused("tag") from None
        self._remember(known, stream, cipher)
        stream.take(head.counter)
        try:
            return records(plain[fcfx.COUNT.size :], *fcfx.COUNT.unpack_from(plain))
        except RecordsError:
            raise Refused("records") from None

    def _remember(self, known: tuple[bytes, int], stream: _Stream, cipher: AESGCM) -> None:
        """Keep what belongs to a frame that is genuine; the stream heard longest ago goes."""
        salt, _ = known
        self._ciphers[salt], self._streams[known] = cipher, stream
        self._ciphers.move_to_end(salt)
        self._streams.move_to_end(known)
        if len(self._ciphers) > self.most_streams:
            self._ciphers.popitem(last=False)
        if len(self._streams) > self.most_streams:
            _, gone = self._streams.popitem(last=False)
            self._lost_before += gone.lost
            self._early_before += gone.first - 1
