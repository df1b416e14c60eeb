"""The Elasticsearch beside Kibana, as far as an installer asks it: who it is, its licence, machine learning, documents.

A licence `none` is a build without machine learning, which answers each question about it in another wrong way.
"""

import json
import re
import ssl
from collections.abc import Callable
from typing import Any

from fakes.kibana.faults import AbruptEndError
from fakes.kibana.jobs import ElasticsearchError, Jobs
from fakes.kibana.messages import Answer, Object, Request, answer
from fakes.kibana.serving import Account, Service

LICENCES = ("none", "basic", "gold", "platinum", "enterprise", "trial")
WITH_ML = ("platinum", "enterprise", "trial")

_KIND = "application/vnd.elasticsearch+json;compatible-with=8"
_HEADERS = {"X_Elastic_Product": "Elasticsearch", "Content_Type": _KIND}
_LISTS = {"anomaly_detectors": ("jobs", "job_id"), "datafeeds": ("datafeeds", "datafeed_id")}

Act = Callable[[Jobs, str, Any, bool], Object]
_ACTS: dict[tuple[str, str, str], Act] = {
    ("PUT", "anomaly_detectors", ""): lambda jobs, name, body, _: jobs.put_job(name, body),
    ("DELETE", "anomaly_detectors", ""): lambda jobs, name, _, force: jobs.delete_job(name, force=force),
    ("POST", "anomaly_detectors", "_update"): lambda jobs, name, body, _: jobs.update_job(name, body),
    ("POST", "anomaly_detectors", "_open"): lambda jobs, name, *_: jobs.open_job(name),
    ("POST", "anomaly_detectors", "_close"): lambda jobs, name, _, force: jobs.close_job(name, force=force),
    ("PUT", "datafeeds", ""): lambda jobs, name, body, _: jobs.put_feed(name, body),
    ("DELETE", "datafeeds", ""): lambda jobs, name, _, force: jobs.delete_feed(name, force=force),
    ("POST", "datafeeds", "_update"): lambda jobs, name, body, _: jobs.update_feed(name, body),
    ("POST", "datafeeds", "_start"): lambda jobs, name, *_: jobs.start_feed(name),
    ("POST", "datafeeds", "_stop"): lambda jobs, name, _, force: jobs.stop_feed(name, force=force),
}


class Cluster(Service):
    """Elasticsearch; its address is `url`."""

    def __init__(self, number: str = "8.19.8", licence: str = "trial", *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.url = self.address
        self.number, self.licence = number, licence
        self.jobs = Jobs()
        self.documents: dict[tuple[str, str], Object] = {}  # by index and id
        self._writes_left: int | None = None

    @property
    def has_ml(self) -> bool:
        return self.licence in WITH_ML

    def stop_writing_after(self, count: int | None) -> None:
        self._writes_left = count

    def error(self, status: int, message: str) -> Answer:
        kind = "security_exception" if status in {401, 403} else "status_exception"
        return answer(ElasticsearchError(status, kind, message).body, status, **_HEADERS)

    def answer(self, request: Request, account: Account | None) -> Answer:
        if account is None:
            return self.error(401, f"missing authentication credentials for REST request [{request.path}]")
        writes = request.method in {"PUT", "POST", "DELETE"}
        if account.role == "none" or (writes and not account.may_write):
            return self.error(403, f"action [{request}] is unauthorized for user [{account.name}]")
        if writes and self._writes_left is not None:
            if not self._writes_left:
                raise AbruptEndError
            self._writes_left -= 1
        try:
            status, body = self._done(request, json.loads(request.body) if request.body else {})
        except ElasticsearchError as exc:
            status, body = exc.status, exc.body
        return answer(body, status, **_HEADERS)

    def _done(self, request: Request, body: Any) -> tuple[int, Object]:
        _, *parts = request.path.rstrip("/").split("/")
        match parts:
            case []:
                version = {"number": self.number, "build_flavor": "default"}
                return 200, {
                    "cluster_name": "stand-in",
                    "cluster_uuid": "a",
                    "version": version,
                    "tagline": "You Know, for Search",
                }
            case ["_license"]:
                return self._licence()
            case ["_ml", *asked]:
                self._allow_ml(asked)
                return 200, self._ml(request, asked, body)
            case [index, "_doc" | "_create", name]:
                return self._document(request, (index, name), body)
        raise ElasticsearchError(400, "illegal_argument_exception", f"the stand-in does not know {request}")

    def _licence(self) -> tuple[int, Object]:
        if self.licence == "none":
            raise ElasticsearchError(
                400, "invalid_index_name_exception", "Invalid index name [_license], must not start with '_'."
            )
        return 200, {"license": {"status": "active", "type": self.licence, "mode": self.licence, "uid": "a"}}

    def _allow_ml(self, asked: list[str]) -> None:
        if self.licence == "none" and asked == ["info"]:
            said = "Incorrect HTTP method for uri [/_ml/info] and method [GET], allowed: [POST]"
            raise ElasticsearchError(405, "method_not_allowed", said)
        if self.licence == "none":
            said = "Invalid index name [_ml], must not start with '_'."
            raise ElasticsearchError(400, "invalid_index_name_exception", said)
        if not self.has_ml:
            raise ElasticsearchError(403, "security_exception", "current license is non-compliant for [ml]")

    def _ml(self, request: Request, asked: list[str], body: Any) -> Object:
        match asked:
            case ["info"]:
                return {"defaults": {}, "upgrade_mode": False, "limits": {"max_model_memory_limit": "2gb"}}
            case ["anomaly_detectors" | "datafeeds" as kind, *rest] if request.method == "GET":
                return self._read(kind, rest)
            case ["anomaly_detectors" | "datafeeds" as kind, name, *act] if known := _ACTS.get(
                (request.method, kind, act[0] if act else "")
            ):
                return known(self.jobs, name, body, request.one("force") == "true")
        raise ElasticsearchError(400, "illegal_argument_exception", f"the stand-in does not know {request}")

    def _read(self, kind: str, rest: list[str]) -> Object:
        """Give jobs or datafeeds, or how they are; names may have a wildcard, which may find nothing."""
        rows, id_ = _LISTS[kind]
        held = self.jobs.jobs if kind == "anomaly_detectors" else self.jobs.feeds
        stats = rest[-1:] == ["_stats"]
        pattern = "".join(rest[:-1] if stats else rest) or "*"
        if "*" not in pattern and pattern != "_all":
            (self.jobs.job if rows == "jobs" else self.jobs.feed)(pattern)
        fits = re.compile(".*" if pattern == "_all" else pattern.replace("*", ".*"))
        names = [name for name in held if fits.fullmatch(name)]
        shown = [{id_: name, "state": self._state(kind, name)} if stats else held[name] for name in names]
        return {"count": len(shown), rows: shown}

    def _state(self, kind: str, name: str) -> str:
        if kind == "anomaly_detectors":
            return "opened" if name in self.jobs.opened else "closed"
        return "started" if name in self.jobs.started else "stopped"

    def _document(self, request: Request, key: tuple[str, str], body: Object) -> tuple[int, Object]:
        """Keep documents by index and id; versions and refusals of mappings are not looked at."""
        index, name = key
        told = {"_index": index, "_id": name}
        if request.method == "GET":
            found = key in self.documents
            return (
                (200, {**told, "found": True, "_source": self.documents[key]})
                if found
                else (404, {**told, "found": False})
            )
        if request.method == "DELETE":
            there = self.documents.pop(key, None) is not None
            return (200 if there else 404), {**told, "result": "deleted" if there else "not_found"}
        made = key not in self.documents
        self.documents[key] = body
        return (201 if made else 200), {**told, "result": "created" if made else "updated"}
