"""YAML as lists and rules are written: read part by part, with the numbers of lines, and bounded.

Every scalar is the text that was written: `1.10` is no number, `12:30:45` no time. An anchor, by which a short text can
stand for a gigantic one, is refused, and so is what is nested deeply.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Union

import yaml

from flowcoll.options.sources import yaml_problem

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast; some builds lack it
_DEPTH = 8
_PARTS = 200_000  # in one member or item of the whole


class YamlError(ValueError):
    """What is wrong, worded to follow the name of a file: `:LINE: what; what to do`."""


class Scalar(NamedTuple):
    """A text; empty for null."""

    line: int
    text: str


class Items(NamedTuple):
    """A list."""

    line: int
    items: "Sequence[Node]"


class Members(NamedTuple):
    """A mapping, in the order in which it is written."""

    line: int
    members: "Sequence[tuple[Scalar, Node]]"


Node = Union[Scalar, Items, Members]  # noqa: UP007  a name in quotes takes no |


def parts(text: bytes) -> Iterator[tuple[Scalar | None, Node]]:
    """Give the members of the mapping that a text is, or with None the items of the list; YamlError."""
    try:
        yield from _parts(_Reader(text))
    except yaml.YAMLError as exc:
        raise YamlError(yaml_problem(exc)) from None
    except UnicodeDecodeError:
        raise YamlError(": is not UTF-8; save it as UTF-8") from None
    except RecursionError:
        raise _too_deep(0) from None


def _parts(reader: "_Reader") -> Iterator[tuple[Scalar | None, Node]]:
    documents = 0
    for event in reader.events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                line = _line(event)
                raise YamlError(f":{line}: begins a second document; put all into one")
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            yield from reader.top(event)
        elif isinstance(event, yaml.ScalarEvent) and _text(event):
            line = _line(event)
            raise YamlError(f":{line}: is one text; write a list or a mapping")


class _Reader:
    def __init__(self, text: bytes) -> None:
        self.events = yaml.parse(text, Loader=_LOADER)
        self._left = 0

    def top(self, start: yaml.Event) -> Iterator[tuple[Scalar | None, Node]]:
        """Give what is in a mapping or list, some at a time."""
        self._check(start)
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                return
            self._left = _PARTS
            if isinstance(start, yaml.SequenceStartEvent):
                yield None, self._node(event, 1)
            else:
                yield self._key(event), self._node(next(self.events), 1)

    def _node(self, event: yaml.Event, depth: int) -> Node:
        self._check(event)
        line = _line(event)
        self._left -= 1
        if depth > _DEPTH:
            raise _too_deep(line)
        if self._left < 0:
            raise YamlError(f":{line}: one entry holds more than {_PARTS:,} texts; make several of it")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(line, _text(event))
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            for each in self.events:
                if isinstance(each, yaml.SequenceEndEvent):
                    break
                items.append(self._node(each, depth + 1))
            return Items(line, items)
        members = []
        for each in self.events:
            if isinstance(each, yaml.MappingEndEvent):
                break
            members.append((self._key(each), self._node(next(self.events), depth + 1)))
        return Members(line, members)

    def _key(self, event: yaml.Event) -> Scalar:
        self._check(event)
        line = _line(event)
        if not isinstance(event, yaml.ScalarEvent):
            raise YamlError(f":{line}: has a list or a mapping as a key; write one text before the colon")
        return Scalar(line, _text(event))

    @staticmethod
    def _check(event: yaml.Event) -> None:
        line = _line(event)
        if getattr(event, "anchor", None) is not None:  # that of an alias, too
            raise YamlError(f":{line}: has an anchor (& or *); write out what it stands for")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _text(event: yaml.ScalarEvent) -> str:
    text: str = event.value
    return "" if event.implicit[0] and text in {"~", "null", "Null", "NULL"} else text


def _too_deep(line: int) -> YamlError:
    return YamlError(f":{line}: is nested too deeply; {_DEPTH} levels are read")


def bare(node: Node) -> str | None:
    """Give the text of an entry that is one, be it an IPv6 address that ends in a colon, or None.

    `- 2001:db8::` is a mapping to YAML: `2001:db8:` with nothing behind the last colon.
    """
    if isinstance(node, Members) and len(node.members) == 1:
        key, value = node.members[0]
        if key.text.endswith(":") and value == (value.line, ""):
            return key.text + ":"
    return node.text if isinstance(node, Scalar) else None
