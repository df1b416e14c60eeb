"""The stand-in for Kibana imports as a real one was recorded to do, row by row, and as its source says for what changed since.

Rows are of 7.10.2; the bodies of 8.x and 9.x differ in their shape, not in what is written.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakes.kibana import Kibana
from fakes.kibana.caller import Caller, Reply, basic, dashboard, links, ndjson, other, view

NEW = ("8.14", "8.19", "9.1")
IMPORT = "/api/saved_objects/_import"
FORM = "multipart/form-data; boundary=x"


@pytest.fixture
def started() -> Iterator[Callable[..., tuple[Kibana, Caller]]]:
    """Start a Kibana of a version, and give a caller that may do everything."""
    running = []

    def start(version: str = "8.19", **how: Any) -> tuple[Kibana, Caller]:
        fake = Kibana(version, **how).__enter__()
        running.append(fake)
        return fake, Caller(fake.url, basic(fake.accounts[0]))

    yield start
    for fake in running:
        fake.__exit__(None, None, None)


def meta(item: dict[str, Any], version: str) -> dict[str, str]:
    icons = {"index-pattern": "indexPatternApp" if version == "7.17" else "pattern", "dashboard": "dashboardApp"}
    icon = {"icon": icons[item["type"]]} if item["type"] in icons else {}
    return {"title": item["attributes"]["title"]} | icon


def success(item: dict[str, Any], version: str, **more: Any) -> dict[str, Any]:
    """A row of successResults."""
    managed = {} if version == "7.17" else {"managed": False}
    return {"type": item["type"], "id": item["id"], "meta": meta(item, version)} | managed | more


def failure(item: dict[str, Any], version: str, **error: Any) -> dict[str, Any]:
    """A row of errors."""
    title = {"title": item["attributes"]["title"]} if version == "7.17" else {}
    return {"type": item["type"], "id": item["id"], "meta": meta(item, version), "error": error} | title


def body(version: str, *done: Any, errors: tuple[Any, ...] = ()) -> dict[str, Any]:
    said = {"successCount": len(done), "success": not errors}
    said |= {} if version == "7.17" else {"warnings": []}
    said |= {"successResults": list(done)} if done else {}
    return said | ({"errors": list(errors)} if errors else {})


# the recorded rows

EVERY = pytest.mark.parametrize("version", ["7.17", *NEW])


@EVERY
def test_import(started, version):
    """What is new is written, and named with title and icon; with overwrite it is marked as written over."""
    fake, caller = started(version)
    sent = [view(), dashboard("board", "view")]
    for query, more in (("", {}), ("?overwrite=true", {"overwrite": True})):
        reply = caller.load(*sent, query=query)
        assert reply.status == 200
        assert reply.json == body(version, *(success(item, version, **more) for item in sent))
    assert fake.store.keys("default") == [("dashboard", "board"), ("index-pattern", "view")]


@EVERY
def test_conflict(started, version):
    """What is there is a conflict unless it may be overwritten, and then what is new is not written though listed."""
    fake, caller = started(version)
    caller.load(view())
    again = caller.load(view())
    assert (again.status, again.json) == (200, body(version, errors=(failure(view(), version, type="conflict"),)))
    mixed = caller.load(view(), view("new"))
    assert mixed.json == body(
        version, success(view("new"), version), errors=(failure(view(), version, type="conflict"),)
    )
    assert fake.store.keys("default") == [("index-pattern", "view")]


@EVERY
def test_missing_references(started, version):
    """References to data views and searches are looked up, others are not; one that is missing keeps all from being written."""
    fake, caller = started(version)
    bad = dashboard("bad", "nope") | {"attributes": {"title": "Bad"}}
    bad["references"] += [{"type": "search", "id": "nor", "name": "s"}, {"type": "lens", "id": "passes", "name": "l"}]
    missing = [{"type": "index-pattern", "id": "nope"}, {"type": "search", "id": "nor"}]
    reply = caller.load(other("no-such-type", "x"), bad, view("good"))
    assert reply.status == 200
    assert reply.json == body(
        version,
        success(view("good"), version),
        errors=(
            failure(other("no-such-type", "x"), version, type="unsupported_type"),
            failure(bad, version, type="missing_references", references=missing),
        ),
    )
    assert fake.store.keys("default") == []
    passing = dashboard("passing")
    passing["references"] = [
        {"type": kind, "id": "x", "name": kind} for kind in ("lens", "visualization", "map", "tag")
    ]
    assert caller.load(passing).json["success"]


@EVERY
def test_unsupported_type(started, version):
    """A type that it does not have is an error that no second pass can solve, so the rest is written."""
    fake, caller = started(version)
    reply = caller.load(other("no-such-type", "x"), view())
    refused = failure(other("no-such-type", "x"), version, type="unsupported_type")
    assert reply.json == body(version, success(view(), version), errors=(refused,))
    assert fake.store.keys("default") == [("index-pattern", "view")]


def test_strict_mapping(started):
    """7.x takes no attribute of a dashboard that it does not know, and writes the rest."""
    fake, caller = started("7.17")
    bad = dashboard("bad")
    bad["attributes"]["x"] = 1
    error = caller.load(bad, view()).json["errors"][0]["error"]
    said = "mapping set to strict, dynamic introduction of [x] within [dashboard] is not allowed"
    assert (error["type"], error["message"]) == ("unknown", said)
    assert fake.store.keys("default") == [("index-pattern", "view")]


@EVERY
def test_newer_version(started, version):
    """An object of a newer Kibana has the whole file refused with 422."""
    fake, caller = started(version)
    old = version == "7.17"
    newer = dashboard("d8") | (
        {"migrationVersion": {"dashboard": "8.9.0"}} if old else {"typeMigrationVersion": "10.4.0"}
    )
    status, said = caller.load(view(), newer).said
    newest = {"7.17": "7.9.3", "8.14": "10.2.0"}.get(version, "10.3.0")
    expected = {
        True: 'Document "d8" has property "dashboard" which belongs to a more recent version of Kibana [8.9.0].'
        f" The last known version is [{newest}]",
        False: f'Document "d8" belongs to a more recent version of Kibana [10.4.0] when the last known version is [{newest}].',
    }
    assert (status, said) == (422, expected[old])
    assert fake.store.keys("default") == []


@EVERY
@pytest.mark.parametrize(
    ("lines", "query", "refusal"),
    [
        ([view(), view()], "", (400, "Non-unique import objects detected: [index-pattern:view]: Bad Request")),
        (
            [],
            "?overwrite=true&createNewCopies=true",
            (400, "[request query]: cannot use [overwrite] with [createNewCopies]"),
        ),
        ([], "?overwrite=maybe", (400, "[request query.overwrite]: expected value of type [boolean] but got [string]")),
        ([], "?foo=1", (400, "[request query.foo]: definition for this key is missing")),
        ([other("visualization", "v")], "", (500, "An internal server error occurred.")),
        ([{"type": "dashboard", "attributes": {}}], "", (500, "An internal server error occurred.")),
        ([{"type": "dashboard", "id": "x"}], "", (500, "An internal server error occurred.")),
    ],
    ids=["duplicate", "both", "no-boolean", "unknown-key", "old-visualization", "no-id", "no-attributes"],
)
def test_refused_files(started, version, lines, query, refusal):
    """A file or query that is refused as a whole leaves nothing written."""
    fake, caller = started(version)
    status, said = refusal
    reply = caller.load(view("good"), *lines, query=query)
    names = {400: "Bad Request", 500: "Internal Server Error"}
    assert reply.json == {"statusCode": status, "error": names[status], "message": said}
    assert (reply.status, fake.store.keys("default")) == (status, [])


@EVERY
@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"{bad}\n", "Unexpected token b in JSON at position 1"),
        (b'{"a":NaN}\n', "Unexpected token N in JSON at position 5"),
        (b"this\n", "Unexpected token h in JSON at position 1"),
        (b'{"a":\n', "Unexpected end of JSON input"),
        (b"\xef\xbb\xbf" + ndjson([view()]), "Unexpected token \ufeff in JSON at position 0"),
    ],
    ids=["no-json", "no-number", "word", "cut", "mark"],
)
def test_no_json(started, version, file, said):
    """A line that is no JSON, a byte order mark too, is refused in the words of V8."""
    _, caller = started(version)
    assert caller.load(file=file).said == (400, said)


@EVERY
def test_forms(started, version):
    """A file comes in a form, as `file`, with a name that ends in .ndjson."""
    fake, caller = started(version)
    assert caller.load(view(), filename="a.json").said == (400, "Invalid file extension .json")
    assert caller.load(view(), filename="A.NDJSON").json["success"]
    assert caller.post(IMPORT, view()).said == (415, "Unsupported Media Type")
    nothing = b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--x--\r\n'
    assert _form(caller, nothing).said == (400, "[request body.other]: definition for this key is missing")
    empty = b"--x--\r\n"
    missing = "[request body.file]: expected value of type [Stream] but got [undefined]"
    assert _form(caller, empty).said == (400, missing)
    assert _form(caller, b"no form").said[0] == 400
    plain = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n{}\r\n--x--\r\n'
    assert _form(caller, plain).said == (400, missing.replace("undefined", "string"))
    assert len(fake.store.keys("default")) == 1


def _form(caller: Caller, octets: bytes) -> Reply:
    return caller.ask("POST", IMPORT, octets, kbn_xsrf="true", Content_Type=FORM)


@EVERY
def test_nothing_to_do(started, version):
    """An empty file is a success in which nothing was done; ends of lines, empty lines and the summary of an export pass."""
    _, caller = started(version)
    assert caller.load().json == body(version)
    file = ndjson([view()]).replace(b"\n", b"\r\n\r\n") + b'{"exportedCount":1,"missingRefCount":0}'
    assert caller.load(file=file).json["successCount"] == 1


# what 8.x and 9.x do


@pytest.mark.parametrize("version", NEW)
def test_opaque(started, version):
    """Panels that are no JSON, and attributes of a dashboard that nobody knows, are taken."""
    _, caller = started(version)
    bad = dashboard()
    bad["attributes"] |= {"panelsJSON": "{no json", "unheard-of": 1}
    assert caller.load(bad).json["success"]


def test_first_schema(started):
    """8.13 forbids attributes of a dashboard that it does not know, and refuses what 8.14 writes."""
    _, caller = started("8.13")
    assert caller.load(dashboard()).status == 422
    bad = dashboard() | {"typeMigrationVersion": "10.1.0"}
    assert caller.load(bad).json["success"]
    bad["attributes"]["unheard-of"] = 1
    error = caller.load(bad, query="?overwrite=true").json["errors"][0]
    said = "[attributes.unheard-of]: definition for this key is missing"
    assert (error["error"]["type"], error["error"]["message"]) == ("unknown", said)


@pytest.mark.parametrize("version", NEW)
def test_objections(started, version):
    """A dashboard without a title and links with unknown keys are errors of their own; the others are written."""
    fake, caller = started(version)
    untitled = dashboard("untitled")
    del untitled["attributes"]["title"]
    odd, optional, odder = links("odd", "board"), links("optional", "board"), links("odder")
    odd["attributes"]["links"][0]["extra"] = True
    optional["attributes"]["links"][0]["options"] = {"encodeUrl": True}
    odder["attributes"]["more"] = True
    reply = caller.load(untitled, odd, optional, odder, dashboard(), links("good", "board"))
    assert [(error["id"], error["error"]["type"]) for error in reply.json["errors"]] == [
        (name, "unknown") for name in ("untitled", "odd", "optional", "odder")
    ]
    assert reply.json["successCount"] == 2
    assert fake.store.keys("default") == [("dashboard", "board"), ("links", "good")]


@pytest.mark.parametrize("version", NEW)
@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"title": 1}, "[attributes.title]: expected value of type [string] but got [number]"),
        ({"panelsJSON": []}, "[attributes.panelsJSON]: expected value of type [string] but got [Array]"),
        ({"timeRestore": "yes"}, "[attributes.timeRestore]: expected value of type [boolean] but got [string]"),
        ({"version": True}, "[attributes.version]: expected value of type [number] but got [boolean]"),
        (
            {"refreshInterval": {"pause": True}},
            "[attributes.refreshInterval.value]: expected value of type [number] but got [undefined]",
        ),
        (
            {"kibanaSavedObjectMeta": {"x": 1}},
            "[attributes.kibanaSavedObjectMeta.x]: definition for this key is missing",
        ),
        (
            {"controlGroupInput": "x"},
            "[attributes.controlGroupInput]: expected value of type [Object] but got [string]",
        ),
        ({"controlGroupInput": {"x": 1}, "refreshInterval": {"pause": True, "value": 0}, "timeFrom": "now-1h"}, ""),
    ],
    ids=["title", "panels", "restore", "version", "refresh", "meta", "controls", "none"],
)
def test_dashboard_schema(started, version, attributes, said):
    """Attributes of a dashboard have the types of its schema, down to a first level, and may have others beside."""
    _, caller = started(version)
    board = dashboard()
    board["attributes"] |= attributes
    errors = caller.load(board).json.get("errors", [])
    assert [error["error"]["message"] for error in errors] == ([said] if said else [])


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"id": "a", "order": 0, "type": "other"}, ".0]: expected value to equal [dashboardLink]"),
        ({"id": "a", "order": 0, "type": "externalLink"}, ".0.destination]: expected value of type [string]"),
        (
            {"id": "a", "order": 0, "type": "externalLink", "destination": "u", "options": {"encodeUrl": True}},
            ".0.options.openInNewTab]: expected value of type [boolean] but got [undefined]",
        ),
        ({"id": "a", "type": "dashboardLink", "destinationRefName": "r"}, ".0.order]: expected value of type [number]"),
    ],
    ids=["kind", "destination", "options", "order"],
)
def test_links_schema(started, link, said):
    """A link has all that its kind needs, and if it has options, all of them."""
    _, caller = started()
    panel = links()
    panel["attributes"]["links"] = [link]
    [error] = caller.load(panel).json["errors"]
    assert error["error"]["message"].startswith(f"[attributes.links{said}")


def test_unwritable(started):
    """An object can be made to fail by itself, and the others are written."""
    fake, caller = started()
    fake.store.unwritable["dashboard", "board"] = "no room"
    reply = caller.load(view(), dashboard())
    assert reply.json["errors"][0]["error"] == {
        "statusCode": 400,
        "error": "Bad Request",
        "message": "no room",
        "type": "unknown",
    }
    assert fake.store.keys("default") == [("index-pattern", "view")]


@pytest.mark.parametrize(
    ("type_", "version", "taken"),
    [
        ("dashboard", "10.1.0", NEW),
        ("dashboard", "10.2.0", NEW),
        ("dashboard", "10.3.0", ("8.19", "9.1")),
        ("dashboard", "10.4.0", ()),
        ("index-pattern", "7.11.0", NEW),
        ("lens", "8.9.0", NEW),
        ("visualization", "8.5.0", NEW),
        ("map", "8.4.0", NEW),
        ("search", "10.3.0", NEW),
        ("links", "10.1.0", NEW),
        ("links", "10.2.0", ()),
        ("ml-module", "", NEW),
    ],
)
def test_versions(started, type_, version, taken):
    """Each release takes what is not newer than the newest that it knows of the type."""
    item = other(type_, "x", visState="{}") if type_ == "visualization" else other(type_, "x")
    item |= {"typeMigrationVersion": version} if version else {}
    statuses = {release: started(release)[1].load(item).status for release in NEW}
    assert statuses == {release: 200 if release in taken else 422 for release in NEW}


def test_older_kibana(started):
    """What a newer Kibana exports as its own an older one refuses, since its version was raised."""
    _, newer = started("8.19")
    _, older = started("8.14")
    newer.load(dashboard())
    exported = newer.post("/api/saved_objects/_export", {"type": "dashboard"}).body
    assert newer.load(file=exported, query="?overwrite=true").json["success"]
    assert older.load(file=exported).status == 422
    with pytest.raises(ValueError, match=r"8\.15 is no version of Kibana here; these are: 7\.17, 8\.13"):
        started("8.15")


def test_newer_core(started):
    """An envelope that is newer than Kibana is refused too."""
    _, caller = started("8.14")
    status, said = caller.load(view(coreMigrationVersion="8.19.0")).said
    assert (status, said.split(" which")[0]) == (422, 'Document "view" has a "coreMigrationVersion"')


def test_lacking_types(started):
    """A Kibana can be made to lack a type."""
    fake, caller = started("9.1")
    fake.store.lacking.add("map")
    reply = caller.load(other("map", "x"), view()).json
    assert [error["error"]["type"] for error in reply["errors"]] == ["unsupported_type"]
    assert fake.store.keys("default") == [("index-pattern", "view")]


def test_no_links_before(started):
    """Panels of links came with 8.12: 7.17 does not have the type."""
    _, caller = started("7.17")
    assert caller.load(links()).json["errors"][0]["error"] == {"type": "unsupported_type"}


def test_reader(started):
    """Who may only read is told which types cannot be written."""
    fake, _ = started()
    reply = Caller(fake.url, basic(fake.accounts[1])).load(view(), dashboard())
    assert reply.said == (403, "Unable to bulk_create dashboard,index-pattern")
    assert reply.json["error"] == "Forbidden"


def test_limits(started):
    """Too many objects are a 400, too many octets a 413."""
    _, caller = started(limit_objects=2, limit_octets=1500)
    assert caller.load(view("a"), view("b"), view("c")).said == (400, "Can't import more than 2 objects")
    said = "Payload content length greater than maximum allowed: 1500"
    assert caller.load(*map(view, "abcdefgh")).said == (413, said)


# spaces


def test_second_space(started):
    """An id that another space uses is changed, and what refers to it follows; the next import finds it by its origin."""
    fake, caller = started()
    sent = [view(), dashboard("board", "view"), links("links", "board"), other("ml-module", "module")]
    caller.load(*sent)
    assert caller.load(*sent, space="b").json["errors"][0]["id"] == "module"  # there is one for all spaces
    rows = caller.load(*sent, space="b", query="?overwrite=true").json["successResults"]
    given = {row["id"]: row.get("destinationId") for row in rows}
    assert (given["module"], rows[3]["overwrite"]) == (None, True)
    assert all(given[name] and given[name] != name for name in ("view", "board", "links"))
    assert fake.store.get("b", "index-pattern", "view") is None
    board = fake.store.get("b", "dashboard", given["board"])
    assert (board["originId"], board["references"][0]["id"]) == ("board", given["view"])
    assert fake.store.get("b", "links", given["links"])["references"][0]["id"] == given["board"]
    again = caller.load(*sent[:3], space="b", query="?overwrite=true").json["successResults"]
    assert [(row["destinationId"], row["overwrite"]) for row in again] == [
        (given[name], True) for name in ("view", "board", "links")
    ]
    conflict = caller.load(view(), space="b").json["errors"][0]["error"]
    assert conflict == {"type": "conflict", "destinationId": given["view"]}
    alone = caller.load(dashboard("late", "view"), space="b").json
    assert alone["success"]
    assert fake.store.get("b", "dashboard", "late")["references"][0]["id"] == given["view"]


def test_own_ids(started):
    """Ids that end in the space's name stay as they are; removing those of one space leaves the other's."""
    fake, caller = started()
    for space in ("", "b"):
        rows = caller.load(view(f"view{space}"), dashboard(f"board{space}", f"view{space}"), space=space).json
        assert not any("destinationId" in row for row in rows["successResults"])
    gone = [{"type": "dashboard", "id": "boardb"}, {"type": "index-pattern", "id": "viewb"}]
    statuses = caller.post("/s/b/api/saved_objects/_bulk_delete", gone).json["statuses"]
    assert [status["success"] for status in statuses] == [True, True]
    assert fake.store.keys("b") == []
    assert fake.store.keys("default") == [("dashboard", "board"), ("index-pattern", "view")]


def test_shared(started):
    """A data view that was put into another space is there under its own id."""
    fake, caller = started()
    caller.load(view())
    fake.store.share("index-pattern", "view", "b")
    reply = caller.load(view(), space="b", query="?overwrite=true").json["successResults"][0]
    assert (reply["overwrite"], "destinationId" in reply) == (True, False)


def test_spaces_of_old(started):
    """In 7.x each space has ids of its own."""
    fake, caller = started("7.17")
    caller.load(view())
    assert "destinationId" not in caller.load(view(), space="b").json["successResults"][0]
    assert fake.store.keys("b") == [("index-pattern", "view")]


def test_ambiguous(started):
    """If several objects came from the one in the file, it does not choose."""
    fake, caller = started()
    for name in ("one", "two"):
        fake.store.put("default", view(name, originId="view"))
    error = caller.load(view(), query="?overwrite=true").json["errors"][0]["error"]
    assert error["type"] == "ambiguous_conflict"
    assert {row["id"] for row in error["destinations"]} == {"one", "two"}
    assert fake.store.get("default", "index-pattern", "view") is None


def test_copies(started):
    """Copies have new ids that nobody can find again."""
    fake, caller = started()
    caller.load(view())
    row = caller.load(view(), query="?createNewCopies=true").json["successResults"][0]
    assert row["destinationId"] != "view"
    assert "originId" not in fake.store.get("default", "index-pattern", row["destinationId"])


def test_unknown_space(started):
    """A space that does not exist is written to: nobody asks."""
    fake, caller = started()
    assert caller.load(view(), space="nowhere").json["success"]
    assert fake.store.keys("nowhere") == [("index-pattern", "view")]
    assert caller.get("/api/spaces/space/nowhere").status == 404


# second pass


def test_resolve(started):
    """The second pass writes what its retries name, as they say."""
    fake, caller = started()
    caller.load(view(), dashboard("old"))
    fails = dashboard("fails", "gone")
    retries = [
        {"type": "index-pattern", "id": "view", "overwrite": True},
        {"type": "dashboard", "id": "fails", "ignoreMissingReferences": True},
        {
            "type": "dashboard",
            "id": "led",
            "replaceReferences": [{"type": "index-pattern", "from": "gone", "to": "view"}],
        },
        {"type": "dashboard", "id": "old", "createNewCopy": True, "destinationId": "newer"},
    ]
    path = "/api/saved_objects/_resolve_import_errors"
    sent = [view(), dashboard("old"), fails, dashboard("led", "gone"), dashboard("not-named")]
    reply = caller.upload(path, *sent, retries=json.dumps(retries))
    assert reply.json["success"]
    assert fake.store.get("default", "dashboard", "led")["references"][0]["id"] == "view"
    names = {name for kind, name in fake.store.keys("default") if kind == "dashboard"}
    assert names == {"old", "fails", "led", "newer"}
    assert "originId" not in fake.store.get("default", "dashboard", "newer")
    assert reply.json["successResults"][1]["createNewCopy"] is True
    assert caller.upload(path, *sent).said[0] == 400
    assert caller.upload(path, *sent, retries="no").said[0] == 400


# what is stored is not what was sent


@pytest.mark.parametrize("version", NEW)
def test_migrated(started, version):
    """Kibana changes what it stores, in nothing that matters: octets differ, what JSON in strings says does not."""
    fake, caller = started(version)
    sent = view()
    caller.load(sent)
    held = fake.store.get("default", "index-pattern", "view")
    assert held["managed"] is False
    assert held["typeMigrationVersion"] == "8.0.0"
    assert held.keys() >= {"created_at", "updated_at", "version"}
    text = held["attributes"]["fieldFormatMap"]
    assert text != sent["attributes"]["fieldFormatMap"]
    assert json.loads(text) == json.loads(sent["attributes"]["fieldFormatMap"])
    caller.load(dashboard(managed=True))
    board = fake.store.get("default", "dashboard", "board")
    assert board["managed"] is True
    assert board["attributes"]["version"] == 1
    before = board["version"], board["created_at"]
    fake.store.edit("default", "dashboard", "board", title="Mine")
    board = fake.store.get("default", "dashboard", "board")
    assert (board["attributes"]["title"], board["created_at"]) == ("Mine", before[1])
    assert board["version"] != before[0]
    fake.store.migrates = False
    caller.load(sent, query="?overwrite=true")
    assert fake.store.get("default", "index-pattern", "view")["attributes"] == sent["attributes"]
