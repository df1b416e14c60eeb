"""Which lists the options ask for, and where each comes from."""

from pathlib import Path
from typing import Any

import pytest

from flowcoll.config import defaults
from flowcoll.errors import ConfigError
from flowcoll.threat.keeping.feed import Feed, feed_of, feeds_of, passivetotal_source
from flowcoll.threat.keeping.kinds import KINDS

RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
OWN = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_"
ACCOUNT = {RISKIQ + "THREAT_ENABLE": True, RISKIQ + "API_USER": "jane", RISKIQ + "API_KEY": "s3cret"}


def own(**said: Any) -> Feed:
    (feed,) = feeds_of(defaults(**{f"{OWN}MINE_{end}": value for end, value in ({"ENABLE": True} | said).items()}))
    return feed


def test_what_is_off_is_no_feed() -> None:
    """By default there is none, and a list that is only mentioned is none."""
    assert feeds_of(defaults()) == ()
    assert feeds_of(defaults(**{OWN + "A_PATH": "/a"})) == ()


def test_passivetotal_comes_first() -> None:
    """PassiveTotal's list, then one's own by name."""
    said = {f"{OWN}{name}_{end}": value for name in ("Z", "A") for end, value in (("ENABLE", True), ("PATH", "/x"))}
    feeds = feeds_of(defaults(**said, **ACCOUNT))
    assert [feed.name for feed in feeds] == ["riskiq", "a", "z"]
    assert [feed.says for feed in feeds] == ["RiskIQ Threats:", "Threats a:", "Threats z:"]
    assert [feed.state_name for feed in feeds] == ["threat_riskiq", "threat_a", "threat_z"]


def test_passivetotals_source() -> None:
    """Every option of PassiveTotal's list has its place; what is shown of it holds no secret."""
    options = defaults(
        **ACCOUNT,
        **{
            RISKIQ + "THREAT_ENDPOINT": "https://a:b@x.example/list",
            RISKIQ + "THREAT_REFRESH_INTERVAL": 90,
            RISKIQ + "API_TIMEOUT": 7,
            RISKIQ + "API_PROXY": "http://me:hidden@proxy.example:3128",
            RISKIQ + "API_TLS_CA_CERT_FILEPATH": "/ca.pem",
            RISKIQ + "API_TLS_SKIP_VERIFICATION": True,
        },
    )
    (feed,) = feeds_of(options)
    (source,) = feed.sources
    assert (feed.kind.form, feed.path, feed.interval_s, feed.option) == ("auto", None, 5400, RISKIQ + "THREAT_ENDPOINT")
    assert feed.inclexcl_path == Path("/etc/flowcoll/riskiq/incl_excl.yml")
    assert (source.user, source.key, source.header, source.timeout_s) == ("jane", "s3cret", "", 7)
    assert (source.proxy, source.ca_file) == ("http://me:hidden@proxy.example:3128", Path("/ca.pem"))
    assert source.skip_verification is True
    assert source.shown == "https://****@x.example/list"
    assert (source.names.key, source.names.proxy) == (RISKIQ + "API_KEY", RISKIQ + "API_PROXY")
    for secret in ("s3cret", "hidden", "a:b"):
        assert secret not in repr(feed)
    other = passivetotal_source(options, RISKIQ + "ASN_ENDPOINT")
    assert (other.url, other.names.url) == (options[RISKIQ + "ASN_ENDPOINT"], RISKIQ + "ASN_ENDPOINT")


def test_a_list_of_a_file() -> None:
    """A path is no download."""
    feed = own(PATH="/mine.txt", LABEL="Bad", CONFIDENCE=0, TYPE="plain", INCLEXCL_PATH="/rules.yml")
    assert (feed.sources, feed.path, feed.kind.name) == ((), Path("/mine.txt"), "plain")
    assert (feed.label, feed.confidence, feed.inclexcl_path) == ("Bad", 0, Path("/rules.yml"))
    assert (feed.option, feed.shortest_s) == (OWN + "MINE_PATH", 0)


def test_a_list_of_an_address() -> None:
    """Every option of a download has its place, under the list's own names; secrets are not shown."""
    feed = own(
        URL="https://x.example/list",
        USERNAME="jane",
        PASSWORD="s3cret",
        HEADER="Auth-Key: k3y",
        REFRESH_INTERVAL=5,
        TIMEOUT=60,
        PROXY="http://me:hidden@proxy.example",
        TLS_CA_CERT_FILEPATH="/ca.pem",
    )
    (source,) = feed.sources
    assert (source.user, source.key, source.header, source.timeout_s) == ("jane", "s3cret", "Auth-Key: k3y", 60)
    assert (feed.path, feed.interval_s, feed.shortest_s) == (None, 300, 0)
    names = [OWN + "MINE_" + end for end in ("URL", "USERNAME", "PASSWORD", "HEADER", "TIMEOUT", "PROXY")]
    assert list(source.names)[:6] == names
    assert list(source.names)[6:] == [OWN + "MINE_TLS_CA_CERT_FILEPATH", OWN + "MINE_TLS_SKIP_VERIFICATION"]
    for secret in ("s3cret", "k3y", "hidden"):
        assert secret not in repr(feed)


def test_a_feed_has_its_own_addresses() -> None:
    """Where TYPE names a feed, its addresses are asked, all of them, unless an option gives another; so are its words."""
    feed = own(TYPE="spamhaus_drop")
    assert tuple(source.url for source in feed.sources) == KINDS["spamhaus_drop"].urls
    assert (feed.label, feed.confidence, feed.shortest_s) == ("Spamhaus DROP", 90, 3600)
    feed = own(TYPE="spamhaus_drop", URL="https://mirror.example/drop.json", LABEL="Mine", CONFIDENCE=1)
    assert [source.url for source in feed.sources] == ["https://mirror.example/drop.json"]
    assert (feed.label, feed.confidence, feed.shortest_s) == ("Mine", 1, 0)
    assert own(TYPE="feodo", PATH="/feodo.json").sources == ()
    assert own(URL="https://www.spamhaus.org/drop/drop_v4.json", REFRESH_INTERVAL=60).shortest_s == 3600


def test_a_list_that_is_nowhere() -> None:
    """A list without path and address is an error with both options, also where options were not checked."""
    (wanted,) = defaults(**{OWN + "MINE_TYPE": "csv"}).threat_lists
    with pytest.raises(ConfigError, match=f"{OWN}MINE_ENABLE needs {OWN}MINE_PATH or _URL; set one"):
        feed_of(wanted)
