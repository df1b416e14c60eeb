"""Hypothesis strategies for sFlow version 5: sampled packets of many kinds, whole and cut off, and what stands by them."""

from hypothesis import strategies as st

from oracle import Datagram
from strategies import ADDRESSES4, ADDRESSES6, NOW

_PORTS = (0, 53, 80, 443, 1024, 40_000, 65_535)
_PROTOCOLS = (6, 6, 17, 17, 1, 58, 132, 47, 89)


def words(*values: int) -> bytes:
    """Numbers of 32 bits, as XDR writes them."""
    return b"".join(value.to_bytes(4, "big") for value in values)


def item(kind: int, body: bytes) -> bytes:
    """A sample or record with its header, padded to whole words."""
    body += bytes(-len(body) % 4)
    return words(kind, len(body)) + body


@st.composite
def _segment(draw: st.DrawFn, protocol: int) -> bytes:
    """What follows the network header."""
    if protocol in (1, 58):
        return bytes([draw(st.sampled_from((0, 3, 8, 128, 129, 135))), draw(st.integers(0, 3))]) + bytes(6)
    ports = b"".join(draw(st.sampled_from(_PORTS)).to_bytes(2, "big") for _ in range(2))
    flags = draw(st.sampled_from((0, 2, 18, 16, 255)))
    return ports + bytes(8) + bytes([0x50, flags]) + bytes(6)


@st.composite
def _packet4(draw: st.DrawFn) -> bytes:
    protocol = draw(st.sampled_from(_PROTOCOLS))
    length = draw(st.sampled_from((5, 5, 5, 6, 15, 4)))
    fragment = draw(st.sampled_from((0, 0, 0x4000, 0x2000, 0x2001, 0x00FF)))
    header = bytes([0x40 | length, draw(st.integers(0, 255)), 0, 60, 0, 1]) + fragment.to_bytes(2, "big")
    header += bytes([draw(st.integers(0, 255)), protocol, 0, 0])
    header += draw(st.sampled_from(ADDRESSES4)) + draw(st.sampled_from(ADDRESSES4))
    return header + bytes(max(length - 5, 0) * 4) + draw(_segment(protocol))


@st.composite
def _packet6(draw: st.DrawFn) -> bytes:
    protocol = draw(st.sampled_from(_PROTOCOLS))
    body = draw(_segment(protocol))
    for kind in draw(st.lists(st.sampled_from((0, 43, 44, 51, 60, 135)), max_size=3)):
        if kind == 44:
            fragment = draw(st.sampled_from((0, 1, 8, 0xFFF8)))
            body = bytes([protocol, 0]) + fragment.to_bytes(2, "big") + bytes(4) + body
        elif kind == 51:
            body = bytes([protocol, 4]) + bytes(22) + body
        else:
            size = draw(st.integers(0, 2))
            body = bytes([protocol, size]) + bytes(6 + 8 * size) + body
        protocol = kind
    first = (6 << 28 | draw(st.integers(0, 255)) << 20 | 5).to_bytes(4, "big")
    header = first + len(body).to_bytes(2, "big") + bytes([protocol, draw(st.integers(0, 255))])
    return header + draw(st.sampled_from(ADDRESSES6)) + draw(st.sampled_from(ADDRESSES6)) + body


@st.composite
def _frame(draw: st.DrawFn) -> bytes:
    kind, packet = draw(
        st.one_of(
            st.tuples(st.just(0x0800), _packet4()),
            st.tuples(st.just(0x86DD), _packet6()),
            st.tuples(st.sampled_from((0x0806, 0x8847, 0x0800)), st.binary(max_size=30)),
        )
    )
    tags = b""
    for tag in draw(st.lists(st.sampled_from((0x8100, 0x88A8, 0x9100)), max_size=2)):
        tags += tag.to_bytes(2, "big") + draw(st.sampled_from((0, 1, 0x2005, 0x0FFF, 0xE000))).to_bytes(2, "big")
    return bytes(range(12)) + tags + kind.to_bytes(2, "big") + packet


@st.composite
def _sampled_header(draw: st.DrawFn) -> bytes:
    """A raw header record: a frame or a packet, often cut off."""
    protocol = draw(st.sampled_from((1, 1, 1, 1, 11, 12, 7)))
    octets = draw(_frame() if protocol in (1, 7) else _packet4() if protocol == 11 else _packet6())
    if draw(st.integers(0, 3)) == 0:
        octets = octets[: draw(st.integers(0, len(octets)))]
    held = len(octets) if draw(st.integers(0, 9)) else draw(st.sampled_from((0, 5, 500)))
    return item(1, words(protocol, draw(st.sampled_from((64, 1518, 2**32 - 1))), 4, held) + octets)


@st.composite
def _sampled_ip(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from((3, 4)))
    pool = ADDRESSES4 if kind == 3 else ADDRESSES6
    ends = draw(st.sampled_from(pool)) + draw(st.sampled_from(pool))
    ports = [draw(st.sampled_from(_PORTS)) for _ in range(2)]
    return item(kind, words(80, draw(st.sampled_from(_PROTOCOLS))) + ends + words(*ports, 18, 0xB8))


@st.composite
def _extended(draw: st.DrawFn) -> bytes:
    """What a switch or a router adds, or records that nobody needs."""
    kind = draw(st.sampled_from((1001, 1002, 2, 1003, 4 << 12 | 1)))
    if kind == 1001:
        vlans = [draw(st.sampled_from((0, 1, 7, 4095, 2**32 - 1))) for _ in range(2)]
        return item(1001, words(vlans[0], 0, vlans[1], 0))
    if kind == 1002:
        family = draw(st.sampled_from((1, 2, 0)))
        hop = draw(st.sampled_from(ADDRESSES4 if family == 1 else ADDRESSES6))
        return item(1002, words(family) + hop + words(draw(st.integers(0, 128)), draw(st.integers(0, 128))))
    return item(kind, draw(st.binary(max_size=20)))


@st.composite
def _sample(draw: st.DrawFn) -> bytes:
    if draw(st.integers(0, 9)) == 0:
        return item(draw(st.sampled_from((2, 4, 5, 8 << 12 | 1))), draw(st.binary(max_size=40)))
    kind = draw(st.integers(0, 9))  # mostly a header alone
    packets = [draw(_sampled_header())] if kind < 8 else []
    packets += [draw(_sampled_ip())] if kind in (7, 8) else []
    records = packets + draw(st.lists(_extended(), max_size=2))
    rate = draw(st.sampled_from((0, 1, 100, 8192)))
    count = len(records) + draw(st.sampled_from((0,) * 9 + (1,)))
    if draw(st.booleans()):
        ports = [
            draw(st.sampled_from((0, 1, 70_000, 0x3FFFFFFE, 0x3FFFFFFF, 0x40000001, 0x80000003))) for _ in range(2)
        ]
        return item(1, words(9, 1, rate, 0, 0, *ports, count) + b"".join(records))
    expanded = st.tuples(st.sampled_from((0, 0, 0, 1, 2)), st.sampled_from((0, 1, 0x3FFFFFFF, 2**31, 2**32 - 1)))
    ports = [*draw(expanded), *draw(expanded)]
    return item(3, words(9, 0, 1, rate, 0, 0, *ports, count) + b"".join(records))


@st.composite
def samples(draw: st.DrawFn) -> list[Datagram]:
    """An sFlow datagram of one agent; its last sample may be cut off."""
    agents = [
        words(1) + bytes([192, 0, 2, 7]),
        words(1, 0),
        words(2) + bytes(15) + b"\1",
        words(2) + bytes(16),
        words(0),
    ]
    agent = draw(st.sampled_from(agents))
    found = draw(st.lists(_sample(), min_size=1, max_size=4))
    octets = words(5) + agent + words(0, 1, 1_000_000, len(found)) + b"".join(found)
    if draw(st.integers(0, 7)) == 0:
        octets = octets[: draw(st.integers(4, len(octets)))]
    return [Datagram(6000, NOW, octets)]
