"""Times as documents, files and pages show them."""

from datetime import UTC, datetime


def utc(seconds: float, precision: str = "milliseconds") -> str:
    """Give a time in seconds since 1970 as ISO 8601 in UTC, ending in Z; precision: what datetime.isoformat takes."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
