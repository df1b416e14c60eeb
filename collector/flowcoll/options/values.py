"""From what was written in several places to one value per option: who wins, older names, files of secrets, reading."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flowcoll.options.groups import Option
from flowcoll.options.names import FILE, Meaning, instance, meaning, nearest
from flowcoll.options.sources import Given
from flowcoll.options.table import OPTIONS
from flowcoll.options.types import SHOWN_SECRET, without_credentials

_LONGEST_SHOWN = 80


class Said(NamedTuple):
    """What somebody said about an option, and what is wrong with it, if anything."""

    given: Given
    option: Option
    from_file: bool = False
    wrong: str = ""

    def problem(self, what: str) -> str:
        """One line for a person: where, which value, what to do."""
        return f"{self.given.where}: {self.given.name} = {self._shown()}: {what}"

    def _shown(self) -> str:
        if self.option.type.secret and not self.from_file:
            return SHOWN_SECRET
        text = without_credentials(self.given.text)
        return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")


def choose(given: Iterable[Given], problems: list[str], notices: list[str]) -> dict[str, Said]:
    """What counts of what was said, by today's name of the option; `given` comes in rising precedence."""
    candidates: dict[str, list[tuple[Given, Meaning]]] = {}
    gone: dict[str, list[str]] = {}
    for entry in given:
        known = meaning(entry.name)
        if known is None:  # its value is not shown: it may be a secret under a mistyped name
            problems.append(f"{entry.where}: {entry.name}: unknown option{_advice(entry.name)}")
        elif known.option is None:
            gone.setdefault(known.why, []).append(entry.name)
        elif entry.text.strip() or (known.option.type.empty and not known.from_file):
            candidates.setdefault(known.name, []).append((entry, known))
    notices += [f"{', '.join(names)}: without effect, {why}" for why, names in gone.items()]
    chosen = {}
    for name, entries in candidates.items():
        _, (best, known) = max(enumerate(entries), key=lambda item: (not item[1][1].version, item[0]))
        notices += _about_older_names(name, best, entries)
        if known.option is not None:
            chosen[name] = Said(best, known.option, known.from_file)
    return _one_secret(chosen)


def options_of(chosen: Mapping[str, Said]) -> dict[str, Option]:
    """Every option there is: the declared ones, and all those of the outputs and lists that are mentioned."""
    options = dict(OPTIONS)
    for said in chosen.values():
        place = instance(said.option.name)
        if place is not None:
            options |= {option.name: option for option in place.group.at(place.place)}
    return options


def read(said: Said) -> tuple[Any, Said]:
    """The value that was meant, or the default and what is wrong."""
    kind = said.option.type
    try:
        if said.wrong:
            return said.option.default, said
        if said.from_file:
            return kind.read(content(Path(said.given.text.strip()))), said
        if said.given.listed and not kind.many:
            return said.option.default, said._replace(wrong="must be one value, not a list")
        return kind.read(said.given.text if kind.secret else said.given.text.strip()), said
    except ValueError as exc:
        return said.option.default, said._replace(wrong=f"must be {exc}")


def content(path: Path) -> str:
    """A secret as its file holds it, without the newline that editors put at the end; ValueError: it cannot be read."""
    try:
        return path.read_bytes().decode().removesuffix("\n").removesuffix("\r")
    except OSError as exc:
        raise ValueError(f"a file that can be read ({exc.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("a file of UTF-8 text") from None


def _one_secret(chosen: dict[str, Said]) -> dict[str, Said]:
    """The same by the option's name alone; a secret that is given both itself and as a file is wrong."""
    single: dict[str, Said] = {}
    for said in chosen.values():
        name = said.option.name
        if said.from_file and name in chosen and chosen[name].given.text:
            single[name] = said._replace(wrong=f"{chosen[name].given.name} is set too; remove one of the two")
        elif said.from_file or name + FILE not in chosen:
            single[name] = said
    return single


def _about_older_names(name: str, best: Given, entries: Iterable[tuple[Given, Meaning]]) -> list[str]:
    older = {entry.name: (entry, known.version) for entry, known in entries if known.version}
    return [
        f"{entry.where}: {entry.name} is the name of version {version}; write {name}"
        if best.name in older
        else f"{entry.where}: {entry.name}, the name of version {version}, is ignored because {name} is set too"
        for entry, version in older.values()
    ]


def _advice(name: str) -> str:
    near = nearest(name)
    return f"; did you mean {' or '.join(near)}?" if near else "; `flowcoll config` lists all options"
