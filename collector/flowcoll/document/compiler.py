"""From a template to the function that writes its records: one loop, locals, one f-string a document.

What to do with a field is decided here, once for each template and set of shapes. `explain` shows the source.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from flowcoll.decode.context import Context
from flowcoll.decode.rows import Reader, reader
from flowcoll.decode.templates import Template
from flowcoll.document.derive import Derived
from flowcoll.document.expression import assignment
from flowcoll.document.layout import Layout, Shape
from flowcoll.document.records import RecordShape
from flowcoll.document.values import ONCE_A_RECORD, ONCE_A_SET, Values

Rows = Iterable[tuple[Any, ...]]
Write = Callable[[Rows, Sequence[Callable[[Any], None]], Context], None]
Read = Callable[[bytes], Rows]


class Compiled(NamedTuple):
    """The code of a template: `read` makes rows of a set's octets, `write` makes documents of rows."""

    read: Read
    write: Write


class Compiler:
    """Makes the functions of templates for a fixed set of shapes.

    `namespaces` holds what expressions may call, one mapping a shape; names that differ between shapes are told
    apart in the code by the shape's number. Packed records use what the first shape has worked out.
    """

    def __init__(
        self,
        shapes: Sequence[Shape | RecordShape],
        derived: Iterable[Derived],
        namespaces: Sequence[Mapping[str, Any]],
        limit: int = 4096,
    ) -> None:
        first, *others = namespaces
        self._shapes = tuple(shapes)
        self._derived = {name: row for row in derived for name in row.names}
        self._condition = next((row.when for row in self._derived.values() if row.when), "")
        self._always = [row.names[0] for row in self._derived.values() if row.always]
        self._names = first.keys()
        self._shaped = {name for space in others for name, value in space.items() if first.get(name) is not value}
        self._space = dict(first)
        for number, other in enumerate(others, 1):
            self._space |= {f"{name}_{number}": other[name] for name in self._shaped}
        self._latest: dict[Template, None] = {}
        self._limit = limit

    def of(self, template: Template) -> Compiled:
        """Give the code of a template, made at its first data; of thousands of templates the last made keep theirs."""
        compiled = template.compiled
        if compiled is None:
            compiled = template.compiled = self.compile(template)
            self._latest[template] = None
            if len(self._latest) > self._limit:
                oldest = next(iter(self._latest))
                oldest.compiled = None
                del self._latest[oldest]
        return compiled

    def latest(self) -> list[Template]:
        """Give the templates that have code, the first made first."""
        return list(self._latest)

    def compile(self, template: Template) -> Compiled:
        """Make the code of a template; the template has been judged, so this does not fail."""
        source, rows = self._text(template)
        made: dict[str, Any] = dict(rows.constants)
        exec(compile(source, f"<template {template.protocol}>", "exec"), self._space, made)  # noqa: S102 - our own text, names from our tables
        return Compiled(made["read"], made["write"])

    def source(self, template: Template) -> str:
        """Give the text of a template's code."""
        return self._text(template)[0]

    def _text(self, template: Template) -> tuple[str, Reader]:
        values = Values(template, self._derived, self._names, self._shaped)
        layout = Layout(values)
        common = self._lines(values, layout)
        rare: list[str] = []
        condition = ""
        if self._condition:
            values.shape = 0  # the answer is the same in every shape
            values.rare = values.get(self._condition) is not None
        if values.rare:
            _, condition = values.use(self._condition)
            rare = self._lines(values, layout)
            values.shape = 0
            for name in filter(values.get, self._always):
                values.use(name)
        needed = list(values.columns) if template.ready else values.needed()
        sets = [line for value in values.used(ONCE_A_SET) for line in assignment(value.names, value.code)]
        heads = [f"{name} = f'''{text}'''" for text, name in layout.heads.items()]
        loop = [line for value in values.used(ONCE_A_RECORD) for line in assignment(value.names, value.code)]
        if rare:
            own = [line for v in values.used(ONCE_A_RECORD, rare=True) for line in assignment(v.names, v.code)]
            loop += [f"if {condition}:", *_indented(own + rare), "else:", *_indented(common)]
        else:
            loop += common
        outs = [f"out{number} = outs[{number}]" for number in range(len(self._shapes))]
        over = f"for {', '.join(needed)}, in rows:" if needed else "for _ in rows:"
        rows = reader(template, needed)
        body = _indented([*outs, *sets, *heads, over, *_indented(loop)])
        return "\n".join(["def write(rows, outs, ctx):", *body, "", *rows.lines, ""]), rows

    def _lines(self, values: Values, layout: Layout) -> list[str]:
        """Give the line that writes a document or a packed record, for each shape."""
        lines = []
        for number, shape in enumerate(self._shapes):
            if isinstance(shape, RecordShape):
                values.shape = 0
                lines.append(f"out{number}({shape.call(values)})")
            else:
                values.shape = number
                lines.append(f"out{number}(f'''{layout.body(shape)}''')")
        return lines


def _indented(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]
