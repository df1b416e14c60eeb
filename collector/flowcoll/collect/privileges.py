"""Privileges that are needed to bind, and for nothing after that."""

import os
import pwd

from flowcoll.errors import ConfigError, SetupError
from flowcoll.logs import Log


def drop(user: str, log: Log) -> None:
    """Become another user, if this one is root; ConfigError when there is no such user, SetupError when it cannot be."""
    if os.geteuid() != 0:
        return
    if not user:
        log.info("the collector runs as root, which it needs not: name a user in EF_RUN_AS")
        return
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise ConfigError(f"EF_RUN_AS={user}: there is no such user; `useradd --system {user}` makes one") from None
    try:
        os.initgroups(user, found.pw_gid)
        os.setresgid(found.pw_gid, found.pw_gid, found.pw_gid)
        os.setresuid(found.pw_uid, found.pw_uid, found.pw_uid)
    except OSError as exc:
        raise SetupError(f"EF_RUN_AS={user}: the collector cannot become this user ({exc.strerror})") from exc
    os.environ["HOME"] = found.pw_dir
