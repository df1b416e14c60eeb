"""Requests and answers, the shape of Kibana's errors, and newline-delimited JSON."""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/json; charset=utf-8"}
BROKEN = "An internal server error occurred."
_BOOLEANS = {"true": True, "false": False}

Object = dict[str, Any]


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class RefusalError(Exception):
    """Ends the handling of a request with this answer."""

    def __init__(self, reply: Answer) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Request(NamedTuple):
    """A request that came, and as whom; an empty user is a stranger. Secrets are not kept.

    The path is without base path and space. Of a request that was cut, the body is what came of it.
    """

    method: str
    path: str
    space: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    user: str
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def json(self) -> Any:
        """The body; a 400 if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError as exc:
            raise refusal(400, "Invalid request payload JSON format") from exc

    def one(self, name: str, default: str = "") -> str:
        """Give the last value of a query parameter."""
        return self.query.get(name, [default])[-1]

    def flag(self, name: str) -> bool:
        """Give a query parameter that is true or false, absent is false; a 400 for anything else."""
        text = self.one(name, "false")
        if text not in _BOOLEANS:
            raise refusal(400, f"[request query.{name}]: expected value of type [boolean] but got [string]")
        return _BOOLEANS[text]

    def known(self, *names: str) -> None:
        """Refuse query parameters other than these."""
        for name in self.query:
            if name not in names:
                raise refusal(400, f"[request query.{name}]: definition for this key is missing")


def words(text: str) -> list[str]:
    """Give the words of a list that is easier to read so."""
    return text.split()


def answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """Make an answer of JSON; `_` in the name of a header stands for `-`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, JSON | named, json.dumps(value, separators=(",", ":")).encode())


def error(status: int, message: str, **more: Any) -> Answer:
    """Make an error of the shape that all of Kibana has, but for detection rules."""
    return answer(content(status, message) | more, status)


def content(status: int, message: str) -> Object:
    """Give the body of an error, as also stands in answers about single objects."""
    return {"statusCode": status, "error": HTTPStatus(status).phrase, "message": message}


def refusal(status: int, message: str, **more: Any) -> RefusalError:
    """Make a refusal of an error."""
    return RefusalError(error(status, message, **more))


def not_found(kind: str, name: str) -> Object:
    """Give the error of an object that is not there."""
    return content(404, f"Saved object [{kind}/{name}] not found")


def ndjson(rows: Iterable[Any], filename: str) -> Answer:
    """Make an answer of one line each, keys sorted, as exports are."""
    lines = [json.dumps(row, sort_keys=True, separators=(",", ":")) for row in rows]
    headers = {"Content-Type": "application/ndjson", "Content-Disposition": f'attachment; filename="{filename}"'}
    return Answer(200, headers, "\n".join(lines).encode())
