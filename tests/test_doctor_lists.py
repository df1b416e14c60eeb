"""Lists of threats as doctor sees them: told by the running collector, or found out."""

from pathlib import Path
from typing import Any

import pytest

from fakes.passivetotal import PassiveTotal
from flowcoll import config
from flowcoll.doctor.findings import Verdict
from flowcoll.doctor.lists import LIST, RULES, List, probe, rules
from flowcoll.threat.keeping.desk import folder_of
from flowcoll.threat.keeping.feed import feeds_of
from flowcoll.threat.keeping.last_good import LastGood, Meta
from flowcoll.threat.showing.words import told

MINE = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_"
RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
OK, WARN, FAIL, SKIP = Verdict
(_, _, judge_list), (_, _, judge_copy) = LIST
((_, _, judge_rules),) = RULES
DAY = 86_400


def looked(options: config.Options, state: dict[str, Any] | None = None, now: float = 1000) -> List:
    (feed,) = feeds_of(options)
    return probe(options, feed, told(feed.name, state) if state else None, lambda: now)


def mine(path: Path) -> config.Options:
    return config.defaults(**{f"{MINE}ENABLE": True, f"{MINE}PATH": path})


def test_a_list_in_a_file_is_read_as_the_collector_reads_it(tmp_path: Path) -> None:
    """All good, some rows bad, not to be read."""
    file = tmp_path / "mine.txt"
    file.write_text("".join(f"198.51.100.{n}\n" for n in range(9)))
    found = judge_list(looked(mine(file)))
    assert (found.verdict, found.text.partition(" loaded ")[0]) == (OK, "9 entries")
    file.write_text(file.read_text() + "nonsense\n")
    found = judge_list(looked(mine(file)))
    assert (found.verdict, "1 row of no sense (line 10" in found.text) == (WARN, True)
    assert judge_list(looked(mine(tmp_path / "none"))).verdict is FAIL
    assert judge_copy(looked(mine(file))).verdict is SKIP


def test_a_list_that_a_running_collector_could_not_use(tmp_path: Path) -> None:
    """What it says counts, although the file is fine by now."""
    file = tmp_path / "mine.txt"
    file.write_text("198.51.100.1\n")
    found = judge_list(looked(mine(file), {"state": "failed", "reason": "unusable", "last_error": "why", "entries": 3}))
    assert (found.verdict, "mine unusable (why)" in found.text) == (FAIL, True)


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


def test_the_account_is_tried_once(tmp_path: Path) -> None:
    """The server is asked, what it would send is not read, and nothing is kept."""
    with PassiveTotal() as server:
        found = looked(account(server, tmp_path))
        assert len(server.requests) == 1
    assert judge_list(found).verdict is OK
    assert judge_copy(found).verdict is WARN
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_key(tmp_path: Path) -> None:
    """Is told with the option; the key is not shown."""
    with PassiveTotal() as server:
        found = judge_list(looked(account(server, tmp_path, "wrong-key")))
    assert found.verdict is FAIL
    assert f"{RISKIQ}API_KEY" in found.text
    assert "wrong-key" not in str(found)


def test_nobody_there(tmp_path: Path) -> None:
    """Is told, too."""
    with PassiveTotal() as server:
        options = account(server, tmp_path)
    assert "refuses connections" in judge_list(looked(options)).text


@pytest.mark.parametrize(
    ("state", "verdict", "words"),
    [
        ({"state": "on", "entries": 5, "received": "then"}, OK, "5 entries loaded then, 0 flows matched so far"),
        (
            {"state": "failed", "reason": "timeout", "last_error": "why"},
            FAIL,
            "riskiq timeout (why), nothing is matched",
        ),
        ({"state": "downloading", "entries": 0}, WARN, "is being loaded"),
    ],
)
def test_the_running_collector_knows_better(
    tmp_path: Path, state: dict[str, Any], verdict: Verdict, words: str
) -> None:
    """Its state counts, in the words of the log, and the server is not asked."""
    with PassiveTotal() as server:
        found = judge_list(looked(account(server, tmp_path), state))
        assert server.requests == []
    assert (found.verdict, words in found.text) == (verdict, True)


def test_the_age_of_the_last_good_copy(tmp_path: Path) -> None:
    """Older than a week is a warning; a damaged one is told."""
    with PassiveTotal() as server:
        options = account(server, tmp_path)
        copy = LastGood(folder_of(options), "riskiq")
        with copy.part() as part:
            part.write(b"x")
            copy.keep(Meta(server.blocklist_url, 1, 0.0, 0.0, "", "", 300_000))
        for now, verdict in ((6 * DAY, OK), (8 * DAY, WARN)):
            found = judge_copy(looked(options, now=now))
            assert (found.verdict, "300,000 entries" in found.text) == (verdict, True)
        (tmp_path / "threat/riskiq.json").write_text("{}")
        assert "makes no sense" in judge_copy(looked(options)).text


def test_rules(tmp_path: Path) -> None:
    """A file of rules that cannot be read is told; one that is not there is fine, unless somebody named it."""
    option = "EF_PROCESSOR_ENRICH_IPADDR_FALSE_POSITIVES_PATH"
    path = tmp_path / "false_positives.yml"
    path.write_text("- [\n")
    found = judge_rules(rules(config.defaults(**{option: path}), lambda: 0.0))
    assert (found.verdict, str(path) in found.text) == (FAIL, True)
    assert judge_rules(rules(config.defaults(), lambda: 0.0)).verdict is OK
