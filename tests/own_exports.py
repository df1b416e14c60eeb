"""Exports written by hand for what no recorded case shows: addresses that the test databases know, sampling rates, and
each way in which a datagram, set or template is refused.
"""

import struct
from collections.abc import Sequence
from ipaddress import ip_address

from flowcoll.decode.capture import Payload

TIME = 1_750_000_000
_UPTIME = 3_600_000
_Field = tuple[int, int]  # information element, length

_FLOW: Sequence[_Field] = ((7, 2), (11, 2), (4, 1), (6, 1), (1, 8), (2, 8), (152, 8), (153, 8))
_IPV4: Sequence[_Field] = ((8, 4), (12, 4), *_FLOW)
_IPV6: Sequence[_Field] = ((27, 16), (28, 16), *_FLOW)


def own_exports() -> dict[str, list[Payload]]:
    """Case -> its datagrams."""
    cases = {
        "own-addresses": ("127.20.9.1", _addresses()),
        "own-sampling": ("127.20.9.2", _sampling()),
        "own-refusals": ("127.20.9.3", _refusals()),
        "own-sampling-options": ("127.20.9.4", _sampling_options()),
    }
    return {
        name: [Payload(TIME + number, exporter, 50_000, 2055, octets) for number, octets in enumerate(datagrams)]
        for name, (exporter, datagrams) in cases.items()
    }


def _addresses() -> list[bytes]:
    ipv4 = [
        ("10.1.2.3", "89.160.20.113", 51_000, 443, 6, 0x1B, 4_000, 12, TIME * 1000 - 9_000, TIME * 1000 - 1_000),
        ("81.2.69.161", "10.1.2.3", 40_000, 22, 6, 0x02, 60, 1, TIME * 1000 - 500, TIME * 1000 - 500),
        ("2.125.160.217", "216.160.83.57", 123, 123, 17, 0, 76, 1, TIME * 1000 - 400, TIME * 1000 - 400),
        ("192.168.1.1", "10.1.2.9", 33_000, 53, 17, 0, 70, 1, TIME * 1000 - 30, TIME * 1000),
    ]
    ipv6 = [
        ("2001:218::1", "2001:480:10::1", 50_123, 443, 6, 0x18, 1_500, 3, TIME * 1000 - 9, TIME * 1000),
        ("::ffff:175.16.199.5", "::ffff:10.1.2.3", 50_124, 443, 6, 0x18, 1_500, 3, TIME * 1000 - 9, TIME * 1000),
        ("fd00::1", "2c0f:ff00::1", 0, 128 << 8, 58, 0, 104, 1, TIME * 1000, TIME * 1000),
    ]
    return [
        _ipfix(_template(256, _IPV4), _template(257, _IPV6)),
        _ipfix(_data(256, _IPV4, ipv4)),
        _ipfix(_data(257, _IPV6, ipv6)),
    ]


def _sampling() -> list[bytes]:
    flow = ("10.1.2.3", "192.0.2.7", 51_000, 443, 6, 0x18, 1_000, 10)
    fixed = b"".join(ip_address(one).packed for one in ("10.1.2.3", "192.0.2.7", "0.0.0.0"))
    fixed += struct.pack(
        ">HHIIIIHHxBBBHHBB2x", 3, 4, 10, 1_000, _UPTIME - 5, _UPTIME, 51_000, 443, 24, 6, 0, 1, 2, 8, 8
    )
    short = (*_IPV4[:-2], (21, 4), (22, 4))
    rated = (*short, (34, 4))
    times = (_UPTIME, _UPTIME - 5)
    return [
        _netflow5(fixed, 0x4000 | 100),
        _netflow5(fixed, 0),
        _netflow9(_template(256, rated, 0), _template(257, short, 0)),
        _netflow9(_data(256, rated, [(*flow, *times, 1_000), (*flow, *times, 1), (*flow, *times, 0)])),
        _netflow9(_data(257, short, [(*flow, *times)])),
    ]


def _sampling_options() -> list[bytes]:
    """What options data say of samplers, and of records that name none, in NetFlow v9 and in IPFIX."""
    flow = ("10.1.2.3", "192.0.2.7", 51_000, 443, 6, 0x18, 1_000, 10)
    old = (*_IPV4[:-2], (21, 4), (22, 4), (48, 2))
    old_flows = [(*flow, _UPTIME, _UPTIME - 5, sampler) for sampler in (1, 2, 3, 0)]
    old_samplers = ((1, 4), (48, 2), (49, 1), (50, 4))
    new_samplers = ((302, 4), (304, 2), (305, 4), (306, 4))
    new_rate = ((149, 4), (311, 8))
    new_flow = (*flow, TIME * 1000 - 5, TIME * 1000)
    new_flows = _data(256, _IPV4, [new_flow]), _data(259, (*_IPV4, (302, 4)), [(*new_flow, 5)])
    probability = int.from_bytes(struct.pack("!d", 0.1), "big")
    return [
        _netflow9(_template(256, old, 0), _data(256, old, old_flows[:1])),
        _netflow9(_options(257, old_samplers, 1), _data(257, old_samplers, [(0, 1, 2, 1_000), (0, 2, 1, 50)])),
        _netflow9(_data(256, old, old_flows)),
        _ipfix(_template(256, _IPV4), _template(259, (*_IPV4, (302, 4)))),
        _ipfix(_options(257, new_samplers, 3), _data(257, new_samplers, [(5, 1, 1, 99)])),
        _ipfix(*new_flows),
        _ipfix(_options(258, new_rate, 3), _data(258, new_rate, [(7, probability)]), *new_flows),
    ]


def _refusals() -> list[bytes]:
    flow = ("10.1.2.3", "192.0.2.7", 51_000, 443, 6, 0x18, 1_000, 10, TIME * 1000, TIME * 1000)
    data = _data(256, _IPV4, [flow])
    return [
        b"",
        b"\0\5",
        struct.pack(">HH", 77, 0) + bytes(60),
        _netflow5(b"", 0),
        _netflow5(bytes(48), 0)[:-1],
        _ipfix(data)[:-1],
        struct.pack(">HHIIII", 9, 1, _UPTIME, TIME, 1, 7)[:-1],
        struct.pack(">IIIIIII", 5, 9, 1, 2, 3, 4, 0),
        struct.pack(">IIIIIII", 4, 1, 1, 2, 3, 4, 0),
        _ipfix(data),  # its template is not known yet
        _ipfix(_template(256, _IPV4), data, data[:-1]),  # the last set is cut within its record
        _ipfix(_template(256, _IPV4), data + b"\0\0\0"),  # a record and padding
        _ipfix(struct.pack(">HH", 300, 3)),  # a set shorter than its own header
        _ipfix(_set(7, b"\0" * 8)),  # an identifier that is reserved
        _ipfix(_template(12, _IPV4)),  # one that no template may have
        _ipfix(_template(258, [(8, 0), (12, 0)])),  # a record of no octets
        _ipfix(_set(2, struct.pack(">HHHHHH", 259, 3, 8, 4, 12, 4))),  # fewer fields than it says
        _ipfix(_set(2, struct.pack(">HH", 256, 0)), data),  # withdrawn (RFC 7011 section 8.1), then used
    ]


def _set(kind: int, body: bytes) -> bytes:
    return struct.pack(">HH", kind, 4 + len(body)) + body


def _template(number: int, fields: Sequence[_Field], kind: int = 2) -> bytes:
    body = struct.pack(">HH", number, len(fields))
    body += b"".join(struct.pack(">HH", *field) for field in fields)
    return _set(kind, body)


def _options(number: int, fields: Sequence[_Field], kind: int) -> bytes:
    """An options template with one scope field."""
    counts = (len(fields), 1) if kind == 3 else (4, 4 * (len(fields) - 1))
    return _set(kind, struct.pack(">HHH", number, *counts) + b"".join(struct.pack(">HH", *field) for field in fields))


def _data(number: int, fields: Sequence[_Field], records: Sequence[tuple[int | str, ...]]) -> bytes:
    body = b""
    for record in records:
        for (_, length), value in zip(fields, record, strict=True):
            body += value.to_bytes(length, "big") if isinstance(value, int) else ip_address(value).packed
    return _set(number, body)


def _ipfix(*sets: bytes) -> bytes:
    body = b"".join(sets)
    return struct.pack(">HHIII", 10, 16 + len(body), TIME, 0, 7) + body


def _netflow9(*sets: bytes) -> bytes:
    return struct.pack(">HHIIII", 9, len(sets), _UPTIME, TIME, 0, 7) + b"".join(sets)


def _netflow5(records: bytes, sampling: int) -> bytes:
    count = max(1, len(records) // 48)
    return struct.pack(">HHIIIIBBH", 5, count, _UPTIME, TIME, 0, 0, 0, 0, sampling) + records
