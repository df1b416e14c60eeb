"""What shells need to complete our command line: click's scripts, which ask the command itself.

Another version of click may write them in another way; the last line tells which has.
"""

from importlib.metadata import version

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

_NAME, _VARIABLE = "flowcoll", "_FLOWCOLL_COMPLETE"
_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}

FILES = {"bash": "flowcoll.bash", "zsh": "_flowcoll", "fish": "flowcoll.fish"}
"""What the file for each shell is called."""


def script(shell: str, commands: click.Group) -> str:
    """Give the script for a shell."""
    source = _SHELLS[shell](commands, {}, _NAME, _VARIABLE).source()
    lines = [line.rstrip() for line in source.strip().splitlines()]
    return "\n".join([*lines, "", f"# written with click {version('click')} by python -m flowcoll.generate"]) + "\n"
