"""Times as feeds and servers write them."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def iso(moment: str | float) -> str:
    """Give a time as ISO 8601 in UTC, with milliseconds; empty for one that cannot be read. Without a zone it is UTC."""
    try:
        if isinstance(moment, str) and len(moment) > 8 and moment.isdecimal():
            moment = int(moment) / (1000 if len(moment) > 11 else 1)
        if isinstance(moment, str):
            when = datetime.fromisoformat(moment.removesuffix("UTC").strip())
            when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
        else:
            when = datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(value: str) -> float:
    """Give the time of an HTTP date in seconds since 1970 (RFC 9110 section 5.6.7); 0 for anything else."""
    try:
        when = parsedate_to_datetime(value)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
