"""Databases, lists, and PassiveTotal's account."""

from pathlib import Path
from typing import Any

import pytest

from fakes.passivetotal import PassiveTotal
from flowcoll import config
from flowcoll.doctor.files import DATABASE, FEED, LIST, Feed, databases, feed, threat_list
from flowcoll.doctor.findings import Verdict
from flowcoll.threat.feeds import copy_of
from flowcoll.threat.last_good import Meta
from flowcoll.threat.source import Source

GEO = Path(__file__).parent / "data/geo"
MAXMIND = "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_"
RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
OK, WARN, FAIL, SKIP = Verdict
((_, _, judge_database),) = DATABASE
((_, _, judge_list),) = LIST
(_, _, judge_feed), (_, _, judge_copy) = FEED
DAY = 86_400


def database(name: str, file: Path, now: float) -> Any:
    """What is found of a database at a time."""
    options = config.defaults(**{f"{MAXMIND}{name}_ENABLE": True, f"{MAXMIND}{name}_PATH": file})
    ((found_name, opened),) = databases(options, lambda: now).items()
    assert found_name == name
    return opened()


@pytest.mark.parametrize(("name", "file"), [("ASN", "GeoLite2-ASN-Test.mmdb"), ("GEOIP", "GeoLite2-City-Test.mmdb")])
def test_a_database_has_type_and_age(name: str, file: str) -> None:
    """Up to a month is young; one that is from the future is young too."""
    built = -database(name, GEO / file, 0).age_s
    assert built == 0
    now = 1_893_456_000.0
    age = database(name, GEO / file, now).age_s
    for days, verdict in ((29, OK), (31, WARN)):
        found = judge_database(database(name, GEO / file, now - age + days * DAY))
        assert (found.verdict, f"{days} d old" in found.text) == (verdict, True)


@pytest.mark.parametrize("file", ["none.mmdb", "libmaxminddb-corrupt-search-tree.mmdb", "GeoLite2-City-Test.mmdb"])
def test_a_database_that_does_not_do(file: str) -> None:
    """Missing, corrupt, or of another type."""
    found = judge_database(database("ASN", GEO / file, 0))
    assert found.verdict is FAIL
    assert file in found.text


def test_only_what_is_switched_on_is_opened() -> None:
    """By default nothing is."""
    assert databases(config.defaults(), lambda: 0.0) == {}


def listed(path: Path) -> Any:
    prefix = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_"
    options = config.defaults(**{f"{prefix}ENABLE": True, f"{prefix}PATH": path})
    return judge_list(threat_list(options.threat_lists[0]))


def test_a_list_is_read_as_the_collector_reads_it(tmp_path: Path) -> None:
    """All good, some rows bad, not to be read."""
    file = tmp_path / "mine.txt"
    file.write_text("".join(f"198.51.100.{n}\n" for n in range(9)))
    assert listed(file).verdict is OK
    file.write_text(file.read_text() + "nonsense\n")
    found = listed(file)
    assert (found.verdict, "1 row of no sense (line 10" in found.text) == (WARN, True)
    assert listed(tmp_path / "none").verdict is FAIL


def account(server: PassiveTotal, state: Path, key: str | None = None) -> config.Options:
    return config.defaults(
        **{
            f"{RISKIQ}THREAT_ENABLE": True,
            f"{RISKIQ}THREAT_ENDPOINT": server.blocklist_url,
            f"{RISKIQ}API_USER": server.user,
            f"{RISKIQ}API_KEY": key or server.key,
            "EF_STATE_PATH": state,
        }
    )


def looked(options: config.Options, state: dict[str, Any] | None = None, now: float = 1000) -> Feed:
    source = Source.of(options)
    assert source is not None
    return feed(options, source, state or {}, lambda: now)


def test_the_account_is_tried_once(tmp_path: Path) -> None:
    """The server is asked, what it would send is not read, and nothing is kept."""
    with PassiveTotal() as server:
        found = looked(account(server, tmp_path))
        assert len(server.requests) == 1
    assert judge_feed(found).verdict is OK
    assert judge_copy(found).verdict is WARN
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_key(tmp_path: Path) -> None:
    """Is told with the option; the key is not shown."""
    with PassiveTotal() as server:
        found = judge_feed(looked(account(server, tmp_path, "wrong-key")))
    assert found.verdict is FAIL
    assert f"{RISKIQ}API_KEY" in found.text
    assert "wrong-key" not in str(found)


def test_nobody_there(tmp_path: Path) -> None:
    """Is told, too."""
    with PassiveTotal() as server:
        options = account(server, tmp_path)
    assert "refuses connections" in judge_feed(looked(options)).text


def test_the_running_collector_knows_better(tmp_path: Path) -> None:
    """Its state counts, and the server is not asked."""
    with PassiveTotal() as server:
        options = account(server, tmp_path)
        good = looked(options, {"state": "on", "entries": 5, "age_s": 60})
        bad = looked(options, {"state": "failed", "failed_since": "x", "last_error": "why", "entries": 0})
        young = looked(options, {"state": "downloading", "entries": 0})
        assert server.requests == []
    assert (judge_feed(good).verdict, judge_copy(good).verdict) == (OK, OK)
    assert (judge_feed(bad).verdict, "why" in judge_feed(bad).text) == (FAIL, True)
    assert judge_feed(young).verdict is WARN


def test_the_age_of_the_last_good_copy(tmp_path: Path) -> None:
    """Older than a week is a warning; a damaged one is told."""
    with PassiveTotal() as server:
        options = account(server, tmp_path)
        copy = copy_of(options)
        with copy.part() as part:
            part.write(b"x")
            copy.keep(Meta(server.blocklist_url, 1, 0.0, 0.0, "", "", 300_000))
        for now, verdict in ((6 * DAY, OK), (8 * DAY, WARN)):
            found = judge_copy(looked(options, now=now))
            assert (found.verdict, "300,000 entries" in found.text) == (verdict, True)
        (tmp_path / "threat/riskiq.json").write_text("{}")
        assert "makes no sense" in judge_copy(looked(options)).text
