"""Records of options data, taken apart."""

import pytest

from flowcoll.decode.elements import Elements
from flowcoll.decode.option_data import number, records
from flowcoll.decode.templates import VARIABLE, Template, template_of
from strategies import Spec

ELEMENTS = Elements()


def template(protocol: str, scopes: int, *fields: Spec) -> Template:
    body = scopes.to_bytes(2, "big") + b"".join(field.announced() for field in fields)
    return template_of(protocol, body, ELEMENTS, options=True)


def test_names() -> None:
    """Scopes of NetFlow v9 are numbers of their own, those of IPFIX are elements; what nobody knows has no name."""
    old = template("netflow9", 2, Spec(0, 1, 4), Spec(0, 9, 4), Spec(0, 34, 4), Spec(0, 600, 1))
    assert old.fields == (("scopeSystem", 4), ("", 4), ("samplingInterval", 4), ("", 1))
    assert old.scopes == {"scopeSystem"}
    new = template("ipfix", 1, Spec(0, 302, 8), Spec(0, 302, 8), Spec(4_242_424, 1, 2))
    assert new.fields == (("selectorId", 8), ("selectorId", 8), ("", 2))
    assert new.scopes == {"selectorId"}


def test_a_field_twice() -> None:
    """A field that stands twice in a record has both values."""
    new = template("ipfix", 1, Spec(0, 301, 1), Spec(0, 302, 1), Spec(0, 302, 1))
    assert list(records(new, bytes([7, 1, 2, 8, 3, 4]))) == [
        {"selectionSequenceId": [b"\7"], "selectorId": [b"\1", b"\2"]},
        {"selectionSequenceId": [b"\x08"], "selectorId": [b"\3", b"\4"]},
    ]


@pytest.mark.parametrize("text", [b"", b"name", bytes(254), bytes(255), bytes(300)])
def test_variable_length(text: bytes) -> None:
    """A field of variable length has its length before it, and a record that is cut off is none."""
    new = template("ipfix", 1, Spec(0, 302, 1), Spec(0, 335, VARIABLE), Spec(0, 34, 1))
    length = bytes([len(text)]) if len(text) < 255 else b"\xff" + len(text).to_bytes(2, "big")
    record = b"\7" + length + text + b"\x64"
    found = {"selectorId": [b"\7"], "selectorName": [text], "samplingInterval": [b"\x64"]}
    for end in range(len(record)):
        assert list(records(new, record + record[:end])) == [found]
    assert list(records(new, record * 2 + bytes(2))) == [found, found]


@pytest.mark.parametrize(
    ("octets", "found"), [(b"\1", 1), (b"\1\0\0", 65_536), (bytes(8), 0), (b"", None), (bytes(9), None)]
)
def test_number(octets: bytes, found: int | None) -> None:
    """A number may have any width up to eight octets."""
    assert number({"x": [octets, b"\x09"]}, "x") == found
    assert number({}, "x") is None
