"""Options as they count: default < configuration file < environment < `--set`, checked, in one frozen mapping.

Everything that is wrong is told at once, in one ConfigError; what is only worth a word is in `Options.notices`.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from flowcoll.errors import ConfigError
from flowcoll.options.checks import Checks
from flowcoll.options.groups import OUTPUT, Option
from flowcoll.options.names import instance, meaning
from flowcoll.options.sources import Given, default_file, from_environment, from_file, from_sets
from flowcoll.options.table import OPTIONS
from flowcoll.options.types import shown
from flowcoll.options.values import choose, content, options_of, read

_DEFAULT = "default"


@dataclass(frozen=True)
class ThreatListOptions:
    """What is set for one threat list; its name is in lower case."""

    name: str
    enable: bool
    type: str
    path: Path | None
    label: str
    confidence: int | None
    url: str | None = field(repr=False)
    username: str
    password: str = field(repr=False)
    header: str = field(repr=False)
    refresh_interval: int  # minutes
    timeout: int = 30
    proxy: str = field(default="", repr=False)
    tls_ca_cert_filepath: Path | None = None
    tls_skip_verification: bool = False
    inclexcl_path: Path | None = None


@dataclass(frozen=True)
class OutputOptions:
    """One enabled output: its namespace in lower case (empty: the global one), and its values by the end of their names."""

    namespace: str
    values: Mapping[str, Any] = field(repr=False)  # may hold secrets
    secret_files: Mapping[str, Path] = field(
        default_factory=dict, repr=False
    )  # end of a name -> where its value is kept

    def option(self, suffix: str) -> str:
        """Give the full name of one of its options, by its type of output and the end: `ELASTICSEARCH_PASSWORD`."""
        return f"EF_{self.namespace.upper()}_OUTPUT_{suffix}" if self.namespace else f"{OUTPUT}{suffix}"

    def renewed(self) -> "OutputOptions":
        """Read its files of secrets again; one that cannot be read now leaves the value as it was."""
        values = dict(self.values)
        for suffix, path in self.secret_files.items():
            with contextlib.suppress(ValueError):
                values[suffix] = content(path)
        return replace(self, values=MappingProxyType(values))


class Setting(NamedTuple):
    """An option, its value, and where the value comes from."""

    option: Option
    value: Any
    origin: str


class Resolved(NamedTuple):
    """What options say, without the table: for another process of this version. It holds secrets."""

    values: tuple[tuple[str, Any, str], ...]
    """Name, value, origin."""
    secret_files: tuple[tuple[str, Path], ...]


class Row(NamedTuple):
    """A line of `flowcoll config`; secrets are masked."""

    name: str
    value: str
    source: str
    standing: str
    meaning: str


class Options(Mapping[str, Any]):
    """Every option's value by name, those of named outputs and threat lists included; it never changes."""

    def __init__(
        self,
        settings: Mapping[str, Setting],
        notices: Iterable[str] = (),
        secret_files: Mapping[str, Path] | None = None,
    ) -> None:
        self._settings = MappingProxyType(dict(settings))
        self._notices = tuple(notices)
        self._secret_files = dict(secret_files or {})

    def __getitem__(self, name: str) -> Any:
        value = self._settings[name].value
        return list(value) if isinstance(value, list) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        given = sum(setting.origin != _DEFAULT for setting in self._settings.values())
        return f"<Options: {len(self)}, {given} of them set>"

    def resolved(self) -> Resolved:
        """Give what another process needs to have the same options; notices are not among it."""
        values = tuple((name, setting.value, setting.origin) for name, setting in self._settings.items())
        return Resolved(values, tuple(self._secret_files.items()))

    @classmethod
    def again(cls, resolved: Resolved) -> "Options":
        """Make the options that another process has resolved."""
        settings = {
            name: Setting(known.option, value, origin)
            for name, value, origin in resolved.values
            if (known := meaning(name)) is not None and known.option is not None
        }
        return cls(settings, (), dict(resolved.secret_files))

    @property
    def notices(self) -> tuple[str, ...]:
        """What is worth a word in the log: older names, options without effect, files found elsewhere."""
        return self._notices

    def origin(self, name: str) -> str:
        """Where a value comes from: default, file and its path, environment, or --set."""
        return self._settings[name].origin

    @property
    def settings(self) -> Iterable[Setting]:
        """Every option with value and origin, in the order of the table."""
        return self._settings.values()

    @property
    def threat_lists(self) -> tuple[ThreatListOptions, ...]:
        """Every threat list that is mentioned, enabled or not."""
        return tuple(
            ThreatListOptions(name=name, **{suffix.lower(): value for suffix, value in values.items()})
            for group, name, values in self._instances()
            if not group
        )

    def outputs(self, kind: str) -> list[OutputOptions]:
        """The enabled outputs of one type, such as FILE or ELASTICSEARCH."""
        prefix = f"{OUTPUT}{kind}_"
        own = {name.removeprefix(prefix): self[name] for name in self if name.startswith(prefix)}
        named = [(name, values) for group, name, values in self._instances() if group == kind]
        return [self._output(kind, name, values) for name, values in [("", own), *named] if values["ENABLE"]]

    def _output(self, kind: str, name: str, values: dict[str, Any]) -> OutputOptions:
        output = OutputOptions(name, MappingProxyType(values))
        prefix = output.option(f"{kind}_")
        files = {n.removeprefix(prefix): path for n, path in self._secret_files.items() if n.startswith(prefix)}
        return replace(output, secret_files=MappingProxyType(files))

    def _instances(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Type of output (empty: a threat list), name and values of everything that has a name of its own."""
        placed = [(place, name) for name in self if name not in OPTIONS and (place := instance(name))]
        for place, members in groupby(placed, key=lambda pair: pair[0]):
            values = {name.removeprefix(place.place + "_"): self[name] for _, name in members}
            yield place.group.output, place.name, values


def load(
    config_path: Path | None,
    environ: Mapping[str, str],
    sets: Sequence[str],
    *,
    root: Path = Path("/"),
    unit: Iterable[Given] = (),
) -> Options:
    """Read every source and give the options; `root` is where the default files are looked for.

    unit: what the service's unit sets, for a command that does not run as the service.
    """
    problems: list[str] = []
    notices: list[str] = []
    file = config_path or default_file(root, notices)
    given = [
        *(from_file(file, problems) if file else ()),
        *unit,
        *from_environment(environ),
        *from_sets(sets, problems),
    ]
    return _options(given, root, problems, notices)


def defaults(**overrides: Any) -> Options:
    """The defaults, with some values of your own, typed or as text; no file and no environment is read."""
    return _options([_override(name, value) for name, value in overrides.items()], None, [], [])


def describe(options: Options) -> list[Row]:
    """Every option as `flowcoll config` shows it, secrets masked."""
    return [
        Row(o.name, shown(o.type, value), origin, o.standing.value, o.meaning) for o, value, origin in options.settings
    ]


def _override(name: str, value: Any) -> Given:
    known = meaning(name)
    if isinstance(value, str) or known is None or known.option is None:
        text = str(value)
    else:
        text = "" if value is None else known.option.type.show(value)
    return Given("--set", "--set", name, text, isinstance(value, list | tuple))


class Judged(NamedTuple):
    """What was given, judged: options as they would count, and everything that keeps them from it."""

    options: Options
    problems: tuple[str, ...]
    checks: Checks


def judge(given: Iterable[Given], root: Path | None, problems: list[str], notices: list[str]) -> Judged:
    """Read and check what was given, in rising precedence; what is found is added to `problems` and `notices`."""
    chosen = choose(given, problems, notices)
    options = options_of(chosen)
    values = {name: option.default for name, option in options.items()}
    said = {}
    for name, entry in chosen.items():
        values[name], said[name] = read(entry)
    checks = Checks(options, values, said, problems, notices)
    checks.run()
    if root is not None:
        values |= checks.find_files(root)
    origins = {name: entry.given.origin for name, entry in said.items()}
    secret_files = {name: Path(entry.given.text.strip()) for name, entry in said.items() if entry.from_file}
    made = Options(
        {name: Setting(options[name], values[name], origins.get(name, _DEFAULT)) for name in options},
        notices,
        secret_files,
    )
    return Judged(made, tuple(problems), checks)


def _options(given: Iterable[Given], root: Path | None, problems: list[str], notices: list[str]) -> Options:
    judged = judge(given, root, problems, notices)
    if judged.problems:
        raise ConfigError(_message(judged.problems))
    return judged.options


def _message(problems: Sequence[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return f"the configuration has {len(problems)} problems\n" + "\n".join(f"  {problem}" for problem in problems)
