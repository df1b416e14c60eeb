"""Ready-made pieces of JSON: looked up by what is on the wire, rendered on a miss only."""

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

Key = TypeVar("Key")
Shown = TypeVar("Shown")

_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


def members(facts: Mapping[str, object]) -> str:
    """Give facts as JSON members with a comma behind each: {"as.number": 1} -> `"as":{"number":1},`; ASCII only."""
    if not facts:
        return ""
    tree: dict[str, object] = {}
    for path, value in facts.items():
        here = tree
        *above, last = path.split(".")
        for key in above:
            here = here.setdefault(key, {})  # type: ignore[assignment]
        here[last] = value
    return _ENCODE(tree)[1:-1] + ","


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
