"""A second, slow reader of FCFX frames, written from its description: HKDF by hand (RFC 5869), one field after the other."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

CUSTOMER = "527dd194-a116-11af-8380-034aba1ce438"
KEY = "twBovkmV8YIxx0QyulybZg=="

Shown = dict[str, Any]


def opened(frame: bytes, customer: str = CUSTOMER, key: str = KEY) -> tuple[dict[str, Any], bytes]:
    """What a frame says openly, and its decrypted octets; raises for a frame that is not genuine."""
    head, body, tag = frame[:52], frame[52:-16], frame[-16:]
    assert head[:4] == b"FCFX"
    assert head[4:8] == bytes([1, 0, 0, 52])
    assert head[8:24] == UUID(customer).bytes
    salt, nonce = head[24:40], head[40:52]
    extracted = hmac.new(salt, base64.b64decode(key), hashlib.sha256).digest()
    expanded = hmac.new(extracted, b"flowcoll/flow-export/v1" + UUID(customer).bytes + b"\1", hashlib.sha256).digest()
    cipher = Cipher(AES(expanded[:16]), GCM(nonce, tag)).decryptor()
    cipher.authenticate_additional_data(head)
    plain = cipher.update(body) + cipher.finalize()
    worker, counter = int.from_bytes(nonce[:4], "big"), int.from_bytes(nonce[4:], "big")
    return {"salt": salt, "worker": worker, "counter": counter, "key": expanded[:16]}, plain


def records(plain: bytes) -> list[Shown]:
    """The records of a frame."""
    here = 0

    def take(octets: int) -> bytes:
        nonlocal here
        found = plain[here : here + octets]
        assert len(found) == octets, "the frame ends within a record"
        here += octets
        return found

    def number(octets: int) -> int:
        return int.from_bytes(take(octets), "big")

    found = []
    for _ in range(number(2)):
        record: Shown = {name: number(8) for name in ("start", "end", "bytes", "packets")}
        record |= {name: number(2) for name in ("src_port", "dst_port", "flags")}
        record["protocol"], which, version = number(1), number(1), number(1)
        digest = take(20)
        assert version in (0, 1)
        assert version or not any(digest)
        record["community_id"] = f"1:{base64.b64encode(digest).decode()}" if version else ""
        for end, there, long in (("src", 1, 4), ("dst", 2, 8)):
            record[end] = str(ip_address(take(16 if which & long else 4))) if which & there else ""
            assert which & there or not which & long
        assert which < 16
        found.append(record)
    assert here == len(plain), "octets behind the last record"
    return found


def ordered(shown: Iterable[Shown]) -> list[Shown]:
    """Records in an order that does not depend on when they were sent."""
    return sorted(shown, key=lambda each: json.dumps(each, sort_keys=True))
