"""Detection rules of Elastic Security over HTTP: import, export, read, find, delete; each space has its own.

Errors have another shape than elsewhere, `{message, status_code}`, and an import answers 200 with one error a rule: the
others are made. What a rule lacks is filled in, so that one that is read has more than was sent, `enabled: true` among
it. Read in Kibana's tests and source; the order of names, and the words for a rule that lacks something, are believed. So
is it that alert_suppression is taken on every licence.
"""

import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fakes.kibana import multipart
from fakes.kibana.messages import Answer, Object, RefusalError, Request, answer, ndjson, refusal
from fakes.kibana.routes import Route, writer

if TYPE_CHECKING:
    from fakes.kibana.server import Kibana

LIMIT_OCTETS = 10_485_760
_NEEDED = ("rule_id", "name", "description", "type", "risk_score", "severity")
_NO_ML = "Your license does not support machine learning. Please upgrade your license."
_NO_KEY = "Unable to create rule: the xpack.encryptedSavedObjects.encryptionKey is not set"
_ADDED: Object = {
    "actions": [],
    "author": [],
    "enabled": True,
    "exceptions_list": [],
    "false_positives": [],
    "from": "now-6m",
    "immutable": False,
    "interval": "5m",
    "max_signals": 100,
    "output_index": "",
    "references": [],
    "related_integrations": [],
    "required_fields": [],
    "risk_score_mapping": [],
    "rule_source": {"type": "internal"},
    "setup": "",
    "severity_mapping": [],
    "tags": [],
    "threat": [],
    "to": "now",
    "version": 1,
}


def _refused(status: int, message: str) -> RefusalError:
    return RefusalError(answer({"message": message, "status_code": status}, status))


def _import(kibana: "Kibana", request: Request) -> Answer:
    request.known("overwrite", "overwrite_exceptions", "overwrite_action_connectors", "as_new_list")
    overwrite = request.flag("overwrite")
    _allow(kibana, request)
    try:
        octets = multipart.file(multipart.form(request))
    except RefusalError as exc:
        if exc.reply.status != 400:
            raise
        raise _refused(400, json.loads(exc.reply.body)["message"]) from exc
    if len(octets) > LIMIT_OCTETS:
        raise refusal(413, f"Payload content length greater than maximum allowed: {LIMIT_OCTETS}")
    rows = [row for row in _rows(octets) if not (isinstance(row, dict) and "exported_count" in row)]
    if len(rows) > kibana.limit_objects:
        raise _refused(500, f"Can't import more than {kibana.limit_objects} rules")
    held = kibana.rules.setdefault(request.space, {})
    errors, wanted = _sifted(rows, overwrite=overwrite)
    done = 0
    for rule in wanted:
        if error := _made(kibana, held, rule, request, overwrite=overwrite):
            errors.append({"error": error, "rule_id": rule["rule_id"]})
        else:
            done += 1
    told = {"success": not errors, "success_count": done, "rules_count": len(rows), "errors": errors}
    exceptions = {"exceptions_errors": [], "exceptions_success": True, "exceptions_success_count": 0}
    connectors: Object = {f"action_connectors_{name}": [] for name in ("errors", "warnings")}
    connectors |= {"action_connectors_success": True, "action_connectors_success_count": 0}
    return answer(told | exceptions | connectors)


def _rows(octets: bytes) -> Iterator[Any]:
    """Give the lines; one that is no JSON is its error."""
    for line in octets.splitlines():
        try:
            yield from multipart.lines(line)
        except ValueError as exc:
            yield str(exc)


def _sifted(rows: list[Any], *, overwrite: bool) -> tuple[list[Object], list[Object]]:
    """Give errors of rules that are none, and the others by id, the last one of an id."""
    errors, wanted = [], {}
    for row in rows:
        fault = row if isinstance(row, str) else _lack(row)
        if fault:
            errors.append({"error": {"message": fault, "status_code": 400}, "rule_id": "(unknown id)"})
            continue
        if row["rule_id"] in wanted and not overwrite:
            said = f'More than one rule with rule-id: "{row["rule_id"]}" found'
            errors.append({"error": {"message": said, "status_code": 400}, "rule_id": row["rule_id"]})
        wanted[row["rule_id"]] = row
    return errors, list(wanted.values())


def _lack(row: Any) -> str:
    missing = [name for name in _NEEDED if name not in row]
    return ", ".join(f"{name}: Required" for name in missing)


def _made(
    kibana: "Kibana", held: dict[str, Object], rule: Object, request: Request, *, overwrite: bool
) -> Object | None:
    """Make a rule, or give what is against it."""
    name = rule["rule_id"]
    if rule["type"] == "machine_learning" and not kibana.cluster.has_ml:
        return {"message": _NO_ML, "status_code": 403}
    if not kibana.encryption_key:
        return {"message": _NO_KEY, "status_code": 500}
    before = held.get(name, {})
    if before and not overwrite:
        return {"message": f'rule_id: "{name}" already exists', "status_code": 409}
    now = kibana.store.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    held[name] = {
        "id": before.get("id", str(uuid.uuid4())),
        "created_at": before.get("created_at", now),
        "created_by": before.get("created_by", request.user),
        "updated_at": now,
        "updated_by": request.user,
        "revision": before.get("revision", -1) + 1,
        **_ADDED,
        **{field: value for field, value in rule.items() if field not in {"id", "revision"}},
        "immutable": False,
    }
    return None


def _export(kibana: "Kibana", request: Request) -> Answer:
    request.known("exclude_export_details", "file_name")
    _allow(kibana, request, writing=False)
    held = kibana.rules.get(request.space, {})
    asked = request.json if request.body else None
    names = [item["rule_id"] for item in asked["objects"]] if asked and asked.get("objects") is not None else list(held)
    found = [held[name] for name in names if name in held]
    missing = [{"rule_id": name} for name in names if name not in held]
    details = {
        "exported_count": len(found),
        "exported_rules_count": len(found),
        "missing_rules": missing,
        "missing_rules_count": len(missing),
        "exported_exception_list_count": 0,
        "exported_exception_list_item_count": 0,
        "missing_exception_lists": [],
        "missing_exception_lists_count": 0,
        "missing_exception_list_items": [],
        "missing_exception_list_item_count": 0,
        "exported_action_connector_count": 0,
        "missing_action_connections": [],
        "missing_action_connection_count": 0,
        "excluded_action_connections": [],
        "excluded_action_connection_count": 0,
    }
    return ndjson(
        [*found, *([] if request.flag("exclude_export_details") else [details])],
        request.one("file_name", "export.ndjson"),
    )


def _find(kibana: "Kibana", request: Request) -> Answer:
    """Give a page of rules; filters and fields are left out (501)."""
    if beyond := [name for name in request.query if name not in {"page", "per_page"}]:
        raise _refused(501, f"the stand-in does not know {beyond[0]}")
    _allow(kibana, request, writing=False)
    page, count = int(request.one("page", "1")), int(request.one("per_page", "20"))
    rules = list(kibana.rules.get(request.space, {}).values())
    return answer({"page": page, "perPage": count, "total": len(rules), "data": rules[(page - 1) * count :][:count]})


def _read(kibana: "Kibana", request: Request) -> Answer:
    _allow(kibana, request, writing=False)
    return answer(_one(kibana, request))


def _delete(kibana: "Kibana", request: Request) -> Answer:
    _allow(kibana, request)
    rule = _one(kibana, request)
    del kibana.rules[request.space][rule["rule_id"]]
    return answer(rule)


def _one(kibana: "Kibana", request: Request) -> Object:
    request.known("id", "rule_id")
    if len(request.query) != 1:
        raise _refused(400, 'either "id" or "rule_id" must be set')
    [field] = request.query
    for rule in kibana.rules.get(request.space, {}).values():
        if rule[field] == request.one(field):
            return rule
    raise _refused(404, f'{field}: "{request.one(field)}" not found')


def _allow(kibana: "Kibana", request: Request, *, writing: bool = True) -> None:
    """Let in who may use Elastic Security, which is a privilege of its own. The words are believed."""
    if not kibana.may_use_rules(request.user) or (writing and not writer(kibana, request)):
        raise refusal(403, "Forbidden")


_BASE = "/api/detection_engine/rules"
ROUTES = (
    Route("POST", f"{_BASE}/_import", _import),
    Route("POST", f"{_BASE}/_export", _export),
    Route("GET", f"{_BASE}/_find", _find),
    Route("GET", _BASE, _read),
    Route("DELETE", _BASE, _delete),
)
