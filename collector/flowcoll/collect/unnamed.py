"""Files in memory that have no name: what the supervisor and its processes share by descriptor."""

import os
from collections.abc import Callable

_CREATE: Callable[[str], int] | None = getattr(os, "memfd_create", None)
_MEMORY = "/dev/shm"  # noqa: S108  a file without a name can be had by nobody else


def unnamed(label: str, create: Callable[[str], int] | None = _CREATE) -> int:
    """Give the descriptor of a new one, as memfd_create(2) does; the label is for who looks into /proc.

    An interpreter that was built for older hosts does not have that call (create is None): a file of /dev/shm without
    a name serves as well.
    """
    if create is not None:
        return create(label)
    return os.open(_MEMORY, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
