"""Anomaly detection jobs and datafeeds as Elasticsearch keeps them: bodies, states, and what it refuses.

Nothing is detected. What is refused when a job is open or has a datafeed, and the words for names that will not do, are
read in source; the rest is in the facts that the package keeps to.
"""

import re
from collections.abc import Mapping
from typing import Any

from fakes.kibana.messages import Object, words

_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_UPDATABLE = frozenset(
    words(
        "description groups custom_settings analysis_limits model_plot_config detectors background_persist_interval"
        " renormalization_window_days model_snapshot_retention_days daily_model_snapshot_retention_after_days"
        " results_retention_days allow_lazy_open model_prune_window per_partition_categorization"
    )
)


class ElasticsearchError(Exception):
    """A refusal in Elasticsearch's words."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        cause = {"type": kind, "reason": reason}
        self.body: Object = {"error": {"root_cause": [cause], **cause}, "status": status}


def _bad(reason: str, kind: str = "status_exception") -> ElasticsearchError:
    return ElasticsearchError(400, kind, reason)


def _conflict(reason: str) -> ElasticsearchError:
    return ElasticsearchError(409, "status_exception", reason)


class Jobs:
    """Jobs and datafeeds by id, with their states: closed or opened, stopped or started."""

    def __init__(self) -> None:
        self.jobs: dict[str, Object] = {}
        self.feeds: dict[str, Object] = {}
        self.opened: set[str] = set()
        self.started: set[str] = set()

    # -- jobs

    def put_job(self, name: str, body: Mapping[str, Any]) -> Object:
        """Make a job; Elasticsearch adds to it, so that what is read is not what was sent."""
        _check("job_id", name)
        if name in self.jobs:
            said = f"The job cannot be created with the Id '{name}'. The Id is already used."
            raise _bad(said, "resource_already_exists_exception")
        if name in body.get("groups", []) or name in {group for job in self.jobs.values() for group in job["groups"]}:
            raise _bad(f"job and group names must be unique but job [{name}] and group [{name}] have the same name")
        for needed in ("analysis_config", "data_description"):
            if needed not in body:
                raise _bad(f"Required [{needed}]", "x_content_parse_exception")
        analysis = body["analysis_config"]
        detectors = [{**one, "detector_index": number} for number, one in enumerate(analysis.get("detectors", []))]
        self.jobs[name] = {
            "groups": [],
            "allow_lazy_open": False,
            "model_snapshot_retention_days": 10,
            "daily_model_snapshot_retention_after_days": 1,
            "results_index_name": "shared",
            **body,
            "job_id": name,
            "job_type": "anomaly_detector",
            "job_version": "12.0.0",
            "create_time": 1_700_000_000_000,
            "analysis_config": {"bucket_span": "5m", "influencers": [], **analysis, "detectors": detectors},
        }
        return self.jobs[name]

    def job(self, name: str) -> Object:
        """Give a job."""
        if name not in self.jobs:
            raise ElasticsearchError(404, "resource_not_found_exception", f"No known job with id '{name}'")
        return self.jobs[name]

    def update_job(self, name: str, body: Mapping[str, Any]) -> Object:
        """Change what of a job can be changed; analysis_config cannot."""
        job = self.job(name)
        for field in body:
            if field not in _UPDATABLE:
                raise _bad(f"[1:2] [job_update] unknown field [{field}]", "x_content_parse_exception")
        job.update(body)
        return job

    def open_job(self, name: str) -> Object:
        self.job(name)
        if name in self.opened:
            raise _conflict(f"Cannot open job [{name}] because it has already been opened")
        self.opened.add(name)
        return {"opened": True, "node": "node-1"}

    def close_job(self, name: str, *, force: bool) -> Object:
        self.job(name)
        if self.started & set(self.feeds_of(name)) and not force:
            raise _conflict(f"cannot close job datafeed [{self.feeds_of(name)[0]}] hasn't been stopped")
        self.opened.discard(name)
        return {"closed": True}

    def delete_job(self, name: str, *, force: bool) -> Object:
        self.job(name)
        if not force and self.feeds_of(name):
            raise _conflict(f"Cannot delete job [{name}] because datafeed [{self.feeds_of(name)[0]}] refers to it")
        if not force and name in self.opened:
            raise _conflict(f"Cannot delete job [{name}] because the job is opened")
        for feed in self.feeds_of(name):
            self.delete_feed(feed, force=True)
        self.opened.discard(name)
        del self.jobs[name]
        return {"acknowledged": True}

    def feeds_of(self, job: str) -> list[str]:
        """Give the names of a job's datafeeds; it can have one."""
        return [name for name, feed in self.feeds.items() if feed["job_id"] == job]

    # -- datafeeds

    def put_feed(self, name: str, body: Mapping[str, Any]) -> Object:
        _check("datafeed_id", name)
        self.job(body.get("job_id", ""))
        if name in self.feeds:
            raise _bad(f"A datafeed with id [{name}] already exists", "resource_already_exists_exception")
        if others := self.feeds_of(body["job_id"]):
            raise _conflict(f"A datafeed [{others[0]}] already exists for job [{body['job_id']}]")
        self.feeds[name] = {
            "query": {"match_all": {"boost": 1.0}},
            "query_delay": "71234ms",  # a random one from 60 s to 120 s if none is said
            "scroll_size": 1000,
            "chunking_config": {"mode": "auto"},
            "delayed_data_check_config": {"enabled": True},
            "indices_options": {"expand_wildcards": ["open"], "ignore_unavailable": False},
            **body,
            "datafeed_id": name,
        }
        return self.feeds[name]

    def feed(self, name: str) -> Object:
        """Give a datafeed."""
        if name not in self.feeds:
            raise ElasticsearchError(404, "resource_not_found_exception", f"No datafeed with id [{name}] exists")
        return self.feeds[name]

    def update_feed(self, name: str, body: Mapping[str, Any]) -> Object:
        feed = self.feed(name)
        if name in self.started:
            raise _conflict(f"Cannot update datafeed [{name}] while its status is started")
        feed.update(body)
        return feed

    def start_feed(self, name: str) -> Object:
        job = self.feed(name)["job_id"]
        if name in self.started:
            raise _conflict(f"cannot start datafeed [{name}] because it has already been started")
        if job not in self.opened:
            raise _conflict(f"cannot start datafeed [{name}] because job [{job}] is closed")
        self.started.add(name)
        return {"started": True, "node": "node-1"}

    def stop_feed(self, name: str, *, force: bool) -> Object:  # noqa: ARG002  every stop works at once here
        self.feed(name)
        self.started.discard(name)
        return {"stopped": True}

    def delete_feed(self, name: str, *, force: bool) -> Object:
        self.feed(name)
        if name in self.started and not force:
            raise _conflict(f"Cannot delete datafeed [{name}] while its status is started")
        self.started.discard(name)
        del self.feeds[name]
        return {"acknowledged": True}


def _check(field: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise _bad(
            f"Invalid {field}; '{name}' can contain lowercase alphanumeric (a-z and 0-9), hyphens or underscores;"
            " must start and end with alphanumeric",
            "illegal_argument_exception",
        )
    if len(name) > 64:
        raise _bad(f"Invalid {field}; '{name}' cannot contain more than 64 characters.", "illegal_argument_exception")
