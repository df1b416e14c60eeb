"""Numbers on the wire and the words the registries have for them.

Each table is indexed by the number itself and covers every value the field can hold; a value without a name is shown as
its number.
"""

import csv
from collections.abc import Mapping
from importlib.resources import files


def _table(names: Mapping[int, str], size: int = 256) -> tuple[str, ...]:
    return tuple(names.get(number, str(number)) for number in range(size))


def _protocols() -> dict[int, str]:
    text = files(__package__).joinpath("protocols.csv").read_text(encoding="ascii")
    return {int(row["number"]): row["keyword"] for row in csv.DictReader(text.splitlines())}


TRANSPORT = _table(_protocols())
"""IP protocol number -> keyword in lower case, as ECS wants network.transport."""

TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
"""TCP control bits from the lowest on (RFC 9293 section 3.1); information element 6 may carry reserved bits above them."""

TCP_TAGS = tuple(tuple(tag for bit, tag in enumerate(TCP_FLAGS) if bits >> bit & 1) for bits in range(256))
"""TCP control bits -> tags that are set; index with `bits & 0xFF`."""

DSCP = _table(
    {
        **{8 * number: f"CS{number}" for number in range(8)},  # RFC 2474 section 4.2.2.2
        **{8 * level + 2 * drop: f"AF{level}{drop}" for level in range(1, 5) for drop in range(1, 4)},  # RFC 2597
        1: "LE",  # RFC 8622
        44: "VOICE-ADMIT",  # RFC 5865
        46: "EF",  # RFC 3246
    },
    64,
)
"""Differentiated services code point -> name."""

ECN = ("Not-ECT", "ECT(1)", "ECT(0)", "CE")
"""Explicit congestion notification -> name (RFC 3168 section 5)."""

DSCP_OF_TOS = tuple(DSCP[tos >> 2] for tos in range(256))
"""Octet of IPv4 type of service or IPv6 traffic class -> name of its code point (RFC 2474 section 3)."""

ECN_OF_TOS = tuple(ECN[tos & 3] for tos in range(256))
"""Octet of IPv4 type of service or IPv6 traffic class -> name of its congestion notification."""

ICMP4_TYPE = _table(
    {
        0: "Echo Reply",
        3: "Destination Unreachable",
        4: "Source Quench",
        5: "Redirect",
        6: "Alternate Host Address",
        8: "Echo",
        9: "Router Advertisement",
        10: "Router Solicitation",
        11: "Time Exceeded",
        12: "Parameter Problem",
        13: "Timestamp",
        14: "Timestamp Reply",
        15: "Information Request",
        16: "Information Reply",
        17: "Address Mask Request",
        18: "Address Mask Reply",
        30: "Traceroute",
        31: "Datagram Conversion Error",
        32: "Mobile Host Redirect",
        33: "IPv6 Where-Are-You",
        34: "IPv6 I-Am-Here",
        35: "Mobile Registration Request",
        36: "Mobile Registration Reply",
        37: "Domain Name Request",
        38: "Domain Name Reply",
        39: "SKIP",
        40: "Photuris",
        41: "Experimental Mobility",
        42: "Extended Echo Request",
        43: "Extended Echo Reply",
        253: "RFC3692-style Experiment 1",
        254: "RFC3692-style Experiment 2",
    }
)
"""ICMP type -> name in the IANA registry of ICMP parameters; type 41 by what it is for."""

ICMP6_TYPE = _table(
    {
        1: "Destination Unreachable",
        2: "Packet Too Big",
        3: "Time Exceeded",
        4: "Parameter Problem",
        100: "Private experimentation",
        101: "Private experimentation",
        128: "Echo Request",
        129: "Echo Reply",
        130: "Multicast Listener Query",
        131: "Multicast Listener Report",
        132: "Multicast Listener Done",
        133: "Router Solicitation",
        134: "Router Advertisement",
        135: "Neighbor Solicitation",
        136: "Neighbor Advertisement",
        137: "Redirect Message",
        138: "Router Renumbering",
        139: "ICMP Node Information Query",
        140: "ICMP Node Information Response",
        141: "Inverse Neighbor Discovery Solicitation Message",
        142: "Inverse Neighbor Discovery Advertisement Message",
        143: "Version 2 Multicast Listener Report",
        144: "Home Agent Address Discovery Request Message",
        145: "Home Agent Address Discovery Reply Message",
        146: "Mobile Prefix Solicitation",
        147: "Mobile Prefix Advertisement",
        148: "Certification Path Solicitation Message",
        149: "Certification Path Advertisement Message",
        150: "Experimental Mobility",
        151: "Multicast Router Advertisement",
        152: "Multicast Router Solicitation",
        153: "Multicast Router Termination",
        154: "FMIPv6 Messages",
        155: "RPL Control Message",
        156: "ILNPv6 Locator Update Message",
        157: "Duplicate Address Request",
        158: "Duplicate Address Confirmation",
        159: "MPL Control Message",
        160: "Extended Echo Request",
        161: "Extended Echo Reply",
        200: "Private experimentation",
        201: "Private experimentation",
    }
)
"""ICMPv6 type -> name in the IANA registry of ICMPv6 parameters; type 150 by what it is for."""

FLOW_END_REASON = _table(
    {1: "idle timeout", 2: "active timeout", 3: "end of Flow detected", 4: "forced end", 5: "lack of resources"}
)
"""Information element 136 -> name (RFC 7012, IANA registry of flow end reasons)."""

FLOW_DIRECTION = _table({0: "ingress", 1: "egress"})
"""Information element 61 -> name."""

FORWARDING_STATUS = tuple(("Unknown", "Forwarded", "Dropped", "Consumed")[status >> 6] for status in range(256))
"""Information element 89 -> what became of the packets: its two highest bits (RFC 7270 section 4.12)."""

FORWARDING_REASON = _table(
    {
        0: "Unknown",
        64: "Unknown",
        65: "Fragmented",
        66: "Not Fragmented",
        128: "Unknown",
        129: "ACL deny",
        130: "ACL drop",
        131: "Unroutable",
        132: "Adjacency",
        133: "Fragmentation and DF set",
        134: "Bad header checksum",
        135: "Bad total Length",
        136: "Bad header length",
        137: "Bad TTL",
        138: "Policer",
        139: "WRED",
        140: "RPF",
        141: "For us",
        142: "Bad output interface",
        143: "Hardware",
        192: "Unknown",
        193: "Punt Adjacency",
        194: "Incomplete Adjacency",
        195: "For us",
    }
)
"""Information element 89 -> why (RFC 7270 section 4.12)."""
