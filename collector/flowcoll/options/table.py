"""TABLE 1: every option, its type, its default, what it means, and how far it is carried out.

Parsing, `flowcoll config`, docs/options.md and packaging/flowcoll.conf are derived from this table.
"""

from collections.abc import Mapping
from types import MappingProxyType

from flowcoll.options.customer import key, uuid
from flowcoll.options.elastiflow import THEIRS
from flowcoll.options.groups import ETC, NOT_YET, REFUSED, SUPPORTED, THREAT, Group, Option, group, option
from flowcoll.options.types import (
    age,
    boolean,
    enum,
    enums,
    header,
    host,
    hosts,
    hosts_or_none,
    integer,
    ip,
    milliseconds,
    minutes,
    names,
    namespace,
    networks,
    octets,
    optional,
    our_path,
    path,
    pivot,
    port,
    ports,
    record_kinds,
    seconds,
    secret,
    secret_url,
    text,
    time_source,
    url,
    word,
)
from flowcoll.threat.keeping.kinds import KINDS

# fmt: off
PROCESS = group(
    "EF",
    "Process",
    option("INSTANCE_NAME", text, "default", "Name of this collector in metrics and logs."),
    option("RUN_AS", text, "", "User to become once ports are bound, where the collector is started as root; empty means to stay root."),
    option("STATE_PATH", path, "/var/lib/flowcoll", "Directory for what is kept over a restart: templates, learnt sampling rates and names, threat lists, the spool."),
)

API = group(
    "EF_API",
    "HTTP API",
    option("IP", ip, "127.0.0.1", "Address on which /livez, /readyz, /metrics, /exporters and /threats/blocklist are served; only this host may ask unless you change it."),
    option("PORT", port, 8080, "TCP port of these pages."),
    option("TLS_ENABLE", boolean, "false", "Serve them over TLS."),
    option("TLS_CERT_FILEPATH", path, "", "Certificate chain, PEM."),
    option("TLS_KEY_FILEPATH", path, "", "Private key of the certificate, PEM."),
    option("BASIC_AUTH_ENABLE", boolean, "false", "Ask for a user name and a password, except for /livez."),
    option("BASIC_AUTH_USERNAME", text, "", "User name to ask for."),
    option("BASIC_AUTH_PASSWORD", secret, "", "Password to ask for."),
)

LOGGER = group(
    "EF_LOGGER",
    "Logs",
    option("LEVEL", enum("debug", "info", "warn", "error", "panic", "fatal"), "info", "Least severity that is logged."),
    option("ENCODING", enum("console", "json"), "json", "Form of a log line: for people, or JSON."),
    option("FILE_LOG_ENABLE", boolean, "false", "Write the log to a file as well.", NOT_YET),
    option("FILE_LOG_FILENAME", path, "/var/log/flowcoll/flowcoll.log", "The log file.", NOT_YET),
    option("FILE_LOG_MAX_SIZE", integer(1, unit="megabytes"), 100, "Size at which a new file is begun.", NOT_YET),
    option("FILE_LOG_MAX_AGE", optional(integer(1, unit="days")), "", "Age at which an old file is deleted; empty means never.", NOT_YET),
    option("FILE_LOG_MAX_BACKUPS", integer(), 4, "How many old files are kept.", NOT_YET),
    option("FILE_LOG_COMPRESS", boolean, "false", "Compress old files with gzip.", NOT_YET),
)

SERVER = group(
    "EF_FLOW_SERVER",
    "Receiving",
    option("UDP_IP", ip, "0.0.0.0", "Address to receive on; 0.0.0.0 means every IPv4 address of the host."),  # noqa: S104
    option("UDP_PORT", ports, "9995", "UDP ports to receive on, comma separated; every port takes every protocol."),
    option("UDP_READ_BUFFER_MAX_SIZE", octets(), 33_554_432, "Receive buffer to ask the kernel for, per socket; net.core.rmem_max is its limit."),
    option("ALLOW", networks, "", "Exporters from which datagrams are taken, as networks; empty means everybody."),
    option("STEERING", enum("source", "off"), "source", "How datagrams are shared among workers: all of one source address to one of them, or as the kernel likes."),
)

DECODE = group(
    "EF_PROCESSOR_DECODE",
    "Decoding",
    option("IPFIX_ENABLE", boolean, "true", "Decode IPFIX."),
    option("NETFLOW1_ENABLE", boolean, "true", "Decode NetFlow v1.", NOT_YET),
    option("NETFLOW5_ENABLE", boolean, "true", "Decode NetFlow v5."),
    option("NETFLOW6_ENABLE", boolean, "true", "Decode NetFlow v6.", NOT_YET),
    option("NETFLOW7_ENABLE", boolean, "true", "Decode NetFlow v7.", NOT_YET),
    option("NETFLOW9_ENABLE", boolean, "true", "Decode NetFlow v9."),
    option("SFLOW5_ENABLE", boolean, "true", "Decode sFlow v5."),
    option("SFLOW_FLOWS_ENABLE", boolean, "true", "Make documents of sFlow flow samples."),
    option("SFLOW_FLOWS_KEEP_SAMPLES", boolean, "false", "Keep the sampled header in the document, as hexadecimal digits.", NOT_YET),
    option("SFLOW_COUNTERS_ENABLE", boolean, "true", "Make telemetry documents of sFlow counter samples.", NOT_YET),
    option("MAX_RECORDS_PER_PACKET", integer(), 64, "Most records taken from one datagram; what is cut is counted, 0 takes all it holds."),
)

PROCESSOR = group(
    "EF_PROCESSOR",
    "Documents",
    option("POOL_SIZE", integer(0, 256), 0, "Worker processes; 0 means one per processor core."),
    option("EXPAND_CLISRV", boolean, "true", "Say who is the client and who the server, in client.* and server.*."),
    option("EXPAND_CLISRV_NO_L4_PORTS", boolean, "true", "Do so for records without ports too.", switches=("EF_PROCESSOR_EXPAND_CLISRV",)),
    option("DROP_FIELDS", names, "", "Fields left out of every document, by their ECS or CODEX names."),
    option("SAMPLING_CORRECT", boolean, "true", "Multiply octets and packets by the sampling interval; the interval itself stays in the document."),
    option("CLOCK_SKEW_CORRECT", boolean, "false", "Correct flow times by the difference between the exporter's clock and ours.", NOT_YET),
    option("KEEP_UNKNOWN", boolean, "false", "Keep information elements nobody has named, as hexadecimal digits.", NOT_YET),
    option("ELEMENTS_PATH", path, "", "File with information elements of your own.", NOT_YET),
    option("ENRICH_TOTALS_IF_NO_DELTAS", boolean, "false", "Take total counters where a record has no delta counters.", NOT_YET),
    option("TRANSLATE_KEEP_IDS", enum("none", "default", "all"), "default", "Which numbers stay beside the names they were translated to.", NOT_YET),
    option("DURATION_PRECISION", enum("sec", "ds", "cs", "ms", "us", "ns"), "ms", "Unit of durations under their CODEX names; event.duration is always in nanoseconds.", NOT_YET),
    option("TIMESTAMP_PRECISION", enum("sec", "ds", "cs", "ms", "us", "ns"), "ms", "Precision of times.", NOT_YET),
    option("PERCENT_NORM", enum("1", "100"), "100", "Whether a share is written as 0 to 1 or as 0 to 100.", NOT_YET),
    option("KEEP_CPU_TICKS", boolean, "false", "Keep processor ticks beside the load worked out from them.", NOT_YET),
)

IDS = group(
    "EF_PROCESSOR_ENRICH",
    "Ids and joined values",
    option("COMMUNITYID_ENABLE", boolean, "true", "Write network.community_id."),
    option("COMMUNITYID_SEED", integer(0, 65535), 0, "Seed of the Community ID; use the same in every tool that shall agree."),
    option("CONVERSATIONID_ENABLE", boolean, "true", "Write an id that both directions of a client's use of a service share."),
    option("CONVERSATIONID_SEED", integer(0, 65535), 0, "Seed of the conversation id."),
    option("JOIN_ASN", boolean, "true", "Write the autonomous systems of both ends as one list, too.", NOT_YET),
    option("JOIN_GEOIP", boolean, "true", "Write the places of both ends as one list, too.", NOT_YET),
    option("JOIN_SEC", boolean, "true", "Write the threats of both ends as one list, too.", NOT_YET),
    option("JOIN_NETATTR", boolean, "true", "Write network attributes of both ends, such as VLANs, as one list, too.", NOT_YET),
    option("JOIN_SUBNETATTR", boolean, "true", "Write subnet attributes of both ends as one list, too.", NOT_YET),
)

IPADDR = group(
    "EF_PROCESSOR_ENRICH",
    "Addresses",
    option("IPADDR_CACHE_SIZE", integer(1), 262_144, "How many addresses are kept with what is known of them."),
    option("IPADDR_TTL", seconds(), 7200, "How long what was asked about an address is believed.", NOT_YET, switches=("EF_PROCESSOR_ENRICH_IPADDR_DNS_ENABLE",)),
    option("IPADDR_MAXMIND_ASN_ENABLE", boolean, "false", "Look up the autonomous system in a MaxMind database."),
    option("IPADDR_MAXMIND_ASN_PATH", path, ETC + "maxmind/GeoLite2-ASN.mmdb", "GeoLite2-ASN or GeoIP2-ISP database."),
    option("ASN_PREF", enum("lookup", "flow"), "lookup", "Which AS number wins, the one looked up or the exporter's; the other one fills gaps."),
    option("IPADDR_MAXMIND_GEOIP_ENABLE", boolean, "false", "Look up the place in a MaxMind database."),
    option("IPADDR_MAXMIND_GEOIP_PATH", path, ETC + "maxmind/GeoLite2-City.mmdb", "GeoLite2-City or GeoIP2-City database."),
    option("IPADDR_MAXMIND_GEOIP_VALUES", enums("city", "continent", "continent_code", "country", "country_code", "location", "region", "timezone"), "city,country,country_code,location,timezone", "What is taken from it; region is ours."),
    option("IPADDR_MAXMIND_GEOIP_LANG", enum("de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"), "en", "Language of the names of places."),
    option("IPADDR_MAXMIND_GEOIP_INCLEXCL_PATH", path, ETC + "maxmind/incl_excl.yml", "File that says which addresses are looked up.", NOT_YET),
    option("IPADDR_MAXMIND_GEOIP_INCLEXCL_REFRESH_RATE", minutes(), 15, "How often that file is read again.", NOT_YET),
    option("IPADDR_DNS_ENABLE", boolean, "false", "Ask the DNS for the names of addresses.", NOT_YET),
    option("IPADDR_DNS_NAMESERVER_IP", optional(ip), "", "Name server to ask; empty means those of the host.", NOT_YET),
    option("IPADDR_DNS_NAMESERVER_TIMEOUT", milliseconds(1), 3000, "How long an answer is waited for.", NOT_YET),
    option("IPADDR_DNS_RESOLVE_PRIVATE", boolean, "true", "Ask for private addresses.", NOT_YET),
    option("IPADDR_DNS_RESOLVE_PUBLIC", boolean, "true", "Ask for public addresses.", NOT_YET),
    option("IPADDR_DNS_USERDEF_PATH", path, "", "YAML file with names of your own, address: name.", NOT_YET),
    option("IPADDR_DNS_USERDEF_REFRESH_RATE", minutes(), 15, "How often that file is read again.", NOT_YET),
    option("IPADDR_DNS_INCLEXCL_PATH", path, ETC + "hostname/incl_excl.yml", "File that says which addresses are asked for.", NOT_YET),
    option("IPADDR_DNS_INCLEXCL_REFRESH_RATE", minutes(), 15, "How often that file is read again.", NOT_YET),
    option("IPADDR_METADATA_ENABLE", boolean, "false", "Add what you say about addresses, ranges and networks.", NOT_YET),
    option("IPADDR_METADATA_USERDEF_PATH", path, "", "YAML file that says it.", NOT_YET),
    option("IPADDR_METADATA_REFRESH_RATE", minutes(), 15, "How often that file is read again; 0 means never.", NOT_YET),
)

_PROXY = "Proxy to download through, http://host:port; empty means that of the environment. It may hold user:password@."

THREATS = group(
    THREAT + "<NAME>",
    "Threat lists",
    option("ENABLE", boolean, "false", "Match addresses against this list; <NAME> is a name you choose."),
    option("TYPE", enum(*KINDS), "auto", "Form of the list, or the feed it is from: docs/feeds.md has a table of them. auto finds the form out."),
    option("PATH", path, "", "File to read the list from."),
    option("LABEL", text, "", "What a match is called where the list itself does not say."),
    option("CONFIDENCE", optional(integer(0, 100)), "", "How sure a match is, 0 to 100, where the list itself does not say."),
    option("URL", optional(url), "", "Address to download the list from; empty means the feed's own, where TYPE names a feed. {password} in it stands for PASSWORD."),
    option("USERNAME", text, "", "User name for the download."),
    option("PASSWORD", secret, "", "Password for the download."),
    option("HEADER", header, "", "Header to send with the request, name: value."),
    option("REFRESH_INTERVAL", minutes(1), 1440, "How often the list is downloaded; not more often than its owner allows."),
    option("TIMEOUT", seconds(1), 30, "How long a download may take as a whole."),
    option("PROXY", secret_url, "", _PROXY),
    option("TLS_CA_CERT_FILEPATH", path, "", "Certificates of the authorities to trust, PEM; empty means those of the host."),
    option("TLS_SKIP_VERIFICATION", boolean, "false", "Take any certificate; for trials only."),
    option("INCLEXCL_PATH", path, "", "File that says which addresses are matched against this list."),
)

FALSE_POSITIVES = group(
    "EF_PROCESSOR_ENRICH_IPADDR_FALSE_POSITIVES",
    "False positives",
    option("PATH", our_path, ETC + "threats/false_positives.yml", "File that names addresses which no list of threats matches, for good or until a day."),
    option("REFRESH_RATE", minutes(), 15, "How often that file is read again."),
)

_RISKIQ_SWITCHES = ("EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_ENABLE", "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_ASN_ENABLE")

RISKIQ = group(
    "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ",
    "RiskIQ PassiveTotal lists",
    option("THREAT_ENABLE", boolean, "false", "Download PassiveTotal's list of threats and match addresses against it."),
    option("THREAT_ENDPOINT", url, "https://api.passivetotal.org/v2/netflow/blocklist/download", "Where the list of threats is."),
    option("THREAT_REFRESH_INTERVAL", minutes(), 1440, "How often it is downloaded; not less than 60."),
    option("THREAT_INCLEXCL_PATH", path, ETC + "riskiq/incl_excl.yml", "File that says which addresses are matched."),
    option("THREAT_INCLEXCL_REFRESH_RATE", minutes(), 15, "How often that file is read again."),
    option("ASN_ENABLE", boolean, "false", "Take autonomous systems from PassiveTotal instead of MaxMind."),
    option("ASN_ENDPOINT", url, "https://api.passivetotal.org/v2/netflow/as/download", "Where the list of autonomous systems is."),
    option("ASN_REFRESH_INTERVAL", minutes(), 1440, "How often it is downloaded; not less than 60."),
    option("API_USER", text, "", "PassiveTotal user, an e-mail address.", switches=_RISKIQ_SWITCHES),
    option("API_KEY", secret, "", "API key of that user, not the password of the web site.", switches=_RISKIQ_SWITCHES),
    option("API_TIMEOUT", seconds(1), 30, "How long a download may take as a whole.", switches=_RISKIQ_SWITCHES),
    option("API_PROXY", secret_url, "", _PROXY, switches=_RISKIQ_SWITCHES),
    option("API_TLS_CA_CERT_FILEPATH", path, "", "Certificates of the authorities to trust, PEM; empty means those of the host.", switches=_RISKIQ_SWITCHES),
    option("API_TLS_SKIP_VERIFICATION", boolean, "false", "Take any certificate; for trials only.", switches=_RISKIQ_SWITCHES),
)

_APP_SWITCHES = ("EF_PROCESSOR_ENRICH_APP_ID_ENABLE", "EF_PROCESSOR_ENRICH_APP_IPPORT_ENABLE")

LEARNT = group(
    "EF_PROCESSOR_ENRICH",
    "Interfaces, applications, sampling",
    option("NETIF_TTL", seconds(), 7200, "How long what is known of an interface is believed.", switches=("EF_PROCESSOR_ENRICH_NETIF_METADATA_ENABLE",)),
    option("NETIF_FLOW_OPTIONS_ENABLE", boolean, "true", "Learn names of interfaces from option records."),
    option("NETIF_METADATA_ENABLE", boolean, "false", "Add what you say about interfaces."),
    option("NETIF_METADATA_USERDEF_PATH", path, ETC + "metadata/netifs.yml", "YAML file that says it."),
    option("NETIF_METADATA_REFRESH_RATE", minutes(), 15, "How often that file is read again."),
    option("APP_ID_ENABLE", boolean, "false", "Name applications by the exporter's application id, from a file."),
    option("APP_ID_PATH", path, ETC + "app/appid.yml", "That file."),
    option("APP_ID_TTL", seconds(), 7200, "How long a name is believed."),
    option("APP_IPPORT_ENABLE", boolean, "false", "Name applications by address and port, from a file."),
    option("APP_IPPORT_PATH", path, ETC + "app/ipport.yml", "That file."),
    option("APP_IPPORT_TTL", seconds(), 7200, "How long a name is believed."),
    option("APP_IPPORT_PRIVATE", boolean, "true", "Do so for private addresses."),
    option("APP_IPPORT_PUBLIC", boolean, "false", "Do so for public addresses."),
    option("APP_REFRESH_RATE", minutes(), 15, "How often both files are read again.", switches=_APP_SWITCHES),
    option("SAMPLERATE_CACHE_SIZE", integer(1), 32_768, "How many sampling rates learnt from option records are kept.", SUPPORTED),
    option("SAMPLERATE_USERDEF_ENABLE", boolean, "false", "Take sampling rates from a file."),
    option("SAMPLERATE_USERDEF_PATH", path, ETC + "settings/sample_rate.yml", "That file, exporter: rate."),
    option("SAMPLERATE_USERDEF_OVERRIDE", boolean, "false", "Let that file win over what the exporter says."),
    standing=NOT_YET,
)

STDOUT = group(
    "EF_OUTPUT_STDOUT",
    "Output: standard output",
    option("ENABLE", boolean, "false", "Write documents to standard output."),
    option("FORMAT", enum("json", "json_pretty"), "json_pretty", "One document per line, or indented for reading."),
)

FILE = group(
    "EF_OUTPUT_FILE",
    "Output: file",
    option("ENABLE", boolean, "false", "Append documents to a file, one JSON object per line."),
    option("PATH", path, "", "That file."),
    option("DROP_FIELDS", names, "", "Fields left out of its documents, besides those of EF_PROCESSOR_DROP_FIELDS."),
    option("TIMESTAMP_SOURCE", time_source, "collect", "What @timestamp is: start or end of the flow, time of export, or time of arrival."),
)

ELASTICSEARCH = group(
    "EF_OUTPUT_ELASTICSEARCH",
    "Output: Elasticsearch",
    option("ENABLE", boolean, "false", "Write documents to Elasticsearch."),
    option("ADDRESSES", hosts, "127.0.0.1:9200", "Nodes to write to, host:port, comma separated."),
    option("USERNAME", text, "elastic", "User to write as."),
    option("PASSWORD", secret, "changeme", "Password of the user."),
    option("API_KEY", secret, "", "API key, base64; used instead of user and password."),
    option("CLOUD_ID", text, "", "Elastic Cloud id; used instead of ADDRESSES."),
    option("TLS_ENABLE", boolean, "false", "Speak TLS."),
    option("TLS_SKIP_VERIFICATION", boolean, "false", "Take any certificate; for trials only."),
    option("TLS_CA_CERT_FILEPATH", path, "", "Certificates of the authorities to trust, PEM; empty means those of the host."),
    option("CLIENT_CA_CERT_FILEPATH", path, "", "Certificate of the authority behind our own certificate, PEM; shown with it, for a server that only knows one above."),
    option("CLIENT_CERT_FILEPATH", path, "", "Certificate to show to the server, PEM."),
    option("CLIENT_KEY_FILEPATH", path, "", "Private key of that certificate, PEM, without passphrase; empty where it is in the same file."),
    option("BATCH_DEADLINE", milliseconds(1), 2000, "Send a bulk request after this time at the latest."),
    option("BATCH_MAX_BYTES", octets(1), 8_388_608, "Send a bulk request at this size, measured before it is compressed."),
    option("RETRY_ENABLE", boolean, "true", "Send again what Elasticsearch could not take; otherwise it is dropped."),
    option("RETRY_ON_TIMEOUT_ENABLE", boolean, "true", "Send a request again that was not answered in time."),
    option("MAX_RETRIES", integer(), 3, "How often, before it goes to the spool; without a spool there is no limit.", switches=("EF_OUTPUT_ELASTICSEARCH_RETRY_ENABLE",)),
    option("RETRY_BACKOFF", milliseconds(), 1000, "Longest wait before the first try again; it doubles with each try, up to a minute."),
    option("SPOOL_MAX_BYTES", octets(), 1_073_741_824, "Size of the spool that keeps documents on disk, below EF_STATE_PATH, while Elasticsearch does not take them; shared by all workers, and 0 means none."),
    option("NAMESPACE", namespace, "default", "Namespace of the data streams, the last part of their names."),
    option("RETENTION", age, "30d", "How long documents are kept."),
    option("TIMESTAMP_SOURCE", time_source, "collect", "What @timestamp is: start or end of the flow, time of export, or time of arrival."),
    option("DROP_FIELDS", names, "", "Fields left out of its documents, besides those of EF_PROCESSOR_DROP_FIELDS."),
    option("ALLOWED_RECORD_TYPES", record_kinds, "as_path_hop,flow_option,flow,ifa_hop,telemetry", "Kinds of documents that are written."),
    option("ECS_ENABLE", boolean, "true", "Documents are always ECS; false adds the CODEX names as alias fields, like CODEX_ALIASES_ENABLE."),
    option("CODEX_ALIASES_ENABLE", boolean, "false", "Add the CODEX names as alias fields."),
    option("INDEX_PERIOD", enum("daily", "weekly", "monthly", "rollover", ilm="rollover"), "rollover", "Data streams that roll over, or an index per day, week or month."),
    option("INDEX_SUFFIX", text, "", "Further part of the index names."),
    option("INDEX_MODE", enum("standard", "logsdb"), "standard", "How Elasticsearch stores documents; logsdb needs 8.17."),
    option("INDEX_TEMPLATE_ENABLE", boolean, "true", "Put the index templates."),
    option("INDEX_TEMPLATE_OVERWRITE", boolean, "true", "Replace index templates that are there."),
    option("INDEX_TEMPLATE_SHARDS", integer(1), 1, "Primary shards."),
    option("INDEX_TEMPLATE_REPLICAS", integer(), 0, "Replicas of each shard."),
    option("INDEX_TEMPLATE_REFRESH_INTERVAL", age, "10s", "How soon new documents are found."),
    option("INDEX_TEMPLATE_CODEC", enum("default", "best_compression"), "best_compression", "How stored documents are compressed."),
    option("INDEX_TEMPLATE_ILM_LIFECYCLE", text, "", "Lifecycle policy to use instead of ours."),
    option("INDEX_TEMPLATE_PIPELINE_DEFAULT", text, "_none", "Ingest pipeline that documents go through."),
    option("INDEX_TEMPLATE_PIPELINE_FINAL", text, "_none", "Ingest pipeline that documents go through last."),
    option("TSDS_ENABLE", boolean, "false", "Write flows to a time series data stream.", REFUSED, hint="flows do not go to time series data streams"),
)

KAFKA = group(
    "EF_OUTPUT_KAFKA",
    "Output: Kafka",
    option("ENABLE", boolean, "false", "Write documents to Kafka."),
    option("BROKERS", hosts_or_none, "", "Brokers, host:port, comma separated."),
    option("VERSION", word, "1.0.0", "Oldest version among the brokers."),
    option("TOPIC", word, "elastiflow-flow-codex", "Topic to write to."),
    option("PARTITION_KEY", text, "flow.export.ip.addr", "Field whose value chooses the partition."),
    option("CLIENT_ID", text, "elastiflow-flowcoll", "How we call ourselves."),
    option("RACK_ID", text, "", "Rack in which we stand."),
    option("TIMEOUT", seconds(1), 30, "How long an answer is waited for."),
    option("DROP_FIELDS", names, "", "Fields left out of its documents, besides those of EF_PROCESSOR_DROP_FIELDS."),
    option("ALLOWED_RECORD_TYPES", record_kinds, "as_path_hop,flow_option,flow,ifa_hop,telemetry", "Kinds of documents that are written."),
    option("FLAT_RECORD_ENABLE", boolean, "true", "Write dotted names instead of nested objects."),
    option("SASL_ENABLE", boolean, "false", "Log in."),
    option("SASL_USERNAME", text, "", "User name."),
    option("SASL_PASSWORD", secret, "", "Password."),
    option("TLS_ENABLE", boolean, "false", "Speak TLS."),
    option("TLS_CA_CERT_FILEPATH", path, "", "Certificates of the authorities to trust, PEM."),
    option("TLS_CERT_FILEPATH", path, "", "Certificate to show to the broker, PEM."),
    option("TLS_KEY_FILEPATH", path, "", "Private key of that certificate, PEM."),
    option("TLS_SKIP_VERIFICATION", boolean, "false", "Take any certificate; for trials only."),
    option("PRODUCER_MAX_MESSAGE_BYTES", octets(1), 1_000_000, "Largest message."),
    option("PRODUCER_REQUIRED_ACKS", integer(-1, 1), 1, "Who must have it: all replicas (-1), nobody (0), the leader (1)."),
    option("PRODUCER_TIMEOUT", seconds(1), 10, "How long these are waited for."),
    option("PRODUCER_COMPRESSION", integer(0, 4), 3, "0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."),
    option("PRODUCER_COMPRESSION_LEVEL", integer(-1000, 100), -1000, "Level of compression; -1000 means the usual one."),
    option("PRODUCER_FLUSH_BYTES", octets(), 1_000_000, "Send at this size."),
    option("PRODUCER_FLUSH_MESSAGES", integer(), 1024, "Send at this number of messages."),
    option("PRODUCER_FLUSH_FREQUENCY", milliseconds(), 1000, "Send after this time at the latest."),
    option("PRODUCER_FLUSH_MAX_MESSAGES", integer(), 0, "Most messages sent at once; 0 means no limit."),
    option("PRODUCER_RETRY_MAX", integer(), 3, "How often a message is sent again."),
    option("PRODUCER_RETRY_BACKOFF", milliseconds(), 100, "Wait before that."),
    standing=NOT_YET,
)

RISKIQ_OUTPUT = group(
    "EF_OUTPUT_RISKIQ",
    "Output: RiskIQ PassiveTotal",
    option("ENABLE", boolean, "false", "Send the public side of flows, encrypted."),
    option("HOST", host, "flow.riskiq.net", "Host to send to, over UDP. What is sent is a form of our own, for whoever has `flowcoll riskiq-receive`: that of the service was never published."),
    option("PORT", port, 20000, "Its port."),
    option("CUSTOMER_UUID", uuid, "", "Customer's UUID."),
    option("CUSTOMER_ENCRYPTION_KEY", key, "", "Customer's key, base64 of 16 octets."),
    option("COMMUNITYID_ENABLE", boolean, "true", "Send the Community ID, too; with one private address in it, that one can be found by trying."),
)

MONITOR = group(
    "EF_OUTPUT_MONITOR",
    "Output: monitor",
    option("ENABLE", boolean, "false", "Write figures of throughput to the log."),
    option("INTERVAL", seconds(1), 300, "How often."),
    standing=NOT_YET,
)

KIBANA = group(
    "EF_KIBANA",
    "Kibana",
    option("URL", url, "http://127.0.0.1:5601", "Kibana to set up."),
    option("SPACE", word, "default", "Space to set up."),
    option("USERNAME", text, "", "User to do it as."),
    option("PASSWORD", secret, "", "Password of the user."),
    option("API_KEY", secret, "", "API key; used instead of user and password."),
    option("TLS_CA_CERT_FILEPATH", path, "", "Certificates of the authorities to trust, PEM; empty means those of the host."),
    option("TLS_SKIP_VERIFICATION", boolean, "false", "Take any certificate; for trials only."),
    option("NAMESPACE", optional(namespace), "", "Namespace of the data shown; empty means that of the Elasticsearch output."),
    option("ONLY", names, "", "Parts to set up; empty means all."),
    option("OVERWRITE", boolean, "false", "Replace what somebody has changed in Kibana."),
    standing=NOT_YET,
)

INTEL = group(
    "EF",
    "Threat intelligence",
    option("PIVOT_URL", pivot, "https://community.riskiq.com/research?query={{value}}", "Page that a click on an address opens: {{value}} stands for the address; or the name of a preset."),
    option("INTEL_ENABLE", boolean, "false", "Read articles and passive DNS as intel.yml says."),
    option("INTEL_PATH", path, ETC + "intel.yml", "That file."),
    option("INTEL_MATCH_FLOWS", boolean, "false", "Match flows against the indicators of articles."),
    standing=NOT_YET,
)
# fmt: on

GROUPS = (
    *(PROCESS, API, LOGGER, SERVER, DECODE, PROCESSOR, IDS, IPADDR, THREATS, FALSE_POSITIVES, RISKIQ, LEARNT),
    *(STDOUT, FILE, ELASTICSEARCH, KAFKA, RISKIQ_OUTPUT, MONITOR, KIBANA, INTEL),
    *THEIRS,
)
OUTPUTS: Mapping[str, Group] = MappingProxyType({g.output: g for g in GROUPS if g.output})
OPTIONS: Mapping[str, Option] = MappingProxyType({o.name: o for g in GROUPS if not g.patterned for o in g.options})
