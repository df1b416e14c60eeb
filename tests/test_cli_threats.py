"""`flowcoll threats` where no collector runs: look-ups, tests of lists, and what was left in the state directory."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from flowcoll.cli import main
from flowcoll.counters import Counts
from flowcoll.threat.hits import hit_file
from flowcoll.threat.hits.gathered import Hits
from flowcoll.threat.keeping.desk import Desk
from service import free_port, text

MINE = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_"
LIST = (
    "ip,threat,score\n67.43.156.20,Botnet,90\n67.43.0.0/24,Scanner,20\n10.0.0.1,Inside,50\nnonsense,x,1\n1.2.3.4,A,1\n"
)


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What was printed, whatever the width."""
        return " ".join(self.out.split())


Run = Callable[..., Done]


@pytest.fixture
def flowcoll(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs a command to its end, with a list in a file, and no collector."""
    path = tmp_path / "mine.csv"
    path.write_text(LIST)
    nothing = tmp_path / "empty.yml"
    nothing.write_text("{}\n")
    given = {
        f"{MINE}ENABLE": True,
        f"{MINE}PATH": path,
        "EF_STATE_PATH": tmp_path / "state",
        "EF_API_PORT": free_port(socket.SOCK_STREAM),
    }

    def run(*words: str, plain: bool = False, **options: object) -> Done:
        settings = [word for name, value in (given | options).items() for word in ("--set", f"{name}={text(value)}")]
        code = main(["threats", *words, *([] if plain else ["--config", str(nothing), *settings])])
        return Done(code, *capfd.readouterr())

    return run


def test_look_ups(flowcoll: Run, tmp_path: Path) -> None:
    """What each list says; why an address cannot match: private, excluded by a file, a false positive until when."""
    done = flowcoll("lookup", "67.43.156.20", "67.43.0.200", "10.0.0.1", "8.8.8.8", "::ffff:1.2.3.4")
    assert done.code == 0
    assert "67.43.156.20 matches mine: Botnet, feed mine, confidence High" in done.words
    assert "67.43.0.200 matches mine: Scanner" in done.words
    assert "10.0.0.1 never matches: it is private or reserved mine: Inside" in done.words
    assert "8.8.8.8 does not match: no list names it" in done.words
    assert "1.2.3.4 matches mine: A" in done.words
    scope = tmp_path / "scope.yml"
    scope.write_text("exclude:\n  - 67.43.0.0/16\n")
    false = tmp_path / "false.yml"
    false.write_text("- address: 1.2.3.4\n  reason: our own scanner\n  until: 2099-12-31\n")
    rules = {
        f"{MINE}INCLEXCL_PATH": scope,
        "EF_PROCESSOR_ENRICH_IPADDR_FALSE_POSITIVES_PATH": false,
    }
    done = flowcoll("lookup", "--json", "67.43.156.20", "1.2.3.4", **rules)
    one, two = json.loads(done.out)["addresses"]
    assert (one["matches"], one["verdict"]) == (False, "does not match: rules exclude it")
    assert one["lists"][0]["excluded"] == f"excluded by {scope}, line 2"
    assert two["lists"][0]["excluded"].startswith("a false positive until 2100-01-01T00:00:00.000Z")
    assert two["lists"][0]["excluded"].endswith("our own scanner")
    assert two["lists"][0]["threats"] == [
        {"name": "A", "feed": "mine", "confidence": "Low", "listed": two["lists"][0]["threats"][0]["listed"]}
    ]


def test_no_address(flowcoll: Run) -> None:
    """One line says what to give."""
    done = flowcoll("lookup", "shop.example")
    assert (done.code, done.out) == (1, "")
    assert done.err == "flowcoll: 'shop.example' is no IP address; give one such as 198.51.100.7\n"


def test_no_list(flowcoll: Run) -> None:
    """The answer then is why, and not that all is well."""
    done = flowcoll("lookup", "8.8.8.8", **{f"{MINE}ENABLE": False})
    assert "no list is in use; flowcoll threats status says why" in done.words


def test_a_list_is_tried(flowcoll: Run, tmp_path: Path) -> None:
    """Form, figures, rows of no sense with place and cause, and how the first entries would match."""
    done = flowcoll("test", str(tmp_path / "mine.csv"), "--name", "Mine", plain=True)
    assert done.code == 0
    for words in (
        f"{tmp_path}/mine.csv can be used form csv entries 4 networks 1 private 1 private, which never match",
        "refused 1 rows that make no sense",
        "line 5 'nonsense' is not an IP address",
        "67.43.0.0/24 Scanner mine Low",
    ):
        assert words in done.words
    assert "Inside" not in done.words, "what never matches is not among what would"
    found = json.loads(flowcoll("test", str(tmp_path / "mine.csv"), "--json", plain=True).out)
    assert found["usable"] is True
    assert found["refused_rows"] == [{"where": "line 5", "why": "'nonsense' is not an IP address"}]
    assert found["first"][0] == {
        "addresses": "67.43.156.20",
        "threats": [{"name": "Botnet", "feed": "test", "confidence": "High"}],
    }


@pytest.mark.parametrize(
    ("octets", "kind", "words"),
    [
        (b"<html>", "auto", "would be refused: it is an HTML or XML page, not a list"),
        (b"# nothing\n", "plain", "would be refused: it holds no address"),
        (b'{"success": false, "message": "no"}', "json", "is a message, not a list: no"),
        (b"1.2.3.4\nx\ny\n", "plain", "holds no address in 2 of its 3 rows (line 2"),
        (b"\x1f\x8bno", "auto", "is damaged"),
    ],
)
def test_a_list_that_would_be_refused(flowcoll: Run, tmp_path: Path, octets: bytes, kind: str, words: str) -> None:
    """Says why, and the exit code is 1."""
    file = tmp_path / "file"
    file.write_bytes(octets)
    done = flowcoll("test", str(file), "--type", kind, plain=True)
    assert done.code == 1
    assert words in done.words
    assert json.loads(flowcoll("test", str(file), "--type", kind, "--json", plain=True).out)["usable"] is False


def test_an_empty_feed_may_be_fine(flowcoll: Run, tmp_path: Path) -> None:
    """Where its kind says so."""
    file = tmp_path / "file"
    file.write_text("[]")
    assert flowcoll("test", str(file), "--type", "feodo", plain=True).code == 0
    assert flowcoll("test", str(file), plain=True).code == 1
    done = flowcoll("test", str(file), "--type", "nonsense", plain=True)
    assert (done.code, "'nonsense' is none of auto, plain" in done.err) == (2, True)


def test_state_that_was_left(flowcoll: Run, tmp_path: Path) -> None:
    """Without a collector the state directory tells; nothing is said of matches. The exit code is 1 if a list has failed."""
    done = flowcoll("status")
    assert (done.code, "mine waiting" in done.words) == (0, True)
    assert "does not answer" in done.err
    state = {"state": "failed", "reason": "timeout", "last_error": "why", "entries": 3, "listed": "then", "age_s": 5}
    desk = Desk(tmp_path / "state" / "threat")
    assert desk.locked()
    desk.tell({"threat_mine": state, "threat_gone": state}, 1_700_000_000)
    desk.close()
    done = flowcoll("status")
    assert (done.code, "mine: timeout (why), 3 entries loaded then before serve on" in done.words) == (1, True)
    assert "gone" not in done.words
    found = json.loads(flowcoll("status", "--json").out)
    assert (found["running"], "matches" in found) == (False, False)
    assert [each["kind"] for each in found["lists"]] == ["timeout", "off"]


def test_it_is_explained(flowcoll: Run) -> None:
    """What is compared, which fields there are, what the views mean, how it stands, what to do."""
    done = flowcoll("explain")
    for words in (
        "Private and reserved addresses never match",
        "sec.threat.feed.name the lists that say it",
        "Public threats (flow.client.sec.threat.name: *)",
        "At-risk servers",
        "High-risk clients (flow.server.sec.threat.name: *)",
        "mine: is not loaded yet",
        "No collector answers with these options",
    ):
        assert words in done.words


def test_a_blocklist_that_was_left(flowcoll: Run, tmp_path: Path) -> None:
    """The file of what matched is read; what false positives cover now is left out."""
    hits = Hits(Counts())
    now_ms = int(time.time() * 1000)
    hits.add([["67.43.156.20", 1, now_ms, 7, ["mine"]], ["1.2.3.4", 1, now_ms - 7_200_000, 1, ["mine"]]])
    hit_file.save(hit_file.path_in(tmp_path / "state"), hits, 0)
    assert flowcoll("blocklist").out == "1.2.3.4\n67.43.156.20\n"
    assert flowcoll("blocklist", "--since", "1h").out == "67.43.156.20\n"
    false = tmp_path / "false.yml"
    false.write_text("- address: 67.43.156.20\n  reason: ours\n")
    rules = {"EF_PROCESSOR_ENRICH_IPADDR_FALSE_POSITIVES_PATH": false}
    assert flowcoll("blocklist", "--format", "csv", **rules).out.splitlines()[1:] == [
        line for line in flowcoll("blocklist", "--format", "csv").out.splitlines() if line.startswith("1.2.3.4,")
    ]


@pytest.mark.parametrize(
    "words",
    [("--since", "never"), ("--format", "xml"), ("--min-flows", "0"), ("--list", "a b")],
    ids=lambda w: w[0][2:],
)
def test_a_blocklist_that_cannot_be(flowcoll: Run, words: tuple[str, str]) -> None:
    """One line, before anybody is asked."""
    done = flowcoll("blocklist", *words)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
