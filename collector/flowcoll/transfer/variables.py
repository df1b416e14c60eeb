"""Files of environment variables, a NAME=value each: systemd's EnvironmentFile=, and env_file of Docker Compose.

Both know quotes and comments. systemd.exec(5): a backslash in a value without quotes takes the next character as it is.
Compose: a blank and # begin a comment there, and an optional `export` stands before a name.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_BEGIN = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*")
_KEPT_BEFORE = '"\\`$'  # what a backslash protects within double quotes


class Assignment(NamedTuple):
    """A variable, the line it stands in; `literal`: it stood in single quotes."""

    line: int
    name: str
    value: str
    literal: bool = False


def looks_like(text: str) -> bool:
    """Whether every line that says something begins with NAME=, as far as that is seen without reading values."""
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] not in "#;"]
    return bool(lines) and _BEGIN.match(lines[0]) is not None


def assignments(text: str, *, compose: bool = False) -> Iterator[Assignment | int]:
    """Give every variable; a number is a line that makes no sense."""
    position = 0
    while position < len(text):
        end = _end_of_line(text, position)
        number = text.count("\n", 0, position) + 1
        line = text[position:end].strip()
        if not line or line[0] in "#;":
            position = end + 1
            continue
        begin = _BEGIN.match(text, position, end)
        if begin is None:
            yield number
            position = end + 1
            continue
        value, literal, position = _value(text, begin.end(), compose=compose)
        yield Assignment(number, begin[1], value, literal)


def of_file(path: Path) -> str:
    """Give the text of a file; ValueError, worded to follow its name, when it cannot be read."""
    try:
        return path.read_bytes().decode()
    except OSError as exc:
        raise ValueError(f"cannot be read ({exc.strerror})") from None
    except UnicodeDecodeError as exc:
        raise ValueError(f"is not UTF-8 text (octet {exc.start})") from None


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _value(text: str, position: int, *, compose: bool) -> tuple[str, bool, int]:
    """Read a value; give it, whether it was in single quotes, and where the next line begins."""
    out: list[str] = []
    literal = False
    kept = 0  # of `out`: blanks behind it are not part of the value
    while position < len(text) and text[position] != "\n":
        char = text[position]
        if char in "'\"" and not (compose and out):
            part, position = _quoted(text, position + 1, char)
            literal = literal or char == "'"
            out.append(part)
            kept = len(out)
            continue
        if compose and char == "#" and (not out or text[position - 1].isspace()):
            position = _end_of_line(text, position)
            break
        if char == "\\" and not compose and position + 1 < len(text):
            position += 1
            if text[position] != "\n":
                out.append(text[position])
                kept = len(out)
            position += 1
            continue
        out.append(char)
        kept = kept if char.isspace() else len(out)
        position += 1
    return "".join(out[:kept]), literal, position + 1


def _quoted(text: str, position: int, quote: str) -> tuple[str, int]:
    out: list[str] = []
    while position < len(text) and text[position] != quote:
        if quote == '"' and text[position] == "\\" and position + 1 < len(text):
            position += 1
            if text[position] not in _KEPT_BEFORE + "\n":
                out.append("\\")
        if not (quote == '"' and text[position] == "\n" and text[position - 1] == "\\"):
            out.append(text[position])
        position += 1
    return "".join(out), position + 1
