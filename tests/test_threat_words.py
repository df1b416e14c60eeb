"""The state of lists in words, the same ones everywhere."""

from typing import Any

import pytest

from flowcoll.reasons import REASONS
from flowcoll.threat.showing.words import WHY, kind_of, summary, told

ON = {"state": "on", "entries": 300_000, "received": "2027-01-15T08:00:00.000Z", "listed": "2027-01-15T00:00:00.000Z"}
WHEN = "2027-01-15T08:00:00.000Z"
SINCE = "2027-01-15T09:00:00.000Z"


def failed(reason: str, why: str = "", **serving: Any) -> dict[str, Any]:
    said = {"last_error": why} if why else {}
    return {"state": "failed", "reason": reason, "failed_since": SINCE, "entries": 0, **said, **serving}


@pytest.mark.parametrize(
    ("state", "matches", "kind", "text"),
    [
        ({"state": "off"}, 0, "off", "off"),
        ({"state": "waiting"}, 0, "waiting", "is not loaded yet, nothing is matched yet"),
        ({"state": "downloading"}, 0, "waiting", "is being loaded, nothing is matched yet"),
        ({"state": "loading"}, 0, "waiting", "is being loaded, nothing is matched yet"),
        (ON, 12, "on", f"300000 entries loaded {WHEN}, 12 flows matched so far"),
        ({"state": "on", "entries": 1, "listed": WHEN}, 1, "on", f"1 entry loaded {WHEN}, 1 flow matched so far"),
        (
            failed("unauthorized", "refuses user and key (401 no); not the web password"),
            0,
            "unauthorized",
            f"credentials refused since {SINCE} (refuses user and key (401 no); not the web password), nothing is matched",
        ),
        (
            failed("quota", "402", entries=5, received=WHEN),
            3,
            "quota",
            f"quota used up since {SINCE} (402), 5 entries loaded {WHEN} before serve on, 3 flows matched so far",
        ),
        (failed("timeout"), 0, "timeout", f"timeout since {SINCE}, nothing is matched"),
        (failed("something new"), 0, "something new", f"failed since {SINCE}, nothing is matched"),
        ({"state": "failed", "last_error": "why"}, 0, "failed", "failed (why), nothing is matched"),
        ({"state": "stopped"}, 0, "stopped", "failed, nothing is matched"),
    ],
)
def test_a_list_in_words(state: dict[str, Any], matches: int, kind: str, text: str) -> None:
    """What it is, since when and why, how many entries are in use, and how many flows have matched."""
    found = told("riskiq", state, matches)
    assert (found.kind, found.text) == (kind, text)
    assert found.failed is (kind not in {"off", "on", "waiting"})


def test_every_reason_has_words() -> None:
    """Whatever a refresh may end with has words of its own, but those with which it goes well."""
    reasons = {key.rpartition(".")[2] for key in REASONS if key.startswith("threats.refreshes.")}
    assert reasons - WHY.keys() <= {"populated", "not_modified"}


def test_what_to_do_next() -> None:
    """A list that is off names its switch, one without a match the way to see why, one that is fine nothing."""
    assert "RISKIQ_THREAT_ENABLE" in told("riskiq", {"state": "off"}).advice
    assert told("mine", {"state": "off"}).advice.endswith("EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_ENABLE")
    assert told("mine", ON).advice.endswith("flowcoll threats lookup ADDRESS")
    assert not told("mine", ON, 1).advice
    assert "docs/passivetotal.md" in told("riskiq", failed("unauthorized")).advice


def test_all_lists_in_a_line() -> None:
    """One line for all lists; where there are several in use, how many flows have matched in all."""
    counts = {"threats.matches": 5, "threats.list_matches.mine": 5, "threats.list_matches.riskiq": 2}
    enrichers = {"maxmind_asn": {"state": "on"}, "threat_mine": ON, "threat_riskiq": {"state": "off"}}
    one = summary(enrichers, counts)
    assert one.text == f"mine 300000 entries loaded {WHEN}, 5 flows matched so far; riskiq off"
    assert (one.used, one.failed, one.matches) == (True, False, 5)
    two = summary(enrichers | {"threat_riskiq": failed("timeout", entries=7)}, counts)
    assert two.text.endswith("; 5 flows matched so far")
    assert two.failed
    assert [each["kind"] for each in two.as_dict()["lists"]] == ["on", "timeout"]
    assert two.as_dict()["lists"][0]["matches"] == 5


def test_no_list_at_all() -> None:
    """The line then says how to switch one on."""
    for enrichers in ({}, {"threat_riskiq": {"state": "off"}}):
        found = summary(enrichers, {})
        assert not found.used
        assert found.text.startswith(
            "off: no list of threats is switched on; EF_PROCESSOR_ENRICH_IPADDR_THREAT_<NAME>_ENABLE"
        )


def test_when_the_answer_is_another_one() -> None:
    """A state that changes, and the first match; not figures that grow."""
    on, off = {"threat_a": ON}, {"threat_a": {"state": "off"}}
    none, few, more = ({"threats.matches": count} for count in (0, 1, 1000))
    assert summary(on, none).turns != summary(off, none).turns
    assert summary(on, none).turns != summary(on, few).turns
    assert summary(on, few).turns == summary({"threat_a": {**ON, "entries": 7}}, more).turns


def test_kinds_are_words() -> None:
    """For a label of a metric."""
    assert kind_of({}) == "on"
    assert kind_of({"state": "reading"}) == "waiting"
