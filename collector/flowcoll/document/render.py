"""What expressions of the tables may call: one namespace a shape, with the fragments that the shape keeps."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from flowcoll.config import Options
from flowcoll.decode.context import MILLIS, Seconds
from flowcoll.document.fields import Field
from flowcoll.document.fragment import Fragments, members, text_of
from flowcoll.enrich.address import LISTED, PRIVATE, Addresses, Kept
from flowcoll.enrich import community_id, conversation_id, translate
from flowcoll.enrich.client_server import names as client_server_names
from flowcoll.enrich.community_id import cid4, cid6
from flowcoll.enrich.conversation_id import conversation4, conversation6
from flowcoll.enrich.locality import Address, text
from flowcoll.enrich.services import label
from flowcoll.enrich.threats import threat_namespace
from flowcoll.threat.lists import Lists

_NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970


def shared(options: Options) -> dict[str, Any]:
    """Give the part of the namespace that all shapes have in common."""
    seed = options["EF_PROCESSOR_ENRICH_COMMUNITYID_SEED"]
    four, six = cid4(seed), cid6(seed)
    other_seed = options["EF_PROCESSOR_ENRICH_CONVERSATIONID_SEED"]
    conversation: dict[type, Any] = {int: conversation4(other_seed), bytes: conversation6(other_seed)}
    seconds = Seconds()
    return {
        "PRIVATE": PRIVATE,
        "LISTED": LISTED,
        "ZERO6": bytes(16),
        "TRANSPORT": translate.TRANSPORT,
        "DSCP": translate.DSCP_OF_TOS,
        "WHERE": _where(),
        "DIGITS": tuple(map(str, range(65_536))),
        "FLOW_DIRECTION": translate.FLOW_DIRECTION,
        "END_REASON": translate.FLOW_END_REASON,
        # a protocol without ports is a service of its own
        "SERVICE": tuple(Fragments(partial(_service, protocol)) for protocol in range(256)),
        "ISO": Fragments(lambda ms: seconds[ms // 1000] + MILLIS[ms % 1000]),
        "TEXT": Text(),
        "MAC": Fragments(lambda octets: octets.hex("-").upper()),
        "CID4": four,
        "CID6": six,
        "CID": lambda src, dst, *rest: (four if isinstance(src, int) else six)(src, dst, *rest),
        **community_id.names(seed),
        "CONVERSATION4": conversation[int],
        "CONVERSATION6": conversation[bytes],
        "CONVERSATION": lambda protocol, client, *rest: conversation[type(client)](protocol, client, *rest),
        **conversation_id.names4(other_seed),
        **client_server_names(),
        "from_bytes": int.from_bytes,
        "ntp_ms": ntp_ms,
        "namespace": "default",
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


def shaped(fields: Sequence[Field], common: Mapping[str, Any], addresses: Addresses, lists: Lists) -> dict[str, Any]:
    """Give the namespace of one shape."""
    kept = {field.path for field in fields}

    def some(facts: Mapping[str, object]) -> str:
        return members({path: fact for path, fact in facts.items() if path in kept})

    def interface(side: str) -> Fragments[int, str]:
        path = f"{side}.interface.id"
        shown = f"observer.{path}" in kept
        return Fragments(lambda index: members({path: str(index)}) if index and shown else "")

    def vlan(path: str, place: str) -> Fragments[int, str]:
        shown = f"{place}{path}" in kept
        return Fragments(lambda tag: members({path: str(tag)}) if tag and shown else "")

    def tcp(bits: int) -> str:
        bits &= 0x0FFF
        return some({"tcp.flags.bits": bits, "tcp.flags.tags": translate.TCP_TAGS[bits & 255]})

    def icmp(key: int) -> str:
        protocol, kind, code = key >> 16, key >> 8 & 255, key & 255
        name = (translate.ICMP4_TYPE if protocol == 1 else translate.ICMP6_TYPE)[kind]
        return some({"icmp.type.id": kind, "icmp.type.name": name, "icmp.code.id": code})

    def system(number: int) -> str:
        return members({"as.number": number}) if number and "source.as.number" in kept else ""

    def next_hop(address: Address) -> str:
        shown = "flow.next_hop.ip.addr" in kept
        return members({"next_hop.ip.addr": text(address)}) if shown and address not in (0, bytes(16)) else ""

    def nat(key: tuple[Address, int]) -> str:
        address, port = key
        facts: dict[str, object] = {}
        if address not in (0, bytes(16)) and "source.nat.ip" in kept:
            facts["nat.ip"] = text(address)
        if port and "source.nat.port" in kept:
            facts["nat.port"] = port
        return members(facts)

    return {
        **common,
        "ADDRESSES": addresses,
        "FLOW_AS": Fragments(system),
        "NEXT_HOP": Fragments(next_hop),
        "NAT": Fragments(nat, 16_384),
        "INGRESS": interface("ingress"),
        "EGRESS": interface("egress"),
        "VLAN": vlan("vlan.id", "network."),
        "OUT_VLAN": vlan("out.vlan.tag.id", "flow."),
        "TCP": Fragments(tcp),
        "ICMP": Fragments(icmp),
        **threat_namespace(kept, lists),
    }


def kept_facts(fields: Sequence[Field]) -> Kept:
    """Give the names of address facts that a shape keeps."""
    kept = {field.path for field in fields}

    def below(*heads: str) -> frozenset[str]:
        return frozenset(path.partition(".")[2] for path in kept if path.partition(".")[0] in heads)

    return Kept(below("source", "destination"), below("client", "server"))


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
