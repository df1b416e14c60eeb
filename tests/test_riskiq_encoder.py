"""FCFX frames: the golden vector, nonces that never come twice, and what an independent reader makes of them."""

import base64
from uuid import UUID

import pytest

import slow_fcfx
from flowcoll.document.records import record
from flowcoll.enrich.address import PRIVATE
from flowcoll.enrich.locality import Address, parse
from flowcoll.output.riskiq import fcfx
from flowcoll.output.riskiq.encoder import LARGEST, Fcfx
from slow_fcfx import CUSTOMER, KEY

GOLDEN = bytes.fromhex(
    "4643465801000034527dd194a11611af8380034aba1ce438000102030405060708090a0b0c0d0e0f00000000000000000000000123b6174100"
    "7982e3c876a789cea62db9cf4d83896a8d8c7d4e899f7af0df3ed66770315c598e4991979ab1332fc1c51c57f5c00930b0d7b341d01c3dfaf6"
    "f780b6d6cd8d2c5966f43791d3023b4e3e2ea09b5e"
)
SALT = bytes(range(16))
COMMUNITY_ID = "LQU9qZlK+B5F3KDmev6m5PMibrg="  # of 128.232.110.120:34855 -> 66.35.250.204:80


def flow(src: str = "10.0.0.1", dst: str = "66.35.250.204", number: int = 0) -> bytes:
    """The record of the golden vector, or another one."""
    src_key, dst_key = parse(src), parse(dst)

    def flags(address: Address) -> int:
        return PRIVATE if address == parse("10.0.0.1") else 0

    return record(
        *(1_700_000_000_000, 1_700_000_001_500, 12_000, 14 + number),
        *(src_key, flags(src_key), 34_855, dst_key, flags(dst_key), 80),
        *(27, 6, base64.b64decode(COMMUNITY_ID)),
    )


def encoder(worker: int = 0, *, last_counter: int = 2**48, salts: int = 0) -> Fcfx:
    drawn = iter([SALT, *(bytes([n]) * 16 for n in range(1, salts + 1))])
    return Fcfx(UUID(CUSTOMER), base64.b64decode(KEY), worker, lambda _: next(drawn), last_counter)


def test_golden_vector() -> None:
    """Key, UUID, salt, worker, counter and record of the vector give its frame, octet for octet."""
    assert encoder().encode([flow()]) == GOLDEN
    assert slow_fcfx.opened(GOLDEN)[0]["key"] == bytes.fromhex("425e48a3a75e3d2b41fd77a601e169eb")


def test_golden_vector_reads() -> None:
    """The independent reader finds in it what was put in."""
    head, plain = slow_fcfx.opened(GOLDEN)
    assert (head["salt"], head["worker"], head["counter"]) == (SALT, 0, 1)
    assert slow_fcfx.records(plain) == [
        {
            "start": 1_700_000_000_000,
            "end": 1_700_000_001_500,
            "bytes": 12_000,
            "packets": 14,
            "src": "",
            "src_port": 0,
            "dst": "66.35.250.204",
            "dst_port": 80,
            "flags": 27,
            "protocol": 6,
            "community_id": f"1:{COMMUNITY_ID}",
        }
    ]


@pytest.mark.parametrize(
    ("src", "dst", "records"),
    [("10.0.0.1", "8.8.8.8", 17), ("9.9.9.9", "8.8.8.8", 16), ("2600::1", "2600::2", 12)],
)
def test_room(src: str, dst: str, records: int) -> None:
    """A frame has room for 17 records of one IPv4 address, 16 of two, 12 of two IPv6 addresses, and is 1200 octets at most."""
    one = flow(src, dst)
    made = encoder()
    assert made.room // len(one) == records
    assert len(made.encode([one] * records)) <= LARGEST


def test_no_nonce_comes_twice() -> None:
    """Frames are counted from 1; long before the counter ends there is a new salt, with which it begins anew."""
    made = encoder(7, last_counter=3, salts=3)
    heads = [slow_fcfx.opened(made.encode([flow(number=number)]))[0] for number in range(8)]
    assert [(head["salt"][-1], head["counter"]) for head in heads] == [
        *((15, 1), (15, 2), (15, 3), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2))
    ]
    assert {head["worker"] for head in heads} == {7}
    assert len({head["key"] for head in heads}) == 3


def test_each_process_has_a_salt_of_its_own() -> None:
    """Two processes with the same key and worker number never use the same key for a frame."""
    made = [Fcfx(UUID(CUSTOMER), base64.b64decode(KEY), 0) for _ in range(2)]
    salts = {slow_fcfx.opened(each.encode([flow()]))[0]["salt"] for each in made}
    assert len(salts) == 2


def test_the_header_is_what_is_sent() -> None:
    """The header reads back, and its nonce is worker and counter."""
    head = fcfx.Header(*fcfx.HEADER.unpack(fcfx.header(UUID(CUSTOMER), SALT, 3, 2**40)))
    assert (head.magic, head.version, head.flags, head.length) == (b"FCFX", 1, 0, 52)
    assert head.nonce == bytes([0, 0, 0, 3]) + (2**40).to_bytes(8, "big")
