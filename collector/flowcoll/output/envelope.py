"""A request as it stands in the spool: whether it may have been stored before, then its octets as they are sent."""

from struct import Struct

from flowcoll.output.bulk import Request

_DOUBT = Struct("!H")  # octets of the index's name plus one, or 0
_SIZE = Struct("<I")  # RFC 1952, section 2.3.1: ISIZE, at the end of what is packed


def sealed(request: Request) -> bytes:
    """Give a request for the spool."""
    name = None if request.doubt is None else request.doubt.encode()
    return _DOUBT.pack(0 if name is None else len(name) + 1) + (name or b"") + request.body


def opened(octets: bytes, documents: int) -> Request:
    """Give the request of so many documents that was sealed."""
    (size,) = _DOUBT.unpack_from(octets)
    start = _DOUBT.size + max(size - 1, 0)
    doubt = octets[_DOUBT.size : start].decode() if size else None
    (raw_octets,) = _SIZE.unpack_from(octets, len(octets) - _SIZE.size)
    return Request(octets[start:], documents, raw_octets, doubt)
