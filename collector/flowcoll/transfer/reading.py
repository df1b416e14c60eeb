"""Which form a configuration file has, by its content, and the options in it."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from flowcoll.options.sources import entries, yaml_problem
from flowcoll.transfer import compose, drop_in, variables
from flowcoll.transfer.found import Found
from flowcoll.transfer.variables import assignments, of_file

_YAML = "flowcoll.yml"
_VARIABLES = "environment variables"
_NONE = "is neither a systemd drop-in nor flowcoll.yml nor a Docker Compose file nor a list of NAME=value"


def read(path: Path, environ: Mapping[str, str], service: str | None = None) -> Found:
    """Give the options of a file; what is wrong with it is among the problems.

    environ: what a Compose file takes variables from; service: which of its services is meant.
    """
    try:
        text = of_file(path)
    except ValueError as exc:
        return Found("", problems=[f"{path}: {exc}; check the path, its permissions, and that it is UTF-8"])
    if drop_in.looks_like(text):
        return drop_in.read(path, text)
    return _variables(path, text) if variables.looks_like(text) else _yaml(path, text, environ, service)


def _yaml(path: Path, text: str, environ: Mapping[str, str], service: str | None) -> Found:
    found = Found(_YAML)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if isinstance(root, yaml.MappingNode) and _has_services(root):
            return compose.read(path, root, environ, service)
    except yaml.YAMLError as exc:
        found.problems.append(f"{path}{yaml_problem(exc)}")
    except RecursionError:
        found.problems.append(f"{path}: is nested too deeply to be a configuration")
    else:
        if root is None:
            found.notices.append(f"{path}: sets nothing")
        elif isinstance(root, yaml.MappingNode):
            found.given = list(entries(path, root, found.problems))
        else:
            found.problems.append(f"{path}: {_NONE}")
    return found


def _has_services(root: yaml.MappingNode) -> bool:
    return any(key.value == "services" and isinstance(value, yaml.MappingNode) for key, value in root.value)


def _variables(path: Path, text: str) -> Found:
    found = Found(_VARIABLES)
    for each in assignments(text, compose=True):
        if isinstance(each, int):
            found.problems.append(f"{path}:{each}: is no line of the form NAME=value")
        else:
            found.add(path, each.line, each.name, each.value)
    return found.close()
