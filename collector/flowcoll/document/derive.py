"""Derived values: what a record does not say outright, as rows of alternatives.

The first alternative whose inputs the template offers wins; what no alternative can give is left out of the document.
Inputs are elements (by IANA name), names of CONTEXT and other derived values; `given` adds inputs that the expression
does not use. A row may give several names at once. Expressions run in the namespace of `flowcoll.document.render`
and must not raise on any record.
"""

from collections.abc import Iterator
from typing import NamedTuple

from flowcoll.config import Options
from flowcoll.enrich import client_server, community_id, conversation_id

CONTEXT = {
    "now": "ctx.now",
    "export": "ctx.export",
    "early": "ctx.early",
    "edge": "ctx.edge",
    "late": "ctx.late",
    "observer": "ctx.observer",
    "export_ip": "ctx.export_ip",
    "protocol_name": "ctx.protocol",
    "version": "ctx.version",
    "told_rate": "ctx.rate",
    "told_rate_source": "ctx.rate_source",
    "samplers": "ctx.samplers",
    "sequences": "ctx.sequences",
    "interfaces": "ctx.interfaces",
}
"""Names that hold for a whole set -> where the generated code reads them."""

UPTIME = frozenset({"early", "edge", "late"})
"""Names that only a header with the exporter's uptime gives."""

BY_INTERFACE = frozenset({"interfaces"})
"""Names for records of which each interface has a sampling rate of its own."""

WITH_UPTIME = frozenset({"netflow5", "netflow9"})


_KIND = ("icmp_type_code >> 8", "icmp_type_code & 255")
_CIDS = (
    ("CID", "dual"),
    ("CID4_", "sourceIPv4Address destinationIPv4Address"),
    ("CID6", "sourceIPv6Address destinationIPv6Address"),
)
"""Functions that make a Community ID, and what a template must give for each."""


class Derived(NamedTuple):
    """Names given, and the alternatives that give them; with `when`, only for records that meet the condition.

    Records that meet it take a branch of their own in the generated code, so that the others pay one test. With `always`
    all of them have it worked out once, whatever documents show.
    """

    names: tuple[str, ...]
    alternatives: tuple[str, ...]
    when: str = ""
    always: bool = False


def derived(options: Options) -> tuple[Derived, ...]:
    """Give the rows that these options ask for."""
    return (*_addresses(options), *_times(), *_volume(options), *_endpoints(options), *_labels(), *_threats(options))


def _row(names: str, *alternatives: str, when: str = "") -> Derived:
    return Derived(tuple(names.split()), alternatives, when)


def _addresses(options: Options) -> tuple[Derived, ...]:
    def full(side: str, role: str, element: str) -> Derived:
        known, without, named = f"{side}_known", f"{side}_open", f"{role}_AS[{element}]"
        flow_first = options["EF_PROCESSOR_ENRICH_ASN_PREF"] == "flow"
        counts = f"{without} is None or not {element}" if flow_first else f"{without} is None"
        return _row(f"{side}_full", f"{known} if {counts} else {without} + {named}", known)

    def nat(side: str, element: str) -> Derived:
        four, six = f"postNAT{element}IPv4Address", f"postNAT{element}IPv6Address"
        port = f"postNAPT{element}TransportPort"
        pairs = [(each, last) for last in (port, "0") for each in (f"{four} or {six}", four, six)]
        return _row(f"{side}_nat", *(f"{element.upper()}_NAT[{each}, {last}]" for each, last in [*pairs, ("0", port)]))

    def prefix(side: str) -> tuple[str, ...]:
        four, six = (f"{side}IPv{version}PrefixLength" for version in (4, 6))
        both = "sourceIPv{0}Address destinationIPv{0}Address"
        return (
            f"DIGITS[{six} if dual else {four}]",
            f"DIGITS[{four}] given {both.format(4)}",
            f"DIGITS[{six}] given {both.format(6)}",
            f"DIGITS[{four}] given {side}IPv4Address",
            f"DIGITS[{six}] given {side}IPv6Address",
            f"DIGITS[{four}]",
            f"DIGITS[{six}]",
        )

    return (
        # A dual-stack template sends the family that a record does not use as zeros.
        _row(
            "dual",
            "sourceIPv6Address != ZERO6 or destinationIPv6Address != ZERO6 given sourceIPv4Address destinationIPv4Address",
        ),
        # both from the same family, if the template has both ends in one
        _row(
            "src",
            "sourceIPv6Address if dual else sourceIPv4Address",
            "sourceIPv4Address given destinationIPv4Address",
            "sourceIPv6Address given destinationIPv6Address",
            "sourceIPv4Address",
            "sourceIPv6Address",
        ),
        _row(
            "dst",
            "destinationIPv6Address if dual else destinationIPv4Address",
            "destinationIPv4Address given sourceIPv4Address",
            "destinationIPv6Address given sourceIPv6Address",
            "destinationIPv4Address",
            "destinationIPv6Address",
        ),
        _row("src_text src_place", "SOURCES[src]"),
        _row("dst_text dst_place", "DESTINATIONS[dst]"),
        _row("src_known src_open src_as_client src_as_server src_flags", "src_place"),
        _row("dst_known dst_open dst_as_client dst_as_server dst_flags", "dst_place"),
        full("src", "SOURCE", "bgpSourceAsNumber"),
        full("dst", "DESTINATION", "bgpDestinationAsNumber"),
        _row(
            "ip_version",
            "6 if dual else 4",
            "4 given sourceIPv4Address destinationIPv4Address",
            "6 given sourceIPv6Address destinationIPv6Address",
            "4 given sourceIPv4Address",
            "4 given destinationIPv4Address",
            "6 given sourceIPv6Address",
            "6 given destinationIPv6Address",
            "ipVersion",
        ),
        _row("direction locality listed", "WHERE[src_flags][dst_flags]"),
        _row("any_listed", "listed", "src_flags & LISTED", "dst_flags & LISTED"),
        _row("source_prefix", *prefix("source")),
        _row("destination_prefix", *prefix("destination")),
        _row(
            "next_hop",
            "NEXT_HOP[ipNextHopIPv4Address] or NEXT_HOP[ipNextHopIPv6Address]",
            "NEXT_HOP[ipNextHopIPv4Address]",
            "NEXT_HOP[ipNextHopIPv6Address]",
        ),
        nat("src", "Source"),
        nat("dst", "Destination"),
    )


def _times() -> tuple[Derived, ...]:
    def uptime(element: str) -> tuple[str, str]:
        return (
            f"early + {element} if {element} < edge else late + {element}",
            f"systemInitTimeMilliseconds + {element}",
        )

    return (
        _row(
            "start",
            "flowStartMilliseconds",
            "flowStartMicroseconds",
            "flowStartNanoseconds",
            "flowStartSeconds * 1000",
            *uptime("flowStartSysUpTime"),
            "export - flowStartDeltaMicroseconds // 1000",
            "observationTimeMilliseconds",
            "now given dataLinkFrameSize",
        ),
        _row(
            "end",
            "flowEndMilliseconds",
            "flowEndMicroseconds",
            "flowEndNanoseconds",
            "flowEndSeconds * 1000",
            *uptime("flowEndSysUpTime"),
            "export - flowEndDeltaMicroseconds // 1000",
            "flowStartMilliseconds + flowDurationMilliseconds",
            "observationTimeMilliseconds",
            "now given dataLinkFrameSize",
        ),
        _row(
            "duration",
            "(end - start if end > start else 0) * 1000000",
            "flowDurationMilliseconds * 1000000",
            "flowDurationMicroseconds * 1000",
        ),
        _row("collected", "SECONDS[now // 1000] + MILLIS[now % 1000]"),
        _row("exported", "SECONDS[export // 1000] + MILLIS[export % 1000]"),
    )


def _volume(options: Options) -> tuple[Derived, ...]:
    corrected = " * rate" if options["EF_PROCESSOR_SAMPLING_CORRECT"] else ""
    return (
        # as the record says it itself, by the sampler that it names, by the interface, or as the header or options data say it for all
        _row(
            "sampler_rate sampler_rate_source",
            "samplers[selectorId]",
            "samplers[samplerId]",
            "sequences[selectionSequenceId]",
        ),
        _row("interface_rate interface_rate_source", "interfaces[ingressInterface]"),
        _row("other_rate", "sampler_rate", "interface_rate", "told_rate"),
        _row("other_rate_source", "sampler_rate_source", "interface_rate_source", "told_rate_source"),
        _row(
            "record_rate",
            "samplingInterval or samplerRandomInterval",
            "samplingInterval",
            "samplerRandomInterval",
            "(3 * samplingPacketInterval + 2 * samplingPacketSpace) // (2 * samplingPacketInterval)"
            " if samplingPacketInterval else 0",  # rounded
        ),
        _row("rate", "record_rate or other_rate", "other_rate"),
        _row("rate_source", '"record" if record_rate else other_rate_source', "other_rate_source"),
        _row(
            "octets",
            "octetDeltaCount",
            "initiatorOctets",
            "layer2OctetDeltaCount",
            "dataLinkFrameSize",
            "postOctetDeltaCount",
        ),
        _row(
            "frames",
            "packetDeltaCount",
            "initiatorPackets",
            "layer2FrameDeltaCount",
            "1 given dataLinkFrameSize",
            "postPacketDeltaCount",
        ),
        _row("bytes", f'f"{{octets{corrected}}}"'),
        _row("packets", f'f"{{frames{corrected}}}"'),
        # both directions in one record (RFC 5103, and the initiator and responder of firewalls)
        _row("reverse_octets", "responderOctets", "rev_octetDeltaCount"),
        _row("reverse_frames", "responderPackets", "rev_packetDeltaCount"),
        _row("reverse_bytes", f'f"{{reverse_octets{corrected}}}"'),
        _row("reverse_packets", f'f"{{reverse_frames{corrected}}}"'),
        _row("all_bytes", f'f"{{(octets + reverse_octets){corrected}}}"', "bytes"),
        _row("all_packets", f'f"{{(frames + reverse_frames){corrected}}}"', "packets"),
    )


def _endpoints(options: Options) -> tuple[Derived, ...]:
    """Ports, the client/server view, and the ids over both."""
    rows = [
        _row("protocol", "protocolIdentifier", "nextHeaderIPv6"),
        _row("src_port", "sourceTransportPort", "udpSourcePort", "tcpSourcePort"),
        _row("dst_port", "destinationTransportPort", "udpDestinationPort", "tcpDestinationPort"),
        _row("src_digits", 'f"{src_port}"'),
        _row("dst_digits", 'f"{dst_port}"'),
        _row("icmp4", "icmpTypeCodeIPv4", "icmpTypeIPv4 << 8 | icmpCodeIPv4"),
        _row("icmp6", "icmpTypeCodeIPv6", "icmpTypeIPv6 << 8 | icmpCodeIPv6"),
        # Without an element of its own, exporters put the ICMP type and code where the destination port stands.
        _row(
            "icmp_type_code",
            "icmp6 if protocol == 58 else icmp4",
            "icmp4",
            "icmp6",
            "dst_port",
        ),
    ]
    if options["EF_PROCESSOR_ENRICH_COMMUNITYID_ENABLE"]:
        rows += _community_id()
    return (*rows, *_sides(options)) if options["EF_PROCESSOR_EXPAND_CLISRV"] else tuple(rows)


def _community_id() -> tuple[Derived, Derived]:
    """Give the Community ID: as a value where every record has one, else as a fragment that may be empty.

    It takes ports where the protocol has them, and ICMP's type and code; without these there is none.
    """
    always = []
    for cid, given in _CIDS:
        ports, icmp = (f"{cid}(src, dst, protocol, {', '.join(pair)})" for pair in (("src_port", "dst_port"), _KIND))
        either = f"{ports} if protocol in CID_PORTS_ else {icmp}"
        if cid == "CID4_":  # nearly every record: said in line, which saves the call
            either = community_id.expression4("src", "dst", "protocol", ("src_port", "dst_port"), _KIND)
        always.append(f"{either} given {given}")
    return _row("community_id", *always), _row("portless_community_id", *portless_community_id("COMMUNITY_ID", '""'))


def portless_community_id(shown: str, none: str) -> list[str]:
    """Give the alternatives of a Community ID that not every record has: what `shown` makes of it, or `none`."""
    alternatives = []
    for cid, given in _CIDS:
        icmp, bare = (f"{shown}({cid}(src, dst, protocol, {', '.join(pair)}))" for pair in (_KIND, ("0", "0")))
        alternatives += [
            f"{none} if protocol in CID_PORTS_ else {icmp} given {given}",
            f"{none} if protocol in CID_PORTS_ or protocol in ICMP_ else {bare} given {given}",
        ]
    return alternatives


def _sides(options: Options) -> tuple[Derived, ...]:
    """Who is the client and who the server; the rule is flowcoll.enrich.client_server's."""
    fields = ("protocol", "tcpControlBits", "src_port", "dst_port")
    rules = [client_server.expression(*fields), client_server.expression("protocol", None, "src_port", "dst_port")]
    if options["EF_PROCESSOR_EXPAND_CLISRV_NO_L4_PORTS"]:
        rules.append(f"(False, {client_server.DESTINATION!r})")
    rows = [
        _row("swapped client_server_source", *rules),
        _row(
            "client server client_text server_text client_lean server_lean",
            "(dst, src, dst_text, src_text, dst_as_client, src_as_server) if swapped else "
            "(src, dst, src_text, dst_text, src_as_client, dst_as_server)",
        ),
        _row(
            "client_digits server_digits server_port",
            "(dst_digits, src_digits, src_port) if swapped else (src_digits, dst_digits, dst_port)",
        ),
        _row("service", "SERVICE[protocol][server_port]"),
    ]
    if options["EF_PROCESSOR_ENRICH_CONVERSATIONID_ENABLE"]:
        rows.append(_row("conversation_id", *_conversation_id()))
    return tuple(rows)


def _conversation_id() -> Iterator[str]:
    """Give the alternatives of the conversation id: by family, with the server's port and without."""
    what = ("protocol", "client", "server", "server_port", "client_server_source")
    for function, given in (
        ("CONVERSATION", "dual"),
        ("CONVERSATION4", "sourceIPv4Address destinationIPv4Address"),
        ("CONVERSATION6", "sourceIPv6Address destinationIPv6Address"),
    ):
        in_line = function == "CONVERSATION4"
        code = conversation_id.expression4(*what) if in_line else f"{function}({', '.join(what)})"
        yield f"{code} given {given}"
        yield f"{function}(protocol, client, server, 0, client_server_source) given {given}"


def _labels() -> tuple[Derived, ...]:
    """Small objects that are the same for many records: looked up ready-made by the number on the wire."""
    tcp = "TCP[tcpControlBits]"
    icmp = '(ICMP[protocol << 16 | icmp_type_code] if protocol == 1 or protocol == 58 else "")'
    return (
        _row("tos", "ipClassOfService", "ipDiffServCodePoint << 2 & 255"),
        _row("transport", "PROTOCOL[protocol]"),
        _row(
            "layer4",
            f"{tcp} if protocol == 6 else {icmp}",
            f'{tcp} if protocol == 6 else ""',
            icmp,
        ),
        _row("ingress", "INGRESS[ingressInterface]"),
        _row("egress", "EGRESS[egressInterface]"),
        _row("vlan", "VLAN[vlanId] or VLAN[dot1qVlanId]", "VLAN[vlanId]", "VLAN[dot1qVlanId]"),
        _row("egress_vlan", "OUT_VLAN[postVlanId]"),
    )


def _threats(options: Options) -> tuple[Derived, Derived]:
    """Give what documents show of a match, and the count of it."""
    swapped = "swapped" if options["EF_PROCESSOR_EXPAND_CLISRV"] else "None"
    shown = _row(
        "threat src_threat dst_threat client_threat server_threat",
        f"HITS(src, src_flags, dst, dst_flags, {swapped}, collected)",
        "HITS(src, src_flags, dst, dst_flags, None, collected)",
        "HITS(src, src_flags, None, 0, None, collected)",
        "HITS(None, 0, dst, dst_flags, None, collected)",
        when="any_listed",
    )
    counted = _row(
        "matched",
        "MATCHED(src, src_flags, dst, dst_flags, now)",
        "MATCHED(src, src_flags, None, 0, now)",
        "MATCHED(None, 0, dst, dst_flags, now)",
        when="any_listed",
    )
    return shown, counted._replace(always=True)
