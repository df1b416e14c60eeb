"""Findings on a terminal: a table, and one line of what it comes to."""

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flowcoll.doctor.findings import Row, Verdict

_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}

_RUNS = "collector"  # the check whether it runs


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print what was found, what to do below each finding that asks for something, and what was not looked at."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("finding", overflow="fold")
    for row in rows:
        if row.verdict is Verdict.SKIP:
            continue
        subject = f"{row.subject}: " if row.subject and row.subject not in row.finding else ""
        text = Text(f"{subject}{row.finding}")
        if row.advice:
            text.append(f"\n-> {row.advice}", "bold")
        table.add_row(Text(row.verdict.value, _STYLES[row.verdict]), row.check, text)
    console.print(table)
    console.print()
    for line in skipped(rows):
        console.print(Text(line, "dim"))
    console.print(summary(rows), highlight=False)


def skipped(rows: Sequence[Row]) -> list[str]:
    """Say what was not looked at, for each reason once."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict is Verdict.SKIP:
            why = f"{row.subject}: {row.finding}" if row.subject else row.finding
            reasons.setdefault(why + (f" ({row.advice})" if row.advice else ""), []).append(row.check)
    return [f"not looked at: {', '.join(dict.fromkeys(checks))}: {why}" for why, checks in reasons.items()]


def summary(rows: Sequence[Row]) -> str:
    """Say in one line what it comes to."""
    count = Counter(row.verdict for row in rows)
    told = [
        f"{count[each]} {each.value}" for each in (Verdict.FAIL, Verdict.WARN, Verdict.OK, Verdict.SKIP) if count[each]
    ]
    runs = any(row.check == _RUNS and row.verdict is Verdict.OK for row in rows)
    verdict = "It works" if runs else "It can work"
    if count[Verdict.FAIL]:
        verdict = "Something does not work" if runs else "It cannot work like this"
    elif count[Verdict.WARN]:
        verdict += ", with something to look at"
    return f"{verdict}: {', '.join(told)}."
