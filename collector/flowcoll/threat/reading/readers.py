"""Texts of listed addresses -> entries; a row that makes no sense is handed on as refused, never fatal here.

    plain    an address, a network or a range first-last in each line; `#` and `;` begin a comment
    csv      a header, be it in a comment, then rows; comma, semicolon or tabulator between columns
    json     an array; an object with an array under one of LISTS; an object address -> what is said of it; an object a line
    yaml     a list of mappings or of addresses; a mapping address -> what is said of it
    dshield  first address, last address, prefix length, attacks, name, country, contact, with tabulators between
    auto     one of these, by the first characters

Rows come one by one: whoever takes them decides when others may have the processor.
"""

from collections.abc import Callable, Iterator, Mapping

from flowcoll.errors import ListError
from flowcoll.threat.reading import json_list, lines, yaml_list
from flowcoll.threat.reading.entries import Row
from flowcoll.threat.reading.json_list import LISTS, Shapes

__all__ = ["LISTS", "MOST_ROWS", "Row", "form", "read"]

MOST_ROWS = 5_000_000


def read(text: bytes, kind: str = "auto") -> Iterator[Row]:
    """Give every row; ListError, worded to follow the name of the list, when the text as a whole makes no sense."""
    readers: Mapping[str, Callable[[bytes], Iterator[Row]]] = {
        "plain": lines.plain,
        "csv": lines.columns,
        "json": json_list.objects,
        "yaml": _yaml,
        "dshield": lines.dshield,
    }
    for number, row in enumerate(readers[form(text) if kind == "auto" else kind](text), 1):
        yield row
        if number == MOST_ROWS:
            raise ListError(f"has more than {MOST_ROWS:,} rows; split it into several lists", "too_large")


def form(text: bytes) -> str:
    """Give the form of a text by its first characters."""
    if json_list.begins(text):
        return "json"
    first = lines.first(text)
    if yaml_list.begins(first):
        return "yaml"
    header = lines.header_of(text)
    if header is None:
        return "dshield" if lines.is_dshield(first) else "plain"
    return "dshield" if header.of_dshield else "csv"


def _yaml(text: bytes) -> Iterator[Row]:
    shapes = Shapes()
    for line, address, said in yaml_list.rows(text, LISTS):
        yield shapes.row(f"line {line}", address, said)
