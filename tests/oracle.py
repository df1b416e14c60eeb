"""The oracle: what a document must say of a record, worked out the slow and obvious way.

Generated code is held equal to it on recorded exports and on generated ones. It decodes by itself and decides field by
field with plain conditions; what it takes as given are tables (elements, fields, services, protocols, names of ICMP
types), databases and threat lists, which addresses are private, and the rule of client and server.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from importlib.resources import files
from typing import Any, NamedTuple

from flowcoll.config import Options
from flowcoll.enrich import client_server
from flowcoll.enrich.geoip import Asn, GeoIP
from flowcoll.logs import Log
from flowcoll.threat.matching import feeds
from flowcoll.threat.matching.lists import Lists
from oracle_facts import (
    PORTED,
    Address,
    Facts,
    addresses,
    community_id,
    conversation_id,
    first,
    iso,
    key,
    labels,
    ports,
    private,
    protocol_of,
    text,
    times,
)
from oracle_sflow import sflow5
from oracle_wire import Exporter, Header, Record, Short, Values

Document = dict[str, Any]


class Datagram(NamedTuple):
    """One datagram of an exporter: its UDP port, when it came in ms since 1970, what it holds."""

    port: int
    now: int
    octets: bytes


def parsed(text: str) -> Document:
    """A document as JSON reads it; a key that stands twice in one object is an error."""

    def once(pairs: list[tuple[str, Any]]) -> Facts:
        assert len({key for key, _ in pairs}) == len(pairs), f"a key twice: {pairs}"
        return dict(pairs)

    found: Document = json.loads(text, object_pairs_hook=once)
    return found


class Oracle:
    """Knows the options, what they ask to look up, and which fields and which `@timestamp` an output wants."""

    def __init__(self, options: Options, drop: Sequence[str] = (), timestamp: str = "collect") -> None:
        self._options = options
        self._timestamp = {"start": "event.start", "end": "event.end", "export": "flow.export.timestamp"}.get(timestamp)
        self._lists = Lists({})
        feeds.use(options, self._lists, Log(io.StringIO()))
        self._providers: list[Asn | GeoIP] = []
        name = "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_"
        if options[name + "GEOIP_ENABLE"]:
            values, language = options[name + "GEOIP_VALUES"], options[name + "GEOIP_LANG"]
            path = options[name + "GEOIP_PATH"]
            self._providers.append(GeoIP("", path, lambda: None, values=values, language=language))
        if options[name + "ASN_ENABLE"]:
            self._providers.append(Asn("", options[name + "ASN_PATH"], lambda: None))
        with files("flowcoll.enrich").joinpath("protocols.csv").open(encoding="ascii") as table:
            self._protocols = {int(row["number"]): row["keyword"] for row in csv.DictReader(table)}
        with files("flowcoll.enrich").joinpath("services.csv").open(encoding="ascii") as table:
            self._services = {
                (transport, port): row["name"]
                for row in csv.DictReader(table)
                for transport in row["transport"].split()
                for port in _span(row["port"])
            }
        with files("flowcoll.document").joinpath("fields.csv").open(encoding="utf-8") as table:
            self._fields = list(csv.DictReader(table))
        self._paths = {path for row in self._fields for path in _spread(row["path"])}
        self._dropped = {path for name in (*options["EF_PROCESSOR_DROP_FIELDS"], *drop) for path in self._meant(name)}

    def documents(self, datagrams: Iterable[Datagram], source: str) -> list[list[Document]]:
        """For each datagram of one exporter, in the order in which they came, the documents of its records."""
        exporter = Exporter(source, self._options["EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET"])
        return [[self.document(record) for record in self._records(exporter, source, each)] for each in datagrams]

    def _records(self, exporter: Exporter, source: str, datagram: Datagram) -> list[Record]:
        port, now, octets = datagram
        version = int.from_bytes(octets[:2], "big")
        kinds = {5: "NETFLOW5", 9: "NETFLOW9", 10: "IPFIX", 0: "SFLOW5"}
        if version not in kinds or not self._options[f"EF_PROCESSOR_DECODE_{kinds[version]}_ENABLE"]:
            return []
        found: list[Record] = []
        try:
            if version == 9:
                return list(exporter.netflow9(octets, port, now))
            if version == 10:
                return list(exporter.ipfix(octets, port, now))
            if version == 5:
                found += exporter.netflow5(octets, now)
            elif self._options["EF_PROCESSOR_DECODE_SFLOW_FLOWS_ENABLE"]:
                found += sflow5(octets, source, now)
        except Short:  # the header itself is cut off
            return []
        return found[: self._options["EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET"] or None]

    # -- the document --------------------------------------------------------------------------------------------

    def document(self, record: Record) -> Document:
        """The document of one record."""
        header, values, told = record
        facts: Facts = {
            "@timestamp": iso(header.now),
            "ecs.version": "8.17.0",
            "data_stream.type": "logs",
            "data_stream.dataset": "flowcoll.flow",
            "data_stream.namespace": "default",
            "event.kind": "event",
            "event.category": ["network"],
            "event.type": ["connection"],
            "event.module": "flowcoll",
            "event.dataset": "flowcoll.flow",
            "event.ingested": iso(header.now),
            "observer.ip": header.observer,
            "flow.export.type": header.type,
            "flow.export.version": header.version,
            "flow.export.timestamp": iso(header.export),
        }
        if header.source != header.observer:
            facts["flow.export.ip"] = header.source
        facts |= times(header, values)
        facts |= self._volume(header, values, told)
        facts |= self._network(values)
        facts |= labels(values)
        facts |= self._endpoints(values)
        facts |= self._sides(values)
        facts |= self._threats(header, values)
        if self._timestamp in facts:
            facts["@timestamp"] = facts[self._timestamp]
        assert facts.keys() <= self._paths, f"not in the table of fields: {facts.keys() - self._paths}"
        return _nested({path: fact for path, fact in facts.items() if path not in self._dropped})

    def _meant(self, name: str) -> set[str]:
        """The paths that a name in EF_PROCESSOR_DROP_FIELDS stands for: ECS name, CODEX name, object."""
        meant: set[str] = set()
        for row in self._fields:
            paths, codex = _spread(row["path"]), _spread(row["codex"])
            for place, path in enumerate(paths):
                if name == path or path.startswith(name + ".") or name == codex[place % len(codex)]:
                    meant.add(path)
        return meant

    def _volume(self, header: Header, values: Values, told: tuple[int, str]) -> Facts:
        rate, source = (header.rate, "header") if header.rate > 1 else told
        own = values.get("samplingInterval") or values.get("samplerRandomInterval")
        taken = values.get("samplingPacketInterval")
        if (
            taken
            and "samplingPacketSpace" in values
            and not {"samplingInterval", "samplerRandomInterval"} & values.keys()
        ):
            own = math.floor(Fraction(taken + values["samplingPacketSpace"], taken) + Fraction(1, 2))
        if own:
            rate, source = own, "record"
        facts: Facts = {"flow.sampling.rate": rate, "flow.sampling.source": source}
        times_rate = rate if self._options["EF_PROCESSOR_SAMPLING_CORRECT"] else 1
        octets = first(values, "octetDeltaCount", "initiatorOctets", "layer2OctetDeltaCount")
        if octets is None:
            octets = first(values, "dataLinkFrameSize", "postOctetDeltaCount")
        packets = first(values, "packetDeltaCount", "initiatorPackets", "layer2FrameDeltaCount")
        if packets is None:  # a frame by itself is one packet
            packets = 1 if "dataLinkFrameSize" in values else values.get("postPacketDeltaCount")
        for unit, sent, answered in (
            ("bytes", octets, first(values, "responderOctets", "rev_octetDeltaCount")),
            ("packets", packets, first(values, "responderPackets", "rev_packetDeltaCount")),
        ):
            if sent is not None:
                facts[f"source.{unit}"] = sent * times_rate
                facts[f"network.{unit}"] = (sent + (answered or 0)) * times_rate
            if answered is not None:
                facts[f"destination.{unit}"] = answered * times_rate
        return facts

    def _network(self, values: Values) -> Facts:
        facts: Facts = {}
        src, dst = addresses(values)
        if src is not None or dst is not None:
            facts["network.type"] = "ipv4" if 4 in {a.version for a in (src, dst) if a is not None} else "ipv6"
        elif "ipVersion" in values:
            facts["network.type"] = f"ipv{values['ipVersion']}"
        protocol = protocol_of(values)
        if protocol is not None:
            facts["network.transport"] = self._protocols.get(protocol, str(protocol))
            facts["network.iana_number"] = str(protocol)
        if src is not None and dst is not None:
            which = (private(src), private(dst))
            facts["network.direction"] = {
                (False, False): "external",
                (False, True): "inbound",
                (True, False): "outbound",
                (True, True): "internal",
            }[which]
            facts["flow.locality"] = "private" if all(which) else "public"
            if protocol is not None and self._options["EF_PROCESSOR_ENRICH_COMMUNITYID_ENABLE"]:
                seed = self._options["EF_PROCESSOR_ENRICH_COMMUNITYID_SEED"]
                identity = community_id(seed, src, dst, values)
                if identity:
                    facts["network.community_id"] = identity
        shown = [text(address) for address in (src, dst) if address is not None]
        if shown:
            facts["related.ip"] = shown
        vlan = values.get("vlanId") or values.get("dot1qVlanId")
        if vlan:
            facts["network.vlan.id"] = str(vlan)
        if values.get("postVlanId"):
            facts["flow.out.vlan.tag.id"] = str(values["postVlanId"])
        return facts

    # -- endpoints -----------------------------------------------------------------------------------------------

    def _endpoints(self, values: Values) -> Facts:
        facts: Facts = {}
        for side, word, address, port, short in (
            ("source", "Source", addresses(values)[0], ports(values)[0], "src"),
            ("destination", "Destination", addresses(values)[1], ports(values)[1], "dst"),
        ):
            if address is not None:
                facts[f"{side}.ip"] = text(address)
                system = {}
                for name, fact in self._looked_up(address).items():
                    if name.startswith("as."):
                        system[name] = fact
                    else:
                        facts[f"{side}.{name}"] = fact
                device = values.get(f"bgp{word}AsNumber")
                said = {"as.number": device} if device and not private(address) else {}
                flow_first = self._options["EF_PROCESSOR_ENRICH_ASN_PREF"] == "flow"
                system = (said or system) if flow_first else (system or said)
                facts |= {f"{side}.{name}": fact for name, fact in system.items()}
            if port is not None:
                facts[f"{side}.port"] = port
            mac = values.get(f"{side}MacAddress")
            if mac is not None:
                facts[f"{side}.mac"] = "-".join(f"{octet:02X}" for octet in mac)
            for name in (f"postNAT{word}IPv6Address", f"postNAT{word}IPv4Address"):
                if name in values and int(values[name]):
                    facts[f"{side}.nat.ip"] = text(values[name])
            if values.get(f"postNAPT{word}TransportPort"):
                facts[f"{side}.nat.port"] = values[f"postNAPT{word}TransportPort"]
            family = address.version if address is not None else 4
            prefix = first(values, *(f"{side}IPv{version}PrefixLength" for version in (family, 10 - family)))
            if prefix is not None:
                facts[f"flow.{short}.ip.subnet.mask_size"] = prefix
        return facts

    def _looked_up(self, address: Address) -> Facts:
        if private(address):
            return {}
        facts: Facts = {}
        for provider in self._providers:
            facts |= provider.network(text(address))[0]
        return facts

    def _swapped(self, values: Values) -> tuple[bool, str] | None:
        """Whether the source is the server, and why; None when the options ask for no client and server."""
        protocol, (src_port, dst_port) = protocol_of(values), ports(values)
        if not self._options["EF_PROCESSOR_EXPAND_CLISRV"]:
            return None
        if protocol is not None and src_port is not None and dst_port is not None:
            return client_server.decide(protocol, values.get("tcpControlBits", 0), src_port, dst_port)
        return (False, "destination") if self._options["EF_PROCESSOR_EXPAND_CLISRV_NO_L4_PORTS"] else None

    def _sides(self, values: Values) -> Facts:
        """The client/server view."""
        decided = self._swapped(values)
        if not decided:
            return {}
        swapped, reason = decided
        facts: Facts = {"flow.client_server.source": reason}
        client, server = addresses(values)[:: -1 if swapped else 1]
        client_port, server_port = ports(values)[:: -1 if swapped else 1]
        protocol = protocol_of(values)
        if client is not None and server is not None:
            for side, address in (("client", client), ("server", server)):
                facts[f"{side}.ip"] = text(address)
                for name in ("as.organization.name", "geo.country_iso_code"):
                    if name in (about := self._looked_up(address)):
                        facts[f"{side}.{name}"] = about[name]
        both = client_port is not None and server_port is not None
        if both:
            facts |= {"client.port": client_port, "server.port": server_port}
        if both and protocol is not None:
            facts["flow.server.l4.port.name"] = self._service(protocol, server_port)
        if (
            client is not None
            and server is not None
            and protocol is not None
            and self._options["EF_PROCESSOR_ENRICH_CONVERSATIONID_ENABLE"]
        ):
            seed = self._options["EF_PROCESSOR_ENRICH_CONVERSATIONID_SEED"]
            port = server_port if both and protocol in PORTED else 0
            identity = conversation_id(seed, protocol, (client, server), port, reason)
            if identity:
                facts["flow.conversation.id"] = identity
        return facts

    def _service(self, protocol: int, port: int) -> str:
        if protocol not in PORTED:
            return self._protocols.get(protocol, str(protocol)).upper()
        label = f"{PORTED[protocol]}/{port}"
        name = self._services.get((PORTED[protocol].lower(), port))
        return f"{name} ({label})" if name else label

    def _threats(self, header: Header, values: Values) -> Facts:
        """What the lists say of the endpoints: ECS enrichments list by list, and flat companions beside them."""
        src, dst = addresses(values)
        found = [(path, a, t) for path, a in (("source.ip", src), ("destination.ip", dst)) for t in self._matches(a)]
        if not found:
            return {}
        facts: Facts = {
            "threat.enrichments": [_enrichment(header, path, address, threat) for path, address, threat in found],
            "sec.threat.name": _unique(threat.name for _, _, threat in found),
            "sec.threat.feed.name": _unique(threat.feed for _, _, threat in found),
            "sec.threat.ip.addr": _unique(text(address) for _, address, _ in found),
            "sec.threat.confidence": _unique(threat.confidence for _, _, threat in found),
            "sec.threat.list.timestamp": _unique(threat.listed for _, _, threat in found),
        }
        ends = {"src": src, "dst": dst}
        decided = self._swapped(values)
        if decided and src is not None and dst is not None:
            ends["client"], ends["server"] = (dst, src) if decided[0] else (src, dst)
        for end, address in ends.items():
            threats = self._matches(address)
            facts[f"flow.{end}.sec.threat.name"] = _unique(threat.name for threat in threats)
            facts[f"flow.{end}.sec.threat.feed.name"] = _unique(threat.feed for threat in threats)
        return {path: fact for path, fact in facts.items() if fact}

    def _matches(self, address: Address | None) -> tuple[Any, ...]:
        return () if address is None or private(address) else self._lists.match(key(address))


def _enrichment(header: Header, path: str, address: Address, threat: Any) -> Facts:
    indicator = {
        "type": f"ipv{6 if ':' in text(address) else 4}-addr",
        "ip": text(address),
        "name": text(address),
        "provider": threat.feed,
        "description": threat.description or threat.name,
    }
    for said in ("confidence", "first_seen", "last_seen", "reference"):
        if getattr(threat, said):
            indicator[said] = getattr(threat, said)
    matched = {
        "atomic": text(address),
        "field": path,
        "type": "flowcoll_threat_lookup",
        "occurred": iso(header.now),
    }
    return {"indicator": indicator, "matched": matched}


def _span(ports: str) -> range:
    """`80` or `6000-6063`."""
    lowest, _, highest = ports.partition("-")
    return range(int(lowest), int(highest or lowest) + 1)


def _unique(words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word]


def _spread(path: str) -> list[str]:
    """`source|destination.ip` names two fields; so does `flow.src|dst.bytes`."""
    spread = [""]
    for part in path.split("."):
        spread = [f"{head}.{one}" if head else one for head in spread for one in part.split("|")]
    return spread


def _nested(facts: Facts) -> Document:
    document: Document = {}
    for path, fact in facts.items():
        *above, last = path.split(".")
        here = document
        for step in above:
            here = here.setdefault(step, {})
        here[last] = fact
    return document
