"""Autonomous systems as a match table: which one a network belongs to."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, BinaryIO

from flowcoll.threat.matching.seen import Seen
from flowcoll.threat.matching.spans import Spans
from flowcoll.threat.reading.systems import System, read
from flowcoll.threat.reading.unwrap import Pause, unwrapped


def compile_systems(
    texts: Iterable[bytes], listed: str, of: Mapping[str, Any], file: BinaryIO, pause: Pause
) -> Mapping[str, Any]:
    """Write the table of a list of systems, and give the list's state; `of` is what it was made of.

    ListError, worded to follow its name, when it names no system or more than a fifth of its rows is bad. OSError.
    """
    spans, seen = Spans(), Seen[System]()
    rows = chain.from_iterable(read(unwrapped(octets, pause)) for octets in texts)
    for first, last, number, organization in seen.used(rows, pause):
        spans.add(first, last, f"{number}\n{organization}".encode("utf-8", "replace"))
    seen.judge(may_be_empty=False)
    about = {"name": "autonomous systems", "listed": listed, "state": seen.left_out(), "of": of}
    return {**spans.write(file, about, pause), **seen.left_out(), "listed": listed}


def system_of(said: bytes) -> tuple[int, str]:
    """Give number and organization of what a table says of a network; 0 for nothing. Where it says several, the first."""
    number, _, rest = said.decode("utf-8", "replace").partition("\n")
    return int(number) if number.isdecimal() and len(number) <= 10 else 0, rest.partition("\n")[0]
