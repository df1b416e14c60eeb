"""Sequence numbers of exports: what an exporter sent and we never received.

NetFlow v5 numbers flows and IPFIX data records (RFC 7011 section 3.1): a datagram's number is the count of those sent
before it. NetFlow v9 (RFC 3954 section 5.1) and sFlow number datagrams. Exporters exist that count in another way, such
as softflowd, whose IPFIX numbers have the datagram's own records in them; they are recognised by what they do. All
numbers have 32 bits and wrap.
"""

from collections import deque
from enum import Enum

_NUMBERS = 1 << 32
_FURTHEST = 1 << 24  # a jump further ahead, or as far back, is a new beginning: no network loses so much unseen
_BACK = 1 << 16  # datagrams overtake each other by less
_GAPS = 64  # how many gaps are remembered to be filled by what comes late
_RUN = 3  # datagrams in a row that make it certain
_TRIAL = 64  # datagrams after which the way of counting is settled
_SURE = 2  # so many datagrams more must be explained by another way of counting before that is taken for the exporter's


class Way(Enum):
    """What the numbers count."""

    RECORDS = "records sent before the datagram"
    RECORDS_AND_OWN = "records sent with the datagram's own"
    DATAGRAMS = "datagrams"


_RECORDS, _DATAGRAMS = Way.RECORDS, Way.DATAGRAMS  # an attribute of an enumeration takes a while to find


class Numbers:
    """Follows one stream of numbers, each datagram's being the first of as many as it has units.

    lost: units that are missing. late: datagrams that were overtaken by others; what they hold is not lost. repeated:
    datagrams that had been seen before. restarts: how often the numbers began anew. due: datagrams with the number that
    the one before them made due.
    """

    __slots__ = ("_gaps", "_next", "_return", "_returned", "due", "late", "lost", "repeated", "restarts")

    def __init__(self) -> None:
        self.lost = self.late = self.repeated = self.restarts = self.due = 0
        self._next: int | None = None  # the number that the next datagram has if nothing is lost
        self._gaps: deque[tuple[int, int]] | None = None  # first number that is missing, how many; most have none
        self._return = 0  # the number after one that lay behind
        self._returned = 0  # datagrams in a row that went on behind

    def saw(self, number: int, units: int | None) -> bool:
        """Take note of a datagram and tell whether it was due; what follows one of unknown units begins anew."""
        if number == self._next and units is not None:
            self.due += 1
            self._next = (number + units) % _NUMBERS
            self._returned = 0
            return True
        if units is None:
            self._next = None
        elif self._next is None:
            self._go_on(number, units)
        else:
            self._jump(number, units, (number - self._next) % _NUMBERS)
        return False

    def _jump(self, number: int, units: int, ahead: int) -> None:
        """Take note of a number that was not due."""
        if ahead < _FURTHEST:
            self._gaps = self._gaps or deque(maxlen=_GAPS)
            self._gaps.append(((number - ahead) % _NUMBERS, ahead))
            self._go_on(number, units)
            self.lost += ahead
        elif _NUMBERS - ahead > _BACK:
            self._restart(number, units)
        elif found := self._fill(number, units):
            self.late += 1
            self.lost -= found
        else:
            self._again(number, units)

    def _go_on(self, number: int, units: int) -> None:
        self._next = (number + units) % _NUMBERS
        self._returned = 0

    def _fill(self, number: int, units: int) -> int:
        """Take a datagram's units out of the gap in which they were missing, and give how many those were."""
        if self._gaps is None:
            return 0
        for place, (start, missing) in enumerate(self._gaps):
            offset = (number - start) % _NUMBERS
            if offset < missing:
                filled = min(units, missing - offset)
                parts = ((start, offset), ((number + filled) % _NUMBERS, missing - offset - filled))
                del self._gaps[place]
                self._gaps.extend(part for part in parts if part[1])
                return filled
        return 0

    def _again(self, number: int, units: int) -> None:
        """Take note of a number that was there before: the datagram comes again, or the exporter has begun anew."""
        self._returned = self._returned + 1 if self._returned and number == self._return else 1
        self._return = (number + units) % _NUMBERS
        self.repeated += 1
        if self._returned == _RUN:
            self.repeated -= _RUN
            self._restart(number, units)

    def _restart(self, number: int, units: int) -> None:
        self.restarts += 1
        self._gaps = None
        self._go_on(number, units)


class Sequence:
    """What the numbers of an exporter's domain say, in the way of counting that explains most of the first datagrams."""

    __slots__ = ("_others", "_trial", "numbers", "way")

    def __init__(self, way: Way) -> None:
        self.way = way
        self.numbers = Numbers()
        self._others = {each: Numbers() for each in Way if each is not way}
        self._trial = _TRIAL

    def saw(self, number: int, records: int | None) -> bool:
        """Take note of a datagram, and tell whether it was due; `records` is None where they could not be told."""
        expected = _follow(self.numbers, self.way, number, records)
        if self._others:
            for way, numbers in self._others.items():
                _follow(numbers, way, number, records)
            self._choose(expected)
        return expected

    def _choose(self, expected: bool) -> None:
        """Change to another way if it explains more, and stay with one in the end."""
        if not expected:
            best = max(self._others, key=lambda way: self._others[way].due)
            if self._others[best].due >= self.numbers.due + _SURE:
                self._others[self.way] = self.numbers
                self.way, self.numbers = best, self._others.pop(best)
        self._trial -= 1
        if not self._trial:
            self._others.clear()


def _follow(numbers: Numbers, way: Way, number: int, records: int | None) -> bool:
    if way is _DATAGRAMS:
        return numbers.saw(number, 1)
    if way is _RECORDS:
        return numbers.saw(number, records)
    return numbers.saw((number - (records or 0)) % _NUMBERS, records)
