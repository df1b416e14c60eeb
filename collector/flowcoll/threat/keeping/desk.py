"""What the process that keeps lists and the commands beside it leave for each other in the folder of lists.

lock        locked for as long as such a process runs
state.json  how its lists are, as it told last
refresh     names of lists that somebody wants to have fetched now, one a line; an empty line is all of them
"""

import fcntl
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from flowcoll.config import Options
from flowcoll.errors import ConfigError, SetupError
from flowcoll.threat.keeping.last_good import opened

ASKED = "refresh"
"""Name of the file that holds what somebody wants, until it is heard."""

_STATE, _LOCK, _REFRESH = "state.json", "lock", ASKED


def folder_of(options: Options) -> Path:
    """Give where tables and copies of lists lie. ConfigError."""
    state: Path | None = options["EF_STATE_PATH"]
    if state is None:
        raise ConfigError("EF_STATE_PATH is empty; give a directory for the copies and tables of lists of threats")
    return state / "threat"


def running(folder: Path) -> bool:
    """Tell whether a process keeps the lists of a folder."""
    try:
        with (folder / _LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def request(options: Options, names: Iterable[str]) -> None:
    """Have the running collector fetch lists, all of them when none is named. ConfigError, SetupError."""
    folder = folder_of(options)
    if not running(folder):
        raise SetupError(f"no collector keeps lists in {folder}; start `flowcoll run` with the same EF_STATE_PATH")
    try:
        with opened(folder / _REFRESH, os.O_APPEND, 0o644) as file:
            file.write(("\n".join(names) + "\n").encode())
    except OSError as exc:
        raise SetupError(f"{folder} cannot be written ({exc.strerror}); do this as root or as EF_RUN_AS") from None


def states(folder: Path) -> dict[str, dict[str, Any]]:
    """Give how the lists were when that was told last, by the names of /readyz; nothing where nobody has told."""
    try:
        told = orjson.loads((folder / _STATE).read_bytes())
        since_s = max(time.time() - float(told["told"]), 0.0)
        found: dict[str, dict[str, Any]] = {name: dict(state) for name, state in told["lists"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    for state in found.values():
        if isinstance(state.get("age_s"), int | float):
            state["age_s"] = round(state["age_s"] + since_s)
    return found


class Desk:
    """The folder as the process that keeps its lists sees it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown: Mapping[str, Any] = {}
        self._lock = -1
        self._mine = False

    def locked(self) -> bool:
        """Tell whether this process has the folder for itself from now on; OSError when it cannot be written."""
        if self._lock < 0:
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._lock = os.open(self._folder / _LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._mine = True
        return True

    def tell(self, lists: Mapping[str, Mapping[str, Any]], now: float) -> None:
        """Write down how the lists are, if that is news; that nothing can be written is told by the lists themselves."""
        shown = {name: {key: said for key, said in state.items() if key != "age_s"} for name, state in lists.items()}
        if shown == self._shown or not self._mine:
            return
        beside = self._folder / f"{_STATE}.new"
        with suppress(OSError):
            with opened(beside) as file:
                file.write(orjson.dumps({"told": now, "pid": os.getpid(), "lists": lists}, option=orjson.OPT_INDENT_2))
            beside.replace(self._folder / _STATE)
            self._shown = shown

    def wanted(self) -> set[str]:
        """Give the names of lists that somebody wants to have fetched, and forget the wish; "" stands for all of them."""
        asked, taken = self._folder / _REFRESH, self._folder / f"{_REFRESH}.taken"
        try:
            asked.rename(taken)
            names = taken.read_text("utf-8", "replace").splitlines()
        except OSError:
            return set()
        with suppress(OSError):
            taken.unlink()
        return {name.strip() for name in names} or {""}

    def close(self) -> None:
        """Let another process have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
