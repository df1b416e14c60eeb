import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.options import types
from flowcoll.options.groups import NO_EFFECT, NOT_YET, REFUSED
from flowcoll.options.names import RENAMES, instance, meaning, nearest
from flowcoll.options.table import GROUPS, OPTIONS, OUTPUTS

DATA = Path(__file__).parent / "data"
ALL = [option for group in GROUPS for option in group.options]
THREAT = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_"


def theirs() -> dict[str, str]:
    with (DATA / "elastiflow-options.tsv").open(newline="") as file:
        return {row["option"]: row["default"] for row in csv.DictReader(file, delimiter="\t")}


DIFFERENT = {
    "EF_API_IP": "127.0.0.1",
    "EF_PROCESSOR_POOL_SIZE": "0",
    "EF_METRICS_TLS_ENABLE": "false",
    "EF_LOGGER_FILE_LOG_FILENAME": "/var/log/flowcoll/flowcoll.log",
    "EF_OUTPUT_ELASTICSEARCH_ECS_ENABLE": "true",
    "EF_OUTPUT_RISKIQ_HOST": "flow.riskiq.net",
    "EF_OUTPUT_RISKIQ_PORT": "20000",
    "EF_PROCESSOR_ENRICH_IPADDR_DNS_USERDEF_PATH": "",
    "EF_PROCESSOR_ENRICH_IPADDR_METADATA_USERDEF_PATH": "",
    "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_API_TIMEOUT": "30",
}
"""Names whose default is not ElastiFlow's, and what it is here."""

MENTIONED = {
    "EF_FLOW_RECORD_STREAM_MAX_SIZE",
    "EF_FLOW_LICENSED_CORES",
    "EF_LICENSE_KEY",
    "EF_LICENSE_FLOW_RECORDS_PER_SECOND",
    "EF_AWS_VPC_FLOW_LOG_S3_ENABLE",
    "EF_AWS_VPC_FLOW_LOG_S3_PREFIX",
    "EF_INPUT_FLOW_BENCHMARK_PACKET_FILEPATH",
    "EF_PROCESSOR_ENRICH_IPADDR_NETINTEL_ENABLE",
    "EF_PROCESSOR_ENRICH_IPADDR_NETINTEL_TIMEOUT",
    "EF_OUTPUT_OPENSEARCH_INDEX_PREFIX",
    "EF_FLOW_DECODER_SETTINGS_PATH",
}
"""Names of other versions than 6.x."""


def test_every_name_of_elastiflow_is_known() -> None:
    """A name that ElastiFlow knows is never an unknown option."""
    assert len(theirs()) == 271
    assert [name for name in theirs().keys() | MENTIONED if meaning(name) is None] == []


def test_a_default_is_elastiflows_unless_we_say_so() -> None:
    """A default differs from ElastiFlow's only by its directory, or where a decision stands behind it."""
    ours = {name: known.option for name in theirs() if (known := meaning(name))}
    shown = {name: option.type.show(option.default) for name, option in ours.items() if option}
    assert shown == {name: d.replace("/etc/elastiflow/", "/etc/flowcoll/") for name, d in theirs().items()} | DIFFERENT


def test_the_differences_are_real() -> None:
    """Every default listed as different is different."""
    assert [name for name, default in DIFFERENT.items() if theirs()[name] == default] == []


def test_a_default_reads_and_shows_back() -> None:
    """A default is a value of its type: shown and read again it is the same."""
    assert [o.name for o in ALL if o.type.read(o.type.show(o.default)) != o.default] == []


def test_a_row_is_complete() -> None:
    """A row says in one line what it means, and why where we cannot do it."""
    assert [o.name for o in ALL if not o.meaning.endswith(".") or not o.meaning.isprintable()] == []
    assert [o.name for o in ALL if o.standing in {NO_EFFECT, REFUSED} and not o.hint] == []


def test_names_are_unique() -> None:
    """No option is declared twice."""
    assert len({option.name for option in ALL}) == len(ALL)


def test_a_switch_is_an_option_that_is_true_or_false() -> None:
    """What an option depends on exists and can be switched, and is not the option itself."""
    known = {o.name: o for o in ALL}
    assert [o.name for o in ALL for s in o.switches if known[s].type is not types.boolean or s == o.name] == []


def test_what_is_refused_can_be_switched_off() -> None:
    """A refused option is a switch that is off by default, or belongs to one."""
    alone = [o for o in ALL if o.standing is REFUSED and not o.switches]
    assert alone
    assert [o.name for o in alone if o.type is not types.boolean or o.default] == []


@pytest.mark.parametrize(
    ("name", "switch"),
    [
        ("EF_OUTPUT_KAFKA_SASL_PASSWORD", "EF_OUTPUT_KAFKA_SASL_ENABLE"),
        ("EF_OUTPUT_KAFKA_SASL_ENABLE", "EF_OUTPUT_KAFKA_ENABLE"),
        ("EF_LOGGER_FILE_LOG_MAX_SIZE", "EF_LOGGER_FILE_LOG_ENABLE"),
        ("EF_OUTPUT_ELASTICSEARCH_INDEX_TEMPLATE_SHARDS", "EF_OUTPUT_ELASTICSEARCH_INDEX_TEMPLATE_ENABLE"),
    ],
)
def test_the_nearest_enable_is_the_switch(name: str, switch: str) -> None:
    """X_ENABLE switches what begins with X_, the longest X first."""
    assert OPTIONS[name].switches == (switch,)


def test_standings_of_this_version() -> None:
    """What is promised for now is supported, and what is to come says so."""
    supported = {o.name for o in ALL if o.standing.value == "supported"}
    assert {
        "EF_OUTPUT_FILE_PATH",
        "EF_OUTPUT_STDOUT_FORMAT",
        "EF_FLOW_SERVER_ALLOW",
        THREAT + "<NAME>_PATH",
    } <= supported
    elasticsearch = "EF_OUTPUT_ELASTICSEARCH_"
    assert {o.name for o in ALL if o.name.startswith(elasticsearch) and o.name not in supported} == {
        elasticsearch + "TSDS_ENABLE"
    }
    assert {OPTIONS[f"EF_OUTPUT_{name}_ENABLE"].standing for name in ("KAFKA", "MONITOR")} == {NOT_YET}
    assert {OPTIONS[f"EF_OUTPUT_{name}_ENABLE"].standing for name in ("OPENSEARCH", "SPLUNK_HEC", "CRIBL")} == {REFUSED}


# types


@pytest.mark.parametrize("kind", {o.type.name: o.type for o in ALL}.values(), ids=lambda kind: kind.name)
@given(text=st.one_of(st.text(), st.text("0123456789.,:/[]-_ abc"), st.sampled_from(["http://[", "-1", "1" * 5000])))
def test_a_type_reads_or_says_what_it_wants(kind: types.Type, text: str) -> None:
    """Any text is read to a value that shows and reads back, or is refused with words for a person."""
    if not text.strip() and not kind.empty:
        return  # means "not set", and never gets here
    refused = ""
    try:
        value = kind.read(text)
    except ValueError as exc:
        refused = str(exc)
    assert (refused and refused.isprintable()) or kind.read(kind.show(value)) == value


@given(st.integers(-10, 10), st.integers(0, 20), st.integers(-30, 30))
def test_an_integer_keeps_its_bounds(low: int, width: int, number: int) -> None:
    """Both bounds are allowed, nothing beyond them is."""
    kind = types.integer(low, low + width)
    if low <= number <= low + width:
        assert kind.read(str(number)) == number
    else:
        with pytest.raises(ValueError, match=f"{low} to {low + width}"):
            kind.read(str(number))


@given(st.lists(st.integers(1, 65535), min_size=1, unique=True))
def test_ports_round_trip(numbers: list[int]) -> None:
    """A list of ports, shown and read again, is the same list."""
    assert types.ports.read(types.ports.show(numbers)) == numbers


@given(st.lists(st.ip_addresses(), max_size=5))
def test_networks_round_trip(addresses: list[Any]) -> None:
    """Addresses are networks of one."""
    read = types.networks.read(",".join(map(str, addresses)))
    assert read == [f"{a}/{a.max_prefixlen}" for a in addresses]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (types.boolean, "TRUE", True),
        (types.boolean, "0", False),
        (types.enum("json", "console"), "JSON", "json"),
        (types.enum("rollover", ilm="rollover"), "ilm", "rollover"),
        (types.enum("en", "pt-BR"), "pt-br", "pt-BR"),
        (types.ports, " 2055, 9995 ,", [2055, 9995]),
        (types.networks, "10.1.2.3/8, 2001:db8::1", ["10.0.0.0/8", "2001:db8::1/128"]),
        (types.hosts, "es1:9200,[2001:db8::1]:9200", ["es1:9200", "[2001:db8::1]:9200"]),
        (types.ip, "2001:DB8:0::1", "2001:db8::1"),
        (types.path, "", None),
        (types.path, "/a/b", Path("/a/b")),
        (types.optional(types.integer(1)), "", None),
        (types.pivot, "passivetotal", "passivetotal"),
        (types.pivot, "https://x.example/?q={{value}}", "https://x.example/?q={{value}}"),
        (types.age, "30d", "30d"),
        (types.header, " Auth-Key:abc ", "Auth-Key: abc"),
        (types.header, "", ""),
        (types.secret_url, " http://u:p@x:3128 ", "http://u:p@x:3128"),
        (types.secret_url, "", ""),
    ],
)
def test_a_text_is_read(kind: types.Type, text: str, value: Any) -> None:
    """Spellings that people use are understood."""
    assert kind.read(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (types.boolean, "ture"),
        (types.port, "0"),
        (types.port, "65536"),
        (types.port, "٣"),
        (types.port, "1_000"),
        (types.ports, ","),
        (types.ports, "9995,9995"),
        (types.networks, "10.0.0.0/33"),
        (types.ip, "localhost"),
        (types.hosts, "http://es1:9200"),
        (types.hosts, "es1"),
        (types.hosts, "es1:0"),
        (types.url, "ftp://x.example"),
        (types.url, "https://"),
        (types.url, "http://x.example:99999"),
        (types.pivot, "https://x.example/"),
        (types.pivot, "https://x.example/{{value}}{{value}}"),
        (types.enums("city", "country"), "city,moon"),
        (types.age, "30 days"),
        (types.namespace, "UPPER"),
    ],
)
def test_a_text_is_refused(kind: types.Type, text: str) -> None:
    """What cannot be meant is refused."""
    with pytest.raises(ValueError, match=r"."):
        kind.read(text)


def test_credentials_in_an_address_are_masked() -> None:
    """User and password inside an address are never shown, even where the address is wrong."""
    for text in ("https://me:pass/word@x.example/a", "me:pass@x.example:80", "ftp://me:p@ss@x.example"):
        assert "pass" not in types.without_credentials(text)
        assert "@x.example" in types.without_credentials(text)
    assert types.without_credentials("https://x.example:9200/a") == "https://x.example:9200/a"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x.example/a?apikey=s3cret&x=1", "https://x.example/a?apikey=****&x=1"),
        ("https://x.example/a?x=1&Auth_Token=s3cret,http://y", "https://x.example/a?x=1&Auth_Token=****,http://y"),
        ("https://x.example/v2/0123456789abcdef0123456789ABCDEF/a", "https://x.example/v2/****/a"),
        ("https://x.example/v2/0123456789abcdef0123456789ABCDEF", "https://x.example/v2/****"),
        ("https://x.example/key?x=1", "https://x.example/key?x=1"),
        ("/var/lib/0123456789abcdef0123456789abcdef/a", "/var/lib/0123456789abcdef0123456789abcdef/a"),
        ("https://0123456789abcdef0123456789abcdef.example/a", "https://0123456789abcdef0123456789abcdef.example/a"),
    ],
)
def test_what_looks_like_a_key_in_an_address_is_masked(text: str, shown: str) -> None:
    """A parameter that is called a key, a token or a password, and a long number in the path."""
    assert types.without_credentials(text) == shown


def test_a_file_of_ours_is_not_looked_for_among_theirs() -> None:
    """A default that ElastiFlow has no file for has no second place."""
    assert len(OPTIONS["EF_PROCESSOR_ENRICH_IPADDR_FALSE_POSITIVES_PATH"].defaults) == 1
    assert len(OPTIONS["EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_INCLEXCL_PATH"].defaults) == 2


# names


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("EF_FLOW_ACCOUNT_ID", "EF_ACCOUNT_ID"),
        ("EF_FLOW_LOGGER_FILE_LOG_MAX_AGE", "EF_LOGGER_FILE_LOG_MAX_AGE"),
        ("EF_FLOW_SERVER_UDP_PACKET_STREAM_MAX_SIZE", "EF_FLOW_PACKET_STREAM_MAX_SIZE"),
        ("EF_FLOW_DECODER_POOL_SIZE", "EF_PROCESSOR_POOL_SIZE"),
        ("EF_FLOW_DECODER_NETFLOW9_ENABLE", "EF_PROCESSOR_DECODE_NETFLOW9_ENABLE"),
        ("EF_FLOW_DECODER_SFLOW_FLOWS_KEEP_SAMPLES", "EF_PROCESSOR_DECODE_SFLOW_FLOWS_KEEP_SAMPLES"),
        ("EF_FLOW_DECODER_MAX_RECORDS_PER_PACKET", "EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET"),
        ("EF_FLOW_DECODER_PERCENT_NORM", "EF_PROCESSOR_PERCENT_NORM"),
        ("EF_FLOW_DECODER_ENRICH_SAMPLERATE_CACHE_SIZE", "EF_PROCESSOR_ENRICH_SAMPLERATE_CACHE_SIZE"),
        ("EF_FLOW_DECODER_ENRICH_EXPAND_CLISRV", "EF_PROCESSOR_EXPAND_CLISRV"),
        ("EF_FLOW_DECODER_ENRICH_KEEP_CPU_TICKS", "EF_PROCESSOR_KEEP_CPU_TICKS"),
        ("EF_FLOW_OUTPUT_RISKIQ_CUSTOMER_UUID", "EF_OUTPUT_RISKIQ_CUSTOMER_UUID"),
        ("EF_FLOW_OUTPUT_ELASTICSEARCH_PASSWORD_FILE", "EF_OUTPUT_ELASTICSEARCH_PASSWORD_FILE"),
        ("EF_FLOW_EDGE_ONE_OUTPUT_FILE_PATH", "EF_EDGE_ONE_OUTPUT_FILE_PATH"),
        ("EF_METRICS_PORT", "EF_API_PORT"),
        ("EF_METRICS_TLS_CERT_FILEPATH", "EF_API_TLS_CERT_FILEPATH"),
        ("EF_AWS_VPC_FLOW_LOG_S3_PREFIX", "EF_AWS_VPC_FLOW_LOG_PREFIX"),
        ("UNICOLLD_LICENSED_CORES", "EF_FLOW_LICENSED_UNITS"),
        ("UNICOLLD_LOGGER_LEVEL", "EF_LOGGER_LEVEL"),
        ("UNICOLLD_SERVER_UDP_PORT", "EF_FLOW_SERVER_UDP_PORT"),
        ("UNICOLLD_OUTPUT_RISKIQ_ENABLE", "EF_OUTPUT_RISKIQ_ENABLE"),
    ],
)
def test_an_older_name_means_todays(old: str, new: str) -> None:
    """Names of other versions are taken for today's."""
    known = meaning(old)
    assert known is not None
    assert (known.name, bool(known.version)) == (new, True)


@pytest.mark.parametrize(
    "name",
    [
        "EF_FLOW_RECORD_STREAM_MAX_SIZE",
        "UNICOLLD_RECORD_STREAM_MAX_SIZE",
        "EF_FLOW_OUTPUT_RISKIQ_POOL_SIZE",
        "AWS_REGION",
    ],
)
def test_a_name_that_is_gone_says_why(name: str) -> None:
    """A name without a successor is known, and its reason too."""
    known = meaning(name)
    assert known is not None
    assert known.option is None
    assert known.why


def test_a_renaming_is_not_todays_name() -> None:
    """What a renaming starts from is no option of today, and what it leads to exists or is said to be gone."""
    assert [r.old for r in RENAMES if r.old in OPTIONS or bool(r.new) == bool(r.why)] == []
    exact = [r for r in RENAMES if r.new and "*" not in r.new]
    assert [r.old for r in exact if r.new not in OPTIONS and not any(r.new == other.old for other in RENAMES)] == []


@pytest.mark.parametrize("output", OUTPUTS)
def test_flow_is_no_namespace(output: str) -> None:
    """EF_FLOW_OUTPUT_X is the older name of EF_OUTPUT_X, not an output called FLOW."""
    known = meaning(f"EF_FLOW_OUTPUT_{output}_ENABLE")
    assert known is not None
    assert known.name == f"EF_OUTPUT_{output}_ENABLE"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("EF_EDGE_OUTPUT_FILE_PATH", ("FILE", "edge", "EF_EDGE_OUTPUT_FILE")),
        ("EF_A_B_OUTPUT_SPLUNK_HEC_TOKEN_FILE", ("SPLUNK_HEC", "a_b", "EF_A_B_OUTPUT_SPLUNK_HEC")),
        (THREAT + "SPAMHAUS_DROP_REFRESH_INTERVAL", ("", "spamhaus_drop", THREAT + "SPAMHAUS_DROP")),
        (THREAT + "X_PASSWORD_FILE", ("", "x", THREAT + "X")),
        (THREAT + "X_PROXY_FILE", ("", "x", THREAT + "X")),
        (THREAT + "X_INCLEXCL_PATH", ("", "x", THREAT + "X")),
        (THREAT + "X_TLS_CA_CERT_FILEPATH", ("", "x", THREAT + "X")),
        (THREAT + "FALSE_POSITIVES_PATH", ("", "false_positives", THREAT + "FALSE_POSITIVES")),
    ],
)
def test_a_named_output_or_list_is_recognised(name: str, found: tuple[str, str, str]) -> None:
    """The name of an output or a list is what stands between the fixed parts."""
    place = instance(name)
    assert place is not None
    assert (place.group.output, place.name, place.place) == found
    assert meaning(name) is not None


@pytest.mark.parametrize(
    "name",
    [
        "EF_",
        "EF_FOO",
        "ef_api_port",
        "EF_API_PORT_FILE",
        "EF_OUTPUT_FILE",
        "EF__OUTPUT_FILE_PATH",
        "EF_EDGE_OUTPUT_FILE_PTH",
        "EF_EDGE_OUTPUT_NONE_PATH",
        THREAT + "ENABLE",
        THREAT + "X_PATH_FILE",
        "EF_FLOW_DECODER_NETFLOW9_ENABEL",
        "elasticsearch.host",
    ],
)
def test_a_name_nobody_knows_is_unknown(name: str) -> None:
    """A near miss is not taken for the name it resembles."""
    assert meaning(name) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("EF_LOGER_LEVEL", "EF_LOGGER_LEVEL"),
        ("ef_api_port", "EF_API_PORT"),
        ("EF_EDGE_OUTPUT_FILE_PTH", "EF_EDGE_OUTPUT_FILE_PATH"),
        (THREAT + "DROP_PAHT", THREAT + "DROP_PATH"),
        ("EF_FLOW_DECODER_NETFLOW9_ENABEL", "EF_PROCESSOR_DECODE_NETFLOW9_ENABLE"),
        ("UNICOLLD_LOGGER_LEVL", "EF_LOGGER_LEVEL"),
    ],
)
def test_the_nearest_name_is_found(name: str, meant: str) -> None:
    """A mistyped name is answered with the one that was meant."""
    assert nearest(name)[0] == meant


def test_nothing_is_near_to_nonsense() -> None:
    """Where nothing is alike, nothing is proposed."""
    assert nearest("elasticsearch.host") == []


@given(st.text())
def test_any_name_has_a_meaning_or_none(name: str) -> None:
    """Looking up a name never fails."""
    known = meaning(name)
    assert known is None or known.option is not None or known.why
