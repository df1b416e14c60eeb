"""How long documents are kept: an index lifecycle policy (ILM), or the data stream's own lifecycle where there is no ILM.

Both delete whole indices. A document is kept for RETENTION at least, and for as much longer as its index collects.
"""

from math import ceil

from flowcoll.setup.plan import Body

_SMALLER = {"d": ("h", 24), "h": ("m", 60), "m": ("s", 60), "s": ("ms", 1000)}
_LONGEST_ROLLOVER_DAYS = 30
_LARGEST_SHARD = "50gb"
_DAYS = {"daily": 1, "weekly": 7, "monthly": 31}


def rolling(retention: str) -> Body:
    """Give the phases for data streams: a new index by age or size, each deleted when it has not been written for RETENTION."""
    rollover = {"max_age": _tenth(retention), "max_primary_shard_size": _LARGEST_SHARD}
    return {"hot": {"min_age": "0ms", "actions": {"rollover": rollover}}, "delete": _delete(retention)}


def dated(retention: str, period: str) -> Body:
    """Give the phases for dated indices: their age counts from their first day, so the days they hold are added."""
    return {"delete": _delete(f"{_days(retention) + _DAYS[period]}d")}


def _delete(min_age: str) -> Body:
    return {"min_age": min_age, "actions": {"delete": {"delete_searchable_snapshot": True}}}


def _tenth(age: str) -> str:
    """Give about a tenth of an age, rounded up: few indices, and little that is kept too long."""
    amount, unit = _parts(age)
    if amount < 10 and unit in _SMALLER:
        unit, factor = _SMALLER[unit]
        amount *= factor
    tenth = f"{ceil(amount / 10)}{unit}"
    return tenth if _days(tenth) <= _LONGEST_ROLLOVER_DAYS else f"{_LONGEST_ROLLOVER_DAYS}d"


def _days(age: str) -> int:
    """Give the days of an age, rounded up."""
    amount, unit = _parts(age)
    while unit != "d":
        unit, factor = next((larger, by) for larger, (smaller, by) in _SMALLER.items() if smaller == unit)
        amount = ceil(amount / factor)
    return amount


def _parts(age: str) -> tuple[int, str]:
    unit = age.lstrip("0123456789")
    return int(age.removesuffix(unit)), unit
