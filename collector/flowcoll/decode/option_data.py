"""Records of options data, one after the other: they are few and teach something, so nothing is made for their speed."""

from collections.abc import Iterator, Mapping, Sequence

from flowcoll.decode.templates import VARIABLE, Template

Values = Mapping[str, Sequence[bytes]]
"""Octets of the fields of a record by name; a field may stand in it more than once."""


def records(template: Template, body: bytes) -> Iterator[Values]:
    """Give the records of a set; one that is cut off ends it."""
    here, end = 0, len(body)
    while end - here >= template.size:
        values: dict[str, list[bytes]] = {}
        for name, width in template.fields:
            size = width
            if width == VARIABLE:  # RFC 7011 section 7
                if here >= end:
                    return
                size = body[here]
                here += 1
                if size == 255:
                    size = int.from_bytes(body[here : here + 2], "big")
                    here += 2
            if name:
                values.setdefault(name, []).append(body[here : here + size])
            here += size
        if here > end:
            return
        yield values


def number(values: Values, name: str) -> int | None:
    """Give an unsigned number, None where the record has none or one that no type holds."""
    octets = values.get(name, (b"",))[0]
    return int.from_bytes(octets, "big") if 0 < len(octets) <= 8 else None
