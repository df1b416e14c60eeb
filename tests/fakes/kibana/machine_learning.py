"""Kibana's side of machine learning: jobs from a module that was imported, and which jobs Kibana knows of.

A job made through Elasticsearch is not seen in Kibana until the two are brought together (sync). `Known` is what Kibana
keeps of jobs: in which spaces they are, and which datafeed they have.
"""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fakes.kibana.jobs import ElasticsearchError
from fakes.kibana.messages import Answer, Object, Request, answer, refusal, words
from fakes.kibana.routes import Route, writer

if TYPE_CHECKING:
    from fakes.kibana.server import Kibana

_SETUP = frozenset(
    words(
        "prefix groups indexPatternName query useDedicatedIndex startDatafeed start end jobOverrides datafeedOverrides"
        " estimateModelMemory applyToAllSpaces"
    )
)
_NO_LICENCE = "The license does not support machine learning."


@dataclass
class Known:
    """What Kibana knows of a job."""

    spaces: set[str] = field(default_factory=set)
    feed: str = ""


def _setup(kibana: "Kibana", request: Request, name: str) -> Answer:
    """Make a module's jobs and datafeeds; 200 even when none could be made.

    That `groups` replace those of the jobs, and which status and words a missing module and a licence without machine
    learning have, are believed.
    """
    _allow(kibana, request)
    asked = request.json or {}
    for key in asked:
        if key not in _SETUP:
            raise refusal(400, f"[request body.{key}]: definition for this key is missing")
    modules = kibana.store.objects(request.space, "ml-module")
    module = next((held["attributes"] for held in modules if held["attributes"].get("id", held["id"]) == name), None)
    if module is None:
        raise refusal(404, f"Module not found: {name}")
    pattern = asked.get("indexPatternName") or module.get("defaultIndexPattern", "")
    module = _filled(module, pattern, _view_id(kibana, request.space, pattern))
    prefix = asked.get("prefix", "")
    jobs = [_job(kibana, request.space, prefix + job["id"], job["config"], asked) for job in module["jobs"]]
    feeds = [_feed(kibana, prefix, feed, asked) for feed in module.get("datafeeds", [])]
    return answer({"jobs": jobs, "datafeeds": feeds, "kibana": {}})


def _filled(module: Object, pattern: str, view: str) -> Object:
    """Put the data view in where placeholders stand."""
    text = json.dumps(module).replace("INDEX_PATTERN_ID", view).replace("INDEX_PATTERN_NAME", pattern)
    filled: Object = json.loads(text)
    return filled


def _view_id(kibana: "Kibana", space: str, pattern: str) -> str:
    views = kibana.store.objects(space, "index-pattern")
    return next((held["id"] for held in views if held["attributes"].get("title") == pattern), pattern)


def _job(kibana: "Kibana", space: str, name: str, config: Object, asked: Object) -> Object:
    overrides = _over(asked.get("jobOverrides"), "job_id", name)
    groups = {"groups": asked["groups"]} if asked.get("groups") else {}
    try:
        kibana.cluster.jobs.put_job(name, {**config, **groups, **overrides})
    except ElasticsearchError as exc:
        return {"id": name, "success": False, "error": exc.body}
    kibana.ml[name] = Known({"*" if asked.get("applyToAllSpaces") else space})
    return {"id": name, "success": True}


def _feed(kibana: "Kibana", prefix: str, feed: Object, asked: Object) -> Object:
    job = prefix + feed["job_id"]
    name = f"datafeed-{job}"
    config = {**feed["config"], **({"query": asked["query"]} if asked.get("query") else {})}
    config |= _over(asked.get("datafeedOverrides"), "datafeed_id", name) | {"job_id": job}
    jobs = kibana.cluster.jobs
    try:
        jobs.put_feed(name, config)
    except ElasticsearchError as exc:
        return {"id": name, "success": False, "started": False, "error": exc.body}
    kibana.ml.setdefault(job, Known()).feed = name
    told = {"id": name, "success": True, "started": False}
    if not asked.get("startDatafeed"):
        return told
    jobs.open_job(job)
    jobs.start_feed(name)
    return told | {"started": True, "awaitingMlNodeAllocation": False}


def _over(overrides: Any, field_: str, name: str) -> Object:
    """Give the overrides for one, or for all: those that name none."""
    given = overrides if isinstance(overrides, list) else [overrides or {}]
    parts = [part for part in given if part.get(field_, name) == name]
    return {key: value for part in parts for key, value in part.items() if key != field_}


def _sync(kibana: "Kibana", request: Request) -> Answer:
    """Bring together what Kibana knows of jobs and what there is; in 8.x results are by kind of job."""
    request.known("simulate")
    _allow(kibana, request)
    jobs, known = kibana.cluster.jobs, kibana.ml
    feeds = {feed["job_id"]: name for name, feed in jobs.feeds.items()}
    made = [name for name in jobs.jobs if name not in known]
    gone = [name for name in known if name not in jobs.jobs]
    with_feed = [name for name in jobs.jobs if name in feeds and name in known and known[name].feed != feeds[name]]
    without = [name for name in jobs.jobs if name in known and known[name].feed and name not in feeds]
    if not request.flag("simulate"):
        for name in gone:
            del known[name]
        for name in jobs.jobs:
            known.setdefault(name, Known({request.space})).feed = feeds.get(name, "")
    told = {
        "savedObjectsCreated": made,
        "savedObjectsDeleted": gone,
        "datafeedsAdded": with_feed,
        "datafeedsRemoved": without,
    }
    return answer({part: _results(names, old=kibana.release.old) for part, names in told.items()})


def _results(names: list[str], *, old: bool) -> Object:
    results = {name: {"success": True} for name in names}
    return results if old or not results else {"anomaly-detector": results}


def _allow(kibana: "Kibana", request: Request) -> None:
    if not kibana.cluster.has_ml:
        raise refusal(403, _NO_LICENCE)
    if not writer(kibana, request):
        raise refusal(403, "Forbidden")


ROUTES = (
    Route("POST", "/internal/ml/modules/setup/([^/]+)", _setup, since=(8,)),
    Route("GET", "/api/ml/saved_objects/sync", _sync),
)
