"""What readers get from TABLE 1: the page docs/options.md and the drop-in packaging/flowcoll.conf."""

import re
from collections.abc import Iterator

from flowcoll.options.groups import NO_EFFECT, REFUSED, SUPPORTED, Group, Option
from flowcoll.options.names import FILE, RENAMES
from flowcoll.options.table import GROUPS
from flowcoll.options.types import SHOWN_SECRET

_EXAMPLE_LIST = "EXAMPLE"

_INTRODUCTION = """\
<!-- generated from the option table; `python -m flowcoll.generate` writes it anew -->
# Options

flowcoll is configured by options whose names begin with `EF_`. They are the names of ElastiFlow 6.x wherever it has the
same thing, so that a configuration of ElastiFlow can be kept.

## Where options are given

The later place wins over the earlier one:

1. the default in the tables below
2. the configuration file, `/etc/flowcoll/flowcoll.yml` or the one named by `--config`
3. the environment, for the packaged service a systemd drop-in; commands in a shell read the drop-in, too
4. `--set NAME=VALUE` on the command line

The configuration file is YAML with one option per line and no levels. A list is a YAML list or values separated by commas:

```yaml
EF_FLOW_SERVER_UDP_PORT: [2055, 9995]
EF_OUTPUT_FILE_ENABLE: true
EF_OUTPUT_FILE_PATH: /var/lib/flowcoll/flows.ndjson
```

An empty value means "not set" where the type has no empty value. Before it starts, flowcoll checks every option and names
everything that is wrong in one message, with the place where it was given; the exit code is then 78. An option nobody knows
is wrong, too. `flowcoll config` shows every option with the value that counts and where it comes from.

## Secrets

An option of type *secret* is never shown: not in messages, not in logs, not by `flowcoll config`. For every secret `X` there
is `X_FILE`, which names a file that holds the secret; a newline at its end is not part of it. Give one of the two.

## Several outputs of a type, several threat lists

`EF_OUTPUT_FILE_PATH` belongs to the one file output. For several, put a name of your choice before `_OUTPUT_`:
`EF_EDGE_OUTPUT_FILE_ENABLE`, `EF_EDGE_OUTPUT_FILE_PATH`, `EF_CORE_OUTPUT_FILE_ENABLE` and so on. An output with such a name
and the one without cannot both be enabled.

A threat list is named in the same way: `EF_PROCESSOR_ENRICH_IPADDR_THREAT_<NAME>_PATH`. The name, in lower case, is the name
of the feed in the documents.

## Standing

| Standing | Meaning |
|---|---|
| supported | It does what its line says. |
| not yet | It is to come. Setting it to anything but its default is an error. |
| no effect | ElastiFlow needs it, flowcoll does not. Setting it gives a notice. |
| refused when enabled | It belongs to something flowcoll does not have. Switching that on is an error. |

Options of something that is switched off do no harm, whatever their standing: a notice in the log names those that are not
supported. `X_ENABLE` is the switch of every option whose name begins with `X_`.

A default below `/etc/flowcoll` is looked for below `/etc/elastiflow` as well, if it is not there; so is `flowcoll.yml`, if ours
sets nothing. A notice says so. `flowcoll config --from FILE` shows what a configuration of ElastiFlow's means here:
[install.md](install.md#coming-from-elastiflow).
"""

_DROP_IN = """\
# Options of flowcoll.service, as a systemd drop-in: every supported option with its default.
# Generated from the option table. Copy the lines you need to
# /etc/systemd/system/flowcoll.service.d/flowcoll.conf, without their '#', and change what follows the '='.
# Then: systemctl daemon-reload && systemctl restart flowcoll
# Within the quotes write %% for %, \\" for " and \\\\ for \\ (a backslash).
[Service]
"""


def page() -> str:
    """docs/options.md: how options are given, a table for every group, and the names of other versions."""
    sections = [_INTRODUCTION, _contents(), *map(_section, GROUPS), _renames()]
    return "\n".join(section.rstrip() + "\n" for section in sections)


def drop_in() -> str:
    """packaging/flowcoll.conf: every supported option, commented out."""
    parts = [_DROP_IN]
    for group in GROUPS:
        options = group.at(group.prefix.replace("<NAME>", _EXAMPLE_LIST))
        lines = [line for o in options if o.standing is SUPPORTED for line in _lines(o)]
        if lines:
            parts.append("\n".join([f"## {group.title}", *lines, ""]))
    return "\n".join(parts)


def environment(name: str, value: str) -> str:
    """An Environment= line that gives exactly this value (systemd.exec(5), systemd.syntax(7))."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'Environment="{name}={quoted}"'


def _lines(option: Option) -> Iterator[str]:
    yield f"# {option.meaning} [{option.type.name}]"
    if option.type.secret:
        yield "#" + environment(option.name + FILE, "")
    else:
        yield "#" + environment(option.name, option.type.show(option.default))


def _contents() -> str:
    links = "".join(f"- [{group.title}](#{_anchor(group.title)})\n" for group in GROUPS)
    return f"## The options\n\n{links}- [Names of other versions](#names-of-other-versions)\n"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def _section(group: Group) -> str:
    rows = "".join(_row(option) for option in group.options)
    hints = {o.hint for o in group.options if o.standing in {NO_EFFECT, REFUSED}}
    why = _sentence(next(iter(hints))) + "\n\n" if _all_alike(group) and len(hints) == 1 else ""
    return f"### {group.title}\n\n{why}| Option | Type | Default | Meaning | Standing |\n|---|---|---|---|---|\n{rows}"


def _sentence(hint: str) -> str:
    return f"{hint[0].upper()}{hint[1:]}."


def _all_alike(group: Group) -> bool:
    return len({option.standing for option in group.options}) == 1


def _row(option: Option) -> str:
    default = SHOWN_SECRET if option.type.secret and option.default else option.type.show(option.default)
    cells = [
        f"`{option.name}`",
        option.type.name,
        f"`{default}`" if default else "",
        option.meaning,
        option.standing.value,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _renames() -> str:
    rows = "".join(
        f"| `{rename.old}` | {rename.version} | {f'`{rename.new}`' if rename.new else f'gone: {rename.why}'} |\n"
        for rename in RENAMES
    )
    return (
        "### Names of other versions\n\n"
        "These are understood as well, with a notice that names today's name; `*` stands for any text. Where both are given,\n"
        "today's name wins. The first line that fits counts.\n\n"
        f"| Name | Version | Today |\n|---|---|---|\n{rows}"
    )
