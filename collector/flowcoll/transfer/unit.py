"""What the unit of the service on this machine sets: for commands that a person runs, who has not its environment."""

from contextlib import suppress
from pathlib import Path

from flowcoll.transfer import drop_in
from flowcoll.transfer.found import Found
from flowcoll.transfer.variables import of_file

_FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
_UNIT = "flowcoll.service"


def of_service(root: Path) -> Found | None:
    """Give the options of the unit and its drop-ins (systemd.unit(5)); None where there are neither."""
    files = _files(root)
    if not files:
        return None
    texts, unread = [], []
    for file in files:
        try:
            texts.append((file, of_file(file)))
        except ValueError as exc:
            unread.append(f"{file} {exc}; its options are not known here: try it as root")
    found = drop_in.read_all(texts)
    found.notices = unread  # the rest is systemd's business
    found.problems.clear()
    return found


def program(root: Path) -> tuple[Path, str] | None:
    """Give the unit that systemd takes, and what it starts; None where there is no unit."""
    for file in _files(root)[:1]:
        with suppress(ValueError):
            commands = [each.value for each in drop_in.settings(of_file(file)) if each.key == "ExecStart"]
            return file, (commands or [""])[-1]
    return None


_BELOW = {"StateDirectory": "/var/lib", "LogsDirectory": "/var/log", "CacheDirectory": "/var/cache"}


def writable(root: Path) -> tuple[Path, ...] | None:
    """Give the folders below which the unit lets the service write (systemd.exec(5)); None where it lets it everywhere."""
    folders: list[Path] = []
    strict = False
    for file in _files(root):
        try:
            text = of_file(file)
        except ValueError:
            continue
        for _, _, key, value in drop_in.settings(text):
            if key == "ProtectSystem":
                strict = value == "strict"
            elif key == "ReadWritePaths":
                folders += [Path(word.lstrip("-+")) for word in value.split()]
            elif key in _BELOW:
                folders += [Path(_BELOW[key]) / word.partition(":")[0] for word in value.split()]
    return tuple(folders) if strict else None


def _files(root: Path) -> list[Path]:
    """Give the unit, then drop-ins in the order of their names; of the same name the first folder's counts."""
    folders = [root / folder for folder in _FOLDERS]
    units = [folder / _UNIT for folder in folders if (folder / _UNIT).is_file()]
    dropped: dict[str, Path] = {}
    for folder in folders:
        for file in (folder / f"{_UNIT}.d").glob("*.conf"):
            dropped.setdefault(file.name, file)
    return [*units[:1], *(dropped[name] for name in sorted(dropped))]
