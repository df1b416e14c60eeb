"""Autonomous systems as a match table."""

import io
from collections.abc import Mapping
from typing import Any

import pytest

from flowcoll.enrich.locality import parse
from flowcoll.errors import ListError
from flowcoll.threat.matching.system_table import compile_systems, system_of
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading.unwrap import at_once

MADE = "2026-01-02T03:04:05.000Z"


def compiled(*texts: bytes) -> tuple[Mapping[str, Any], Table]:
    file = io.BytesIO()
    state = compile_systems(texts, MADE, {"stamps": [1]}, file, at_once)
    return state, Table(file.getvalue())


def test_the_most_specific_network_counts() -> None:
    """An address belongs to the system of the smallest network round it; several texts are one list."""
    state, table = compiled(
        b"8.8.0.0/16 AS64500 Wide\n8.8.8.0/24 AS64501 N\xc3\xa4her",
        b"2a00::/16,64502,Six\nbad\n2a01::/16,64502,Six\n9.9.9.9 AS0\n",
    )
    found = [system_of(table.find(parse(each))) for each in ("8.8.8.8", "8.8.9.9", "2a00::1", "9.9.9.9")]
    assert found == [(64501, "Näher"), (64500, "Wide"), (64502, "Six"), (0, "")]
    assert table.about["of"] == {"stamps": [1]}
    assert state == {
        "entries": 4,
        "networks": 4,
        "private": 0,
        "refused": 1,
        "first_refused": "line 2: '' is not the number of an autonomous system",
        "others": 1,
        "listed": MADE,
    }


def test_two_systems_of_one_network() -> None:
    """Of two systems that announce one network the one that the list names first counts."""
    assert system_of(compiled(b"8.8.8.0/24 64501 B\n8.8.8.0/24 64500 A\n")[1].find(parse("8.8.8.8"))) == (64501, "B")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "holds no address$"),
        (b"8.8.8.8 AS5\nbad\n9.9.9.9 AS5\n1.1.1.1 AS5\n", r"holds no address in 1 of its 4 rows \(line 2: "),
        (b"<html>", "is an HTML or XML page"),
    ],
)
def test_what_is_no_list_is_refused(text: bytes, why: str) -> None:
    """A list that names nothing, or is mostly bad, is refused as other lists are."""
    with pytest.raises(ListError, match=f"^{why}"):
        compiled(text)


@pytest.mark.parametrize("said", [b"", b"x\ny", b"\xff", b"99999999999\nx", b"\n\n"])
def test_what_a_damaged_table_says(said: bytes) -> None:
    """What is no system is none."""
    assert system_of(said)[0] == 0
