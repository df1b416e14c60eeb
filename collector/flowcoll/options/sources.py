"""Where options are given: a YAML file, the environment, `--set`; each as text, with the words that lead a person to it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

DEFAULT_FILE = "etc/flowcoll/flowcoll.yml"
THEIR_FILE = "etc/elastiflow/flowcoll.yml"
PREFIXES = ("EF_", "UNICOLLD_")


class Given(NamedTuple):
    """One option as somebody wrote it."""

    origin: str  # file and its path, environment, or --set
    where: str  # the same, with the line of a file
    name: str
    text: str
    listed: bool = False  # a YAML list, its items joined by commas


def default_file(root: Path, notices: list[str]) -> Path | None:
    """Give the configuration file to read when none is named: ours, else ElastiFlow's, else none.

    The package brings one of ours that sets nothing; it does not hide ElastiFlow's.
    """
    ours, theirs = root / DEFAULT_FILE, root / THEIR_FILE
    there = exists(ours)
    if not exists(theirs) or (there and not _sets_nothing(ours)):
        return ours if there else None
    notices.append(f"{ours} {'sets nothing' if there else 'does not exist'}, {theirs} is read")
    return theirs


def exists(path: Path) -> bool:
    """Whether there is a file, be it one that may not be looked at: reading it then says so."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _sets_nothing(path: Path) -> bool:
    try:
        return yaml.compose(path.read_bytes(), Loader=yaml.SafeLoader) is None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False  # reading it again says what is wrong


def from_file(path: Path, problems: list[str]) -> Iterator[Given]:
    """Options of a YAML file with flat keys; what is wrong with it is added to `problems`."""
    try:
        document = yaml.compose(path.read_bytes().decode(), Loader=yaml.SafeLoader)
    except OSError as exc:
        problems.append(f"{path}: cannot be read ({exc.strerror}); check the path and its permissions")
        return
    except UnicodeDecodeError as exc:
        problems.append(f"{path}: is not UTF-8 text (octet {exc.start}); save it as UTF-8")
        return
    except yaml.YAMLError as exc:
        problems.append(f"{path}{yaml_problem(exc)}")
        return
    if document is None:
        return
    if not isinstance(document, yaml.MappingNode):
        problems.append(f"{path}: must hold lines of the form EF_NAME: value")
        return
    yield from entries(path, document, problems)


def from_environment(environ: Mapping[str, str]) -> Iterator[Given]:
    """Options of the environment: every variable that begins as ours do."""
    for name, text in environ.items():
        if name.startswith(PREFIXES):
            yield Given("environment", "environment", _printable(name), text)


def from_sets(sets: Sequence[str], problems: list[str]) -> Iterator[Given]:
    """Options of the command line, NAME=VALUE each."""
    for entry in sets:
        name, equals, text = entry.partition("=")
        if not equals:
            start = re.match("[A-Z0-9_]*", name)  # the rest may be a secret
            problems.append(f"--set: {start[0] if start else ''} has no value; write --set NAME=VALUE")
            continue
        yield Given("--set", "--set", _printable(name.strip()), text)


def _printable(name: str) -> str:
    """A name on one line; one that has to be changed for that is unknown anyway."""
    return name if name.isprintable() else ascii(name)


def entries(path: Path, document: yaml.MappingNode, problems: list[str]) -> Iterator[Given]:
    """Give the options of a document with flat keys; what is wrong with it is added to `problems`."""
    seen: dict[str, int] = {}
    for key, value in document.value:
        line = key.start_mark.line + 1
        where, name = f"{path}:{line}", _printable(str(key.value))
        if not isinstance(key, yaml.ScalarNode):
            problems.append(f"{where}: must be a line of the form EF_NAME: value")
            continue
        if name in seen:
            problems.append(f"{where}: {name} is given twice, first in line {seen[name]}; remove one")
            continue
        seen[name] = line
        items = value.value if isinstance(value, yaml.SequenceNode) else [value]
        if not all(isinstance(item, yaml.ScalarNode) for item in items):
            problems.append(f"{where}: {name} must be one value or a list of values; the file has flat keys only")
            continue
        # A scalar is taken as it is written: 0123 stays a password, 1e3 a name.
        texts = ["" if item.tag == "tag:yaml.org,2002:null" else item.value for item in items]
        yield Given(f"file {path}", where, name, ",".join(texts), isinstance(value, yaml.SequenceNode))


def yaml_problem(exc: yaml.YAMLError) -> str:
    """Give line and reason of a syntax error; what it quotes is left out, it may be part of a secret."""
    if isinstance(exc, yaml.MarkedYAMLError) and exc.problem_mark is not None:
        reason = re.sub(r""" ?(['"])(?!<).{2,}\1""", "", exc.problem or "")
        return f":{exc.problem_mark.line + 1}: is not YAML ({reason}); check quotes, colons and indentation"
    if isinstance(exc, yaml.reader.ReaderError):
        return f": holds a character that YAML does not allow, at position {exc.position}; remove it"
    return ": is not YAML; check quotes, colons and indentation"
