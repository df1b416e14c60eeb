"""Which end of a flow is the server, decided from one record alone.

`decide` is the rule. Generated code does not call it: `expression` is the same rule as one Python expression over the
record's locals, which costs half; the tests hold the two equal.
"""

from collections.abc import Mapping

from flowcoll.enrich.services import PORTED, SERVICES

SYN, SERVICE_PORT, LOWER_PORT, DESTINATION = "syn", "service_port", "lower_port", "destination"

CLIENT_PORTS = frozenset({68, 546})
"""Registered ports that belong to the client: bootpc, dhcpv6-client."""

KNOWN = tuple(frozenset(SERVICES[protocol]) - CLIENT_PORTS if protocol in PORTED else None for protocol in range(256))
"""Protocol -> ports at which a service is known; None where the protocol has no ports."""


def decide(protocol: int, tcp_flags: int, src_port: int, dst_port: int) -> tuple[bool, str]:
    """Say whether the source is the server, and why.

    The first that applies counts:
    1. the protocol has no ports: the destination is the server (destination);
    2. a TCP SYN without ACK: its destination (syn);
    3. one port is known for a service, the other is not: the known one (service_port);
    4. the ports differ: the lower one, where 0 is no port and loses (lower_port);
    5. the destination (destination).
    """
    known = KNOWN[protocol]
    if known is None:
        return False, DESTINATION
    if protocol == 6 and tcp_flags & 0x12 == 0x02:
        return False, SYN
    if (src_port in known) != (dst_port in known):
        return src_port in known, SERVICE_PORT
    if src_port != dst_port:
        return dst_port == 0 or 0 < src_port < dst_port, LOWER_PORT
    return False, DESTINATION


def expression(protocol: str, tcp_flags: str | None, src_port: str, dst_port: str) -> str:
    """Give `decide` as the text of an expression over the named locals; without TCP flags that test is left out.

    Its value is a ready pair (source is the server, reason). It refers to what `names` holds.
    """
    syn = f"SYN_ if {protocol} == 6 and {tcp_flags} & 18 == 2 else " if tcp_flags else ""
    lower = f"LOWER_SRC_ if 0 < {src_port} < {dst_port} or not {dst_port} else LOWER_DST_"
    return (
        f"(TIE_ if (known_ := KNOWN_[{protocol}]) is None else {syn}"
        f"((TIE_ if {src_port} == {dst_port} else {lower}) if {dst_port} in known_ else SERVICE_SRC_) if {src_port} in known_ "
        f"else SERVICE_DST_ if {dst_port} in known_ else TIE_ if {src_port} == {dst_port} else {lower})"
    )


def names() -> Mapping[str, object]:
    """Give what `expression` refers to."""
    return {
        "KNOWN_": KNOWN,
        "SYN_": (False, SYN),
        "SERVICE_SRC_": (True, SERVICE_PORT),
        "SERVICE_DST_": (False, SERVICE_PORT),
        "LOWER_SRC_": (True, LOWER_PORT),
        "LOWER_DST_": (False, LOWER_PORT),
        "TIE_": (False, DESTINATION),
    }
