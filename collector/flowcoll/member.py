"""Which of the worker processes this one is."""

from typing import NamedTuple


class Member(NamedTuple):
    """Worker `number`, counted from 0, of so many."""

    number: int = 0
    of: int = 1
