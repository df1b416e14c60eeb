"""YAML that lists addresses -> rows: a list, or a mapping address -> what is said of it.

Dictionaries of old, a line `"address": "tag, tag"` for each address, may have hundreds of thousands of lines: where all
lines look like that, none has to be read as YAML.
"""

import io
import re
from collections.abc import Collection, Iterator
from typing import Any

from flowcoll.errors import ListError
from flowcoll.threat.reading.entries import interval
from flowcoll.threat.reading.yaml_text import Items, Node, Scalar, YamlError, bare, parts

_MEMBER = re.compile(
    rb"""(?:"([^"\\\n]*)"|'([^'\n]*)'|([0-9A-Fa-f][0-9A-Fa-f.:/]*)):[ \t]+"""
    rb"""(?:"([^"\\\n]*)"|'([^'\n]*)'|([A-Za-z0-9](?:[\w ,./()+-]|:(?=\w))*))[ \t]*(?:[ \t]\#.*)?\r?\n?""",
    re.ASCII,
)
"""A line that is a member, both parts on it; a value without quotes has none of the characters that mean something."""

_EMPTY = re.compile(rb"[ \t]*(?:#.*)?\r?\n?|---[ \t]*\r?\n?")
_NULL = {b"null", b"Null", b"NULL"}
_LONGEST = 65_536

_ENTRY = re.compile(r"-\s+\S")
_KEY = re.compile(r"""(?:"([^"]*)"|'([^']*)'|(\S+?))\s*:(?:\s+[^\s#;].*|\s*)$""")


def begins(line: str) -> bool:
    """Tell whether a text whose first line, comments apart, is this one is YAML and no plain list."""
    if line.rstrip() == "---" or _ENTRY.match(line):
        return True
    key = _KEY.match(line) if len(line) <= _LONGEST else None
    try:
        return key is not None and interval(key[1] or key[2] or key[3]) is not None
    except ValueError:
        return False


def rows(text: bytes, lists: Collection[str]) -> Iterator[tuple[int, str, Any]]:
    """Give line, address if it is a key, and what is said: a text, a list of texts, or a dict. ListError.

    `lists` are keys under which a mapping may hold the list.
    """
    if _is_dictionary(text):
        yield from _dictionary(text)
        return
    try:
        for key, value in parts(text):
            if key is None:
                yield _row(value.line, "", value)
            elif key.text.lower() in lists and isinstance(value, Items):
                yield from (_row(item.line, "", item) for item in value.items)
            elif isinstance(value, Items) and any(bare(item) is None for item in value.items):
                yield from (_row(item.line, key.text, item) for item in value.items)
            else:
                yield _row(key.line, key.text, value)
    except YamlError as exc:
        place, _, words = str(exc).removeprefix(":").partition(": ")
        raise ListError(
            f"cannot be read as YAML: line {place}: {words}" if place else f"cannot be read: it {words}"
        ) from None


def _row(line: int, address: str, node: Node) -> tuple[int, str, Any]:
    text = bare(node)
    if text is None:
        return line, address, _plain(node)
    return (line, address, text) if address else (line, text, {})


def _plain(node: Node) -> Any:
    """Give a node as JSON would have it."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Items):
        return [_plain(item) for item in node.items]
    return {key.text: _plain(value) for key, value in node.members}


def _is_dictionary(text: bytes) -> bool:
    return all(
        len(line) <= _LONGEST and (_MEMBER.fullmatch(line) or _EMPTY.fullmatch(line)) for line in io.BytesIO(text)
    )


def _dictionary(text: bytes) -> Iterator[tuple[int, str, Any]]:
    for number, line in enumerate(io.BytesIO(text), 1):
        member = _MEMBER.fullmatch(line)
        if member:
            double, single, bare_key, *values = member.groups()
            key = double or single or bare_key or b""
            value = values[0] or values[1] or values[2] or b""
            if not (values[0] or values[1]) and value.strip() in _NULL:
                value = b""
            yield number, key.decode("utf-8", "replace"), value.decode("utf-8", "replace").strip()
