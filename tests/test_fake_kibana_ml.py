"""The stand-in for Kibana makes jobs of modules and knows of jobs as a real one; the Elasticsearch beside it keeps them."""

from collections.abc import Iterator

import pytest

from fakes.kibana import Kibana
from fakes.kibana.caller import Caller, Reply, basic, other, view
from fakes.kibana.cluster import LICENCES, WITH_ML

JOBS, FEEDS, SYNC = "/_ml/anomaly_detectors", "/_ml/datafeeds", "/api/ml/saved_objects/sync"
INTERNAL = {"Elastic_Api_Version": "1", "x_elastic_internal_origin": "kibana"}
JOB = {
    "groups": ["net"],
    "analysis_config": {"bucket_span": "15m", "detectors": [{"function": "rare", "by_field_name": "a"}]},
    "data_description": {"time_field": "@timestamp"},
    "custom_settings": {
        "custom_urls": [
            {"url_name": "a", "url_value": "discover#/?_a=(index:'INDEX_PATTERN_ID',t:'INDEX_PATTERN_NAME')"}
        ]
    },
}
FEED = {"indices": ["INDEX_PATTERN_NAME"], "query": {"match_all": {}}}
MODULE = other(
    "ml-module",
    "flows",
    id="flows",
    jobs=[{"id": "one", "config": JOB}, {"id": "two", "config": JOB}],
    datafeeds=[{"id": f"datafeed-{name}", "job_id": name, "config": FEED} for name in ("one", "two")],
)


@pytest.fixture
def fake() -> Iterator[Kibana]:
    with Kibana() as fake:
        yield fake
        assert not fake.surprises


@pytest.fixture
def caller(fake) -> Caller:
    return Caller(fake.url, basic(fake.accounts[0]))


@pytest.fixture
def node(fake) -> Caller:
    """Somebody who may do everything in Elasticsearch."""
    return Caller(fake.cluster.url, basic(fake.accounts[0]))


def reason(reply: Reply) -> tuple[int, str, str]:
    """Status, type and reason of an error of Elasticsearch, which says each twice."""
    error, status = reply.json["error"], reply.json["status"]
    assert error["root_cause"] == [{"type": error["type"], "reason": error["reason"]}]
    assert status == reply.status
    return status, error["type"], error["reason"]


def setup(caller: Caller, name: str = "flows", space: str = "", **asked) -> Reply:
    return caller.post(f"{space}/internal/ml/modules/setup/{name}", asked, **INTERNAL)


# jobs and datafeeds


def test_job_and_feed(fake, node):
    """Jobs and datafeeds are made, read with more than was sent, started, changed in part, stopped and removed."""
    assert node.send("PUT", f"{JOBS}/one", JOB).json["job_id"] == "one"
    assert node.send("PUT", f"{FEEDS}/datafeed-one", FEED | {"job_id": "one"}).json["datafeed_id"] == "datafeed-one"
    [held] = node.get(f"{JOBS}/one").json["jobs"]
    assert held["analysis_config"]["detectors"] == [{"function": "rare", "by_field_name": "a", "detector_index": 0}]
    assert held.keys() > JOB.keys()
    [feed] = node.get(f"{FEEDS}/datafeed-one").json["datafeeds"]
    assert feed.keys() > FEED.keys()
    assert node.post(f"{JOBS}/one/_open").json["opened"]
    assert node.post(f"{FEEDS}/datafeed-one/_start").json["started"]
    assert node.get(f"{JOBS}/one/_stats").json["jobs"][0]["state"] == "opened"
    assert node.get(f"{FEEDS}/datafeed-one/_stats").json["datafeeds"][0]["state"] == "started"
    assert node.post(f"{JOBS}/one/_update", {"description": "new"}).json["description"] == "new"
    assert node.post(f"{FEEDS}/datafeed-one/_stop?force=true").json["stopped"]
    assert node.post(f"{FEEDS}/datafeed-one/_update", {"scroll_size": 10}).json["scroll_size"] == 10
    assert node.delete(f"{FEEDS}/datafeed-one").json["acknowledged"]
    assert node.post(f"{JOBS}/one/_close").json["closed"]
    assert node.delete(f"{JOBS}/one").json["acknowledged"]
    assert (fake.cluster.jobs.jobs, fake.cluster.jobs.feeds) == ({}, {})


def test_lists(node):
    """Without a name, or with a wildcard, it gives all that fit, and be it none."""
    for name in ("one", "two"):
        node.send("PUT", f"{JOBS}/{name}", JOB)
    counts = [node.get(f"{JOBS}{name}").json["count"] for name in ("", "/_all", "/t*", "/x*")]
    assert counts == [2, 2, 1, 0]


def test_job_refused(node):
    """Jobs that are there or not, names that will not do, and what cannot be changed."""
    node.send("PUT", f"{JOBS}/one", JOB)
    said = "The job cannot be created with the Id 'one'. The Id is already used."
    assert reason(node.send("PUT", f"{JOBS}/one", JOB)) == (400, "resource_already_exists_exception", said)
    missing = (404, "resource_not_found_exception", "No known job with id 'gone'")
    assert reason(node.get(f"{JOBS}/gone")) == missing
    assert reason(node.delete(f"{JOBS}/gone")) == missing
    assert reason(node.post(f"{JOBS}/gone/_open")) == missing
    assert reason(node.send("PUT", f"{FEEDS}/datafeed-gone", FEED | {"job_id": "gone"})) == missing
    for name, word in (("One", "lowercase"), ("one-", "alphanumeric"), ("a" * 65, "64"), ("net", "unique")):
        status, _, said = reason(node.send("PUT", f"{JOBS}/{name}", JOB))
        assert (status, word in said) == (400, True)
    assert reason(node.post(f"{JOBS}/one/_update", {"analysis_config": {}}))[0] == 400
    assert reason(node.send("PUT", f"{JOBS}/half", {"analysis_config": {}}))[0] == 400


def test_feed_refused(node):
    """One datafeed a job; one that is there or not."""
    node.send("PUT", f"{JOBS}/one", JOB)
    node.send("PUT", f"{FEEDS}/datafeed-one", FEED | {"job_id": "one"})
    again = reason(node.send("PUT", f"{FEEDS}/datafeed-one", FEED | {"job_id": "one"}))
    assert (again[0], again[2]) == (400, "A datafeed with id [datafeed-one] already exists")
    assert reason(node.send("PUT", f"{FEEDS}/second", FEED | {"job_id": "one"}))[0] == 409
    missing = (404, "resource_not_found_exception", "No datafeed with id [gone] exists")
    for reply in (node.get(f"{FEEDS}/gone"), node.delete(f"{FEEDS}/gone"), node.post(f"{FEEDS}/gone/_start")):
        assert reason(reply) == missing


def test_wrong_state(node):
    """What runs cannot be removed, changed or started again; force removes it."""
    node.send("PUT", f"{JOBS}/one", JOB)
    node.send("PUT", f"{FEEDS}/datafeed-one", FEED | {"job_id": "one"})
    assert reason(node.post(f"{FEEDS}/datafeed-one/_start"))[0] == 409  # the job is closed
    assert reason(node.delete(f"{JOBS}/one"))[0] == 409  # it has a datafeed
    node.post(f"{JOBS}/one/_open")
    assert reason(node.post(f"{JOBS}/one/_open"))[0] == 409
    node.post(f"{FEEDS}/datafeed-one/_start")
    started = "Cannot delete datafeed [datafeed-one] while its status is started"
    assert reason(node.delete(f"{FEEDS}/datafeed-one"))[::2] == (409, started)
    for path in (f"{FEEDS}/datafeed-one/_update", f"{FEEDS}/datafeed-one/_start", f"{JOBS}/one/_close"):
        assert reason(node.post(path, {}))[0] == 409
    node.post(f"{FEEDS}/datafeed-one/_stop")
    node.delete(f"{FEEDS}/datafeed-one")
    assert reason(node.delete(f"{JOBS}/one"))[0] == 409  # it is open
    assert node.delete(f"{JOBS}/one?force=true").status == 200


# licences, rights


@pytest.mark.parametrize("licence", [licence for licence in LICENCES if licence != "none"])
def test_licences(fake, node, caller, licence):
    """Machine learning needs Platinum, Enterprise or a trial; modules can be imported whatever the licence."""
    fake.licence = licence
    told = node.get("/_license").json["license"]
    assert (told["type"], told["status"]) == (licence, "active")
    assert caller.load(MODULE).json["success"]
    replies = [node.get("/_ml/info"), node.send("PUT", f"{JOBS}/one", JOB), setup(caller), caller.get(SYNC)]
    assert [reply.status for reply in replies] == ([200] * 4 if licence in WITH_ML else [403] * 4)
    if licence not in WITH_ML:
        said = (403, "security_exception", "current license is non-compliant for [ml]")
        assert [reason(reply) for reply in replies[:2]] == [said, said]


def test_no_machine_learning(node, fake):
    """A build without it answers each question in another wrong way."""
    fake.licence = "none"
    assert reason(node.send("PUT", f"{JOBS}/one", JOB))[:2] == (400, "invalid_index_name_exception")
    assert [node.get(path).status for path in ("/_ml/info", "/_license")] == [405, 400]
    with pytest.raises(ValueError, match="oss is no licence; these are: none, basic"):
        Kibana(licence="oss")


def test_rights(fake, node):
    """A stranger is a 401, and who may only read is a 403 when he writes."""
    assert reason(Caller(fake.cluster.url).get("/_license"))[:2] == (401, "security_exception")
    reader = Caller(fake.cluster.url, basic(fake.accounts[1]))
    assert reader.get("/_license").status == 200
    assert reason(reader.send("PUT", f"{JOBS}/one", JOB))[:2] == (403, "security_exception")
    assert node.get("/").headers["x-elastic-product"] == "Elasticsearch"


# modules


def test_setup(fake, caller):
    """A module's jobs are made with a prefix and groups, placeholders filled in, and started if that is asked."""
    caller.load(MODULE, view("net"))
    told = setup(caller, prefix="p-", groups=["mine"], indexPatternName="net-*", startDatafeed=True).json
    assert told["jobs"] == [{"id": f"p-{name}", "success": True} for name in ("one", "two")]
    assert told["datafeeds"] == [
        {"id": f"datafeed-p-{name}", "success": True, "started": True, "awaitingMlNodeAllocation": False}
        for name in ("one", "two")
    ]
    assert told["kibana"] == {}
    jobs = fake.cluster.jobs
    assert jobs.feeds["datafeed-p-one"]["indices"] == ["net-*"]
    assert jobs.jobs["p-one"]["groups"] == ["mine"]
    url = jobs.jobs["p-one"]["custom_settings"]["custom_urls"][0]["url_value"]
    assert url == "discover#/?_a=(index:'net',t:'net-*')"
    assert (jobs.opened, jobs.started) == ({"p-one", "p-two"}, {"datafeed-p-one", "datafeed-p-two"})
    assert fake.ml["p-one"].spaces == {"default"}


def test_setup_in_part(fake, caller, node):
    """What is there fails by itself, and the answer is a 200."""
    caller.load(MODULE)
    node.send("PUT", f"{JOBS}/one", JOB)
    reply = setup(caller, indexPatternName="net-*", applyToAllSpaces=True, space="/s/b")
    assert reply.status == 200
    [one, two] = reply.json["jobs"]
    assert (one["success"], two["success"]) == (False, True)
    assert one["error"]["status"] == 400
    assert "The Id is already used" in one["error"]["error"]["reason"]
    assert reply.json["datafeeds"][1] == {"id": "datafeed-two", "success": True, "started": False}
    assert fake.ml["two"].spaces == {"*"}


def test_setup_overrides(fake, caller):
    """Overrides are for the one that they name, or for all."""
    caller.load(MODULE)
    jobs = [{"description": "all"}, {"job_id": "two", "description": "second"}]
    setup(caller, jobOverrides=jobs, datafeedOverrides={"query_delay": "180s"}, query={"exists": {"field": "a"}})
    told = {name: job["description"] for name, job in fake.cluster.jobs.jobs.items()}
    assert told == {"one": "all", "two": "second"}
    feed = fake.cluster.jobs.feeds["datafeed-one"]
    assert (feed["query_delay"], feed["query"]) == ("180s", {"exists": {"field": "a"}})


def test_setup_refused(fake, caller):
    """A module that is not there, a key that it does not know, and who may not."""
    caller.load(MODULE)
    assert setup(caller, "gone").status == 404
    assert setup(caller, foo=1).said == (400, "[request body.foo]: definition for this key is missing")
    assert setup(Caller(fake.url, basic(fake.accounts[1]))).status == 403


# what Kibana knows of jobs


def test_sync(fake, caller, node):
    """Jobs made beside Kibana become known, and those that are gone are forgotten; a simulation only says so."""
    node.send("PUT", f"{JOBS}/one", JOB)
    parts = ("savedObjectsCreated", "savedObjectsDeleted", "datafeedsAdded", "datafeedsRemoved")
    nothing: dict[str, dict] = {part: {} for part in parts}
    one = {"anomaly-detector": {"one": {"success": True}}}
    for query in ("?simulate=true", ""):
        assert caller.get(SYNC + query).json == nothing | {"savedObjectsCreated": one}
    assert caller.get(SYNC).json == nothing
    node.send("PUT", f"{FEEDS}/datafeed-one", FEED | {"job_id": "one"})
    assert caller.get(SYNC).json == nothing | {"datafeedsAdded": one}
    node.delete(f"{FEEDS}/datafeed-one")
    assert caller.get(SYNC).json == nothing | {"datafeedsRemoved": one}
    node.delete(f"{JOBS}/one")
    assert caller.get(SYNC).json == nothing | {"savedObjectsDeleted": one}
    assert fake.ml == {}


# documents


def test_documents(fake, node):
    """Documents are kept by index and id."""
    path = "/flowcoll-setup/_doc/a"
    assert node.get(path).json["found"] is False
    assert [node.send("PUT", path, {"n": number}).status for number in range(2)] == [201, 200]
    assert node.get(path).json["_source"] == {"n": 1}
    assert [node.delete(path).status for _ in range(2)] == [200, 404]
    assert reason(node.get("/_cat/indices"))[0] == 400
    node.send("PUT", path, {})
    fake.cluster.fail("cut-write:0")
    with pytest.raises(ConnectionError):
        node.send("PUT", "/flowcoll-setup/_doc/b", {})
    assert list(fake.cluster.documents) == [("flowcoll-setup", "a")]
