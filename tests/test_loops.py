"""Loops of outputs go on."""

from io import StringIO

from flowcoll.counters import Counts
from flowcoll.logs import Log
from flowcoll.output import loops


def test_a_loop_that_fails_begins_anew() -> None:
    """A failure is counted as a bug and told with its place; a return is the end."""
    told, counts, turns = StringIO(), Counts(), iter([KeyError("odd")])

    def loop() -> None:
        for failure in turns:
            raise failure

    loops.kept(loop, "file", counts, Log(told)).get(timeout=30)
    assert counts["bugs"] == 1
    assert "KeyError: 'odd'" in told.getvalue()
    assert "file" in told.getvalue()
