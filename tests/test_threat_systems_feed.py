"""PassiveTotal's list of autonomous systems among feeds."""

import io
from pathlib import Path

from flowcoll.config import Options, defaults
from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.pipeline import Pipeline
from flowcoll.threat.keeping.feed import feeds_of
from flowcoll.threat.keeping.jobs import jobs_of
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.keeping.systems_feed import STATE, SYSTEMS, systems_feeds
from flowcoll.threat.matching import feeds
from flowcoll.threat.matching.following import follow
from flowcoll.threat.matching.lists import Lists
from flowcoll.threat.reading.unwrap import at_once

OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"


def options(folder: Path, **said: object) -> Options:
    given = {"ASN_ENABLE": True, "API_USER": "jane@example.org", "API_KEY": "k"} | said
    return defaults(EF_STATE_PATH=folder, **{OPTION + name: value for name, value in given.items()})


def leave(folder: Path, of: Options, text: bytes) -> None:
    """Leave the table as the process that keeps it does."""
    (job,) = jobs_of(of)
    Shelf(folder / "threat").put(SYSTEMS, lambda file: job.made([text], "", [], file, at_once))


def test_it_is_a_feed_of_its_own(tmp_path: Path) -> None:
    """It is fetched as the list of threats is, with the same account, from its own address; it is no list of threats."""
    (feed,) = systems_feeds(options(tmp_path, ASN_REFRESH_INTERVAL=90, API_TIMEOUT=7))
    (source,) = feed.sources
    assert (source.url, source.names.url) == (
        "https://api.passivetotal.org/v2/netflow/as/download",
        OPTION + "ASN_ENDPOINT",
    )
    assert (source.user, source.key, source.timeout_s) == ("jane@example.org", "k", 7)
    assert (feed.interval_s, feed.says, feed.what, feed.state_name) == (5400, "RiskIQ ASN:", "ASN", STATE)
    assert (feed.threats, feeds_of(options(tmp_path))) == (False, ())
    assert systems_feeds(defaults()) == ()


def test_its_name_is_nobody_elses() -> None:
    """No list of one's own can be called so, since names of options have no hyphen."""
    own = {
        f"EF_PROCESSOR_ENRICH_IPADDR_THREAT_RISKIQ_ASN_{name}": said
        for name, said in (("ENABLE", True), ("PATH", "/x"))
    }
    jobs = jobs_of(defaults(**own))
    assert [job.feed.name for job in jobs] == ["riskiq_asn"]
    assert SYSTEMS not in {job.feed.name for job in jobs}


def test_workers_use_the_table(tmp_path: Path) -> None:
    """A worker looks networks up in the table and tells how it is; threats are not matched against it."""
    wanted = options(tmp_path)
    leave(tmp_path, wanted, b"8.8.8.0/24 AS64500 Example Net\n")
    pipeline = Pipeline(wanted, Counts(), Log(io.StringIO()))
    (greenlet,) = follow(wanted, pipeline.lists, Counts(), Log(io.StringIO()), pipeline.users)
    greenlet.kill()
    assert pipeline.users[SYSTEMS].network("8.8.8.8")[0]["as.number"] == 64500
    assert not pipeline.lists.listed(0x08080808)
    state = pipeline.states()[STATE]
    assert (state["entries"], state["networks"]) == (1, 1)
    assert "threat_riskiq-asn" not in pipeline.states()


def test_captures_are_read_with_the_table_that_is_there(tmp_path: Path) -> None:
    """Without a collector the table or last good copy serves; who looks threats up needs none."""
    wanted = options(tmp_path)
    told = io.StringIO()
    pipeline = Pipeline(wanted, Counts(), Log(told, level="warn"))
    feeds.use(wanted, pipeline.lists, Log(told), pipeline.users)
    assert "RiskIQ ASN: no copy in" in told.getvalue()
    leave(tmp_path, wanted, b"8.8.8.0/24 AS64500 Example Net\n")
    feeds.use(wanted, pipeline.lists, Log(told), pipeline.users)
    assert pipeline.users[SYSTEMS].network("8.8.8.8")[0]["as.number"] == 64500
    lists = Lists({})
    feeds.use(wanted, lists, Log(told))
    assert not lists.listed(0x08080808)
