"""The receiver of FCFX frames: what is accepted once, what is refused and why, what is missing."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.output.riskiq import fcfx
from flowcoll.output.riskiq.encoder import Fcfx
from flowcoll.output.riskiq.receive import REASONS, WINDOW, Receiver
from slow_fcfx import CUSTOMER, KEY
from test_riskiq_encoder import GOLDEN, SALT, flow

OTHER = "527dd194-a116-11af-8380-034aba1ce439"


def receiver(most_streams: int = 4096) -> Receiver:
    return Receiver(UUID(CUSTOMER), base64.b64decode(KEY), most_streams)


def frames(number: int, worker: int = 0, salt: bytes = SALT, customer: str = CUSTOMER, key: str = KEY) -> list[bytes]:
    encoder = Fcfx(UUID(customer), base64.b64decode(key), worker, lambda _: salt)
    return [encoder.encode([flow(number=each)]) for each in range(number)]


def test_golden_vector() -> None:
    """The frame of the vector is accepted, once."""
    made = receiver()
    (record,) = made.take(GOLDEN)
    assert (record.packets, str(record.destination), record.source) == (14, "66.35.250.204", None)
    assert made.take(GOLDEN) == ()
    assert (made.accepted, made.records, made.refused, made.lost) == (1, 1, {"replay": 1}, 0)


@pytest.mark.parametrize("place", range(len(GOLDEN)))
def test_a_changed_octet(place: int) -> None:
    """A frame of which one octet was changed is refused, whichever it is."""
    octets = bytearray(GOLDEN)
    octets[place] ^= 2
    made = receiver()
    assert made.take(bytes(octets)) == ()
    (reason,) = made.refused
    assert reason == ("magic" if place < 4 else "version" if place < 8 else "customer" if place < 24 else "tag")
    assert made.streams == 0
    assert made.take(GOLDEN)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda octets: GOLDEN[:52] + octets)))
def test_any_datagram(datagram: bytes) -> None:
    """Any other datagram is refused with a reason that has words."""
    made = receiver()
    made.take(datagram)
    assert (made.accepted, sum(made.refused.values())) == (0, 1)
    assert made.refused.keys() <= REASONS.keys()


def test_cut_frames() -> None:
    """A frame cut anywhere is refused."""
    made = receiver()
    for end in range(len(GOLDEN)):
        assert made.take(GOLDEN[:end]) == ()
    assert sum(made.refused.values()) == len(GOLDEN)
    assert made.refused.keys() == {"short", "tag"}


def test_frames_of_others() -> None:
    """Frames of another customer, or made with another key, are refused."""
    made = receiver()
    (foreign,) = frames(1, customer=OTHER)
    (forged,) = frames(1, key=base64.b64encode(bytes(16)).decode())
    made.take(foreign)
    made.take(forged)
    assert made.refused == {"customer": 1, "tag": 1}


def test_records_that_make_no_sense() -> None:
    """A genuine frame whose records make no sense is refused, and is not missing."""
    encoder = Fcfx(UUID(CUSTOMER), base64.b64decode(KEY), 0, lambda _: SALT)
    made = receiver()
    made.take(encoder.encode([b"nonsense"]))
    assert made.refused == {"records": 1}
    assert made.take(encoder.encode([flow()]))
    assert made.lost == 0


def test_no_counter_of_zero() -> None:
    """Counters begin at 1: a frame with 0 is none that an encoder has made."""
    head = fcfx.header(UUID(CUSTOMER), SALT, 0, 0)
    sealed = fcfx.cipher(base64.b64decode(KEY), UUID(CUSTOMER), SALT).encrypt(bytes(12), b"\0\0", head)
    made = receiver()
    made.take(head + sealed)
    assert made.refused == {"old": 1}


def test_lost_frames_are_counted() -> None:
    """A counter that is passed over is a lost frame, until it comes after all; each worker and start counts by itself."""
    one, other, again = frames(10), frames(10, worker=1), frames(10, salt=bytes(16))
    made = receiver()
    for frame in (*one[:3], *one[5:], *other, again[0], again[9]):
        assert made.take(frame)
    assert (made.lost, made.before, made.streams) == (2 + 8, 0, 3)
    assert made.take(one[4])
    assert made.lost == 9


def test_what_came_before_the_first() -> None:
    """Frames sent before the first that came are told apart: perhaps nobody listened yet."""
    made = receiver()
    sent = frames(10)
    made.take(sent[6])
    assert (made.lost, made.before) == (0, 6)
    made.take(sent[3])
    assert (made.lost, made.before) == (2, 3)


def test_window() -> None:
    """Late frames come once, if they are not more than 63 behind; older ones are refused, since nobody knows."""
    sent = frames(WINDOW + 10)
    made = receiver()
    made.take(sent[-1])
    for frame in reversed(sent[:-1]):
        made.take(frame)
    assert (made.accepted, made.refused) == (WINDOW, {"old": 10})
    for frame in sent:
        made.take(frame)
    assert made.refused == {"old": 20, "replay": WINDOW}
    assert made.accepted == WINDOW


@given(st.lists(st.integers(0, 150), max_size=300))
def test_nothing_is_accepted_twice(order: list[int]) -> None:
    """In whatever order frames come and come again, each is accepted once at most, and accepted + lost is what was sent."""
    made = receiver()
    accepted = [number for number in order if made.take(SENT[number])]
    assert len(set(accepted)) == len(accepted) == made.accepted
    if accepted:
        assert made.accepted + made.lost == max(accepted) - min(accepted) + 1


SENT = frames(151)


def test_many_salts_take_bounded_memory() -> None:
    """Of many senders those heard last are remembered; what the others have lost stays counted."""
    made = receiver(most_streams=3)
    for salt in range(10):
        sent = frames(4, salt=bytes([salt]) * 16)
        made.take(sent[1])
        made.take(sent[3])
    assert (made.streams, made.lost, made.before) == (3, 10, 10)
    assert len(made._ciphers) == 3
    for salt in range(100):  # nobody without the key can push one out
        (forged,) = frames(1, salt=bytes([salt, *bytes(15)]), key=base64.b64encode(bytes(16)).decode())
        made.take(forged)
    assert (made.streams, made.refused) == (3, {"tag": 100})


def test_the_key_is_not_shown() -> None:
    """The receiver's text form holds no key."""
    assert "key" not in repr(receiver())
