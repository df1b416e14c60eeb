"""What the options of a file mean here: one row for each that was given, and what keeps the collector from starting."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from flowcoll import config
from flowcoll.config import Judged
from flowcoll.errors import ConfigError
from flowcoll.options.groups import NO_EFFECT, SUPPORTED, Option
from flowcoll.options.names import Meaning, meaning, nearest
from flowcoll.options.sources import Given
from flowcoll.options.types import SHOWN_SECRET, shown, without_credentials
from flowcoll.options.values import Said
from flowcoll.transfer.found import Found

_LONGEST_SHOWN = 80
_STOPS = frozenset({"refused", "not yet", "wrong", "unknown"})


class Row(NamedTuple):
    """An option as somebody wrote it, and what becomes of it.

    here is one of: supported, renamed, no effect, not used, ignored, refused, not yet, wrong, unknown
    """

    name: str
    value: str  # secrets are masked
    where: str
    here: str
    meaning: str
    today: str = ""  # today's name, where it is another

    @property
    def stops(self) -> bool:
        """Whether the collector would not start for it."""
        return self.here in _STOPS


@dataclass(frozen=True)
class Report:
    """A file, judged."""

    file: Path
    form: str
    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    notices: tuple[str, ...]
    judged: Judged

    @property
    def starts(self) -> bool:
        """Whether the collector would start with this."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Give it for a program."""
        return {
            "file": str(self.file),
            "form": self.form,
            "starts": self.starts,
            "options": [row._asdict() for row in self.rows],
            "problems": list(self.problems),
            "notices": list(self.notices),
        }


def report(path: Path, found: Found, root: Path) -> Report:
    """Judge what a file gave; `root` is where files that defaults name are looked for."""
    problems, notices = list(found.problems), list(found.notices)
    judged = config.judge(found.given, root, problems, notices)
    return Report(path, found.form, tuple(_rows(found, judged)), tuple(problems), judged.options.notices, judged)


def _rows(found: Found, judged: Judged) -> Iterator[Row]:
    counting = {id(said.given): said for said in judged.checks.said.values()}
    for given in found.given:
        known = meaning(given.name)
        where = given.where.rpartition("/")[2]
        if known is None:
            near = " or ".join(nearest(given.name))
            yield Row(given.name, SHOWN_SECRET, where, "unknown", f"did you mean {near}?" if near else "unknown option")
        elif known.option is None:
            yield Row(given.name, "", where, "no effect", known.why)
        else:
            said = counting.get(id(given))
            today = known.name if known.version else ""
            here, told = _standing(given, known, known.option, said, judged)
            yield Row(given.name, _shown(given, known, known.option), where, here, told, today)


def _standing(  # noqa: PLR0911  a way each
    given: Given, known: Meaning, option: Option, said: Said | None, judged: Judged
) -> tuple[str, str]:
    if said is None:
        empty = not given.text.strip()
        return "ignored", "empty means not set" if empty else f"{known.name} is given again, and that counts"
    if said.wrong and judged.checks.counts(option.name):
        return "wrong", said.wrong
    value = judged.checks.values[option.name]
    if option.standing is NO_EFFECT:
        return "no effect", option.hint
    if not judged.checks.counts(option.name):
        return "not used", f"{' and '.join(judged.checks.off(option.name))} off"
    if option.standing is not SUPPORTED:
        if value in option.defaults:
            return "not used", "at its default"
        return ("not yet", "flowcoll cannot do this yet") if not option.hint else ("refused", option.hint)
    return ("renamed", f"today {known.name}: {option.meaning}") if known.version else ("supported", option.meaning)


def _shown(given: Given, known: Meaning, option: Option) -> str:
    """Give the value as a person may see it; one that cannot be read as it was written."""
    if known.from_file:
        return given.text
    if option.type.secret:
        return SHOWN_SECRET if given.text else ""
    try:
        text = shown(option.type, option.type.read(given.text.strip())) if given.text.strip() else ""
    except ValueError:
        text = repr(without_credentials(given.text))
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def write(target: Path, source: Report) -> int:
    """Write a flowcoll.yml with what does something here, by today's names; give how many options it holds.

    Secrets are in it as they were given, so the file is readable for its owner alone, and never written over another one.
    ConfigError.
    """
    lines = dict(_kept(source.judged.checks.said))
    head = f"# written by `flowcoll config --from {source.file}`\n"
    text = head + (yaml.safe_dump(lines, sort_keys=False, allow_unicode=True, width=10_000) if lines else "")
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ConfigError(f"--write {target}: there is such a file; it is kept, name another one") from None
    except OSError as exc:
        raise ConfigError(f"--write {target}: cannot be written ({exc.strerror})") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return len(lines)


def _kept(said: Mapping[str, Said]) -> Iterator[tuple[str, str]]:
    """Give today's name and the text of what is carried out here, be it switched off now."""
    for each in said.values():
        known = meaning(each.given.name)
        if known is not None and each.option.standing is SUPPORTED and not each.wrong:
            text = each.given.text
            yield known.name, text if each.option.type.secret and not each.from_file else text.strip()
