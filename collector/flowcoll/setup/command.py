"""The command `setup-elasticsearch`: which outputs, look, do, and say so."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, AuthorizationException, Elasticsearch

from flowcoll.config import Options, OutputOptions
from flowcoll.elastic import why
from flowcoll.errors import ConfigError, SetupError
from flowcoll.setup import requests, rollover
from flowcoll.setup.elasticsearch import Survey, carry_out, survey
from flowcoll.setup.target import KIND, Target
from flowcoll.setup.templates import RECENT, wanted

_DONE = {"create": "created", "update": "updated", "rollover": "rolled over"}
_LATER = "was made by earlier templates; they apply at its next rollover, or now with --rollover"


@dataclass(frozen=True)
class Wish:
    """What the command line asks for."""

    dry_run: bool = False
    rollover: bool = False


@dataclass(frozen=True)
class Row:
    """What was or is to be done with one thing."""

    kind: str
    name: str
    action: str
    why: str = ""


@dataclass(frozen=True)
class Report:
    """What was found on the server of one output, and what was done there."""

    server: str
    written: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give it for a program."""
        rows = [vars(row) for row in self.rows]
        return {"server": self.server, "writes_to": self.written, "changes": rows, "notes": list(self.notes)}

    def __str__(self) -> str:
        columns = [(row.kind, row.name, row.action, row.why) for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
        lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in columns)
        table = "\n".join(f"  {line}".rstrip() for line in lines)
        notes = "".join(f"\nnote: {note}" for note in self.notes)
        return f"{self.server}, for {self.written}\n{table}{notes}"


def outputs(load: Callable[[Sequence[str]], Options], name: str | None) -> list[OutputOptions]:
    """Give the outputs to set up: the enabled ones, or the one that is named.

    Who installs before switching the output on gets it as the other options say. `load` reads options, with more settings
    than were given.
    """
    options = load(())
    enabled = options.outputs(KIND)
    if name is None and not enabled:
        return load([f"EF_OUTPUT_{KIND}_ENABLE=true"]).outputs(KIND)
    if name is None:
        return enabled
    place = f"EF_{name.upper()}_OUTPUT_{KIND}_"
    if not any(option.startswith(place) for option in options):
        raise ConfigError(f"--output {name}: no option begins with {place}; name an output as its options do")
    return [output for output in load([f"{place}ENABLE=true"]).outputs(KIND) if output.namespace == name.lower()]


def setup(client: Elasticsearch, output: OutputOptions, wish: Wish) -> Report:
    """Install what the output needs, or say what would be installed; raises SetupError in one line for what goes wrong."""
    try:
        found = survey(client, output)
        rows = list(_rows(found, dry_run=wish.dry_run))
        if not wish.dry_run:
            carry_out(client, found.changes)
        rows += _streams(client, Target.of(output), found, wish)
    except AuthorizationException as exc:
        raise SetupError(f"{why(exc)}; --print-roles shows the role that may") from None
    except (ApiError, TransportError) as exc:
        raise SetupError(why(exc)) from None
    return Report(str(found.server), Target.of(output).written, tuple(rows), found.notes)


def _rows(found: Survey, *, dry_run: bool) -> Iterable[Row]:
    for action, thing, reason, _ in found.changes:
        yield Row(thing.kind, thing.name, action if dry_run else _DONE.get(action, action), reason)


def _streams(client: Elasticsearch, target: Target, found: Survey, wish: Wish) -> Iterable[Row]:
    """Look whether the data stream has an index from before, and roll it over if that is wished."""
    pending = wish.dry_run and found.names("create", "update")
    if not rollover.outdated(client, target, pending=bool(pending)):
        return
    if not wish.rollover:
        yield Row("data stream", target.written, "older", _LATER)
        return
    if not wish.dry_run:
        client.indices.rollover(alias=target.written)
    yield Row("data stream", target.written, "rollover" if wish.dry_run else _DONE["rollover"])


def summary(reports: Sequence[Report], *, dry_run: bool) -> str:
    """Say in one line what it came to."""
    actions = [row.action for report in reports for row in report.rows]
    if dry_run:
        due = sum(action in _DONE for action in actions)
        return f"{due} to be done; nothing was changed." if due else "Nothing to be done."
    told = [f"{actions.count(done)} {done}" for done in _DONE.values() if done in actions]
    return ", ".join(told).capitalize() + "." if told else "Everything is in place; nothing was changed."


def unseen(reports: Sequence[Report]) -> list[str]:
    """Give the names of what the user may not look at."""
    return [row.name for report in reports for row in report.rows if row.action == "unseen"]


def templates_page(output: OutputOptions) -> str:
    """Give everything as requests for Kibana's console, as a recent server takes them."""
    return "\n".join(requests.put(thing, body).console() for thing, body in wanted(output, RECENT).items())
