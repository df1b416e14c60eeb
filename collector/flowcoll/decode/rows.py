"""From a set's octets to rows: the code that reads the records of a template."""

from collections.abc import Sequence
from struct import Struct
from typing import Any, NamedTuple

from flowcoll.decode.templates import VARIABLE, Column, Template


class Truncated(Exception):  # noqa: N818 - not an error of ours: the end of a set inside a record
    """A record of variable length runs over the end of its set."""


class Reader(NamedTuple):
    """Text of the function `read`, and what it refers to."""

    lines: Sequence[str]
    constants: dict[str, Any]


def reader(template: Template, needed: Sequence[str]) -> Reader:
    """Give the code that reads the needed columns: a struct's iter_unpack, or a cursor for fields of variable length."""
    if template.ready:
        return Reader(["read = None"], {})
    wanted = set(needed)
    columns = [c if c.name in wanted else Column("", "", c.width) for c in template.columns]
    if not template.variable:
        return Reader(["read = unpack"], {"unpack": _struct(columns).iter_unpack})
    return _cursor(template.size, columns)


def passed(octets: bytes, here: int, end: int, widths: Sequence[int]) -> int:
    """Go over fields that nobody needs; gives where they end."""
    for width in widths:
        if width == VARIABLE:
            if here >= end:
                raise Truncated
            size = octets[here]
            here += 1
            if size == 255:
                if here + 2 > end:
                    raise Truncated
                size = octets[here] << 8 | octets[here + 1]
                here += 2
            here += size
        else:
            here += width
    return here


def _struct(columns: Sequence[Column]) -> Struct:
    return Struct("!" + "".join(column.code if column.name else f"{column.width}x" for column in columns))


def _cursor(least: int, columns: Sequence[Column]) -> Reader:
    """Give a generator that goes from field to field (RFC 7011 section 7)."""
    lines: list[str] = []
    constants: dict[str, Any] = {"Truncated": Truncated, "passed": passed}
    run: list[Column] = []
    skipped: list[int] = []  # widths of a long stretch that nobody needs: one call, so that code does not grow with it

    def skip() -> None:
        if skipped:
            widths = f"widths{len(constants)}"
            constants[widths] = tuple(skipped)
            lines.append(f"        here = passed(octets, here, end, {widths})")
            skipped.clear()

    def fixed() -> None:
        names = [column.name for column in run if column.name]
        width = sum(column.width for column in run)
        if names:
            unpack = f"fixed{len(constants)}"
            constants[unpack] = _struct(run).unpack_from
            lines.append(f"        if here + {width} > end: raise Truncated")
            lines.append(f"        {', '.join(names)}, = {unpack}(octets, here)")
        if width:
            lines.append(f"        here += {width}")
        run.clear()

    for column in columns:
        if not column.name and (skipped or column.width == VARIABLE):
            fixed()
            skipped.append(column.width)
            continue
        skip()
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
        lines.append(f"        {column.name} = octets[here:here + size]")
        lines.append("        here += size")
    skip()
    fixed()
    names = [column.name for column in columns if column.name]
    lines += ["        if here > end: raise Truncated", f"        yield ({''.join(name + ', ' for name in names)})"]
    lines.append("    if end - here > 3 and any(octets[here:]): raise Truncated")
    start = f"def read(octets, {', '.join(f'{name}={name}' for name in constants)}):"
    return Reader([start, "    here, end = 0, len(octets)", f"    while end - here >= {least}:", *lines], constants)
