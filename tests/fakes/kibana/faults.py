"""What can go wrong on the way, by a word; some take a number after a colon: `cut-answer:20`.

    401 403 413 422 429 500 503     refuse the request with this status, in the product's own shape
    starting                        503 in plain text, as Kibana before it is ready
    html, 502                       a proxy's page, with 200 and with 502
    302                             lead to /login, as a proxy or a wrong base path does
    empty, no-json                  200 without a body, 200 with half of an object
    reset                           read the request, do nothing, end the connection
    cut-request:N                   read N octets of the request's body, do nothing, end the connection
    cut-answer:N                    do it, send N octets of the answer's body, end the connection
    cut-write:N                     write N objects, then end the connection; what was written stays
    slow-start, slow-body           wait until `released` is set: before the answer, in the midst of its body

That an import can end with a part of its objects written (cut-write) is believed: Kibana writes them in one bulk request,
which is no transaction.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from fakes.kibana.messages import HTML, JSON, Answer

NOBODY = "unable to authenticate user for REST request [/_security/_authenticate]"
_PAGE = b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1><hr><center>nginx</center></body></html>\n"

Reply = Callable[[], Answer]


class AbruptEndError(Exception):
    """The connection ends here."""


class Fault(NamedTuple):
    """What happens instead of an answer: called with service, handler and what gives the right answer."""

    happen: Callable[[Any, Any, Reply], None]
    octets_read: int | None = None


def fault(word: str) -> Fault:
    """Give a fault by its word; ValueError if there is none."""
    name, colon, number = word.partition(":")
    if name in FAULTS and not colon:
        return Fault(FAULTS[name])
    if name in NUMBERED and number.isdecimal():
        return NUMBERED[name](int(number))
    if not word:
        return Fault(lambda _, handler, reply: handler.send(reply()))
    known = ", ".join([*FAULTS, *(f"{name}:N" for name in NUMBERED)])
    raise ValueError(f"{word} is no fault; these are: {known}")


def starting(*_: object) -> Answer:
    """Give what Kibana says before it is ready."""
    return Answer(503, {"Content-Type": "text/plain", "Retry-After": "30"}, b"Kibana server is not ready yet")


def login(path: str = "/") -> Answer:
    """Lead to the page where people log in."""
    return Answer(302, {"Location": f"/login?next={path}", **HTML}, b"")


def _refused(status: int, message: str) -> Callable[[Any, Any, Reply], None]:
    return lambda service, handler, _: handler.send(service.error(status, message))


def _instead(reply: Answer) -> Callable[[Any, Any, Reply], None]:
    return lambda _, handler, __: handler.send(reply)


def _abrupt(*_: object) -> None:
    raise AbruptEndError


def _cut_answer(octets: int) -> Fault:
    def happen(_: Any, handler: Any, reply: Reply) -> None:
        handler.send(reply(), octets=octets)
        raise AbruptEndError

    return Fault(happen)


def _cut_write(count: int) -> Fault:
    def happen(service: Any, handler: Any, reply: Reply) -> None:
        service.stop_writing_after(count)
        try:
            handler.send(reply())
        finally:
            service.stop_writing_after(None)

    return Fault(happen)


def _slow_start(service: Any, handler: Any, reply: Reply) -> None:
    service.wait()
    handler.send(reply())


def _slow_body(service: Any, handler: Any, reply: Reply) -> None:
    whole = reply()
    half = len(whole.body) // 2
    handler.send(whole, octets=half)
    service.wait()
    handler.wfile.write(whole.body[half:])


FAULTS: dict[str, Callable[[Any, Any, Reply], None]] = {
    "401": _refused(401, NOBODY),
    "403": _refused(403, "Forbidden"),
    "413": _refused(413, "Payload content length greater than maximum allowed: 26214400"),
    "422": _refused(
        422, 'Document "x" belongs to a more recent version of Kibana [10.4.0] when the last known version is [10.2.0].'
    ),
    "429": _refused(429, "Too Many Requests"),
    "500": _refused(500, "An internal server error occurred."),
    "503": _refused(503, "License is not available."),
    "starting": _instead(starting()),
    "html": _instead(Answer(200, HTML, _PAGE)),
    "502": _instead(Answer(502, HTML, _PAGE)),
    "302": _instead(login()),
    "empty": _instead(Answer(200, JSON, b"")),
    "no-json": _instead(Answer(200, JSON, b'{"successCount":2,"succ')),
    "reset": _abrupt,
    "slow-start": _slow_start,
    "slow-body": _slow_body,
}
NUMBERED: dict[str, Callable[[int], Fault]] = {
    "cut-request": lambda octets: Fault(_abrupt, octets),
    "cut-answer": _cut_answer,
    "cut-write": _cut_write,
}
