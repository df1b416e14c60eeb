"""Ready-made pieces of JSON: looked up by what is on the wire, rendered on a miss only."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

import orjson

Key = TypeVar("Key")
Shown = TypeVar("Shown")

_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


def members(facts: Mapping[str, object]) -> str:
    """Give facts as JSON members with a comma behind each: {"as.number": 1} -> `"as":{"number":1},`; ASCII only."""
    if not facts:
        return ""
    above, places = _plan(tuple(facts))
    objects: list[dict[str, object]] = [{}]
    for parent, key in above:
        inner: dict[str, object] = {}
        objects[parent][key] = inner
        objects.append(inner)
    for (parent, key), fact in zip(places, facts.values(), strict=True):
        objects[parent][key] = fact
    tree = objects[0]
    encoded = orjson.dumps(tree)
    return (encoded[1:-1].decode() if encoded.isascii() else _ENCODE(tree)[1:-1]) + ","


@lru_cache(maxsize=4096)
def _plan(paths: tuple[str, ...]) -> tuple[Sequence[tuple[int, str]], Sequence[tuple[int, str]]]:
    """Give where objects stand, and where values stand: number of the object round them (0 is the root), key."""
    above: dict[str, tuple[int, str]] = {}

    def number(path: str) -> int:
        if not path:
            return 0
        if path not in above:
            head, _, key = path.rpartition(".")
            above[path] = (number(head), key)
        return list(above).index(path) + 1

    heads = [path.rpartition(".") for path in paths]
    places = [(number(head), key) for head, _, key in heads]
    return list(above.values()), places


class Paths(frozenset[str]):
    """Paths of the fields that a shape keeps."""

    def below(self, head: str) -> "Paths":
        """Give the paths below an object, without its name."""
        start = head + "."
        return Paths(path.removeprefix(start) for path in self if path.startswith(start))

    def members(self, facts: Mapping[str, object], above: str = "") -> str:
        """Give those facts as JSON members that are kept; `above` is what stands before their paths."""
        return members({path: fact for path, fact in facts.items() if above + path in self})


def escaped(text: str) -> str:
    """Give text as it stands between the quotes of a JSON string; ASCII only."""
    return _ENCODE(text)[1:-1]


def text_of(octets: bytes) -> str:
    """Give a string from the wire, escaped: padding cut, bad UTF-8 replaced (RFC 7011 section 6.1.6)."""
    return escaped(octets.rstrip(b"\0").decode("utf-8", "replace"))


class Fragments(dict[Key, Shown]):
    """Key on the wire -> what is shown of it, mostly JSON text; emptied when it has grown to its limit, so hostile input cannot fill the memory."""

    def __init__(self, render: Callable[[Key], Shown], limit: int = 65_536) -> None:
        super().__init__()
        self._render = render
        self._limit = limit

    def __missing__(self, key: Key) -> Shown:
        if len(self) >= self._limit:
            self.clear()
        self[key] = text = self._render(key)
        return text
