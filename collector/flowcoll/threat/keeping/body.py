"""The body of an answer, unpacked piece by piece: one that ends too early, packed or not, is never taken for a whole one."""

import zlib
from collections.abc import Iterator

import requests

_PIECE = 65_536
_LARGEST_PIECE = 1_048_576  # what is unpacked at a time: a small piece may hold much
_GZIP = {"gzip", "x-gzip"}
_WITH_HEADER = 31  # gzip's own header and checksum (RFC 1952), and nothing else


class CodingError(Exception):
    """What the server has compressed on the way cannot be unpacked; says why."""


def pieces(response: requests.Response) -> Iterator[bytes]:
    """Give the body; CodingError, or an error of the network. What libraries unpack may end anywhere without a word."""
    if response.headers.get("Content-Encoding", "").strip().lower() not in _GZIP:
        yield from response.iter_content(_PIECE)
        return
    unpacking = zlib.decompressobj(_WITH_HEADER)
    begun = False
    for packed in response.raw.stream(_PIECE, decode_content=False):
        rest = packed
        while rest:
            if unpacking.eof:  # one member may follow another (RFC 1952 section 2.2)
                unpacking = zlib.decompressobj(_WITH_HEADER)
            begun = True
            try:
                yield unpacking.decompress(rest, _LARGEST_PIECE)
            except zlib.error:
                raise CodingError("its compression is damaged") from None
            rest = unpacking.unused_data if unpacking.eof else unpacking.unconsumed_tail
    while not unpacking.eof and (last := unpacking.decompress(b"", _LARGEST_PIECE)):
        yield last
    if begun and not unpacking.eof:
        raise CodingError("its compression ends too early")
