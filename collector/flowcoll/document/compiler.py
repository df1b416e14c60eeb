"""From a template to the function that writes its records: one loop, locals, one f-string a document.

What to do with a field is decided here, once for each template and set of shapes. `explain` shows the source.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from re import Match
from re import compile as pattern
from struct import Struct
from typing import Any, NamedTuple

from flowcoll.decode.context import Context
from flowcoll.decode.templates import VARIABLE, Column, Template
from flowcoll.document.derive import CONTEXT, UPTIME, WITH_UPTIME, Derived
from flowcoll.document.fields import FRAGMENTS, Field

Rows = Iterable[tuple[Any, ...]]
Write = Callable[[Rows, Sequence[Callable[[str], None]], Context], None]
Read = Callable[[bytes], Rows]

_WORD = pattern(r"(?<![\w.\"])[A-Za-z_]\w*(?!\w|\")")  # a name; what stands in quotes or behind a dot is none
_SET, _RECORD = 1, 2  # how often a value is worked out: once a set, once a record


class Truncated(Exception):  # noqa: N818 - not an error of ours: the end of a set inside a record
    """A record of variable length runs over the end of its set."""


class Shape(NamedTuple):
    """What an output wants of a record: the fields it keeps, and which time stands in `@timestamp`."""

    fields: tuple[Field, ...]
    timestamp: str


class Compiled(NamedTuple):
    """The code of a template: `read` makes rows of a set's octets, `write` makes documents of rows."""

    read: Read
    write: Write
    source: str


@dataclass
class _Value:
    """A name the code can use: how it is worked out, how often, and what it is made of."""

    names: tuple[str, ...]
    code: str
    level: int
    inputs: frozenset[str]
    rare: bool = False
    uses: int = 0


@dataclass
class _Object:
    """A JSON object under construction: key -> member, and the fragments that stand in it."""

    members: dict[str, "str | _Object"] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)

    def below(self, path: str) -> "_Object":
        """Give the object at a dotted path, made if it is not there."""
        here = self
        for key in path.split(".") if path else ():
            inner = here.members.setdefault(key, _Object())
            assert isinstance(inner, _Object), path
            here = inner
        return here


class Compiler:
    """Makes the functions of templates for a fixed set of shapes.

    `namespaces` holds what expressions may call, one mapping a shape; names that differ between shapes are told
    apart in the code by the shape's number.
    """

    def __init__(
        self,
        shapes: Sequence[Shape],
        derived: Iterable[Derived],
        namespaces: Sequence[Mapping[str, Any]],
        limit: int = 4096,
    ) -> None:
        self._shapes = tuple(shapes)
        self._derived = {name: row for row in derived for name in row.names}
        self._namespaces = namespaces
        self._latest: dict[Template, None] = {}
        self._limit = limit
        first = namespaces[0]
        self._shaped = {
            name for space in namespaces[1:] for name, value in space.items() if first.get(name) is not value
        }

    def of(self, template: Template) -> Compiled:
        """Give the code of a template, made at its first data; of thousands of templates the last used keep theirs."""
        compiled = template.compiled
        if compiled is None:
            compiled = template.compiled = self.compile(template)
            self._latest[template] = None
            if len(self._latest) > self._limit:
                next(iter(self._latest)).compiled = None
                del self._latest[next(iter(self._latest))]
        return compiled

    def latest(self) -> list[Template]:
        """Give the templates that have code, the first made first."""
        return list(self._latest)

    def compile(self, template: Template) -> Compiled:
        """Make the code of a template; the template has been judged, so this does not fail."""
        build = _Build(template, self._derived, self._namespaces, self._shaped)
        source = build.source(self._shapes)
        space: dict[str, Any] = dict(self._namespaces[0])
        for number, other in enumerate(self._namespaces[1:], 1):
            space |= {f"{name}_{number}": other[name] for name in self._shaped}
        space |= {"Truncated": Truncated, **build.constants}
        exec(compile(source, f"<template {template.protocol}>", "exec"), space)  # noqa: S102 - our own text, names from our tables
        return Compiled(space["read"], space["write"], source)


class _Build:
    """One compilation."""

    def __init__(
        self,
        template: Template,
        derived: Mapping[str, Derived],
        namespaces: Sequence[Mapping[str, Any]],
        shaped: set[str],
    ) -> None:
        self.constants: dict[str, Any] = {}
        self._template = template
        self._columns = {column.name: column for column in template.columns if column.name}
        self._derived = derived
        self._globals = namespaces[0].keys()
        self._shaped = shaped
        self._values: dict[str, _Value | None] = {}
        self._alias: dict[str, str] = {}
        self._order: list[_Value] = []
        self._shape = 0
        self._rare = False
        self._parts = count()
        self._prologue: dict[str, str] = {}

    def source(self, shapes: Sequence[Shape]) -> str:
        """Give the text of both functions."""
        common = [self._line(number, shape) for number, shape in enumerate(shapes)]
        condition = next((row.when for row in self._derived.values() if row.when), "")
        self._rare = bool(condition) and self._value(condition) is not None
        if self._rare:
            self._use(condition)
        rare = [self._line(number, shape) for number, shape in enumerate(shapes)] if self._rare else []
        used = [value for value in self._order if value.uses]
        needed = [name for name in self._columns if (value := self._values.get(name)) and value.uses]
        if self._template.ready:
            needed = list(self._columns)
        sets = [f"    {', '.join(v.names)} = {v.code}" for v in used if v.level == _SET]
        own = [v for v in used if v.level == _RECORD and v.code]
        records = ["        " + line for v in own if not v.rare for line in _assignment(v)]
        outs = [f"    out{number} = outs[{number}]" for number in range(len(shapes))]
        heads = [f"    {name} = f'''{text}'''" for text, name in self._prologue.items()]
        loop = [f"    for {', '.join(needed)}, in rows:" if needed else "    for _ in rows:"]
        if rare:
            special = ["            " + line for v in own if v.rare for line in _assignment(v)]
            branch = [f"        if {condition}:", *special, *(f"            {line}" for line in rare)]
            last = [*branch, "        else:", *(f"            {line}" for line in common)]
        else:
            last = [f"        {line}" for line in common]
        write = ["def write(rows, outs, ctx):", *outs, *sets, *heads, *loop, *records, *last]
        return "\n".join([*write, "", *self._reader(needed), ""])

    def _line(self, number: int, shape: Shape) -> str:
        self._shape = number
        return f"out{number}(f'''{self._document(shape)}''')"

    # -- values --------------------------------------------------------------------------------------------------

    def _value(self, name: str) -> _Value | None:
        """Give the value of a name in the shape at hand, or None when this template cannot give it."""
        key = f"{name}_{self._shape}" if self._shape and self._differs(name) else name
        if key in self._values:
            value = self._values[key]
            return None if value and value.rare and not self._rare else value
        row = self._derived.get(name)
        if row and row.when and not self._rare:
            return None
        self._values[key] = None  # while it is worked out it cannot be its own input
        value = self._work_out(name)
        self._values[key] = value
        if value and key in self._alias:
            return value
        if value:
            for other in value.names:
                self._values[other] = value
            self._order.append(value)
        return value

    def _differs(self, name: str) -> bool:
        """Tell whether a derived value is not the same in every shape."""
        row = self._derived.get(name)
        seen = {name}
        stack = [row] if row else []
        while stack:
            for alternative in stack.pop().alternatives:
                for each in _names(alternative):
                    if each in self._shaped:
                        return True
                    if each not in seen and each in self._derived:
                        seen.add(each)
                        stack.append(self._derived[each])
        return False

    def _work_out(self, name: str) -> _Value | None:
        if name in self._columns:
            column = self._columns[name]
            return _Value((name,), f"{column.convert}" if column.convert else "", _RECORD, frozenset())
        if name in CONTEXT:
            known = name not in UPTIME or self._template.protocol in WITH_UPTIME
            return _Value((name,), CONTEXT[name], _SET, frozenset()) if known else None
        row = self._derived.get(name)
        if row is None:
            return None
        for alternative in row.alternatives:
            made = self._same_as(name, alternative) or self._try(row.names, alternative, rare=bool(row.when))
            if made:
                return made
        return None

    def _same_as(self, name: str, alternative: str) -> _Value | None:
        """Give the other value where an alternative only says that this one is the same."""
        if not alternative.isidentifier() or alternative in self._globals or alternative in {"True", "False"}:
            return None
        value = self._value(alternative)
        if value:
            key = f"{name}_{self._shape}" if self._shape and self._differs(name) else name
            self._alias[key] = value.names[self._index(value, alternative)]
        return value

    def _try(self, names: tuple[str, ...], alternative: str, *, rare: bool = False) -> _Value | None:
        """Make a value by one alternative, if the template has its inputs."""
        code, _, given = alternative.partition(" given ")
        inputs = frozenset(_names(code) - self._globals)
        values = [self._value(each) for each in inputs]
        if None in values or any(self._value(each) is None for each in given.split()):
            return None
        level = max((value.level for value in values if value), default=_SET)
        suffix = f"_{self._shape}" if self._shape and any(self._differs(each) for each in names) else ""
        return _Value(tuple(each + suffix for each in names), self._spelled(code), level, inputs, rare)

    def _spelled(self, code: str) -> str:
        """Rename in an expression what is the same as another value, and what this shape has of its own."""

        def name(found: Match[str]) -> str:
            word = found[0]
            if self._shape and (word in self._shaped or self._differs(word)):
                word = f"{word}_{self._shape}"
            return self._alias.get(word, word)

        return _WORD.sub(name, code)

    def _use(self, name: str) -> None:
        value = self._value(name)
        assert value is not None
        value.uses += 1
        if value.uses == 1:
            for each in value.inputs:
                self._use(each)

    # -- documents -----------------------------------------------------------------------------------------------

    def _document(self, shape: Shape) -> str:
        """Give the body of the f-string of one shape."""
        root = _Object()
        for each in shape.fields:
            if each.fragment:
                holder = root.below(FRAGMENTS[each.fragment])
                if each.fragment not in holder.fragments and self._value(each.fragment):
                    holder.fragments.append(each.fragment)
                continue
            text = each.json()
            if each.path == "@timestamp":
                text = text.replace("{timestamp}", "{" + self._timestamp(shape.timestamp) + "}")
            if all(self._value(name) for name in self._holes(text)):
                head, _, key = each.path.rpartition(".")
                root.below(head).members[key] = text
        return self._constant(self._pieces(root))

    def _timestamp(self, source: str) -> str:
        """Name the value of `@timestamp`: a flow without the time asked for is dated by its arrival."""
        wanted = {"start": "start_iso", "end": "end_iso", "export": "exported"}.get(source, "collected")
        return wanted if self._value(wanted) else "collected"

    def _holes(self, text: str) -> set[str]:
        return {name for hole in _split(text)[1::2] for name in _names(hole)} - set(self._globals)

    def _level(self, text: str) -> int:
        levels = [value.level for name in self._holes(text) if (value := self._value(name))]
        return max(levels, default=_SET)

    def _hole(self, text: str) -> str:
        """Give a member's JSON as f-string text, its names counted as used."""
        for name in self._holes(text):
            self._use(name)
        parts = _split(text)
        return "".join(
            _literal(part) if index % 2 == 0 else "{" + self._spelled(part) + "}" for index, part in enumerate(parts)
        )

    def _fragment(self, name: str) -> tuple[int, str]:
        value = self._value(name)
        assert value is not None
        self._use(name)
        return value.level, value.names[self._index(value, name)]

    def _index(self, value: _Value, name: str) -> int:
        wanted = self._spelled(name)
        return value.names.index(wanted)

    def _pieces(self, here: _Object) -> list[tuple[int, str]]:
        """Give an object's content in order: what a set shares, then fragments, then what each record has.

        A fragment brings its own comma behind it, so something must stand after it that always is.
        """
        shared: list[list[tuple[int, str]]] = []
        own: list[list[tuple[int, str]]] = []
        loose = [self._fragment(name) for name in here.fragments]
        for key, member in here.members.items():
            start = _literal(f'"{key}":')
            if isinstance(member, str):
                level = self._level(member)
                (shared if level == _SET else own).append([(level, start + self._hole(member))])
                continue
            inner = self._pieces(member)
            if self._has_member(member):
                pieces = [(_SET, start + "{{"), *inner, (_SET, "}}")]
                (shared if all(level == _SET for level, _ in inner) else own).append(pieces)
            elif inner:  # only fragments: the object is there when one of them is
                level = max(level for level, _ in inner)
                names = [text[1:-1] for _, text in inner]
                joined = " + ".join(names)
                code = f"""'"{key}":{{' + ({joined})[:-1] + '}},' if {" or ".join(names)} else \"\""""
                name = self._local(code, level, frozenset())
                loose.append((level, name))
        fragments = [(level, "{" + name + "}") for level, name in loose]
        if own:
            return [*_joined(shared, after=True), *fragments, *_joined(own)]
        return [*fragments, *_joined(shared)]

    def _local(self, code: str, level: int, inputs: frozenset[str]) -> str:
        """Give a new local that holds an expression."""
        name = f"part{next(self._parts)}"
        value = _Value((name,), code, level, inputs, self._rare, uses=1)
        self._order.append(value)
        return name

    def _has_member(self, here: _Object) -> bool:
        return any(isinstance(m, str) or self._has_member(m) for m in here.members.values())

    def _constant(self, pieces: list[tuple[int, str]]) -> str:
        """Join pieces; a run that is the same for a whole set becomes one local, written before the loop."""
        text, run = "", ""
        for level, piece in [(_SET, "{{"), *pieces, (_SET, "}}")]:
            if level == _SET:
                run += piece
                continue
            text += self._flush(run) + piece
            run = ""
        return text + self._flush(run)

    def _flush(self, run: str) -> str:
        holes = run.replace("{{", "").replace("}}", "")
        if "{" not in holes:
            return run
        name = self._prologue.setdefault(run, f"head{len(self._prologue)}")
        return "{" + name + "}"

    # -- records -------------------------------------------------------------------------------------------------

    def _reader(self, needed: Sequence[str]) -> list[str]:
        """Give the text of `read`: a struct's iter_unpack, or a cursor where a field has a length of its own."""
        if self._template.ready:
            return ["read = None"]
        wanted = set(needed)
        columns = [c if c.name in wanted else Column("", "", c.width) for c in self._template.columns]
        if not self._template.variable:
            fixed = Struct("!" + "".join(c.code if c.name else f"{c.width}x" for c in columns))
            self.constants["unpack"] = fixed.iter_unpack
            return ["read = unpack"]
        return self._cursor(columns)

    def _cursor(self, columns: Sequence[Column]) -> list[str]:
        """Give a generator over records with fields of variable length (RFC 7011 section 7)."""
        lines = [
            "def read(octets):",
            "    here, end = 0, len(octets)",
            f"    while end - here >= {self._template.size}:",
        ]
        run: list[Column] = []

        def fixed() -> None:
            if not run:
                return
            names = [c.name for c in run if c.name]
            width = sum(c.width for c in run)
            if names:
                struct = f"fixed{len(self.constants)}"
                self.constants[struct] = Struct(
                    "!" + "".join(c.code if c.name else f"{c.width}x" for c in run)
                ).unpack_from
                lines.append(f"        if here + {width} > end: raise Truncated")
                lines.append(f"        {', '.join(names)}, = {struct}(octets, here)")
            lines.append(f"        here += {width}")
            run.clear()

        for column in columns:
            if column.width != VARIABLE:
                run.append(column)
                continue
            fixed()
            lines += [
                "        if here >= end: raise Truncated",
                "        size = octets[here]; here += 1",
                "        if size == 255:",
                "            if here + 2 > end: raise Truncated",
                "            size = octets[here] << 8 | octets[here + 1]; here += 2",
            ]
            if column.name:
                lines.append(f"        {column.name} = octets[here:here + size]")
            lines.append("        here += size")
        fixed()
        names = [c.name for c in columns if c.name]
        lines += ["        if here > end: raise Truncated", f"        yield ({''.join(n + ', ' for n in names)})"]
        return lines


def _assignment(value: _Value) -> list[str]:
    """Give the lines that work a value out; a choice between tuples becomes a branch, which builds none."""
    plain = [f"{', '.join(value.names)} = {value.code}"]
    if len(value.names) == 1:
        return plain
    tree = ast.parse(value.code, mode="eval").body
    if not (isinstance(tree, ast.IfExp) and isinstance(tree.body, ast.Tuple) and isinstance(tree.orelse, ast.Tuple)):
        return plain

    def each(values: ast.Tuple) -> list[str]:
        return [f"    {name} = {ast.unparse(one)}" for name, one in zip(value.names, values.elts, strict=True)]

    return [f"if {ast.unparse(tree.test)}:", *each(tree.body), "else:", *each(tree.orelse)]


def _names(code: str) -> set[str]:
    """Names an expression reads."""
    code = code.partition(" given ")[0]
    found = [node for node in ast.walk(ast.parse(code.strip(), mode="eval")) if isinstance(node, ast.Name)]
    return {node.id for node in found} - {node.id for node in found if isinstance(node.ctx, ast.Store)}


def _literal(text: str) -> str:
    """Escape text for an f-string in triple single quotes."""
    return text.replace("\\", "\\\\").replace("{", "{{").replace("}", "}}").replace("'", "\\'")


def _split(text: str) -> list[str]:
    """Split `a{b}c` into [`a`, `b`, `c`]; every second one is an expression."""
    parts: list[str] = []
    for piece in text.split("{"):
        parts += piece.split("}", 1)
    return parts


def _joined(members: list[list[tuple[int, str]]], *, after: bool = False) -> Iterator[tuple[int, str]]:
    """Put commas between members, and behind the last when something follows."""
    for index, pieces in enumerate(members):
        if index:
            yield _SET, ","
        yield from pieces
    if after and members:
        yield _SET, ","
