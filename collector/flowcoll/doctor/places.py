"""Directories and files that the collector writes: the state directory, and those of file outputs."""

import os
import pwd
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from flowcoll.doctor.findings import Check, Finding, fail, ok, skip, warn

FEW_INODES = 1000
LITTLE_OCTETS = 100 << 20

_PACKAGED = "flowcoll"  # user of the packaged service
_WRITE, _SEARCH = 0o2, 0o1


class Who(NamedTuple):
    """A user, by number."""

    uid: int
    groups: frozenset[int]
    name: str


class Rights(NamedTuple):
    """Owner, group and mode of a file or directory."""

    uid: int
    gid: int
    mode: int


class Place(NamedTuple):
    """A path, what there is of it, and what may be done there.

    there: it exists; nearest: the nearest path above or at it that exists, with the rights of all on the way to it
    """

    path: Path | None
    who: Who
    there: bool = False
    directory: bool = False
    nearest: Path = Path("/")
    way: tuple[Rights, ...] = ()
    read_only: bool = False
    free: int = 0
    inodes: int | None = None
    spool_limit: int = 0
    spooled: int = 0
    allowed: tuple[Path, ...] | None = None  # where the service's unit lets it write; None: everywhere, or no unit


def who(options: Mapping[str, Any], running_uid: int, euid: int) -> Who:
    """Give the user as whom the collector writes: of the one that runs, of EF_RUN_AS, of the package, or of this process."""
    uid = running_uid if running_uid >= 0 else euid
    if running_uid < 0 and euid == 0:
        with suppress(KeyError):
            return _user(pwd.getpwnam(options["EF_RUN_AS"] or _PACKAGED))
    with suppress(KeyError):
        return _user(pwd.getpwuid(uid))
    return Who(uid, frozenset({*os.getgroups(), os.getegid()} if uid == euid else ()), str(uid))


def _user(found: pwd.struct_passwd) -> Who:
    return Who(found.pw_uid, frozenset(os.getgrouplist(found.pw_name, found.pw_gid)), found.pw_name)


def probe(path: Path | None, user: Who, allowed: tuple[Path, ...] | None = None, *, spool_limit: int = 0) -> Place:
    """Look at a path; nothing is written."""
    if path is None:
        return Place(None, user)
    path = path.absolute()
    nearest = next(each for each in (path, *path.parents) if each.exists())
    way = [*reversed(nearest.resolve().parents), nearest.resolve()]
    rights = tuple(Rights(found.st_uid, found.st_gid, found.st_mode) for found in map(os.stat, way))
    room = os.statvfs(nearest)
    return Place(
        path,
        user,
        there=nearest == path,
        directory=nearest.is_dir(),
        nearest=nearest,
        way=rights,
        read_only=bool(room.f_flag & os.ST_RDONLY),
        free=room.f_bavail * room.f_frsize,
        inodes=room.f_favail if room.f_files else None,
        spool_limit=spool_limit,
        spooled=_size(path / "spool") if spool_limit else 0,
        allowed=allowed,
    )


def _size(folder: Path) -> int:
    """Give what the files below a folder take."""
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(at) / name).lstat().st_size
    return total


def may_write(user: Who, way: Iterable[Rights]) -> bool:
    """Whether a user may write to what is at the end of a way: every directory on it must let him through."""
    *above, last = way
    if user.uid == 0:
        return True
    return all(_may(user, rights, _SEARCH) for rights in above) and _may(user, last, _WRITE)


def _may(user: Who, rights: Rights, bit: int) -> bool:
    shift = 6 if rights.uid == user.uid else 3 if rights.gid in user.groups else 0
    return bool(rights.mode >> shift & bit)


def _state(place: Place) -> Finding:
    if place.path is None:
        return skip("EF_STATE_PATH is empty: nothing is kept over a restart")
    if not place.directory:
        return fail(f"{place.nearest} is no directory", "correct EF_STATE_PATH, or remove that file")
    return _writable(place, place.path)


def _writable(place: Place, target: Path) -> Finding:
    """Say whether the user may write; `target` is what he would have to own."""
    name = place.who.name
    if place.allowed is not None and not any(target.is_relative_to(folder) for folder in place.allowed):
        folder = target if place.directory else target.parent
        return fail(
            f"{place.path}: flowcoll.service may not write there (ProtectSystem=strict)",
            f"systemctl edit flowcoll: [Service] ReadWritePaths={folder}",
        )
    if place.read_only:
        return fail(f"{place.nearest} is read-only", "give another path, or mount it so that it can be written")
    if may_write(place.who, place.way):
        return ok(
            f"{place.path} can be written by {name}" if place.there else f"{place.path} is made by {name} at the start"
        )
    if place.there:
        return fail(f"{place.path} may not be written by {name}", f"chown {name} {target}")
    return fail(
        f"{place.path} is missing, and {name} may not make it in {place.nearest}",
        f"install -d -o {name} -m 0750 {target}",
    )


def _room(place: Place) -> Finding:
    if place.path is None:
        return skip("EF_STATE_PATH is empty")
    if place.free < LITTLE_OCTETS:
        return fail(f"{_mib(place.free)} are free at {place.nearest}", "make room there, or move EF_STATE_PATH")
    if place.inodes is not None and place.inodes < FEW_INODES:
        return fail(f"only {place.inodes} more files can be made at {place.nearest}", "remove files there")
    if place.spool_limit - place.spooled > place.free:
        return warn(
            f"the spool may grow to {_mib(place.spool_limit)}, and {_mib(place.free)} are free at {place.nearest}",
            "make room there, or lower EF_OUTPUT_ELASTICSEARCH_SPOOL_MAX_BYTES",
        )
    told = f"{_mib(place.free)} are free at {place.nearest}"
    return ok(f"{told}, {_mib(place.spooled)} in the spool" if place.spooled else told)


def _file(place: Place) -> Finding:
    if place.path is None:
        return skip("no path is set")
    if place.there and place.directory:
        return fail(f"{place.path} is a directory", "give the path of a file")
    if not place.there and place.nearest != place.path.parent:
        return fail(
            f"the directory {place.path.parent} does not exist",
            f"install -d -o {place.who.name} -m 0750 {place.path.parent}",
        )
    return _writable(place, place.path if place.there else place.path.parent)


def _file_room(place: Place) -> Finding:
    if place.path is None:
        return skip("no path is set")
    if place.free < LITTLE_OCTETS:
        return fail(f"{_mib(place.free)} are free at {place.nearest}", "make room there, or rotate the file")
    return ok(f"{_mib(place.free)} are free at {place.nearest}")


def _mib(octets: int) -> str:
    return f"{octets / (1 << 30):,.1f} GiB" if octets >= 1 << 30 else f"{octets / (1 << 20):,.0f} MiB"


STATE = (
    Check("state directory", "whether it can be written by the collector's user", _state),
    Check("room for state", "free space and inodes, against the spool's limit", _room),
)
FILE = (
    Check("output file", "whether it can be written by the collector's user", _file),
    Check("room for output", "free space", _file_room),
)
