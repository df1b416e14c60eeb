"""What the unit of the service on this machine sets: for commands that a person runs, who has not its environment."""

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


def _files(root: Path) -> list[Path]:
    """Give the unit, then drop-ins in the order of their names; of the same name the first folder's counts."""
    folders = [root / folder for folder in _FOLDERS]
    units = [folder / _UNIT for folder in folders if (folder / _UNIT).is_file()]
    dropped: dict[str, Path] = {}
    for folder in folders:
        for file in (folder / f"{_UNIT}.d").glob("*.conf"):
            dropped.setdefault(file.name, file)
    return [*units[:1], *(dropped[name] for name in sorted(dropped))]
