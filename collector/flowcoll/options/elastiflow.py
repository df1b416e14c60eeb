"""TABLE 1, second part: options of ElastiFlow for what flowcoll does not need or does not have.

They are here so that an existing configuration is understood: set, but switched off, they do no harm.
"""

from flowcoll.options.groups import ETC, NO_EFFECT, REFUSED, Row, group, option
from flowcoll.options.types import (
    age,
    boolean,
    enum,
    hosts,
    integer,
    milliseconds,
    names,
    octets,
    optional,
    path,
    port,
    record_kinds,
    seconds,
    secret,
    secrets,
    text,
    time_source,
)

# fmt: off
LICENCE = group(
    "EF",
    "Licence",
    option("LICENSE_ACCEPTED", boolean, "false", "Consent to ElastiFlow's licence."),
    option("ACCOUNT_ID", text, "", "Account of ElastiFlow's licence."),
    option("FLOW_LICENSE_KEY", secret, "", "Key of ElastiFlow's licence."),
    option("FLOW_LICENSED_UNITS", optional(integer()), "", "Units of ElastiFlow's licence to use."),
    option("LICENSE_FLOW_RECORDS_PER_SECOND", optional(integer()), "", "Records per second that ElastiFlow's licence allows."),
    standing=NO_EFFECT,
    hint="flowcoll needs no licence",
)

QUEUES = group(
    "EF_FLOW",
    "Queues",
    option("PACKET_STREAM_MAX_SIZE", optional(integer()), "", "Queue between receiving and decoding."),
    standing=NO_EFFECT,
    hint="there is no such queue, the kernel's buffer is it: see EF_FLOW_SERVER_UDP_READ_BUFFER_MAX_SIZE",
)


def _bulk(*, addresses: str) -> tuple[Row, ...]:
    """What ElastiFlow's outputs over HTTP have in common."""
    return (
        option("ENABLE", boolean, "false", "Write to it."),
        option("ADDRESSES", hosts, addresses, "Where it is."),
        option("BATCH_DEADLINE", milliseconds(), 2000, "Send after this time at the latest."),
        option("BATCH_MAX_BYTES", octets(), 8_388_608, "Send at this size."),
        option("DROP_FIELDS", names, "", "Fields left out."),
        option("TLS_CA_CERT_FILEPATH", path, "", "Authorities to trust."),
        option("TLS_SKIP_VERIFICATION", boolean, "false", "Take any certificate."),
    )


OPENSEARCH = group(
    "EF_OUTPUT_OPENSEARCH",
    "Output: OpenSearch",
    *_bulk(addresses="127.0.0.1:9200"),
    option("TLS_ENABLE", boolean, "false", "Speak TLS."),
    option("USERNAME", text, "admin", "User to write as."),
    option("PASSWORD", secret, "admin", "Password of the user."),
    option("CLIENT_CA_CERT_FILEPATH", path, "", "Authority behind our own certificate."),
    option("CLIENT_CERT_FILEPATH", path, "", "Certificate to show."),
    option("CLIENT_KEY_FILEPATH", path, "", "Its private key."),
    option("ECS_ENABLE", boolean, "false", "ECS names instead of CODEX names."),
    option("TIMESTAMP_SOURCE", time_source, "collect", "What @timestamp is."),
    option("ALLOWED_RECORD_TYPES", record_kinds, "as_path_hop,flow_option,flow,ifa_hop,telemetry", "Kinds of documents that are written."),
    option("INDEX_PERIOD", enum("daily", "weekly", "monthly", "rollover"), "daily", "An index per period."),
    option("INDEX_PREFIX", text, "", "First part of the index names."),
    option("INDEX_SUFFIX", text, "", "Further part of the index names."),
    option("INDEX_TEMPLATE_ENABLE", boolean, "true", "Put the index templates."),
    option("INDEX_TEMPLATE_OVERWRITE", boolean, "true", "Replace index templates that are there."),
    option("INDEX_TEMPLATE_SHARDS", integer(), 1, "Primary shards."),
    option("INDEX_TEMPLATE_REPLICAS", integer(), 0, "Replicas of each shard."),
    option("INDEX_TEMPLATE_REFRESH_INTERVAL", age, "10s", "How soon new documents are found."),
    option("INDEX_TEMPLATE_CODEC", text, "best_compression", "How stored documents are compressed."),
    option("INDEX_TEMPLATE_ISM_POLICY", text, "", "State management policy to use."),
    option("INDEX_TEMPLATE_PIPELINE_DEFAULT", text, "_none", "Ingest pipeline."),
    option("INDEX_TEMPLATE_PIPELINE_FINAL", text, "_none", "Last ingest pipeline."),
    option("RETRY_ENABLE", boolean, "true", "Send a refused request again."),
    option("RETRY_ON_TIMEOUT_ENABLE", boolean, "true", "Send an unanswered request again."),
    option("MAX_RETRIES", integer(), 3, "How often."),
    option("RETRY_BACKOFF", milliseconds(), 1000, "Wait before that."),
    standing=REFUSED,
    hint="there is no OpenSearch output; the Elasticsearch output takes its place",
)

SPLUNK = group(
    "EF_OUTPUT_SPLUNK_HEC",
    "Output: Splunk",
    *_bulk(addresses="127.0.0.1:8088"),
    option("TLS_ENABLE", boolean, "true", "Speak TLS."),
    option("TOKEN", secret, "", "Token of the event collector."),
    option("CIM_ENABLE", boolean, "false", "Names of Splunk's Common Information Model."),
    standing=REFUSED,
    hint="there is no Splunk output; write a file or to Kafka and let Splunk read that",
)

CRIBL = group(
    "EF_OUTPUT_CRIBL",
    "Output: Cribl",
    *_bulk(addresses="127.0.0.1:10080"),
    option("TLS_ENABLE", boolean, "false", "Speak TLS."),
    option("TOKEN", secret, "", "Token."),
    standing=REFUSED,
    hint="there is no Cribl output; write a file or to Kafka and let Cribl read that",
)

GENERIC_HTTP = group(
    "EF_OUTPUT_GENERIC_HTTP",
    "Output: HTTP",
    *_bulk(addresses="127.0.0.1:8888"),
    option("TLS_ENABLE", boolean, "false", "Speak TLS."),
    option("USERNAME", text, "", "User name."),
    option("PASSWORD", secret, "", "Password."),
    option("ECS_ENABLE", boolean, "false", "ECS names instead of CODEX names."),
    option("TIMESTAMP_SOURCE", time_source, "collect", "What the time of a document is."),
    standing=REFUSED,
    hint="there is no HTTP output; write a file or to Kafka",
)

AWS = group(
    "EF_AWS_VPC_FLOW_LOG",
    "Input: AWS VPC flow logs",
    option("ENABLE", boolean, "false", "Read VPC flow logs."),
    option("S3_BUCKET", text, "", "Bucket they are in."),
    option("PREFIX", text, "AWSLogs", "How their keys begin."),
    option("S3_TLS_ENABLE", boolean, "false", "Speak TLS.", switches=("EF_AWS_VPC_FLOW_LOG_ENABLE",)),
    option("S3_TLS_SKIP_VERIFICATION", boolean, "false", "Take any certificate."),
    option("S3_TLS_CA_CERT_FILEPATH", path, "", "Authorities to trust."),
    option("S3_TLS_MIN_VERSION", text, "1.2", "Oldest version of TLS."),
    standing=REFUSED,
    hint="VPC flow logs are not read",
)

BENCHMARK = group(
    "EF_INPUT_FLOW_BENCHMARK", "Input: benchmark", option("ENABLE", boolean, "false", "Take datagrams from a file instead of the network."), option("PACKET_FILE_PATH", path, ETC + "benchmark/flow/packets.txt", "That file."), standing=REFUSED, hint="to feed recorded datagrams, use `flowcoll replay CAPTURE`"
)

_SNMP_SWITCH = ("EF_INPUT_SNMP_ENABLE",)

SNMP = group(
    "EF",
    "SNMP",
    option("INPUT_SNMP_ENABLE", boolean, "false", "Poll devices."),
    option("INPUT_SNMP_DEVICE_DEFINITIONS_DIRECTORY_PATH", path, ETC + "snmp/devices", "Devices."),
    option("INPUT_SNMP_DEVICE_GROUP_DEFINITIONS_DIRECTORY_PATH", path, ETC + "snmp/device_groups", "Groups of devices."),
    option("INPUT_SNMP_OBJECT_DEFINITIONS_DIRECTORY_PATH", path, ETC + "snmp/objects", "Objects."),
    option("INPUT_SNMP_OBJECT_GROUP_DEFINITIONS_DIRECTORY_PATH", path, ETC + "snmp/object_groups", "Groups of objects."),
    option("INPUT_SNMP_POLLER_WORKER_POOL_SIZE", optional(integer()), "", "How many are polled at once."),
    option("PROCESSOR_SNMP_ENUM_ENABLE", boolean, "false", "Translate numbers."),
    option("PROCESSOR_SNMP_ENUM_DEFINITIONS_DIRECTORY_PATH", path, ETC + "snmp/enums", "Their meaning."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_ENABLE", boolean, "false", "Ask exporters for the names of their interfaces."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_PORT", port, 161, "UDP port to ask."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_VERSION", enum("1", "2", "3"), "2", "Version of SNMP."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_COMMUNITIES", secrets, "public", "Communities to try."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_TIMEOUT", seconds(), 2, "How long an answer is waited for."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_RETRIES", integer(), 1, "How often is asked again."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_V3_USERNAME", text, "", "User of SNMPv3."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_V3_AUTHENTICATION_PROTOCOL", text, "noauth", "How the user is authenticated."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_V3_AUTHENTICATION_PASSPHRASE", secret, "", "Passphrase for that."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_V3_PRIVACY_PROTOCOL", text, "nopriv", "How messages are encrypted."),
    option("PROCESSOR_ENRICH_NETIF_SNMP_V3_PRIVACY_PASSPHRASE", secret, "", "Passphrase for that."),
    standing=REFUSED,
    hint="devices are not polled; names of interfaces come from option records or from a file",
)

IFA = group(
    "EF_PROCESSOR_IFA",
    "In-band flow analyser",
    option("ENABLE", boolean, "false", "Decode in-band flow analyser records."),
    option("WORKER_SIZE", integer(), 0, "Workers for them."),
    standing=REFUSED,
    hint="in-band flow analyser records are not decoded",
)

NETINTEL = group(
    "EF_PROCESSOR_ENRICH_IPADDR_NETINTEL", "NetIntel", option("ENABLE", boolean, "false", "Match addresses against ElastiFlow's own list (7.x)."), option("TIMEOUT", seconds(), 30, "How long its download may take."), standing=REFUSED, hint="ElastiFlow's own list is not to be had; use threat lists of your own"
)
# fmt: on

THEIRS = (LICENCE, QUEUES, OPENSEARCH, SPLUNK, CRIBL, GENERIC_HTTP, AWS, BENCHMARK, SNMP, IFA, NETINTEL)
