"""The stand-in for Kibana reads back, finds and deletes saved objects, and keeps spaces and data views, as a real one does."""

import json
from collections.abc import Iterator

import pytest

from fakes.kibana import Kibana
from fakes.kibana.caller import Caller, basic, dashboard, links, other, view

OBJECTS, VIEWS, SPACES = "/api/saved_objects", "/api/data_views/data_view", "/api/spaces/space"


@pytest.fixture
def fake() -> Iterator[Kibana]:
    with Kibana() as fake:
        yield fake
        assert not fake.surprises


@pytest.fixture
def caller(fake) -> Caller:
    """Somebody who may do everything; three objects are there."""
    caller = Caller(fake.url, basic(fake.accounts[0]))
    caller.load(view(), dashboard("board", "view"), links("links", "board"))
    return caller


@pytest.fixture
def reader(fake) -> Caller:
    return Caller(fake.url, basic(fake.accounts[1]))


# export


def test_export(fake, caller):
    """An export has what is asked for, and a last line that counts; names are sorted, so octets differ from what was sent."""
    reply = caller.post(f"{OBJECTS}/_export", {"objects": [{"type": "dashboard", "id": "board"}]})
    assert reply.headers["content-type"] == "application/ndjson"
    board, summary = reply.lines
    assert summary == {
        "exportedCount": 1,
        "missingRefCount": 0,
        "missingReferences": [],
        "excludedObjectsCount": 0,
        "excludedObjects": [],
    }
    assert (board["id"], board["managed"], board["typeMigrationVersion"]) == ("board", False, "10.3.0")
    assert list(board) == sorted(board)
    assert board.keys() >= {"created_at", "updated_at", "version", "coreMigrationVersion", "references"}
    assert caller.load(file=reply.body, query="?overwrite=true").json["success"]
    assert fake.store.keys("default")[0] == ("dashboard", "board")


def test_export_deep(caller):
    """With its references, and theirs, in order; what is missing is said in the last line."""
    broken = dashboard("broken")
    broken["references"] = [{"type": "lens", "id": "gone", "name": "1:panel"}]
    caller.load(broken)
    asked = {"objects": [{"type": "links", "id": "links"}, {"type": "dashboard", "id": "broken"}]}
    flat = caller.post(f"{OBJECTS}/_export", asked).lines
    assert {row["id"] for row in flat[:-1]} == {"links", "broken"}
    *rows, summary = caller.post(f"{OBJECTS}/_export", asked | {"includeReferencesDeep": True}).lines
    assert rows[0]["id"] == "view"
    assert {row["id"] for row in rows} == {"view", "board", "links", "broken"}
    assert (summary["exportedCount"], summary["missingReferences"]) == (4, [{"type": "lens", "id": "gone"}])
    bare = caller.post(f"{OBJECTS}/_export", asked | {"excludeExportDetails": True}).lines
    assert len(bare) == 2


def test_export_by_type(caller):
    """All of some types, or of any."""
    assert [row["id"] for row in caller.post(f"{OBJECTS}/_export", {"type": "dashboard"}).lines[:-1]] == ["board"]
    assert len(caller.post(f"{OBJECTS}/_export", {"type": ["*"]}).lines) == 4


def test_export_refused(caller):
    """What is not there, in this space, cannot be exported; neither can nothing, or a type that it does not have."""
    reply = caller.post(f"/s/b{OBJECTS}/_export", {"objects": [{"type": "dashboard", "id": "board"}]})
    assert reply.said == (400, "Error fetching objects to export")
    error = {"statusCode": 404, "error": "Not Found", "message": "Saved object [dashboard/board] not found"}
    assert reply.json["attributes"] == {"objects": [{"id": "board", "type": "dashboard", "error": error}]}
    assert caller.post(f"{OBJECTS}/_export", {}).status == 400
    assert caller.post(f"{OBJECTS}/_export", {"type": "config"}).status == 400


# find


def test_find(fake, caller):
    """Objects of some types, with fields as asked, by page."""
    fake.store.share("index-pattern", "view", "b")
    for number in range(4):
        caller.load(dashboard(f"d{number}"))
    found = caller.get(f"{OBJECTS}/_find?type=dashboard&type=index-pattern&fields=title&per_page=4").json
    assert (found["page"], found["per_page"], found["total"]) == (1, 4, 6)
    first = found["saved_objects"][0]
    assert first["attributes"] == {"title": "view-*"}
    assert first["namespaces"] == ["b", "default"]
    second = caller.get(f"{OBJECTS}/_find?type=dashboard&type=index-pattern&per_page=4&page=2").json
    assert [row["id"] for row in second["saved_objects"]] == ["d2", "d3"]
    assert "panelsJSON" in second["saved_objects"][0]["attributes"]
    assert caller.get(f"/s/b{OBJECTS}/_find?type=dashboard&type=index-pattern").json["total"] == 1
    assert caller.get(f"{OBJECTS}/_find?type=no-such-type").json["saved_objects"] == []


def test_find_referrers(caller):
    """Who refers to an object, or to one of several, or to all of them."""
    caller.load(view("other"), dashboard("both", "view", "other"))
    refs = [{"type": "index-pattern", "id": name} for name in ("view", "other")]

    def found(asked, more=""):
        query = json.dumps(asked).replace(" ", "%20").replace('"', "%22")
        rows = caller.get(f"{OBJECTS}/_find?type=dashboard&type=links&has_reference={query}{more}").json
        return [row["id"] for row in rows["saved_objects"]]

    assert found(refs[0]) == ["board", "both"]
    assert found(refs) == ["board", "both"]
    assert found(refs, "&has_reference_operator=AND") == ["both"]
    assert found({"type": "dashboard", "id": "board"}) == ["links"]


def test_find_refused(caller):
    """A type is needed; what the stand-in does not do, it says."""
    said = "[request query.type]: expected at least one defined value but got [undefined]"
    assert caller.get(f"{OBJECTS}/_find").said == (400, said)
    assert caller.get(f"{OBJECTS}/_find?type=dashboard&foo=1").status == 400
    assert caller.get(f"{OBJECTS}/_find?type=dashboard&has_reference=x").status == 400
    assert caller.get(f"{OBJECTS}/_find?type=dashboard&search=x").status == 501


# delete


def test_delete(fake, caller, reader):
    """An object is gone; one that is not there is a 404, and so is one of another space."""
    assert reader.delete(f"{OBJECTS}/dashboard/board").said == (403, "Unable to delete dashboard")
    missing = (404, "Saved object [dashboard/board] not found")
    assert caller.delete(f"/s/b{OBJECTS}/dashboard/board").said == missing
    reply = caller.delete(f"{OBJECTS}/dashboard/board")
    assert (reply.status, reply.json) == (200, {})
    assert caller.delete(f"{OBJECTS}/dashboard/board").said == missing
    assert ("links", "links") in fake.store.keys("default")


def test_bulk_delete(fake, caller, reader):
    """Each object has its status, in the order asked; one failure is no other's."""
    asked = [{"type": "dashboard", "id": "gone"}, {"type": "dashboard", "id": "board"}]
    assert reader.post(f"{OBJECTS}/_bulk_delete", asked).said == (403, "Unable to bulk_delete dashboard")
    reply = caller.post(f"{OBJECTS}/_bulk_delete", asked)
    error = {"statusCode": 404, "error": "Not Found", "message": "Saved object [dashboard/gone] not found"}
    assert reply.status == 200
    assert reply.json == {
        "statuses": [
            {"id": "gone", "type": "dashboard", "success": False, "error": error},
            {"id": "board", "type": "dashboard", "success": True},
        ]
    }
    assert ("dashboard", "board") not in fake.store.keys("default")


def test_delete_shared(fake, caller):
    """What is in several spaces is deleted by force only, and then everywhere."""
    fake.store.share("index-pattern", "view", "b")
    asked = [{"type": "index-pattern", "id": "view"}]
    [status] = caller.post(f"{OBJECTS}/_bulk_delete", asked).json["statuses"]
    assert (status["success"], status["error"]["statusCode"]) == (False, 400)
    assert "exists in multiple namespaces" in status["error"]["message"]
    assert caller.delete(f"{OBJECTS}/index-pattern/view").status == 400
    assert caller.post(f"{OBJECTS}/_bulk_delete?force=true", asked).json["statuses"][0]["success"]
    assert fake.store.keys("b") == []


def test_delete_of_old():
    """7.x has no _bulk_delete: a 400."""
    with Kibana("7.17") as fake:
        caller = Caller(fake.url, basic(fake.accounts[0]))
        caller.load(view())
        assert caller.post(f"{OBJECTS}/_bulk_delete", [{"type": "index-pattern", "id": "view"}]).status == 400
        assert caller.delete(f"{OBJECTS}/index-pattern/view").status == 200


def test_modules_are_everywhere(fake, caller):
    """A module is there once: seen from every space, and gone from all when one deletes it."""
    caller.load(other("ml-module", "module"))
    assert caller.get(f"/s/b{OBJECTS}/_find?type=ml-module").json["total"] == 1
    assert caller.delete(f"/s/b{OBJECTS}/ml-module/module").status == 200
    assert ("ml-module", "module") not in fake.store.keys("default")


# spaces


def test_spaces(fake, caller, reader):
    """Spaces are made, found, and removed with what is in them alone."""
    assert caller.get(f"{SPACES}/ops").status == 404
    assert reader.post(SPACES, {"id": "ops", "name": "Ops"}).status == 403
    made = caller.post(SPACES, {"id": "ops", "name": "Ops"})
    assert (made.status, made.json["id"], made.json["disabledFeatures"]) == (200, "ops", [])
    assert caller.get(f"{SPACES}/ops").json == made.json
    again = caller.post(SPACES, {"id": "ops", "name": "Ops"})
    assert again.said == (409, "A space with the identifier ops already exists.")
    assert [space["id"] for space in caller.get(SPACES).json] == ["default", "ops"]
    assert caller.post(SPACES, {"id": "Ops", "name": "Ops"}).status == 400
    assert caller.post(SPACES, {"id": "x", "name": "X", "foo": 1}).status == 400
    caller.load(view("ops-view"), space="ops")
    fake.store.share("index-pattern", "view", "ops")
    assert caller.delete(f"{SPACES}/ops").status == 204
    assert (fake.store.keys("ops"), fake.store.spaces("index-pattern", "view")) == ([], {"default"})
    assert caller.delete(f"{SPACES}/ops").status == 404
    assert caller.delete(f"{SPACES}/default").status == 400


# data views


def test_data_views(fake, caller, reader):
    """Formats are objects here and text in the saved object; one that is there is written over only if that is said."""
    asked = {
        "id": "flows",
        "title": "flows-*",
        "name": "Flows",
        "fieldFormats": {"a": {"id": "bytes"}},
        "allowNoIndex": True,
    }
    assert reader.post(VIEWS, {"data_view": asked}).status == 403
    made = caller.post(VIEWS, {"data_view": asked}).json["data_view"]
    assert (made["fieldFormats"], made["namespaces"]) == (asked["fieldFormats"], ["default"])
    assert isinstance(fake.store.get("default", "index-pattern", "flows")["attributes"]["fieldFormatMap"], str)
    assert caller.get(f"{VIEWS}/flows").json["data_view"] == made
    assert caller.post(VIEWS, {"data_view": asked}).said == (400, "Duplicate data view: Flows")
    over = caller.post(VIEWS, {"data_view": asked | {"title": "more-*"}, "override": True})
    assert over.json["data_view"]["title"] == "more-*"
    assert caller.get(f"{VIEWS}/view").json["data_view"]["fieldFormats"] == {"a": {"id": "ip"}, "b": {"id": "url"}}


def test_data_views_refused(caller, reader):
    """Unknown keys, no title, and what is not there."""
    assert caller.post(VIEWS, {"data_view": {"title": "x", "foo": 1}}).said == (
        400,
        "[request body.data_view.foo]: definition for this key is missing",
    )
    assert caller.post(VIEWS, {"data_view": {}}).status == 400
    assert caller.post(f"/s/b{VIEWS}", {"data_view": {"id": "view", "title": "x"}}).status == 409
    for asking in (caller.get, caller.delete):
        assert asking(f"{VIEWS}/gone").said == (404, "Saved object [index-pattern/gone] not found")
    assert reader.delete(f"{VIEWS}/view").status == 403
    assert (caller.delete(f"{VIEWS}/view").status, caller.get(f"{VIEWS}/view").status) == (200, 404)
