"""Every fault that a server of lists was seen to have, against a refresher that has a list: what is counted, told and kept."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from fakes.passivetotal import KEY, USER, PassiveTotal
from flowcoll.config import defaults
from flowcoll.threat.keeping.download import Answer, Validators
from flowcoll.threat.keeping.jobs import jobs_of
from flowcoll.threat.keeping.source import Source
from flowcoll.threat.keeping.surroundings import Surroundings
from test_threat_refresh import DAY_S, LISTED, Site, passivetotal, rows

RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
QUOTA = "; check the account's licence and quota at PassiveTotal; it is tried again in an hour or later"
ACCOUNT = (
    f"check {RISKIQ}API_USER and {RISKIQ}API_KEY: "
    "the key is the one shown under API Access, not the password of the web site"
)
ENTRIES = 2_001

FAULTS = [
    ("401", "unauthorized", f"PassiveTotal refuses user and key (401 invalid credentials); {ACCOUNT}"),
    ("402", "quota", "PassiveTotal does not give the list (402 quota_exceeded: 1000 of 1000 searches used)" + QUOTA),
    ("403", "quota", "PassiveTotal does not give the list (403 your licence does not include this)" + QUOTA),
    ("404", "not_found", f"there is no list at this address (404 no such resource); check {RISKIQ}THREAT_ENDPOINT"),
    ("429", "too_many_requests", "PassiveTotal asks for fewer requests (429 slow down); it is tried again later"),
    ("429-date", "too_many_requests", "PassiveTotal asks for fewer requests (429 slow down); it is tried again later"),
    ("500", "server_error", "the server has a fault (500 internal error); it is tried again"),
    ("502", "server_error", "the server has a fault (502 Bad Gateway); it is tried again"),
    ("reset", "connection", "the connection to 127.0.0.1 fails; it is tried again"),
    ("slow-body", "timeout", f"it took longer than 0.3 s; raise {RISKIQ}API_TIMEOUT"),
    ("cut-body", "incomplete", "the connection ended after "),
    ("cut-gzip", "incomplete", "its compression ends too early; it is tried again"),
    ("bad-gzip", "incomplete", "its compression is damaged; it is tried again"),
    (
        "html",
        "html",
        f"the answer is an HTML or XML page, not a list; check {RISKIQ}THREAT_ENDPOINT: a proxy or a sign-in",
    ),
    ("success-false", "quota", "the answer is a message, not a list: quota_exceeded: come back tomorrow" + QUOTA),
    ("302", "redirect", "127.0.0.1 sends us on to http://localhost:"),
    ("empty", "empty", f"the answer holds no address; check {RISKIQ}THREAT_ENDPOINT"),
    (
        "shrunken",
        "shrunken",
        "the answer has only 200 entries, and the list before it had 2001; it is used if the next one says the same",
    ),
]


@pytest.fixture
def other() -> Iterator[PassiveTotal]:
    with PassiveTotal() as other:
        yield other


@pytest.mark.parametrize(("fault", "result", "words"), FAULTS, ids=[fault for fault, *_ in FAULTS])
def test_a_fault(tmp_path: Path, other: PassiveTotal, fault: str, result: str, words: str) -> None:
    """The list before serves on, a counter says why, one line tells what to do, and no secret gets anywhere."""

    def fetch(source: Source, known: Validators, part: BinaryIO) -> Answer:
        return Surroundings().fetch(replace(source, timeout_s=0.3), known, part)

    with PassiveTotal() as fake:
        fake.rows = rows(2_000) + fake.rows[:1]
        fake.moved_to = other.blocklist_url.replace("127.0.0.1", "localhost")
        site = Site(tmp_path, passivetotal(fake.blocklist_url))
        site.refresher.refresh()
        site.told()
        site.now += DAY_S
        fake.modified += DAY_S
        fake.rows = [*fake.rows, {"ip": "9.9.9.9"}]
        fake.fault = fault
        site.answer_with(fetch)
        site.refresher.refresh()
    errors = [told for level, told in site.told() if level == "error"]
    assert site.counts == {"threats.refreshes.riskiq.populated": 1, f"threats.refreshes.riskiq.{result}": 1}
    assert errors[-1].startswith(f"failed to initialize DB: {words}")
    assert len(errors) == 1 + (result in {"timeout", "incomplete"})
    assert site.lists.listed(LISTED)
    assert (site.state["state"], site.state["entries"]) == ("failed", ENTRIES)
    assert all(request.user == "" for request in other.requests)
    assert KEY not in str((site.lines, site.state))
    assert f"{USER}:" not in str((site.lines, site.state))


def test_whoever_answers_is_told_once(tmp_path: Path) -> None:
    """A feed of two addresses whose certificates are not looked at has one warning, at the start."""
    option = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_DROP_"
    (job,) = jobs_of(
        defaults(**{option + "ENABLE": True, option + "TYPE": "spamhaus_drop", option + "TLS_SKIP_VERIFICATION": True})
    )
    site = Site(tmp_path, job)
    site.answer_with(_unreachable)
    with pytest.raises(KeyboardInterrupt):
        site.refresher.run()
    told = [line["msg"] for line in site.lines if line["level"] == "warn"]
    assert told == [f"Threats drop: {option}TLS_SKIP_VERIFICATION is on: whoever answers is believed"]


def _unreachable(*_: object) -> Answer:
    raise KeyboardInterrupt
