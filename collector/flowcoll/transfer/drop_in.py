"""Options out of a systemd unit or drop-in: Environment= and EnvironmentFile= of its [Service] section.

systemd.syntax(7): lines, continuation, quotes, escapes; systemd.exec(5): what an assignment is, an empty one forgets what
came before, files win over assignments; systemd.unit(5): specifiers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from flowcoll.options.sources import Given
from flowcoll.transfer.found import Found
from flowcoll.transfer.variables import assignments, of_file

FORM = "systemd drop-in"

_BEGIN = re.compile(r"^[ \t]*(\[(Unit|Service|Install)\][ \t]*$|Environment(File)?[ \t]*=)", re.MULTILINE)
_SECTION = re.compile(r"\[([^\]]*)\]")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_BLANKS = " \t\n\r"
_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{3})|([abfnrtvs\\\"']))",
)
_SHORT = {"a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v", "s": b" "}
_SHORT |= {char: char.encode() for char in "\\\"'"}
_CREDENTIALS = "%d/"
_SPECIFIERS = frozenset("abcdfghijlmnopqrstuvwyABCEGHIJLMNPRSTUVWY")


class Unreadable(Exception):  # noqa: N818  no error to a person; the caller says it
    """What systemd stops at; its words say why."""


class Setting(NamedTuple):
    """A line of a unit, continued ones joined."""

    line: int
    section: str
    key: str
    value: str


def looks_like(text: str) -> bool:
    """Whether there is a section, or an assignment, of a unit."""
    return _BEGIN.search(text) is not None


def read(path: Path, text: str) -> Found:
    """Give the options that systemd would give to the service."""
    found = read_all([(path, text)])
    if any(not each.section and each.key in _READ for each in settings(text)):
        found.notices.append(f"{path}: there is no [Service] before the assignments; systemd needs it")
    return found.close()


def read_all(units: Iterable[tuple[Path, str]]) -> Found:
    """Give the options of a unit and its drop-ins, in the order in which systemd reads them."""
    found, files = Found(FORM), Found(FORM)
    credentials: dict[str, str] = {}
    for path, text in units:
        for setting in settings(text):
            if setting.section in {"Service", ""}:
                _take(path, setting, found, files, credentials)
    found.given += files.given
    found.problems += files.problems
    found.notices += files.notices
    found.given = [_with_credentials(given, credentials) for given in found.given]
    return found


_READ = frozenset({"Environment", "EnvironmentFile"})


def _take(path: Path, setting: Setting, found: Found, files: Found, credentials: dict[str, str]) -> None:
    match setting.key, setting.value:
        case "Environment", "":
            found.drop()
        case "EnvironmentFile", "":
            files.drop()
        case "Environment", value:
            _environment(path, setting.line, value, found)
        case "EnvironmentFile", value:
            _file(path, setting.line, value, files)
        case "LoadCredential", value:
            name, _, place = value.partition(":")
            credentials[name] = place
        case "PassEnvironment" | "UnsetEnvironment" as key, value:
            found.notices.append(f"{path}:{setting.line}: {key}={value} is not followed here")


def _with_credentials(given: Given, credentials: Mapping[str, str]) -> Given:
    """Name the file that a credential is loaded from, where an option names the credential: %d/NAME (systemd.exec(5))."""
    if not given.text.startswith(_CREDENTIALS):
        return given
    place = credentials.get(given.text.removeprefix(_CREDENTIALS), "")
    return given._replace(text=place) if place.startswith("/") else given


def settings(text: str) -> Iterator[Setting]:
    """Give every assignment of a unit with its section."""
    section = ""
    for number, line in _lines(text):
        stripped = line.strip()
        if header := _SECTION.fullmatch(stripped):
            section = header[1]
        elif "=" in stripped:
            key, _, value = stripped.partition("=")
            yield Setting(number, section, key.rstrip(), value.lstrip())


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Join continued lines; comments are left out, between these too."""
    begun, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip()[:1] in {"#", ";"}:
            continue
        begun = begun or number
        if (len(line) - len(line.rstrip("\\"))) % 2:  # two are one that is meant
            joined += line[:-1] + " "
            continue
        yield begun, joined + line
        begun, joined = 0, ""
    if begun:
        yield begun, joined


def _environment(path: Path, line: int, value: str, found: Found) -> None:
    where = f"{path}:{line}"
    try:
        for word in split(value):
            _assign(path, line, word, found)
    except Unreadable as exc:
        found.problems.append(f"{where}: {exc}; systemd ignores the rest of the line")


def _assign(path: Path, line: int, word: str, found: Found) -> None:
    text, replaced, unknown = _specified(word)
    variable = _VARIABLE.fullmatch(text)
    if variable is None:
        start = re.match("[A-Za-z0-9_]*", text)  # the rest may be a secret
        found.problems.append(
            f"{path}:{line}: {start[0] if start else ''}... is no NAME=value, systemd ignores it; put quotes round the whole"
        )
    elif unknown:
        found.problems.append(
            f"{path}:{line}: {variable[1]}: systemd ignores it, for it knows no {unknown}; write %% for %"
        )
    else:
        if replaced and not variable[2].startswith(_CREDENTIALS):
            found.notices.append(f"{path}:{line}: {variable[1]}: systemd replaces {replaced}, which is not done here")
        found.add(path, line, variable[1], variable[2])


def split(value: str) -> Iterator[str]:
    """Give the words of a line, without quotes and escapes. Unreadable: what comes from there on does not count."""
    word: list[bytes] = []
    quote, begun, position = "", False, 0
    while position < len(value):
        char = value[position]
        if char == "\\":
            octets, position = _escaped(value, position)
            word.append(octets)
            begun = True
            continue
        position += 1
        if quote:
            if char == quote:
                quote = ""
            else:
                word.append(char.encode())
        elif char in "'\"":
            quote, begun = char, True
        elif char in _BLANKS:
            if begun:
                yield _joined(word)
            word, begun = [], False
        else:
            word.append(char.encode())
            begun = True
    if quote:
        raise Unreadable("a quote is not closed; close it")
    if begun:
        yield _joined(word)


def _joined(word: Iterable[bytes]) -> str:
    try:
        return b"".join(word).decode()
    except UnicodeDecodeError:
        raise Unreadable("escapes that are no UTF-8 together") from None


def _escaped(value: str, position: int) -> tuple[bytes, int]:
    """Give what an escape stands for, and where it ends."""
    found = _ESCAPE.match(value, position)
    if found is not None:
        octet, four, eight, octal, short = found.groups()
        number = int(octet or four or eight or octal or "0", 8 if octal else 16)
        if short:
            return _SHORT[short], found.end()
        if (octet or octal) and 0 < number <= 0xFF:
            return bytes([number]), found.end()
        if (four or eight) and 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
            return chr(number).encode(), found.end()
    raise Unreadable("a backslash that begins no escape; write two for one")


def _specified(text: str) -> tuple[str, str, str]:
    """Give a text with %% replaced, the first specifier that systemd would replace, and the first it does not know."""
    pairs = re.findall("%([A-Za-z0-9%])", text)
    replaced = next((f"%{char}" for char in pairs if char in _SPECIFIERS), "")
    unknown = next((f"%{char}" for char in pairs if char != "%" and char not in _SPECIFIERS), "")
    return re.sub("%([A-Za-z0-9%])", lambda found: "%" if found[1] == "%" else found[0], text), replaced, unknown


def _file(path: Path, line: int, value: str, found: Found) -> None:
    where, optional = f"{path}:{line}", value.startswith("-")
    file = Path(value.removeprefix("-"))
    if "%" in value or not file.is_absolute():
        found.notices.append(f"{where}: EnvironmentFile={value} is not read; give it with --from itself")
        return
    try:
        text = of_file(file)
    except ValueError as exc:
        why = f"{where}: EnvironmentFile={value} {exc}"
        if optional or not file.exists():  # it may be on another machine
            found.notices.append(f"{why}; it is not read")
        else:
            found.problems.append(f"{why}; give it with --from itself")
        return
    found.notices.append(f"{where}: EnvironmentFile={value} is read too")
    for each in assignments(text):
        if isinstance(each, int):
            found.problems.append(f"{file}:{each}: is no line of the form NAME=value")
        else:
            found.add(file, each.line, each.name, each.value)
