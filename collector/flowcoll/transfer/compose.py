"""Options out of a Docker Compose file: environment and env_file of the service that is the collector.

Compose Specification: `environment` is a map or a list, a variable without a value comes from who starts it; `env_file`
gives way to `environment`; ${VARIABLE} is replaced, from the environment and from .env beside the file.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from flowcoll.options.sources import PREFIXES
from flowcoll.transfer.found import Found
from flowcoll.transfer.variables import Assignment, assignments, of_file

FORM = "Docker Compose file"

_IMAGES = ("flow-collector", "flowcoll")
_PLAIN = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?+])|\}))")


class UnsetError(ValueError):
    """A variable that has to be set, and is not."""


def read(path: Path, root: yaml.MappingNode, environ: Mapping[str, str], wanted: str | None) -> Found:
    """Give the options of the collector, or of the service that is wanted."""
    found = Found(FORM)
    services = _flat(_flat(root).get("services"))
    chosen = _chosen(path, services, wanted, found)
    if chosen is None:
        return found
    name, service = chosen
    found.form = f"{FORM}, service {name}"
    reader = _Reader(path, found, _dotenv(path, found) | dict(environ))
    reader.files(service.get("env_file"))
    reader.variables(service.get("environment"))
    return found.close()


def _chosen(
    path: Path, services: Mapping[str, yaml.Node], wanted: str | None, found: Found
) -> tuple[str, dict[str, yaml.Node]] | None:
    """Give the one service that is meant; say why there is none."""
    flat = {name: _flat(node) for name, node in services.items()}
    if wanted is not None:
        if wanted not in flat:
            found.problems.append(f"{path}: --service {wanted}: there is no such service; there are {', '.join(flat)}")
            return None
        return wanted, flat[wanted]
    ours = [name for name, service in flat.items() if any(word in _scalar(service.get("image")) for word in _IMAGES)]
    ours = ours or [name for name, service in flat.items() if any(map(_is_option, _names(service.get("environment"))))]
    if len(ours) == 1:
        return ours[0], flat[ours[0]]
    if ours:
        found.problems.append(f"{path}: several services are collectors; name one with --service: {', '.join(ours)}")
    else:
        found.problems.append(
            f"{path}: no service has options of a collector; name one with --service: {', '.join(flat) or 'there is none'}"
        )
    return None


def _is_option(name: str) -> bool:
    return name.startswith(PREFIXES)


class _Reader:
    """Takes variables of one service."""

    def __init__(self, path: Path, found: Found, known: Mapping[str, str]) -> None:
        self._path = path
        self._found = found
        self._known = known
        self._unset: set[str] = set()

    def files(self, node: yaml.Node | None) -> None:
        """Read what env_file names: a path, or several, each as text or as {path, required}."""
        for each in node.value if isinstance(node, yaml.SequenceNode) else [node] if node is not None else []:
            entry = _flat(each)
            name = _scalar(entry.get("path")) if entry else _scalar(each)
            file = self._path.parent / self._replaced(name, each.start_mark.line + 1)
            self._file(file, each.start_mark.line + 1, required=_scalar(entry.get("required")) != "false")

    def _file(self, file: Path, line: int, *, required: bool) -> None:
        try:
            text = of_file(file)
        except ValueError as exc:
            told = self._found.problems if required else self._found.notices
            told.append(f"{self._path}:{line}: env_file {file} {exc}; its options are not known")
            return
        for each in assignments(text, compose=True):
            if isinstance(each, Assignment):
                value = each.value if each.literal else self._replaced(each.value, each.line, file)
                self._found.add(file, each.line, each.name, value)
            else:
                self._found.problems.append(f"{file}:{each}: is no line of the form NAME=value")

    def variables(self, node: yaml.Node | None) -> None:
        """Read `environment`."""
        for line, name, text in _variables(node):
            if text is None and name in self._known:
                self._found.add(self._path, line, name, self._known[name])
            elif text is None:
                self._found.notices.append(f"{self._path}:{line}: {name} comes from who starts it, and is not set here")
            else:
                self._found.add(self._path, line, name, self._replaced(text, line))

    def _replaced(self, text: str, line: int, file: Path | None = None) -> str:
        where = f"{file or self._path}:{line}"
        unset: list[str] = []
        try:
            result = replaced(text, self._known, unset)
        except UnsetError as exc:
            self._found.problems.append(f"{where}: {exc}")
            return ""
        for name in unset:
            if name not in self._unset:
                self._unset.add(name)
                self._found.notices.append(f"{where}: ${{{name}}} is not set, and counts as empty")
        return result


def replaced(text: str, known: Mapping[str, str], unset: list[str]) -> str:
    """Replace $NAME, ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:+other}, ${NAME:?words}, and $$. UnsetError.

    Names that are not set and have no default are added to `unset`.
    """
    out: list[str] = []
    position = 0
    while found := _PLAIN.search(text, position):
        out.append(text[position : found.start()])
        dollar, plain, braced, operator = found.groups()
        position = found.end()
        if dollar:
            out.append("$")
            continue
        name = plain or braced
        if not operator:
            if name not in known:
                unset.append(name)
            out.append(known.get(name, ""))
            continue
        other, position = _until_brace(text, position)
        there = bool(known.get(name)) if operator[0] == ":" else name in known
        out.append(_chosen_text(operator[-1], name, other, known, unset, there=there))
    return "".join(out) + text[position:]


def _chosen_text(  # noqa: PLR0913
    operator: str, name: str, other: str, known: Mapping[str, str], unset: list[str], *, there: bool
) -> str:
    if operator == "+":
        return replaced(other, known, unset) if there else ""
    if there:
        return known[name]
    if operator == "?":
        raise UnsetError(f"${{{name}}} has to be set{f': {other}' if other else ''}")
    return replaced(other, known, unset)


def _until_brace(text: str, position: int) -> tuple[str, int]:
    """Give what stands up to the brace that closes, and where it goes on."""
    depth = 1
    for at in range(position, len(text)):
        if text[at] == "{" and text[at - 1] == "$":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if not depth:
                return text[position:at], at + 1
    return text[position:], len(text)


def _dotenv(path: Path, found: Found) -> dict[str, str]:
    """Read .env beside the file, where there is one."""
    file = path.parent / ".env"
    if not file.exists():
        return {}
    try:
        text = of_file(file)
    except ValueError as exc:
        found.notices.append(f"{file} {exc}")
        return {}
    return {each.name: each.value for each in assignments(text, compose=True) if isinstance(each, Assignment)}


def _variables(node: yaml.Node | None) -> Iterator[tuple[int, str, str | None]]:
    """Give line, name and text of each variable of a map or a list; None: it has no value."""
    if isinstance(node, yaml.MappingNode):
        for key, value in _pairs(node):
            null = value.tag == "tag:yaml.org,2002:null"
            yield key.start_mark.line + 1, _scalar(key), None if null else _scalar(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            name, equals, text = _scalar(each).partition("=")
            yield each.start_mark.line + 1, name.strip(), text if equals else None


def _names(node: yaml.Node | None) -> Iterator[str]:
    return (name for _, name, _ in _variables(node))


def _pairs(node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
    """Give keys and values, those merged by `<<` first."""
    yaml.SafeLoader("").flatten_mapping(node)
    pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
    return pairs


def _flat(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """Give a mapping by its keys; anything else is empty."""
    return {_scalar(key): value for key, value in _pairs(node)} if isinstance(node, yaml.MappingNode) else {}


def _scalar(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
