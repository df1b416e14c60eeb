"""What the reasons of counters mean, in words for a reader who knows flows but not these counters."""

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "datagrams.refused.agent_address": "sFlow agent address of no known family",
    "datagrams.refused.count": "a record count of 0, or beyond what a datagram holds",
    "datagrams.refused.length": "IPFIX length does not fit the datagram",
    "datagrams.refused.not_allowed": "from a source that EF_FLOW_SERVER_ALLOW does not name",
    "datagrams.refused.protocol_off": "a protocol that is switched off",
    "datagrams.refused.sflow_version": "sFlow of another version than 5",
    "datagrams.refused.short_header": "shorter than its header",
    "datagrams.refused.too_short": "too short to tell its protocol",
    "datagrams.refused.unknown_version": "neither NetFlow v5, v9, IPFIX nor sFlow",
    "sets.kept.no_template": "its template was not announced yet",
    "sets.refused.length": "length does not fit the datagram",
    "sets.refused.no_record": "too short for one record",
    "sets.refused.no_template": "its template was not announced in time",
    "sets.refused.reserved_id": "an id that is reserved",
    "sets.refused.template_refused": "its template cannot be used",
    "sets.refused.template_withdrawn": "its template was withdrawn",
    "sets.refused.truncated": "cut off",
    "sets.refused.waiting_full": "too much waited for templates",
    "sets.skipped.counter_sample": "sFlow counters of interfaces, not flows",
    "sets.skipped.flow_samples_off": "sFlow flow samples, which are switched off",
    "sets.skipped.other_sample": "sFlow sample of another kind",
    "records.refused.no_packet": "sFlow sample without a packet that can be read",
    "records.refused.over_limit": "over EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET",
    "records.refused.truncated": "cut off",
    "templates.refused.no_octets": "its records would have no octets",
    "templates.refused.reserved_id": "an id that is reserved",
    "templates.refused.too_many_fields": "too many fields",
    "templates.refused.truncated": "cut off",
}
