from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowcoll import config
from flowcoll.config import Options, defaults, describe
from flowcoll.errors import ConfigError
from flowcoll.options import customer, types
from flowcoll.options.table import OPTIONS

DATA = Path(__file__).parent / "data"
MAXMIND = "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_"
THREAT = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_"
RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
REFRESH = RISKIQ + "{}_REFRESH_INTERVAL"


class Site:
    """A place with its own root directory, so that no file of this machine is read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "flowcoll.yml"

    def put(self, path: str, text: str = "") -> Path:
        """Write a file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def load(self, *sets: str, yaml: str | None = None, **environ: str) -> Options:
        """Load with a configuration file of this text, an environment, and --set."""
        if yaml is not None:
            self.file.write_text(yaml)
        return config.load(self.file if yaml is not None else None, environ, sets, root=self.root)

    def refused(self, *sets: str, yaml: str | None = None, **environ: str) -> list[str]:
        """Problems of a configuration that must not load, one line each."""
        with pytest.raises(ConfigError) as caught:
            self.load(*sets, yaml=yaml, **environ)
        assert caught.value.exit_code == 78
        first, *others = str(caught.value).split("\n")
        assert not others or first == f"the configuration has {len(others)} problems"
        return [line.removeprefix("  ") for line in others or [first]]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


# sources


def test_nothing_given_means_the_defaults(site: Site) -> None:
    """Without any source every option has its default, and there is nothing to say."""
    options = site.load()
    assert dict(options) == {name: option.default for name, option in OPTIONS.items()}
    assert options.notices == ()
    assert {options.origin(name) for name in options} == {"default"}


def test_the_later_source_wins(site: Site) -> None:
    """Default < file < environment < --set, and the origin names the winner."""
    yaml = "EF_API_PORT: 1\nEF_INSTANCE_NAME: file\nEF_API_IP: 127.0.0.2\n"
    options = site.load("EF_API_PORT=3", yaml=yaml, EF_API_PORT="2", EF_INSTANCE_NAME="environment")
    names = ("EF_API_PORT", "EF_INSTANCE_NAME", "EF_API_IP", "EF_LOGGER_LEVEL")
    assert [options[name] for name in names] == [3, "environment", "127.0.0.2", "info"]
    assert [options.origin(name) for name in names] == ["--set", "environment", f"file {site.file}", "default"]


@pytest.mark.parametrize(
    ("yaml", "name", "value"),
    [
        ("EF_OUTPUT_STDOUT_ENABLE: true", "EF_OUTPUT_STDOUT_ENABLE", True),
        ("EF_OUTPUT_STDOUT_ENABLE: 'yes'", "EF_OUTPUT_STDOUT_ENABLE", True),
        ("EF_OUTPUT_STDOUT_ENABLE: on", "EF_OUTPUT_STDOUT_ENABLE", True),
        ("EF_API_PORT: 81", "EF_API_PORT", 81),
        ("EF_API_PORT: '81'", "EF_API_PORT", 81),
        ("EF_API_PORT:", "EF_API_PORT", 8080),
        ("EF_API_PORT: ~", "EF_API_PORT", 8080),
        ("EF_API_PORT: ''", "EF_API_PORT", 8080),
        ("EF_INSTANCE_NAME: 0123", "EF_INSTANCE_NAME", "0123"),
        ("EF_INSTANCE_NAME: 1e3", "EF_INSTANCE_NAME", "1e3"),
        ("EF_INSTANCE_NAME: no", "EF_INSTANCE_NAME", "no"),
        ("EF_FLOW_SERVER_UDP_PORT: 2055,4739", "EF_FLOW_SERVER_UDP_PORT", [2055, 4739]),
        ("EF_FLOW_SERVER_UDP_PORT: [2055, '4739']", "EF_FLOW_SERVER_UDP_PORT", [2055, 4739]),
        ("EF_PROCESSOR_DROP_FIELDS:\n- a\n- b.c", "EF_PROCESSOR_DROP_FIELDS", ["a", "b.c"]),
        ("EF_PROCESSOR_DROP_FIELDS: []", "EF_PROCESSOR_DROP_FIELDS", []),
        ("EF_STATE_PATH: /x/y", "EF_STATE_PATH", Path("/x/y")),
        ("# nothing\n", "EF_API_PORT", 8080),
        ("", "EF_API_PORT", 8080),
    ],
)
def test_a_yaml_value_is_taken_as_it_is_written(site: Site, yaml: str, name: str, value: Any) -> None:
    """Bools, numbers, texts and lists are understood, and no text is changed on the way."""
    assert site.load(yaml=yaml)[name] == value


def test_an_empty_value_leaves_an_earlier_source_alone(site: Site) -> None:
    """Empty means not set where the type has no empty value, as in a compose file with an unset variable."""
    assert site.load(yaml="EF_API_PORT: 81", EF_API_PORT="")["EF_API_PORT"] == 81
    assert site.load(yaml="EF_PROCESSOR_DROP_FIELDS: a", EF_PROCESSOR_DROP_FIELDS="")["EF_PROCESSOR_DROP_FIELDS"] == []


def test_other_variables_of_the_environment_are_not_ours(site: Site) -> None:
    """Only names that begin as ours do are looked at."""
    assert site.load(PATH="/bin", EFFORT="1", AWS_REGION="x").notices == ()


def test_a_missing_default_file_is_fine_and_a_missing_named_one_is_not(site: Site) -> None:
    """Nobody has to have a configuration file, but one that is named must be there."""
    assert site.load()["EF_API_PORT"] == 8080
    with pytest.raises(ConfigError, match=r"gone.yml: cannot be read \(No such file"):
        config.load(site.root / "gone.yml", {}, [])


def test_the_default_file_is_found_ours_before_theirs(site: Site) -> None:
    """Without ours, ElastiFlow's file is read, with a notice."""
    theirs = site.put("etc/elastiflow/flowcoll.yml", "EF_API_PORT: 1")
    options = site.load()
    assert options["EF_API_PORT"] == 1
    assert [str(theirs) in notice for notice in options.notices] == [True]
    site.put("etc/flowcoll/flowcoll.yml", "EF_API_PORT: 2")
    options = site.load()
    assert (options["EF_API_PORT"], options.notices) == (2, ())


def test_a_file_of_ours_that_sets_nothing_does_not_hide_theirs(site: Site) -> None:
    """The package brings one with comments only; one that is broken is not passed over."""
    ours = site.put("etc/flowcoll/flowcoll.yml", "# nothing\n")
    theirs = site.put("etc/elastiflow/flowcoll.yml", "EF_API_PORT: 81\n")
    options = site.load()
    assert options["EF_API_PORT"] == 81
    assert f"{ours} sets nothing, {theirs} is read" in options.notices
    theirs.unlink()
    assert site.load()["EF_API_PORT"] == 8080
    site.put("etc/elastiflow/flowcoll.yml", "EF_API_PORT: 81\n")
    ours.write_text("EF_API_PORT: '")
    assert "is not YAML" in site.refused()[0]


@pytest.mark.parametrize(
    ("yaml", "line", "words"),
    [
        ("EF_API_PORT: 1\nEF_API_IP: a: b\n", 2, "is not YAML"),
        ("EF_API_PORT: [1\n", 2, "is not YAML"),
        ("\tEF_API_PORT: 1", 1, "is not YAML"),
        ("EF_API_PORT: 1\nEF_API_PORT: 2\n", 2, "EF_API_PORT is given twice, first in line 1"),
        ("EF_API_PORT: 1\n\nEF_API_IP:\n  a: b\n", 3, "EF_API_IP must be one value or a list of values"),
        ("EF_FLOW_SERVER_UDP_PORT: [[1]]", 1, "must be one value or a list of values"),
        ("EF_API_PORT: [1, 2]", 1, "EF_API_PORT = '1,2': must be one value, not a list"),
        ("[a]: b", 1, "EF_NAME: value"),
        ('"EF_\\nX": 1', 1, r"'EF_\nX': unknown option"),
        ("EF_API_PORT: 1\n---\nEF_API_PORT: 1\n", 2, "is not YAML"),
    ],
)
def test_a_broken_file_is_named_with_its_line(site: Site, yaml: str, line: int, words: str) -> None:
    """What is wrong in a file is found by file and line."""
    problems = site.refused(yaml=yaml)
    assert [(p.startswith(f"{site.file}:{line}: "), words in p) for p in problems] == [(True, True)]


@pytest.mark.parametrize("octets", [b"- a\n", b"EF_INSTANCE_NAME: \xff", b"EF_INSTANCE_NAME: a\x01"])
def test_a_file_that_is_none_of_ours_is_one_problem(site: Site, octets: bytes) -> None:
    """A list, another encoding, a control character: one line each, with the file's name."""
    site.file.write_bytes(octets)
    with pytest.raises(ConfigError, match=rf"^{site.file}: [^\n]+$"):
        config.load(site.file, {}, [])


@settings(max_examples=40)
@given(st.text())
def test_any_file_loads_or_is_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever a file holds, it loads or there is a message for a person."""
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_bytes(text.encode(errors="surrogatepass"))
    try:
        options = config.load(file, {}, [])
    except ConfigError as exc:
        assert str(file) in str(exc)  # noqa: PT017  either is right
    else:
        assert len(options) >= len(OPTIONS)


# problems


def test_every_problem_is_told_at_once(site: Site) -> None:
    """One message lists all that is wrong, each with source, name, value, and what to do."""
    hint = OPTIONS["EF_OUTPUT_OPENSEARCH_ENABLE"].hint
    problems = site.refused(
        "EF_API_IP=nowhere",
        "EF_API_PORT",
        yaml="EF_API_PORT: 99999\nEF_LOGER_LEVEL: debug\nEF_OUTPUT_FILE_ENABLE: true\nEF_OUTPUT_OPENSEARCH_ENABLE: true\n",
        EF_LOGGER_LEVEL="loud",
        EF_OUTPUT_KAFKA_ENABLE="true",
    )
    assert problems == [
        "--set: EF_API_PORT has no value; write --set NAME=VALUE",
        f"{site.file}:2: EF_LOGER_LEVEL: unknown option; did you mean EF_LOGGER_LEVEL?",
        f"{site.file}:1: EF_API_PORT = '99999': must be a whole number, 1 to 65535",
        f"{site.file}:4: EF_OUTPUT_OPENSEARCH_ENABLE = 'true': {hint}; set it to false or remove it",
        "environment: EF_LOGGER_LEVEL = 'loud': must be one of debug, info, warn, error, panic, fatal",
        "environment: EF_OUTPUT_KAFKA_ENABLE = 'true': flowcoll cannot do this yet; set it to false or remove it",
        "--set: EF_API_IP = 'nowhere': must be an IPv4 or IPv6 address",
        f"{site.file}:3: EF_OUTPUT_FILE_ENABLE = 'true': needs EF_OUTPUT_FILE_PATH, which is empty; set it",
    ]


def test_one_problem_is_one_line(site: Site) -> None:
    """A single problem needs no heading."""
    assert site.refused(EF_FOO="1") == ["environment: EF_FOO: unknown option; `flowcoll config` lists all options"]


def test_only_the_winning_value_is_judged(site: Site) -> None:
    """A value that a later source replaces cannot be wrong any more."""
    assert site.load(yaml="EF_API_PORT: eighty", EF_API_PORT="80")["EF_API_PORT"] == 80


def test_a_long_or_odd_value_stays_on_its_line(site: Site) -> None:
    """A value cannot break the message it is shown in."""
    (problem,) = site.refused(EF_API_IP="1\n2" + "x" * 500)
    assert r"'1\n2xxx" in problem
    assert len(problem) < 200


@pytest.mark.parametrize("name", ["EF_PROCESSOR_POOL_SIZE", "EF_PROCESSOR_DECODE_MAX_RECORDS_PER_PACKET"])
def test_a_number_out_of_its_bounds_is_a_problem(site: Site, name: str) -> None:
    """No number is cut to fit."""
    assert "must be a whole number" in site.refused(**{name: "-1"})[0]


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("EF_PROCESSOR_PERCENT_NORM", "1", "flowcoll cannot change this yet; remove it or leave it at '100'"),
        (
            "EF_PROCESSOR_DECODE_NETFLOW1_ENABLE",
            "false",
            "flowcoll cannot change this yet; remove it or leave it at 'true'",
        ),
        ("EF_OUTPUT_MONITOR_ENABLE", "true", "flowcoll cannot do this yet; set it to false or remove it"),
        ("EF_PROCESSOR_ELEMENTS_PATH", "/x", "flowcoll cannot do this yet; remove it"),
        ("EF_INPUT_FLOW_BENCHMARK_ENABLE", "1", "use `flowcoll replay CAPTURE`; set it to false or remove it"),
    ],
)
def test_what_cannot_be_done_is_refused_with_advice(site: Site, name: str, value: str, advice: str) -> None:
    """An option that is not carried out is refused as soon as it asks for something."""
    (problem,) = site.refused(**{name: value})
    assert problem.endswith(advice)
    assert site.load(**{name: OPTIONS[name].type.show(OPTIONS[name].default)}).notices == ()


def test_the_switch_speaks_for_what_it_switches(site: Site) -> None:
    """Where a whole feature is refused, its switch is the one problem."""
    (problem,) = site.refused(
        EF_OUTPUT_KAFKA_ENABLE="true",
        EF_OUTPUT_KAFKA_BROKERS="kafka:9092",
        EF_OUTPUT_KAFKA_SASL_ENABLE="true",
        EF_OUTPUT_KAFKA_TIMEOUT="2",
    )
    assert "EF_OUTPUT_KAFKA_ENABLE" in problem


def test_an_unfinished_part_of_something_supported_is_refused(site: Site) -> None:
    """What is not there yet within a feature that is on cannot be asked for."""
    name = MAXMIND + "GEOIP_"
    (problem,) = site.refused(**{name + "ENABLE": "true", name + "INCLEXCL_REFRESH_RATE": "5"})
    assert problem.startswith(f"environment: {name}INCLEXCL_REFRESH_RATE = '5': flowcoll cannot change this yet")


def test_what_is_switched_off_does_no_harm(site: Site) -> None:
    """Options of a disabled feature, even wrong ones, are a notice at most."""
    off = "not used while EF_OUTPUT_OPENSEARCH_ENABLE is off"
    options = site.load(
        EF_OUTPUT_OPENSEARCH_ADDRESSES="os:9200",
        EF_OUTPUT_OPENSEARCH_USERNAME="me",
        EF_OUTPUT_OPENSEARCH_BATCH_DEADLINE="soon",
        EF_OUTPUT_OPENSEARCH_INDEX_PERIOD="daily",
        EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_ASN_PATH="/x",
    )
    assert options.notices == (
        f"environment: EF_OUTPUT_OPENSEARCH_BATCH_DEADLINE = 'soon': must be a whole number of milliseconds; {off}",
        f"EF_OUTPUT_OPENSEARCH_ADDRESSES, EF_OUTPUT_OPENSEARCH_USERNAME: {off}",
    )


def test_the_switch_that_is_off_is_named(site: Site) -> None:
    """Of several switches one above the other, the one to turn on is named."""
    notices = site.load(EF_OUTPUT_OPENSEARCH_RETRY_BACKOFF="5").notices
    assert notices == ("EF_OUTPUT_OPENSEARCH_RETRY_BACKOFF: not used while EF_OUTPUT_OPENSEARCH_ENABLE is off",)


def test_what_has_no_effect_is_one_notice(site: Site) -> None:
    """A licence is not needed: said once, with all the names."""
    options = site.load(EF_LICENSE_ACCEPTED="true", EF_ACCOUNT_ID="a", EF_FLOW_LICENSED_UNITS="")
    assert options.notices == ("EF_LICENSE_ACCEPTED, EF_ACCOUNT_ID: without effect, flowcoll needs no licence",)


# secrets in files


def test_a_file_of_a_secret_is_read_again(site: Site, tmp_path: Path) -> None:
    """An output can read its files of secrets anew; one that is gone leaves the secret as it was."""
    first, second = tmp_path / "password", tmp_path / "key"
    first.write_text("old\n")
    second.write_text("k")
    options = site.load(
        EF_OUTPUT_ELASTICSEARCH_ENABLE="true",
        EF_OUTPUT_ELASTICSEARCH_PASSWORD_FILE=str(first),
        EF_OUTPUT_ELASTICSEARCH_API_KEY_FILE=str(second),
        EF_OUTPUT_ELASTICSEARCH_USERNAME="me",
    )
    (output,) = options.outputs("ELASTICSEARCH")
    first.write_text("new\n")
    second.unlink()
    renewed = output.renewed()
    assert (output.values["PASSWORD"], renewed.values["PASSWORD"]) == ("old", "new")
    assert (renewed.values["API_KEY"], renewed.values["USERNAME"]) == ("k", "me")
    assert renewed.renewed() == renewed
    assert "new" not in repr(renewed)


def test_files_of_secrets_belong_to_their_output(site: Site, tmp_path: Path) -> None:
    """Each named output reads its own files."""
    secrets = {}
    for name in ("A", "B"):
        (tmp_path / name).write_text(name)
        secrets |= {
            f"EF_{name}_OUTPUT_ELASTICSEARCH_ENABLE": "true",
            f"EF_{name}_OUTPUT_ELASTICSEARCH_PASSWORD_FILE": str(tmp_path / name),
        }
    outputs = site.load(**secrets).outputs("ELASTICSEARCH")
    (tmp_path / "B").write_text("other")
    assert [output.renewed().values["PASSWORD"] for output in outputs] == ["A", "other"]
    assert [output.option("ELASTICSEARCH_PASSWORD") for output in outputs] == [
        "EF_A_OUTPUT_ELASTICSEARCH_PASSWORD",
        "EF_B_OUTPUT_ELASTICSEARCH_PASSWORD",
    ]


# lists of one's own


@pytest.mark.parametrize(
    "said",
    [
        {"TYPE": "spamhaus_drop"},
        {"TYPE": "spamhaus_drop", "REFRESH_INTERVAL": "60"},
        {"TYPE": "spamhaus_drop", "URL": "https://mirror.example/drop.json", "REFRESH_INTERVAL": "1"},
        {"TYPE": "spamhaus_drop", "PATH": "/drop.json", "REFRESH_INTERVAL": "1"},
        {"TYPE": "feodo", "REFRESH_INTERVAL": "5"},
        {"URL": "https://x.example/", "HEADER": "Auth-Key: k", "PROXY": "http://u:p@proxy.example:3128"},
    ],
)
def test_where_a_list_may_be(site: Site, said: dict[str, str]) -> None:
    """One place is enough, that of the feed too; how often is for the owner of that place to say."""
    site.load(**{f"{THREAT}A_{end}": value for end, value in {"ENABLE": "true", **said}.items()})


@pytest.mark.parametrize(
    ("end", "value", "words"),
    [
        ("HEADER", "hunter2", "must be name: value, such as Auth-Key: and the key"),
        ("HEADER", "Auth-Key:", "must be name: value, such as Auth-Key: and the key"),
        ("HEADER", "Auth Key: hunter2", "must be name: value, such as Auth-Key: and the key"),
        ("HEADER", "Auth-Key: a\r\nHost: hunter2", "must be one line without control characters, name: value"),
        ("HEADER", "Host: hunter2", "must be another header than Host, which the request has anyway"),
        ("PROXY", "me:hunter2@proxy:3128", "must be an address that starts with http:// or https://"),
        ("PROXY", "socks5://me:hunter2@proxy", "must be an address that starts with http:// or https://"),
        ("URL", "ftp://me:hunter2@x.example", "must be an address that starts with http:// or https://"),
        ("TLS_SKIP_VERIFICATION", "perhaps", "must be true or false"),
        ("TIMEOUT", "0", "must be a whole number of seconds, at least 1"),
        ("TYPE", "urlhaus", "must be one of auto, plain, csv, json, yaml, feodo"),
    ],
)
def test_what_a_download_cannot_be_made_with(site: Site, end: str, value: str, words: str) -> None:
    """Each option of a download is judged at the start, in one line that shows no secret."""
    problems = site.refused(**{THREAT + "A_ENABLE": "true", THREAT + "A_PATH": "/x", f"{THREAT}A_{end}": value})
    assert problems[0].startswith(f"environment: {THREAT}A_{end} = ")
    assert words in problems[0]
    assert "hunter2" not in " ".join(problems)


def test_every_secret_of_a_list_may_be_in_a_file(site: Site) -> None:
    """Password, header and proxy; a newline at the end of the file is not part of it."""
    values = {"PASSWORD": "p", "HEADER": "Auth-Key: k", "PROXY": "http://u:p@proxy.example:3128"}
    for end, value in values.items():
        (site.root / end).write_text(value + "\n")
    options = site.load(**{f"{THREAT}A_{end}_FILE": str(site.root / end) for end in values})
    (mine,) = options.threat_lists
    assert (mine.password, mine.header, mine.proxy) == tuple(values.values())


# options that must agree


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"EF_FLOW_SERVER_UDP_PORT": "9995,0"}, "1 to 65535"),
        ({"EF_FLOW_SERVER_UDP_PORT": "9995,2055,9995"}, "names nothing twice"),
        ({THREAT + "A_ENABLE": "true"}, f"needs {THREAT}A_PATH or {THREAT}A_URL; set one, or a {THREAT}A_TYPE that is"),
        ({THREAT + "A_ENABLE": "true", THREAT + "A_TYPE": "csv"}, f"needs {THREAT}A_PATH or {THREAT}A_URL"),
        (
            {THREAT + "A_ENABLE": "true", THREAT + "A_PATH": "/x", THREAT + "A_URL": "https://x.example/"},
            f"{THREAT}A_URL = 'https://x.example/': {THREAT}A_PATH is set too; remove one of the two",
        ),
        (
            {THREAT + "A_ENABLE": "true", THREAT + "A_URL": "https://x.example/{password}/list"},
            f"needs {THREAT}A_PASSWORD, which goes into the place of {{password}}",
        ),
        (
            {THREAT + "A_ENABLE": "true", THREAT + "A_TYPE": "spamhaus_drop", THREAT + "A_REFRESH_INTERVAL": "59"},
            f"{THREAT}A_REFRESH_INTERVAL = '59': must be at least 60 minutes for this list: Spamhaus wants downloads",
        ),
        (
            {
                THREAT + "A_ENABLE": "true",
                THREAT + "A_URL": "https://www.spamhaus.org/drop/drop_v4.json",
                THREAT + "A_REFRESH_INTERVAL": "10",
            },
            f"{THREAT}A_REFRESH_INTERVAL = '10': must be at least 60 minutes for this list: Spamhaus wants downloads",
        ),
        ({"EF_OUTPUT_FILE_ENABLE": "true"}, "needs EF_OUTPUT_FILE_PATH"),
        ({"EF_B_OUTPUT_FILE_ENABLE": "true"}, "needs EF_B_OUTPUT_FILE_PATH"),
        ({MAXMIND + "ASN_ENABLE": "true", MAXMIND + "ASN_PATH": ""}, f"needs {MAXMIND}ASN_PATH"),
        ({MAXMIND + "GEOIP_ENABLE": "true", MAXMIND + "GEOIP_PATH": ""}, f"needs {MAXMIND}GEOIP_PATH"),
        ({RISKIQ + "THREAT_ENABLE": "true"}, f"needs {RISKIQ}API_USER and {RISKIQ}API_KEY to be set: user and key"),
        ({RISKIQ + "THREAT_ENABLE": "true", RISKIQ + "API_USER": "jane"}, f"needs {RISKIQ}API_KEY to be set"),
        ({RISKIQ + "ASN_ENABLE": "true"}, f"needs {RISKIQ}API_USER and {RISKIQ}API_KEY to be set: user and key"),
        (
            {
                RISKIQ + "THREAT_ENABLE": "true",
                RISKIQ + "API_USER": "jane",
                RISKIQ + "API_KEY": "k",
                THREAT + "RISKIQ_ENABLE": "true",
                THREAT + "RISKIQ_PATH": "/x",
            },
            f"{THREAT}RISKIQ_ENABLE = 'true': {RISKIQ}THREAT_ENABLE has a list of this name; give yours another",
        ),
        ({"EF_API_TLS_ENABLE": "true"}, "needs EF_API_TLS_CERT_FILEPATH and EF_API_TLS_KEY_FILEPATH to be set"),
        (
            {"EF_API_BASIC_AUTH_ENABLE": "true", "EF_API_BASIC_AUTH_USERNAME": "jane"},
            "needs EF_API_BASIC_AUTH_PASSWORD to be set",
        ),
        (
            {
                "EF_API_BASIC_AUTH_ENABLE": "true",
                "EF_API_BASIC_AUTH_USERNAME": "jane:doe",
                "EF_API_BASIC_AUTH_PASSWORD": "p",
            },
            "EF_API_BASIC_AUTH_USERNAME = 'jane:doe': a user name holds no colon",
        ),
        ({REFRESH.format("THREAT"): "59"}, f"{REFRESH.format('THREAT')} = '59': must be at least 60 minutes"),
        ({REFRESH.format("ASN"): "0"}, f"{REFRESH.format('ASN')} = '0': must be at least 60 minutes"),
        (
            {"EF_OUTPUT_STDOUT_ENABLE": "true", "EF_B_OUTPUT_STDOUT_ENABLE": "true"},
            "cannot be used together with EF_B_OUTPUT_STDOUT_ENABLE",
        ),
    ],
)
def test_options_that_disagree_are_one_problem(site: Site, environ: dict[str, str], words: str) -> None:
    """What cannot work together is refused before the start, and the option is named."""
    (problem,) = site.refused(**environ)
    assert words in problem


def test_a_global_and_a_named_output_that_is_off_get_along(site: Site) -> None:
    """Only two that are both enabled are too many."""
    assert len(site.load(EF_OUTPUT_STDOUT_ENABLE="true", EF_B_OUTPUT_STDOUT_ENABLE="false").outputs("STDOUT")) == 1


# names


def test_an_older_name_counts_with_one_warning(site: Site) -> None:
    """A name of another version is carried out, and today's is named once."""
    options = site.load(yaml="EF_FLOW_LOGGER_LEVEL: warn", EF_FLOW_LOGGER_LEVEL="debug")
    assert options["EF_LOGGER_LEVEL"] == "debug"
    assert options.notices == ("environment: EF_FLOW_LOGGER_LEVEL is the name of version 5.x; write EF_LOGGER_LEVEL",)


def test_todays_name_wins_over_an_older_one(site: Site) -> None:
    """Even from an earlier source, today's name counts, and the other is said to be ignored."""
    options = site.load(yaml="EF_API_PORT: 1", EF_METRICS_PORT="2")
    assert options["EF_API_PORT"] == 1
    assert options.notices == (
        "environment: EF_METRICS_PORT, the name of version 6.1, is ignored because EF_API_PORT is set too",
    )


def test_a_name_that_is_gone_is_a_notice(site: Site) -> None:
    """A name without a successor is told with its reason; its value is not shown."""
    options = site.load(yaml="AWS_SECRET_ACCESS_KEY: hush\nEF_FLOW_DECODER_SETTINGS_PATH: /etc/elastiflow\n")
    assert len(options.notices) == 2
    assert not any("hush" in notice for notice in options.notices)


def test_a_configuration_of_elastiflow_loads_with_notices_only(site: Site) -> None:
    """What a site has in its flowcoll.yml is taken over; nothing of it stops the start."""
    options = config.load(DATA / "elastiflow-flowcoll.yml", {}, [], root=site.root)
    assert options["EF_FLOW_SERVER_UDP_PORT"] == [2055, 4739, 6343, 9995]
    assert options[MAXMIND + "ASN_PATH"] == Path("/etc/elastiflow/maxmind/GeoLite2-ASN.mmdb")
    assert (options["EF_OUTPUT_RISKIQ_HOST"], options["EF_OUTPUT_RISKIQ_PORT"]) == ("flow.riskiq.net", 20000)
    told = "\n".join(options.notices)
    assert "not-a-real" not in told
    assert "internal-community" not in told
    assert "EF_OUTPUT_OPENSEARCH_INDEX_PREFIX" in told
    assert len(options.notices) < 20


# several outputs, threat lists


def test_named_outputs_are_listed_with_their_values(site: Site) -> None:
    """Every enabled output of a type, with all its values, those that were not given by default."""
    options = site.load(
        EF_EDGE_OUTPUT_FILE_ENABLE="true",
        EF_EDGE_OUTPUT_FILE_PATH="/e",
        EF_CORE_NET_OUTPUT_FILE_ENABLE="true",
        EF_CORE_NET_OUTPUT_FILE_PATH="/c",
        EF_CORE_NET_OUTPUT_FILE_DROP_FIELDS="a,b",
        EF_OFF_OUTPUT_FILE_PATH="/o",
    )
    values = {"ENABLE": True, "DROP_FIELDS": [], "TIMESTAMP_SOURCE": "collect"}
    assert {output.namespace: dict(output.values) for output in options.outputs("FILE")} == {
        "edge": values | {"PATH": Path("/e")},
        "core_net": values | {"PATH": Path("/c"), "DROP_FIELDS": ["a", "b"]},
    }
    assert options.outputs("STDOUT") == []
    assert options["EF_EDGE_OUTPUT_FILE_PATH"] == Path("/e")
    assert options.origin("EF_EDGE_OUTPUT_FILE_TIMESTAMP_SOURCE") == "default"


def test_the_global_output_has_no_namespace(site: Site) -> None:
    """The output without a name is listed under an empty one."""
    (output,) = site.load(EF_OUTPUT_STDOUT_ENABLE="true", EF_OUTPUT_STDOUT_FORMAT="json").outputs("STDOUT")
    assert (output.namespace, dict(output.values)) == ("", {"ENABLE": True, "FORMAT": "json"})


def test_a_named_output_we_do_not_have_is_refused(site: Site) -> None:
    """A namespace does not hide what cannot be done."""
    (problem,) = site.refused(EF_A_OUTPUT_SPLUNK_HEC_ENABLE="true")
    assert "EF_A_OUTPUT_SPLUNK_HEC_ENABLE = 'true': there is no Splunk output" in problem


def test_threat_lists_are_listed(site: Site) -> None:
    """Every list that is mentioned, by its name in lower case."""
    options = site.load(
        **{
            THREAT + "SPAMHAUS_DROP_ENABLE": "true",
            THREAT + "SPAMHAUS_DROP_PATH": "/drop.txt",
            THREAT + "SPAMHAUS_DROP_CONFIDENCE": "90",
            THREAT + "OWN_TYPE": "csv",
        }
    )
    drop, own = options.threat_lists
    assert (drop.name, drop.enable, drop.type, drop.path, drop.label, drop.confidence, drop.refresh_interval) == (
        "spamhaus_drop",
        True,
        "auto",
        Path("/drop.txt"),
        "",
        90,
        1440,
    )
    assert (own.name, own.enable, own.type, own.path, own.confidence, own.url) == (
        "own",
        False,
        "csv",
        None,
        None,
        None,
    )
    assert defaults().threat_lists == ()


# paths


def test_elastiflows_file_is_used_where_ours_is_missing(site: Site) -> None:
    """A database that lies where ElastiFlow has it is found, with a notice; ours comes first."""
    theirs = site.put("etc/elastiflow/maxmind/GeoLite2-ASN.mmdb")
    options = site.load(**{MAXMIND + "ASN_ENABLE": "true"})
    assert options[MAXMIND + "ASN_PATH"] == theirs
    assert [str(theirs) in notice for notice in options.notices] == [True]
    site.put("etc/flowcoll/maxmind/GeoLite2-ASN.mmdb")
    options = site.load(**{MAXMIND + "ASN_ENABLE": "true"})
    assert (options[MAXMIND + "ASN_PATH"], options.notices) == (OPTIONS[MAXMIND + "ASN_PATH"].default, ())


def test_a_path_that_was_given_is_not_replaced(site: Site) -> None:
    """Only a default is looked for elsewhere, and only when it is needed."""
    site.put("etc/elastiflow/maxmind/GeoLite2-ASN.mmdb")
    assert site.load().notices == ()
    options = site.load(
        **{MAXMIND + "ASN_ENABLE": "true", MAXMIND + "ASN_PATH": "/etc/flowcoll/maxmind/GeoLite2-ASN.mmdb"}
    )
    assert options[MAXMIND + "ASN_PATH"] == Path("/etc/flowcoll/maxmind/GeoLite2-ASN.mmdb")
    assert options.notices == ()


def test_a_file_that_is_not_read_yet_is_told(site: Site) -> None:
    """A file that ElastiFlow would obey is not passed over in silence."""
    site.put("etc/elastiflow/maxmind/incl_excl.yml")
    (notice,) = site.load(**{MAXMIND + "GEOIP_ENABLE": "true"}).notices
    assert f"{site.root}/etc/elastiflow/maxmind/incl_excl.yml is not read" in notice
    assert site.load().notices == ()


# secrets

SECRETS = sorted(name for name, option in OPTIONS.items() if option.type.secret)
SHAPED = {types.secret_url: "http://me:hunter2@x.example", customer.key: "aHVudGVyMmh1bnRlcjJodQ=="}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(site: Site, name: str) -> None:
    """Not in a message, a notice, a row, or a representation."""
    switch = dict.fromkeys(OPTIONS[name].switches, "true")
    with pytest.raises(ConfigError) as caught:
        site.load("EF_FOO=1", **{name: "hunter2"}, **switch)
    assert "hunter2" not in str(caught.value)
    site.file.write_text(f"{name}: *hunter2\n")
    with pytest.raises(ConfigError) as caught:
        config.load(site.file, {}, [])
    assert "hunter2" not in str(caught.value)
    if OPTIONS[name].switches:
        secret = SHAPED.get(OPTIONS[name].type, "hunter2")
        options = site.load(**{name: secret})
        assert options[name]
        row = next(row for row in describe(options) if row.name == name)
        assert row.value == "****"
        assert secret not in repr((options, options.notices, describe(options)))


@pytest.mark.parametrize("name", ["EF_OUTPUT_KAFKA_PASWORD", "EF_APIKEY", "EF_OUTPUT_ELASTICSEARCH_PASSWORD_"])
def test_the_value_of_an_unknown_option_is_not_shown(site: Site, name: str) -> None:
    """It may be a secret under a mistyped name."""
    assert "hunter2" not in site.refused(f"{name}=hunter2", f"{name}:hunter2")[0]


def test_secrets_of_named_things_are_not_represented(site: Site) -> None:
    """Outputs and lists keep theirs out of repr(), too."""
    options = site.load(
        **{
            THREAT + "A_PASSWORD": "hunter2",
            THREAT + "A_HEADER": "Auth-Key: hunter3",
            THREAT + "A_URL": "https://me:hunter5@x.example/",
            THREAT + "A_PROXY": "https://me:hunter6@x.example/",
            "EF_A_OUTPUT_KAFKA_SASL_PASSWORD": "hunter4",
        }
    )
    assert (options.threat_lists[0].password, options.threat_lists[0].header) == ("hunter2", "Auth-Key: hunter3")
    assert "hunter" not in repr((options.threat_lists, options.notices, describe(options)))


def test_credentials_in_a_url_are_masked(site: Site) -> None:
    """A password inside an address is a secret as well."""
    options = site.load(**{THREAT + "A_URL": "https://me:hunter2@x.example/list"})
    assert next(row.value for row in describe(options) if row.name == THREAT + "A_URL") == "https://****@x.example/list"
    assert "hunter2" not in site.refused(EF_KIBANA_URL="https://me:hunter2@x.example:5601")[0]


@pytest.mark.parametrize(
    ("octets", "value"),
    [(b"p\n", "p"), (b"p\r\n", "p"), (b"p\n\n", "p\n"), (b" p ", " p "), ("\u00fc".encode(), "\u00fc")],
)
def test_a_secret_comes_from_a_file(site: Site, octets: bytes, value: str) -> None:
    """The file's content is the secret, without the newline at its end."""
    file = site.root / "secret"
    file.write_bytes(octets)
    options = site.load(EF_API_BASIC_AUTH_PASSWORD_FILE=str(file))
    assert options["EF_API_BASIC_AUTH_PASSWORD"] == value
    assert options.origin("EF_API_BASIC_AUTH_PASSWORD") == "environment"


def test_a_secret_is_given_once(site: Site) -> None:
    """X and X_FILE together are a problem; an empty X is none."""
    file = site.put("secret", "p")
    (problem,) = site.refused(yaml="EF_KIBANA_API_KEY: hunter2", EF_KIBANA_API_KEY_FILE=str(file))
    assert problem == (
        f"environment: EF_KIBANA_API_KEY_FILE = '{file}': EF_KIBANA_API_KEY is set too; remove one of the two"
    )
    options = site.load(EF_API_BASIC_AUTH_PASSWORD="", EF_API_BASIC_AUTH_PASSWORD_FILE=str(file))
    assert options["EF_API_BASIC_AUTH_PASSWORD"] == "p"


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_secret_that_cannot_be_read_is_a_problem(site: Site, content: bytes | None) -> None:
    """The file is named, and why; where the secret is not needed, it is a notice."""
    file = site.root / "secret"
    if content is not None:
        file.write_bytes(content)
    (problem,) = site.refused(EF_KIBANA_PASSWORD_FILE=str(file))
    assert problem.startswith(f"environment: EF_KIBANA_PASSWORD_FILE = '{file}': must be a file")
    (notice,) = site.load(EF_OUTPUT_KAFKA_SASL_PASSWORD_FILE=str(file)).notices
    assert "not used while EF_OUTPUT_KAFKA_SASL_ENABLE is off" in notice


@pytest.mark.parametrize("name", ["EF_API_PORT_FILE", "EF_OUTPUT_FILE_PATH_FILE"])
def test_only_a_secret_has_a_file(site: Site, name: str) -> None:
    """X_FILE of what is no secret is an unknown option."""
    assert "unknown option" in site.refused(**{name: "/x"})[0]


# the mapping itself


def test_options_do_not_change(site: Site) -> None:
    """A list that is handed out is a copy; items cannot be set."""
    options = site.load()
    options["EF_FLOW_SERVER_UDP_PORT"].append(1)
    assert options["EF_FLOW_SERVER_UDP_PORT"] == [9995]
    assert not hasattr(options, "__setitem__")
    assert OPTIONS["EF_FLOW_SERVER_UDP_PORT"].default == [9995]


def test_an_output_is_not_the_way_to_change_options() -> None:
    """Values of an output cannot be set either."""
    (output,) = defaults(EF_OUTPUT_STDOUT_ENABLE=True).outputs("STDOUT")
    assert not hasattr(output.values, "__setitem__")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EF_API_PORT", 81),
        ("EF_OUTPUT_STDOUT_ENABLE", True),
        ("EF_STATE_PATH", Path("/x")),
        ("EF_FLOW_SERVER_UDP_PORT", [1, 2]),
        ("EF_PROCESSOR_DROP_FIELDS", []),
        ("EF_PROCESSOR_ENRICH_IPADDR_THREAT_A_CONFIDENCE", None),
        ("EF_INSTANCE_NAME", "x"),
    ],
)
def test_defaults_take_typed_values(name: str, value: Any) -> None:
    """A value of its type, given to `defaults`, is the value."""
    options = defaults(**{name: value})
    assert options[name] == value
    assert options["EF_LOGGER_LEVEL"] == "info"


@pytest.mark.parametrize(
    "overrides", [{"EF_FOO": 1}, {"EF_API_PORT": 0}, {"EF_API_PORT": "x"}, {"EF_OUTPUT_FILE_ENABLE": True}]
)
def test_defaults_are_checked_too(overrides: dict[str, Any]) -> None:
    """What cannot be set cannot be set there either."""
    with pytest.raises(ConfigError):
        defaults(**overrides)


def test_every_option_is_described(site: Site) -> None:
    """A row for every option, instances included, with value, source, standing and meaning."""
    options = site.load("EF_API_PORT=81", EF_EDGE_OUTPUT_FILE_PATH="/e", **{THREAT + "A_PATH": "/a"})
    rows = {row.name: row for row in describe(options)}
    assert list(rows) == list(options)
    assert rows["EF_API_PORT"][1:4] == ("81", "--set", "supported")
    assert rows["EF_EDGE_OUTPUT_FILE_PATH"].value == "/e"
    assert rows[THREAT + "A_PATH"][1:3] == ("/a", "environment")
    assert rows["EF_OUTPUT_ELASTICSEARCH_PASSWORD"].value == "****"
    assert rows["EF_API_BASIC_AUTH_PASSWORD"].value == ""
    assert rows["EF_LICENSE_ACCEPTED"].standing == "no effect"
    assert all(row.meaning for row in rows.values())


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(sorted(OPTIONS)), st.text(max_size=20), max_size=5))
def test_any_environment_loads_or_is_a_config_error(environ: dict[str, str]) -> None:
    """Whatever the environment holds, there are options or a message."""
    try:
        options = config.load(None, environ, [], root=Path("/nonexistent"))
    except ConfigError as exc:
        assert all(line.isprintable() for line in str(exc).split("\n"))  # noqa: PT017  either is right
    else:
        assert options.keys() >= OPTIONS.keys()
