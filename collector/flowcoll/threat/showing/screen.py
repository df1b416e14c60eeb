"""Lists of threats on a terminal."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flowcoll.exporters.words import span
from flowcoll.threat.matching.lists import Threat
from flowcoll.threat.showing import explained as words_of
from flowcoll.threat.showing.looked_up import Found
from flowcoll.threat.showing.present import Present
from flowcoll.threat.showing.trial import Trial
from flowcoll.threat.showing.words import WHY, Told

_FIGURES = ("entries", "networks", "private", "refused", "others", "expired")
_MEANING = {
    "private": "private, which never match",
    "refused": "rows that make no sense",
    "others": "rows about something else than addresses",
    "expired": "rows that have expired",
}


def status(console: Console, present: Present, now: float) -> None:
    """Print how each list is, then what is wrong, and the whole answer."""
    table = _table("Lists of threats", "list", "state", "entries", "loaded", "next", "matches")
    for column in table.columns[2:]:
        column.justify = "right"
    for each in present.summary.lists:
        table.add_row(*_row(each, now))
    console.print(table)
    for each in present.summary.lists:
        if each.failed:
            console.print(Text(f"\n{each.name}: {each.text}"))
    advice = [(each.name, each.advice) for each in present.summary.lists if each.advice]
    if advice:
        console.print()
    for name, text in advice:
        console.print(Text(f"{name}: {text}", "dim"))


def _row(told: Told, now: float) -> Iterator[str]:
    state = told.state
    yield told.name
    yield WHY.get(told.kind, told.kind)
    entries = state.get("entries", 0)
    yield f"{entries:,}" if entries or told.kind == "on" else ""
    yield _distance(state.get("received") or state.get("listed"), now, "ago") if entries else ""
    yield _distance(state.get("next_refresh"), now, "")
    yield "" if told.matches is None or told.kind == "off" else f"{told.matches:,}"


def _distance(moment: Any, now: float, ago: str) -> str:
    """Write how far a time is away, in the past or in the future."""
    try:
        seconds = datetime.fromisoformat(str(moment)).timestamp() - now
    except ValueError:
        return ""
    if ago:
        return f"{span(max(-seconds, 0))} {ago}"
    return f"in {span(seconds)}" if seconds > 0 else "now"


def looked_up(console: Console, found: Iterable[Found]) -> None:
    """Print what lists say of addresses."""
    for each in found:
        console.print(Text.assemble((each.address, "bold"), f" {each.verdict}"))
        for named in each.named:
            note = f" (excluded: {named.excluded})" if named.excluded else ""
            for threat in named.threats:
                console.print(_indented(f"{named.name}{note}: {_said(threat)}"))
        if each.others and each.named:
            console.print(_indented(f"not named by {', '.join(each.others)}", "dim"))


def _said(threat: Threat) -> str:
    parts = [threat.name]
    parts += [f"feed {threat.feed}"] if threat.feed else []
    parts += [f"confidence {threat.confidence}"] if threat.confidence else []
    parts += [threat.description] if threat.description else []
    seen = [text for text in (threat.first_seen, threat.last_seen) if text]
    parts += [f"seen {' to '.join(seen)}"] if seen else []
    parts += [threat.reference] if threat.reference else []
    parts += [f"list of {threat.listed}"] if threat.listed else []
    return ", ".join(parts)


def tried(console: Console, found: Trial, name: str) -> None:
    """Print what a list was found to hold."""
    if found.problem:
        console.print(Text(f"{name} would be refused: it {found.problem}", "bold"))
    else:
        console.print(Text(f"{name} can be used", "bold"))
    if found.form:
        console.print(f"  form     {found.form}")
    for key in _FIGURES:
        if key in found.state and (found.state[key] or key in {"entries", "networks"}):
            meaning = f"  {_MEANING[key]}" if key in _MEANING else ""
            console.print(f"  {key:8} {found.state[key]:,}{meaning}")
    if found.bad:
        table = _table("Rows that make no sense, the first ones", "where", "why")
        for row in found.bad:
            table.add_row(Text(row.where), Text(row.why))
        console.print()
        console.print(table)
    if found.first:
        table = _table("How entries would match, the first ones", "address", "threat", "feed", "confidence", "more")
        for each in found.first:
            for threat in each.threats:
                more = ", ".join(text for text in (threat.description, threat.reference) if text)
                table.add_row(*map(Text, (each.addresses, threat.name, threat.feed, threat.confidence, more)))
        console.print()
        console.print(table)


def explained(console: Console, present: Present) -> None:
    """Print what is compared, what comes of it, how it stands, and what to do next."""
    _head(console, "What is compared with what")
    console.print(_indented(" ".join(words_of.COMPARED.split())))
    _head(console, "What a document shows after a match")
    table = _table("", "field", "holds")
    for field, holds in words_of.FIELDS:
        table.add_row(Text(field), holds)
    console.print(table)
    _head(console, "What the views mean")
    for view, query, meaning in words_of.VIEWS:
        console.print(_indented(f"{view} ({query}): {meaning}"))
    _head(console, "How it stands now")
    for line in words_of.state(present):
        console.print(_indented(line))
    steps = list(words_of.next_steps(present))
    if steps:
        _head(console, "What to do next")
    for line in steps:
        console.print(_indented(line))


def _head(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, "bold"))


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(text, style), (0, 0, 0, 2), expand=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False)
    table.padding = (0, 1, 0, 0)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
