"""packaging/man/flowcoll.1, made of the commands themselves and the table of options (man-pages(7), groff_man(7))."""

from collections.abc import Iterable, Iterator

import click

from flowcoll import __version__
from flowcoll.options.groups import SUPPORTED, Group, Option
from flowcoll.options.table import GROUPS
from flowcoll.options.types import SHOWN_SECRET

_SUMMARY = "flow collector for the Elastic stack"

_ENVIRONMENT = (
    ("EF_...", "Every configuration option; it wins over the configuration file."),
    ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "Proxies for downloads of threat lists."),
    ("REQUESTS_CA_BUNDLE", "File of authorities to trust in these downloads, besides those of the host."),
    ("NOTIFY_SOCKET, WATCHDOG_USEC", "Where systemd wants to be told that the service is ready and alive."),
)
_FILES = (
    ("/etc/flowcoll/flowcoll.yml", "Configuration file, NAME: value in each line."),
    (
        "/etc/systemd/system/flowcoll.service.d/flowcoll.conf",
        'The same as a drop-in of the service, Environment="NAME=value"; it wins over the file.',
    ),
    ("/etc/flowcoll/", "Files that options name: secrets, lists, databases."),
    ("/var/lib/flowcoll/", "What is kept over a restart: templates, learnt rates and names, threat lists, the spool."),
    ("/usr/share/doc/flowcoll/", "Documentation; flowcoll.conf there has every option as a drop-in."),
    (
        "/etc/elastiflow/",
        "Where a default file of ours is missing, ElastiFlow's is used, with a notice.",
    ),
)
_CODES = (
    ("0", "Done; for run: ended by a signal."),
    ("1", "Failed: something outside refused, or doctor has found something. Trying again may help."),
    ("2", "Wrong usage."),
    ("78", "The configuration cannot work. systemd does not start the service again."),
)
_SIGNALS = (
    ("SIGTERM, SIGINT", "Hand over what was received, then end. The same again ends at once."),
    ("SIGHUP", "Open output files anew; read helper files that have changed."),
)


def page(commands: click.Group) -> str:
    """Give the page for these commands."""
    lines = [
        '.\\" generated from commands and options; `python -m flowcoll.generate` writes it anew',
        f'.TH FLOWCOLL 1 "" "flowcoll {__version__}" "User Commands"',
        ".nh",  # names of files and options stay whole
        ".ad l",
        ".SH NAME",
        f"flowcoll \\- {_text(_SUMMARY)}",
        ".SH SYNOPSIS",
        ".B flowcoll",
        "COMMAND [OPTION]...",
        ".SH DESCRIPTION",
        *_paragraphs(commands.help or ""),
        ".SH COMMANDS",
    ]
    for name, command in every(commands):
        lines += _command(name, command)
    lines += [
        ".SH CONFIGURATION",
        *_paragraphs(
            "Options come from the configuration file, the environment and --set; the later one wins. A secret X may be given "
            "as X_FILE, the file that holds it. A part <NAME> is yours to choose. Several outputs of a type have a name before "
            "OUTPUT, such as EF_SITE_OUTPUT_FILE_PATH. These are supported:"
        ),
    ]
    for group in GROUPS:
        lines += _group(group)
    for title, entries in (
        ("ENVIRONMENT", _ENVIRONMENT),
        ("FILES", _FILES),
        ("SIGNALS", _SIGNALS),
        ("EXIT STATUS", _CODES),
    ):
        lines += [f".SH {title}", *_entries(entries)]
    lines += [".SH SEE ALSO", ".BR systemctl (1),", ".BR journalctl (1)"]
    return "\n".join(lines) + "\n"


def every(commands: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Give each command with its whole name; a group stands before its own."""
    for name, command in commands.commands.items():
        yield above + name, command
        if isinstance(command, click.Group):
            yield from every(command, f"{above}{name} ")


def _command(name: str, command: click.Command) -> Iterator[str]:
    yield f'.SS "{_text(name)}"'
    arguments = [argument(each) for each in command.params if isinstance(each, click.Argument)]
    yield f".B flowcoll {_text(name)}"
    yield _text("COMMAND" if isinstance(command, click.Group) else " ".join(["[OPTION]...", *arguments]))
    yield ".PP"
    yield from _paragraphs(command.help or "")
    for each in command.params:
        if isinstance(each, click.Option):
            yield ".TP"
            yield f".B {_text(option(each))}"
            yield _line(each.help or "")


def argument(each: click.Argument) -> str:
    """Give an argument as it stands in the usage."""
    return each.metavar or (each.name or "").upper()


def option(each: click.Option) -> str:
    """Give an option with what it takes."""
    names = ", ".join(sorted(each.opts, key=len))
    if each.is_flag:
        return names
    if isinstance(each.type, click.Choice):
        return f"{names} {'|'.join(map(str, each.type.choices))}"
    return f"{names} {each.metavar or each.type.name.upper()}"


def _group(group: Group) -> Iterator[str]:
    supported = [each for each in group.options if each.standing is SUPPORTED]
    if supported:
        yield f'.SS "{_text(group.title)}"'
        yield from _entries((each.name, _meaning(each)) for each in supported)


def _meaning(each: Option) -> str:
    default = SHOWN_SECRET if each.type.secret and each.default else each.type.show(each.default)
    return f"{each.meaning} [{each.type.name}{f'; {default}' if default else ''}]"


def _entries(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in entries:
        yield ".TP"
        yield f".B {_text(name)}"
        yield _line(text)


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        if number:
            yield ".PP"
        yield _line(" ".join(paragraph.split()))


def _line(text: str) -> str:
    """Give a line of text that is no request to roff."""
    escaped = _text(text)
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def _text(text: str) -> str:
    return (
        text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("`", "\\(ga").replace("'", "\\(aq")
    )
