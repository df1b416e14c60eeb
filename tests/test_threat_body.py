"""The body of an answer, compressed on its way: whole or not at all."""

import gzip
import io
from collections.abc import Mapping

import pytest
import requests
from urllib3 import HTTPResponse

from flowcoll.threat.keeping.body import CodingError, pieces

TEXT = b"192.0.2.1\n" * 200_000


def answer(body: bytes, headers: Mapping[str, str]) -> requests.Response:
    response = requests.Response()
    response.headers.update(headers)
    response.raw = HTTPResponse(io.BytesIO(body), headers, preload_content=False)
    return response


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
def test_what_is_packed_is_unpacked(coding: str) -> None:
    """In pieces that are no larger than a megabyte, however much a small piece holds; several members are one."""
    packed = gzip.compress(TEXT)
    found = list(pieces(answer(packed + packed, {"Content-Encoding": coding})))
    assert b"".join(found) == TEXT * 2
    assert max(map(len, found)) <= 1_048_576


def test_what_is_not_packed_is_left_alone() -> None:
    """Without a coding the octets are the body, even if they are gzip's."""
    packed = gzip.compress(TEXT)
    assert b"".join(pieces(answer(packed, {}))) == packed


def test_any_truncation() -> None:
    """Cut anywhere, a packed body is an error; only nothing at all is nothing."""
    packed = gzip.compress(b"192.0.2.1\n198.51.100.1\n", mtime=0)
    assert list(pieces(answer(b"", {"Content-Encoding": "gzip"}))) == []
    for end in range(1, len(packed)):
        with pytest.raises(CodingError, match="its compression ends too early"):
            list(pieces(answer(packed[:end], {"Content-Encoding": "gzip"})))


def test_damage() -> None:
    """What is no gzip, and a checksum that does not hold, are errors."""
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    for body in (bytes(packed), b"192.0.2.1\n", gzip.compress(TEXT) + b"tail"):
        with pytest.raises(CodingError, match="its compression is damaged"):
            list(pieces(answer(body, {"Content-Encoding": "gzip"})))
