"""The stand-in for Kibana imports, exports, finds and deletes detection rules in the shapes of Kibana's own tests."""

import json
from collections.abc import Iterator

import pytest

from fakes.kibana import Kibana
from fakes.kibana.caller import Caller, basic, ndjson

RULES = "/api/detection_engine/rules"
IMPORT = f"{RULES}/_import"


@pytest.fixture
def fake() -> Iterator[Kibana]:
    with Kibana() as fake:
        yield fake
        assert not fake.surprises


@pytest.fixture
def caller(fake) -> Caller:
    return Caller(fake.url, basic(fake.accounts[0]))


def rule(name: str = "rule-1", **more) -> dict:
    told = {"rule_id": name, "name": name, "description": "a", "risk_score": 21, "severity": "low", "type": "query"}
    return told | {"query": "*", "enabled": False} | more


def said(done: int, count: int, *errors: tuple[str, int, str]) -> dict:
    """The body of an import's answer."""
    rows = [{"rule_id": name, "error": {"status_code": status, "message": text}} for name, status, text in errors]
    return {
        "success": not errors,
        "success_count": done,
        "rules_count": count,
        "errors": rows,
        "exceptions_errors": [],
        "exceptions_success": True,
        "exceptions_success_count": 0,
        "action_connectors_success": True,
        "action_connectors_success_count": 0,
        "action_connectors_errors": [],
        "action_connectors_warnings": [],
    }


def test_import(fake, caller):
    """Rules are made with an id of Kibana's and what they lack; the answer counts them."""
    reply = caller.upload(IMPORT, rule(), rule("rule-2"))
    assert (reply.status, reply.json) == (200, said(2, 2))
    held = fake.rules["default"]["rule-1"]
    assert held.keys() > rule().keys()
    assert (held["enabled"], held["immutable"], held["revision"], held["created_by"]) == (False, False, 0, "elastic")
    assert held["id"] != "rule-1"


def test_enabled_unless_said(fake, caller):
    """A rule that does not say whether it is enabled is."""
    silent = rule()
    del silent["enabled"]
    caller.upload(IMPORT, silent)
    assert fake.rules["default"]["rule-1"]["enabled"] is True


def test_import_again(fake, caller):
    """A rule that is there is an error of its own, the others are made; with overwrite it keeps its id."""
    caller.upload(IMPORT, rule())
    before = fake.rules["default"]["rule-1"]
    exists = ("rule-1", 409, 'rule_id: "rule-1" already exists')
    reply = caller.upload(IMPORT, rule(), rule("rule-2"), rule("rule-3"))
    assert (reply.status, reply.json) == (200, said(2, 3, exists))
    assert caller.upload(f"{IMPORT}?overwrite=true", rule(severity="high")).json == said(1, 1)
    after = fake.rules["default"]["rule-1"]
    assert (after["id"], after["severity"], after["revision"]) == (before["id"], "high", 1)


def test_twice_in_a_file(caller):
    """The same rule twice is an error, and one of them is made; with overwrite it is no error."""
    twice = ("rule-1", 400, 'More than one rule with rule-id: "rule-1" found')
    assert caller.upload(IMPORT, rule(), rule()).json == said(1, 2, twice)
    assert caller.upload(f"{IMPORT}?overwrite=true", rule(), rule()).json == said(1, 2)


def test_bad_lines(fake, caller):
    """A line that is no JSON, or no rule, is an error of a rule without a name, and the others are made."""
    file = b"this is no json\n" + json.dumps({"rule_id": "x"}).encode() + b"\n\n" + ndjson([rule()])
    reply = caller.upload(IMPORT, file=file)
    assert (reply.status, reply.json["success_count"], reply.json["rules_count"]) == (200, 1, 3)
    first, second = reply.json["errors"]
    assert first == {
        "rule_id": "(unknown id)",
        "error": {"message": "Unexpected token h in JSON at position 1", "status_code": 400},
    }
    assert (second["rule_id"], second["error"]["status_code"]) == ("(unknown id)", 400)
    assert list(fake.rules["default"]) == ["rule-1"]


def test_refused_files(fake, caller):
    """A file of another name and too many rules are refused in the shape of this API, too many octets in Kibana's."""
    reply = caller.upload(IMPORT, rule(), filename="wrong.html")
    assert (reply.status, reply.json) == (400, {"message": "Invalid file extension .html", "status_code": 400})
    fake.limit_objects = 1
    reply = caller.upload(IMPORT, rule(), rule("rule-2"))
    assert (reply.status, reply.json) == (500, {"message": "Can't import more than 1 rules", "status_code": 500})
    assert caller.post(IMPORT, rule()).status == 415
    fake.limit_octets = 100
    assert caller.upload(IMPORT, rule()).json["statusCode"] == 413
    assert caller.upload(f"{IMPORT}?foo=1", rule()).status in {400, 413}


def test_too_long(caller):
    """A file of rules may be shorter than one of saved objects."""
    assert caller.upload(IMPORT, file=b" " * 10_485_761).json["statusCode"] == 413


def test_licence(fake, caller):
    """Rules of machine learning jobs need its licence; one that says nothing of alerts that are kept back does not."""
    fake.licence = "basic"
    suppressing = rule("rule-2", alert_suppression={"group_by": ["a"]})
    refused = ("rule-1", 403, "Your license does not support machine learning. Please upgrade your license.")
    assert caller.upload(IMPORT, rule(type="machine_learning"), suppressing).json == said(1, 2, refused)
    fake.licence = "trial"
    assert caller.upload(IMPORT, rule(type="machine_learning")).json == said(1, 1)


def test_who_may(fake, caller):
    """It is a privilege of its own; who may only read may read."""
    caller.upload(IMPORT, rule())
    reader = Caller(fake.url, basic(fake.accounts[1]))
    assert reader.get(f"{RULES}?rule_id=rule-1").status == 200
    assert reader.upload(IMPORT, rule("rule-2")).status == 403
    fake.without_rules.add("elastic")
    assert [caller.upload(IMPORT, rule("rule-2")).status, caller.get(f"{RULES}/_find").status] == [403, 403]
    assert list(fake.rules["default"]) == ["rule-1"]


def test_no_encryption_key(fake, caller):
    """A Kibana without an encryption key makes no rule."""
    fake.encryption_key = False
    reply = caller.upload(IMPORT, rule()).json
    assert (reply["success"], reply["success_count"]) == (False, 0)


def test_spaces(fake, caller):
    """Each space has rules of its own, under the same names."""
    for space in ("", "/s/b"):
        assert caller.upload(f"{space}{IMPORT}", rule()).json["success"]
    assert caller.delete(f"/s/b{RULES}?rule_id=rule-1").status == 200
    assert [list(fake.rules[space]) for space in ("default", "b")] == [["rule-1"], []]


def test_export(caller):
    """An export has the rules that are there and a last line that names the others; it can be imported."""
    caller.upload(IMPORT, rule(), rule("rule-2"))
    asked = {"objects": [{"rule_id": "rule-2"}, {"rule_id": "gone"}]}
    reply = caller.post(f"{RULES}/_export", asked)
    one, details = reply.lines
    assert one["rule_id"] == "rule-2"
    assert (details["exported_count"], details["exported_rules_count"]) == (1, 1)
    assert (details["missing_rules"], details["missing_rules_count"]) == ([{"rule_id": "gone"}], 1)
    assert len(details) == 15
    assert len(caller.post(f"{RULES}/_export").lines) == 3
    assert len(caller.post(f"{RULES}/_export?exclude_export_details=true", asked).lines) == 1
    assert caller.upload(f"{IMPORT}?overwrite=true", file=reply.body).json == said(1, 1)


def test_read_and_delete(fake, caller):
    """A rule is read and deleted by either of its names; one that is not there is a 404 in the shape of this API."""
    caller.upload(IMPORT, rule())
    held = fake.rules["default"]["rule-1"]
    assert caller.get(f"{RULES}?id={held['id']}").json == held
    for asking in (caller.get, caller.delete):
        reply = asking(f"{RULES}?rule_id=fake_id")
        assert (reply.status, reply.json) == (404, {"message": 'rule_id: "fake_id" not found', "status_code": 404})
    assert caller.get(RULES).status == 400
    assert caller.delete(f"{RULES}?rule_id=rule-1").json == held
    assert fake.rules["default"] == {}


def test_find(caller):
    """Rules by page."""
    caller.upload(IMPORT, *(rule(f"rule-{number}") for number in range(3)))
    told = caller.get(f"{RULES}/_find?per_page=2&page=2").json
    assert (told["page"], told["perPage"], told["total"]) == (2, 2, 3)
    assert [row["rule_id"] for row in told["data"]] == ["rule-2"]
    assert caller.get(f"{RULES}/_find?filter=x").status == 501
