"""Judges what was found at an Elasticsearch server."""

import re
from collections.abc import Callable, Mapping

from flowcoll.doctor.cluster import Cluster, Node, missing
from flowcoll.doctor.findings import Check, Finding, fail, many, ok, skip, warn
from flowcoll.setup.plan import Change, Thing
from flowcoll.setup.target import Target
from flowcoll.setup.templates import OLDEST, Server

_UNITS = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}
_ROLES = "flowcoll setup-elasticsearch --print-roles"
_NO_ANSWER = "it does not answer"


def _reachable(found: Cluster) -> Finding:
    if found.unreachable:
        return fail(found.unreachable, "docs/elasticsearch.md; `curl` with the same address shows what answers there")
    return ok(str(Server(found.version, found.serverless)) if found.version else "it answers")


def _encrypted(found: Cluster) -> Finding:
    values, option = found.output.values, found.output.option("ELASTICSEARCH")
    if found.unreachable:
        return skip(_NO_ANSWER)
    if not values["TLS_ENABLE"] and not values["CLOUD_ID"]:
        hosts = [address.rpartition(":")[0].strip("[]") for address in values["ADDRESSES"]]
        if all(host in {"localhost", "::1"} or host.startswith("127.") for host in hosts):
            return ok("not encrypted, and on this machine")
        return warn(
            "not encrypted: password and flows go over the network in clear", f"set {option}_TLS_ENABLE to true"
        )
    if values["TLS_SKIP_VERIFICATION"]:
        return warn("any certificate is taken", f"name its authority in {option}_TLS_CA_CERT_FILEPATH instead")
    return ok("encrypted, and its certificate is trusted")


def _credentials(found: Cluster) -> Finding:
    if found.unreachable:
        return skip(_NO_ANSWER)
    if found.refused:
        return fail(found.refused, f"correct them; {_ROLES} prints how a key is made")
    if found.user == "elastic":
        return warn("it knows us as elastic, the superuser", f"use a key with just the rights it needs: {_ROLES}")
    return ok(f"it knows us as {found.user}" if found.user else "it lets us in")


def _version(found: Cluster) -> Finding:
    if not found.answers:
        return skip(_silence(found))
    server = Server(found.version, found.serverless)
    if not server.serverless and server.version < OLDEST:
        return fail(f"{server} is too old", "flowcoll needs Elasticsearch 8.14 or newer")
    return ok(str(server))


def _licence(found: Cluster) -> Finding:
    if found.serverless:
        return skip("Serverless has none")
    if found.licence is None:
        return skip(_why(found, "licence"))
    kind, status = found.licence["type"], found.licence["status"]
    if status != "active":
        return warn(
            f"{kind}, {status}", "renew it, or start the basic one: POST /_license/start_basic?acknowledge=true"
        )
    if found.output.values["INDEX_MODE"] == "logsdb" and kind not in {"enterprise", "trial"}:
        return warn(
            f"{kind}: with logsdb, _source is kept and most of the saving is lost",
            "set INDEX_MODE to standard, or have an enterprise licence",
        )
    return ok(f"{kind}, active")


def _health(found: Cluster) -> Finding:
    if found.serverless:
        return skip("Serverless looks after itself")
    if found.health is None:
        return skip(_why(found, "health"))
    status, count = found.health["status"], found.health["unassigned_shards"]
    if status == "red":
        return fail(
            f"red: {many(count, 'shard')} not assigned, primary ones among them",
            "GET /_cluster/allocation/explain says why; documents for such an index wait in the spool",
        )
    if status == "yellow":
        return warn(f"yellow: {many(count, 'replica')} not assigned", "add a node, or have no replicas on a single one")
    return ok(f"green, {many(found.health['number_of_nodes'], 'node')}")


def _disk(found: Cluster) -> Finding:
    if found.serverless:
        return skip("Serverless looks after itself")
    if found.nodes is None or found.disk_settings is None:
        return skip(_why(found, "disk"))
    settings = found.disk_settings
    if not found.nodes:
        return skip("no node tells its disk")
    fullest = min(found.nodes, key=lambda node: node.available / max(node.total, 1))
    told = f"{fullest.name} has {fullest.available >> 30} of {fullest.total >> 30} GiB free"
    if settings.get("threshold_enabled") == "false":
        return ok(f"{told}; watermarks are switched off")
    advice = "make room, lower EF_OUTPUT_ELASTICSEARCH_RETENTION, or add a node"
    for level, judge, means in (
        ("flood_stage", fail, "its indices take no more documents"),
        ("high", warn, "shards are moved away from it"),
        ("low", warn, "it gets no new shards"),
    ):
        if any(_beyond(node, settings, level) for node in found.nodes):
            return judge(f"{told}; beyond the watermark {level}: {means}", advice)
    return ok(told)


def _beyond(node: Node, settings: Mapping[str, str], level: str) -> bool:
    """Whether less is free than a watermark says, which is a share in use or what has to be free."""
    mark = settings.get(f"watermark.{level}", "")
    needed = octets(mark)
    if needed is None:
        share = _share(mark)
        if share is None:
            return False
        needed = int(node.total * (1 - share))
        most = octets(settings.get(f"watermark.{level}.max_headroom", ""))
        needed = needed if most is None else min(needed, most)
    return node.available < needed


def octets(text: str) -> int | None:
    """Give a size as Elasticsearch writes it, or None where it is none."""
    found = re.fullmatch(r"([0-9.]+)(b|kb|mb|gb|tb)", text.strip().lower())
    return int(float(found[1]) * _UNITS[found[2]]) if found else None


def _share(text: str) -> float | None:
    found = re.fullmatch(r"([0-9.]+)(%?)", text.strip())
    return None if not found else float(found[1]) / (100 if found[2] else 1)


def _rights(found: Cluster) -> Finding:
    if not found.answers:
        return skip(_silence(found))
    if found.may_write is None:
        return skip(_why(found, "rights"))
    lacking = missing(found.may_write)
    if lacking:
        return fail(f"the user or key lacks {', '.join(lacking)}", f"{_ROLES} prints a role and a key that have them")
    return ok(f"may write to {Target.of(found.output).written}")


def _templates(found: Cluster) -> Finding:
    return _things(found, lambda thing: thing.kind != "lifecycle policy", "the templates")


def _policy(found: Cluster) -> Finding:
    return _things(found, lambda thing: thing.kind == "lifecycle policy", "the lifecycle policy")


def _things(found: Cluster, of_these: Callable[[Thing], bool], what: str) -> Finding:
    if not found.answers:
        return skip(_silence(found))
    if not found.output.values["INDEX_TEMPLATE_ENABLE"]:
        return skip("INDEX_TEMPLATE_ENABLE is false: they are yours")
    if found.survey is None:
        why = _why(found, "templates")
        return fail(why, "see above, or docs/elasticsearch.md")
    changes = [change for change in found.survey.changes if of_these(change.thing)]
    if not changes:
        return skip("this server or your options have none of ours")
    if unseen := _named(changes, "unseen"):
        return skip(f"{unseen} may not be looked at by this user, and needs not be")
    return _about(found, changes, what)


def _about(found: Cluster, changes: list[Change], what: str) -> Finding:
    may = found.may_install is not None and found.may_install["has_all_requested"]
    if absent := _named(changes, "create"):
        if may or (found.may_install is None and "rights" in found.whys):
            return warn(
                f"not there yet: {absent}", "`flowcoll run` puts them at its start; or: flowcoll setup-elasticsearch"
            )
        return fail(
            f"missing: {absent}", "flowcoll setup-elasticsearch, as one who may; nothing is written before that"
        )
    if other := _named(changes, "update"):
        reason = next(change.why for change in changes if change.action == "update")
        return warn(f"{other} {reason}", "flowcoll setup-elasticsearch --dry-run shows it, without --dry-run mends it")
    if kept := _named(changes, "keep"):
        reason = next(change.why for change in changes if change.action == "keep")
        return warn(f"{kept} {reason}", "use the newer flowcoll everywhere, or set INDEX_TEMPLATE_OVERWRITE to true")
    assert found.survey
    if found.survey.notes and what == "the templates":
        return warn("; ".join(found.survey.notes), "docs/elasticsearch.md")
    return ok(f"{what} {'are' if what.endswith('s') else 'is'} in place")


def _named(changes: list[Change], action: str) -> str:
    return ", ".join(change.thing.name for change in changes if change.action == action)


def _why(found: Cluster, what: str) -> str:
    return _NO_ANSWER if found.unreachable else found.whys.get(what, _silence(found))


def _silence(found: Cluster) -> str:
    return _NO_ANSWER if found.unreachable else "it does not let us in"


CHECKS = (
    Check("Elasticsearch", "GET /", _reachable),
    Check("encryption", "options, and the connection", _encrypted),
    Check("credentials", "GET /_security/_authenticate", _credentials),
    Check("version", "8.14 or newer", _version),
    Check("licence", "GET /_license", _licence),
    Check("cluster health", "GET /_cluster/health", _health),
    Check("cluster disk", "GET /_nodes/stats/fs, against the watermarks", _disk),
    Check("rights", "GET /_security/user/_has_privileges", _rights),
    Check("templates", "whether they are those of this version", _templates),
    Check("lifecycle policy", "whether it is that of the options", _policy),
)
