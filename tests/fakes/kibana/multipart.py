"""Forms with files (multipart/form-data, RFC 7578), and the lines of a file of saved objects or rules."""

import json
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from functools import partial
from pathlib import PurePosixPath
from typing import Any, NamedTuple, NoReturn

from fakes.kibana.messages import Request, refusal


class Part(NamedTuple):
    """A field of a form; without a file name it is no file."""

    filename: str | None
    octets: bytes


def form(request: Request) -> dict[str, Part]:
    """Read a form; a 415 for any other kind of body, a 400 for one without its boundary."""
    kind = request.headers.get("Content-Type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise refusal(415, "Unsupported Media Type")
    header = Message()
    header["Content-Type"] = kind
    boundary = header.get_param("boundary")
    first, *pieces = (b"\r\n" + request.body).split(f"\r\n--{boundary}".encode())
    if first or not pieces or not pieces[-1].startswith(b"--"):
        raise refusal(400, "Invalid multipart payload format")
    return dict(_part(piece) for piece in pieces[:-1])


def _part(piece: bytes) -> tuple[str, Part]:
    """Take a part's head from its octets, which stay as they came."""
    head, _, octets = piece.partition(b"\r\n\r\n")
    headers = BytesParser().parsebytes(head.strip() + b"\r\n\r\n")
    name = headers.get_param("name", header="content-disposition")
    return str(name), Part(headers.get_filename(), octets)


def file(parts: dict[str, Part], *, others: tuple[str, ...] = ()) -> bytes:
    """Give the file of a form; a 400 unless it is there, is a file, and has the only name that Kibana takes."""
    for name in parts:
        if name not in {"file", *others}:
            raise refusal(400, f"[request body.{name}]: definition for this key is missing")
    part = parts.get("file")
    if part is None or part.filename is None:
        got = "undefined" if part is None else "string"
        raise refusal(400, f"[request body.file]: expected value of type [Stream] but got [{got}]")
    if (suffix := PurePosixPath(part.filename).suffix.lower()) != ".ndjson":
        raise refusal(400, f"Invalid file extension {suffix}")
    return part.octets


def lines(octets: bytes) -> Iterator[Any]:
    """Give the lines of a file; ValueError with V8's words for one that is no JSON. Empty lines are none."""
    for line in octets.decode(errors="replace").split("\n"):
        if not line.strip(" \t\r"):
            continue
        try:
            yield json.loads(line, parse_constant=partial(_no_number, line))
        except ValueError as exc:
            place = _tripped(line, exc.pos if isinstance(exc, json.JSONDecodeError) else 0)
            if place >= len(line.rstrip("\r")):
                raise ValueError("Unexpected end of JSON input") from exc
            raise ValueError(f"Unexpected token {line[place]} in JSON at position {place}") from exc


def _no_number(line: str, word: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise json.JSONDecodeError("", line, line.index(word))


def _tripped(line: str, place: int) -> int:
    """Give where V8 trips, which reads true, false and null letter by letter."""
    for word in ("true", "false", "null"):
        if line.startswith(word[0], place):
            return place + next(at for at, letter in enumerate(word) if line[place + at : place + at + 1] != letter)
    return place
