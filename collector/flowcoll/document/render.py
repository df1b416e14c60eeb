"""What expressions of the tables may call: one namespace a shape, with the fragments that the shape keeps."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flowcoll.config import Options
from flowcoll.decode.context import MILLIS, Seconds
from flowcoll.document import records
from flowcoll.document.fragment import Fragments, Paths, text_of
from flowcoll.enrich import community_id, conversation_id, translate
from flowcoll.enrich.address import LISTED, PRIVATE, Addresses
from flowcoll.enrich.client_server import names as client_server_names
from flowcoll.enrich.community_id import cid4, cid6
from flowcoll.enrich.conversation_id import conversation4, conversation6
from flowcoll.enrich.locality import Address, text
from flowcoll.enrich.services import label
from flowcoll.enrich.threats import threat_namespace
from flowcoll.threat.matching.lists import Lists

_NO_ADDRESS = (0, bytes(16))
_NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970


def shared(options: Options) -> dict[str, Any]:
    """Give the part of the namespace that all shapes have in common."""
    seed = options["EF_PROCESSOR_ENRICH_COMMUNITYID_SEED"]
    four, six = cid4(seed), cid6(seed)
    other_seed = options["EF_PROCESSOR_ENRICH_CONVERSATIONID_SEED"]
    conversation: dict[type, Any] = {int: conversation4(other_seed), bytes: conversation6(other_seed)}
    return {
        "LISTED": LISTED,
        "ZERO6": bytes(16),
        "DSCP": translate.DSCP_OF_TOS,
        "WHERE": _where(),
        "DIGITS": tuple(map(str, range(256))),
        "FLOW_DIRECTION": translate.FLOW_DIRECTION,
        "END_REASON": translate.FLOW_END_REASON,
        # a protocol without ports is a service of its own
        "SERVICE": tuple(Fragments(partial(_service, protocol)) for protocol in range(256)),
        "SECONDS": Seconds(),
        "MILLIS": MILLIS,
        "TEXT": Text(),
        "MAC": Fragments(lambda octets: octets.hex("-").upper()),
        "ICMP_": frozenset({1, 58}),
        "CID6": six,
        "CID": lambda src, dst, *rest: (four if isinstance(src, int) else six)(src, dst, *rest),
        **community_id.names(seed),
        **records.names(),
        "CONVERSATION4": conversation[int],
        "CONVERSATION6": conversation[bytes],
        "CONVERSATION": lambda protocol, client, *rest: conversation[type(client)](protocol, client, *rest),
        **conversation_id.names4(other_seed),
        **client_server_names(),
        "from_bytes": int.from_bytes,
        "ntp_ms": ntp_ms,
    }


def _where() -> tuple[tuple[tuple[str, str, bool], ...], ...]:
    """Give, by the flags of source and destination: direction, locality, and whether a list names one of them."""
    directions = ("external", "outbound", "inbound", "internal")

    def one(src: int, dst: int) -> tuple[str, str, bool]:
        private = src & PRIVATE | (dst & PRIVATE) << 1
        return directions[private], "private" if private == 3 else "public", bool((src | dst) & LISTED)

    flags = range((PRIVATE | LISTED) + 1)
    return tuple(tuple(one(src, dst) for dst in flags) for src in flags)


def _service(protocol: int, port: int) -> str:
    """Give the service at a port; a protocol without ports is a service of its own."""
    return label(protocol, port) or translate.TRANSPORT[protocol].upper()


def shaped(kept: Paths, common: Mapping[str, Any], roles: Mapping[str, Addresses], lists: Lists) -> dict[str, Any]:
    """Give the namespace of one shape; `roles` has the addresses as `source` and as `destination` shows them."""

    def interface(side: str) -> Fragments[int, str]:
        return _known(lambda index: kept.members({f"{side}.interface.id": str(index)}, "observer."))

    def system(role: str) -> Fragments[int, str]:
        return _known(lambda number: kept.members({"as.number": number}, f"{role}."))

    def nat(role: str, key: tuple[Address, int]) -> str:
        address, port = key
        facts: dict[str, object] = {"nat.ip": text(address)} if address not in _NO_ADDRESS else {}
        return kept.members(facts | ({"nat.port": port} if port else {}), f"{role}.")

    def next_hop(address: Address) -> str:
        return kept.members({"next_hop.ip.addr": text(address)}, "flow.") if address not in _NO_ADDRESS else ""

    def protocol(number: int) -> str:
        facts = {"transport": translate.TRANSPORT[number], "iana_number": str(number)}
        return kept.members(facts, "network.")

    def tcp(bits: int) -> str:
        bits &= 0x0FFF
        return kept.members({"tcp.flags.bits": bits, "tcp.flags.tags": translate.TCP_TAGS[bits & 255]})

    def icmp(key: int) -> str:
        protocol, kind, code = key >> 16, key >> 8 & 255, key & 255
        name = (translate.ICMP4_TYPE if protocol == 1 else translate.ICMP6_TYPE)[kind]
        return kept.members({"icmp.type.id": kind, "icmp.type.name": name, "icmp.code.id": code})

    return {
        **common,
        "SOURCES": roles["source"],
        "DESTINATIONS": roles["destination"],
        "SOURCE_AS": system("source"),
        "DESTINATION_AS": system("destination"),
        "SOURCE_NAT": Fragments(partial(nat, "source"), 16_384),
        "DESTINATION_NAT": Fragments(partial(nat, "destination"), 16_384),
        "NEXT_HOP": Fragments(next_hop),
        "INGRESS": interface("ingress"),
        "EGRESS": interface("egress"),
        "VLAN": _known(lambda tag: kept.members({"vlan.id": str(tag)}, "network.")),
        "OUT_VLAN": _known(lambda tag: kept.members({"out.vlan.tag.id": str(tag)}, "flow.")),
        "COMMUNITY_ID": lambda shown: kept.members({"community_id": f"1:{shown}"}, "network."),
        "PROTOCOL": tuple(protocol(number) for number in range(256)),
        "TCP": Fragments(tcp),
        "ICMP": Fragments(icmp),
        **threat_namespace(kept, lists),
    }


def _known(render: Callable[[int], str]) -> Fragments[int, str]:
    """Make fragments of a number of which 0 says "not known"."""
    return Fragments(lambda number: render(number) if number else "")


def ntp_ms(stamp: int) -> int:
    """Give ms since 1970 of a dateTimeMicroseconds or dateTimeNanoseconds (RFC 7011 section 6.1.9 and 6.1.10)."""
    return ((stamp >> 32) - _NTP_EPOCH) * 1000 + ((stamp & 0xFFFFFFFF) * 1000 >> 32)


class Text(dict[bytes, str]):
    """Octets of a string on the wire -> text for a JSON string; long and rare ones are not kept."""

    def __missing__(self, octets: bytes) -> str:
        shown = text_of(octets)
        if len(octets) <= 256:
            if len(self) >= 8192:
                self.clear()
            self[octets] = shown
        return shown
