"""FCFX version 1: frames of packed records, encrypted and authenticated, each readable by itself.

     0  magic "FCFX"   4 version 1   5 flags 0   6 length of the header, 52, in 16 bits
     8  customer's UUID, 16 octets   24 salt, 16 octets   40 number of the worker, 32 bits   44 counter, 64 bits
    52  AES-128-GCM of the records and their number in front of them (16 bits), with its tag of 16 octets

The header is what the tag covers besides. The key of a salt is HKDF-SHA256 (RFC 5869) of the customer's key; the nonce is
worker and counter. So no nonce is ever used twice, although the customer's key stays the same over restarts and in every
worker: each process draws a salt of its own at its start, and counts its frames from 1. All numbers are big-endian.
"""

from struct import Struct
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC, VERSION = b"FCFX", 1
HEADER = Struct("!4sBBH16s16sIQ")
COUNT = Struct("!H")
SALT_OCTETS = KEY_OCTETS = TAG_OCTETS = 16
_NONCE = Struct("!IQ")  # the last part of the header
NONCE_OCTETS = _NONCE.size
_INFO = b"flowcoll/flow-export/v1"


class Header(NamedTuple):
    """What stands in front of the encrypted part."""

    magic: bytes
    version: int
    flags: int
    length: int
    customer: bytes
    salt: bytes
    worker: int
    counter: int

    @property
    def nonce(self) -> bytes:
        """The nonce of the frame."""
        return nonce(self.worker, self.counter)


def header(customer: UUID, salt: bytes, worker: int, counter: int) -> bytes:
    """Give the octets of a header."""
    return HEADER.pack(MAGIC, VERSION, 0, HEADER.size, customer.bytes, salt, worker, counter)


def nonce(worker: int, counter: int) -> bytes:
    """Give the nonce of a frame."""
    return _NONCE.pack(worker, counter)


def cipher(key: bytes, customer: UUID, salt: bytes) -> AESGCM:
    """Give what encrypts and decrypts the frames of a salt."""
    return AESGCM(HKDF(SHA256(), KEY_OCTETS, salt, _INFO + customer.bytes).derive(key))
