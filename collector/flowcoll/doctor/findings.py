"""What a check finds, and how checks are declared."""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class Verdict(StrEnum):
    """How a check ends."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"  # does not apply, or cannot be known here


class Finding(NamedTuple):
    """A verdict, why, and what to do about it."""

    verdict: Verdict
    text: str
    advice: str = ""


def ok(text: str) -> Finding:
    """All is well."""
    return Finding(Verdict.OK, text)


def warn(text: str, advice: str) -> Finding:
    """It works, but not as it should, or not for long."""
    return Finding(Verdict.WARN, text, advice)


def fail(text: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(Verdict.FAIL, text, advice)


def skip(text: str, advice: str = "") -> Finding:
    """It does not apply, or nobody can know here."""
    return Finding(Verdict.SKIP, text, advice)


def many(count: int, noun: str) -> str:
    """Give a number with its noun."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


class Check(NamedTuple):
    """A row of the table of checks: its name, what is looked at, and the judge of what was found."""

    name: str
    probed: str
    judge: Callable[[Any], Finding]


class Row(NamedTuple):
    """What a check found; `subject` says of which output, list or port where there may be several."""

    check: str
    subject: str
    verdict: Verdict
    finding: str
    advice: str


class Part(NamedTuple):
    """Checks over the same facts, of one subject: probed once, within `limit_s`."""

    checks: Sequence[Check]
    probe: Callable[[], Any]
    subject: str = ""
    limit_s: float = 5.0


def rows(part: Part, facts: Any) -> Iterable[Row]:
    """Judge facts by every check of a part."""
    return [Row(check.name, part.subject, *check.judge(facts)) for check in part.checks]
