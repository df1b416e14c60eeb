"""Files of rules: which addresses a list is matched against at all, and which are no threat whatever lists say.

An include/exclude file:              A file of false positives:

    include:                              - address: 192.0.2.10
      - 198.51.100.0/24                     reason: our own scanner
    exclude:                                until: 2026-12-31
      - 198.51.100.7                        lists: [cins]
      - 2001:db8::1 - 2001:db8::9

Everything is a text with the number of its line, so that an error can name it.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from flowcoll.enrich.locality import Address
from flowcoll.errors import ConfigError
from flowcoll.threat.matching.blocks import Blocks, Span, span
from flowcoll.threat.reading.yaml_text import Items, Members, Node, Scalar, YamlError, bare, parts

LARGEST = 1_048_576
"""Octets that a file of rules may have: it is read between two datagrams."""

_INCLUDE, _EXCLUDE = ("include", "includes", "incl"), ("exclude", "excludes", "excl")
_KEYS = ("address", "reason", "until", "lists")
_NEVER = float("inf")


class Scope:
    """What an include/exclude file says; exclude wins, and who includes nothing includes everything."""

    def __init__(
        self, include: Sequence[Span] = (), exclude: Sequence[Span] = (), excluded_in: Sequence[int] = ()
    ) -> None:
        self.included, self.excluded = len(include), len(exclude)
        self._include, self._exclude = Blocks(include), Blocks(exclude)
        self._lines = tuple(zip(exclude, excluded_in, strict=False))

    def why_not(self, address: Address) -> str:
        """Give why an address is not to be matched; empty if it is."""
        if address in self._exclude:
            return "excluded"
        return "not included" if self._include and address not in self._include else ""

    def line_of(self, address: Address) -> int:
        """Give the number of the first line that excludes an address, 0 for none; slow."""
        return next((line for span, line in self._lines if address in Blocks([span])), 0)


class FalsePositive(NamedTuple):
    """Addresses that are no threat: why, until when (seconds since 1970), and for which lists; none: for all."""

    span: Span
    reason: str
    until: float
    lists: tuple[str, ...]


def scope(path: Path, text: bytes) -> Scope:
    """Read an include/exclude file; ConfigError names file and line."""
    found: dict[str, list[Span]] = {"include": [], "exclude": []}
    lines: list[int] = []
    for key, value in _parts(path, text):
        if key is None:
            raise _wrong(path, value.line, "is a list; write it below include: or exclude:")
        name = key.text.strip().lower()
        kind = "include" if name in _INCLUDE else "exclude" if name in _EXCLUDE else ""
        if not kind:
            raise _unknown(path, key, ("include", "exclude"))
        for entry in _addresses(path, value):
            found[kind].append(_span(path, *entry))
            lines += [entry[0]] if kind == "exclude" else []
    return Scope(found["include"], found["exclude"], lines)


def false_positives(path: Path, text: bytes) -> tuple[FalsePositive, ...]:
    """Read a file of false positives; ConfigError names file and line."""
    return tuple(_false_positive(path, key, value) for key, value in _parts(path, text))


def _parts(path: Path, text: bytes) -> Iterator[tuple[Scalar | None, Node]]:
    try:
        yield from parts(text)
    except YamlError as exc:
        raise ConfigError(f"{path}{exc}") from None


def _addresses(path: Path, value: Node) -> Iterator[tuple[int, str]]:
    """Give entries with their lines: of a list, of one text with commas, or the keys of a mapping."""
    if isinstance(value, Scalar):
        yield from ((value.line, each) for each in value.text.split(",") if each.strip())
        return
    single = bare(value)
    if single is not None:
        yield value.line, single
    elif isinstance(value, Members):
        yield from ((key.line, key.text) for key, _ in value.members)
    elif isinstance(value, Items):
        for item in value.items:
            text = bare(item)
            if text is None:
                raise _wrong(
                    path, item.line, "is no address; write an address, a network or first-last behind the dash"
                )
            yield item.line, text


def _false_positive(path: Path, key: Scalar | None, value: Node) -> FalsePositive:
    if key is not None or not isinstance(value, Members):
        line = (key or value).line
        raise _wrong(path, line, "is no entry; write each as '- address: …' with 'reason: …' below it")
    said: dict[str, Node] = {}
    for name, node in value.members:
        if name.text not in _KEYS:
            raise _unknown(path, name, _KEYS)
        if name.text in said:
            raise _wrong(path, name.line, f"{name.text} is given twice in one entry; remove one")
        said[name.text] = node
    for needed in ("address", "reason"):
        if needed not in said or bare(said[needed]) == "":
            raise _wrong(path, value.line, f"an entry has no {needed}; add '{needed}: …' to it")
    return FalsePositive(
        _span(path, *_one(path, "address", said["address"])),
        " ".join(_one(path, "reason", said["reason"])[1].split())[:256],
        _until(path, *_one(path, "until", said["until"])) if "until" in said else _NEVER,
        tuple(_lists(path, said["lists"])) if "lists" in said else (),
    )


def _one(path: Path, name: str, node: Node) -> tuple[int, str]:
    text = bare(node)
    if text is None:
        raise _wrong(path, node.line, f"{name} is not one text; write one behind the colon, in quotes if need be")
    return node.line, text


def _lists(path: Path, node: Node) -> Iterator[str]:
    if isinstance(node, Items):
        entries: Iterable[str] = [_one(path, "a name in lists", item)[1] for item in node.items]
    else:
        entries = _one(path, "lists", node)[1].split(",")
    names = [each.strip().lower() for each in entries if each.strip()]
    if not names:
        raise _wrong(path, node.line, "lists names none; name some, or leave it out: then the entry is for all")
    yield from names


def _span(path: Path, line: int, text: str) -> Span:
    try:
        return span(text)
    except ValueError as exc:
        raise _wrong(path, line, f"{exc}; write an address, a network/length or first-last") from None


def _until(path: Path, line: int, text: str) -> float:
    """Give the first moment at which an entry no longer counts: a day counts to its end."""
    text = text.strip()
    if not text:
        return _NEVER
    try:
        when = datetime.fromisoformat(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return (when + timedelta(days=len(text) <= 10)).timestamp()
    except (ValueError, OverflowError):
        why = f"until is {text[:40]!r}, no day or time; write 2026-12-31 or 2026-12-31T18:00:00Z"
        raise _wrong(path, line, why) from None


def _unknown(path: Path, key: Scalar, known: Sequence[str]) -> ConfigError:
    near = difflib.get_close_matches(key.text.lower(), known, n=1, cutoff=0)
    name = key.text[:40]
    return _wrong(path, key.line, f"{name!r} is not known; did you mean {near[0] if near else known[0]}?")


def _wrong(path: Path, line: int, why: str) -> ConfigError:
    return ConfigError(f"{path}:{line}: {why}")
