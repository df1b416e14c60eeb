"""What an encoder is, and the one for FCFX."""

import os
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from flowcoll.output.riskiq import fcfx

LARGEST = 1200  # octets of a datagram that every path carries whole: IPv6 promises 1280 (RFC 8200 section 5)
LAST_COUNTER = 2**48
"""Frames of a salt: nine thousand years at a thousand frames a second, and far from what the counter holds."""


class Encoder(Protocol):
    """Makes datagrams of packed records."""

    @property
    def room(self) -> int:
        """Octets of records that go into one."""

    def encode(self, records: Sequence[bytes], /) -> bytes:
        """Give the datagram of so many records as there is room for."""


class Fcfx:
    """Makes frames of FCFX version 1 with a salt that is drawn now."""

    room = LARGEST - fcfx.HEADER.size - fcfx.COUNT.size - fcfx.TAG_OCTETS

    def __init__(
        self,
        customer: UUID,
        key: bytes,
        worker: int,
        draw: Callable[[int], bytes] = os.urandom,
        last_counter: int = LAST_COUNTER,
    ) -> None:
        self._customer = customer
        self._key = key
        self._worker = worker
        self._draw = draw
        self._last = last_counter
        self._renew()

    def encode(self, records: Sequence[bytes], /) -> bytes:
        """Give the frame of these records."""
        if self._counter >= self._last:
            self._renew()
        self._counter += 1
        nonce = fcfx.nonce(self._worker, self._counter)
        header = self._head + nonce
        plain = fcfx.COUNT.pack(len(records)) + b"".join(records)
        return header + self._cipher.encrypt(nonce, plain, header)

    def _renew(self) -> None:
        """Draw a salt, and count from 1."""
        salt = self._draw(fcfx.SALT_OCTETS)
        self._cipher = fcfx.cipher(self._key, self._customer, salt)
        self._head = fcfx.header(self._customer, salt, self._worker, 0)[: -fcfx.NONCE_OCTETS]
        self._counter = 0
