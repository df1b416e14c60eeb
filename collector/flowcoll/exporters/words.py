"""Figures of exporters in words for a person."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_SPANS = ((365.25 * 86_400, "y"), (86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_WITHIN_MS = {"netflow5": 100}  # how well a header tells the time; those of NetFlow v9 and IPFIX have seconds
_SECOND_MS = 1000
_WHO_SAYS = {"none": "not said"}


def span(seconds: float) -> str:
    """Write a span of time in one unit: `45 s`, `3.2 h`, `12 d`."""
    for size, unit in _SPANS:
        if abs(seconds) >= size or unit == "s":
            count = abs(seconds) / size
            return f"{count:.1f} {unit}" if unit not in {"s", "min"} and count < 9.95 else f"{count:.0f} {unit}"
    raise AssertionError


def ago(moment: str | None, now: float) -> str:
    """Write how long ago a time of a row was."""
    if not moment:
        return ""
    return span(max(now - datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp(), 0))


def skew(row: Mapping[str, Any]) -> str:
    """Write by how much an exporter's clock is ahead or behind; one that is as right as can be seen is `right`."""
    ahead = row.get("clock_skew_ms")
    if ahead is None:
        return ""
    if abs(ahead) <= _WITHIN_MS.get(row["protocol"], _SECOND_MS):
        return "right"
    return f"{'+' if ahead > 0 else '-'}{span(ahead / 1000) if abs(ahead) >= _SECOND_MS else f'{abs(ahead)} ms'}"


def sampling(row: Mapping[str, Any]) -> str:
    """Write the rate and who says it."""
    said = row["sampling"]
    source: str = _WHO_SAYS.get(said["source"], said["source"])
    if said["rate"] is not None:
        return f"1:{said['rate']} {source}"
    rates = sorted(set(said.get("samplers", {}).values()))
    if len(rates) > 1:
        return ", ".join(f"1:{rate}" for rate in rates[:3]) + (", ..." if len(rates) > 3 else "") + f" {source}"
    return source


def loss(row: Mapping[str, Any]) -> str:
    """Write what is missing by the sequence numbers, and what part of all it is."""
    found = row.get("sequence")
    if not found:
        return ""
    if not found["lost"]:
        return "0"
    percent = 100 * found["share"]
    part = "<0.1" if percent < 0.1 else f"{percent:.1f}" if percent < 10 else f"{percent:.0f}"
    return f"{found['lost']:,} ({part}%)"


def rate(value: float | None) -> str:
    """Write how many a second."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 or not value else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def bits(value: float) -> str:
    """Write bits a second in decimal units."""
    power = 0
    while value >= 1000 and power < 4:
        value, power = value / 1000, power + 1
    return f"{value:.{0 if value >= 100 or not power else 1}f} {'kMGT'[power - 1] if power else ''}bit/s"


def size(octets: float) -> str:
    """Write octets in decimal units."""
    power = 0
    while octets >= 1000 and power < 4:
        octets, power = octets / 1000, power + 1
    return f"{octets:.{0 if octets >= 100 or not power else 1}f} {'kMGT'[power - 1] if power else ''}B"


def lacks(row: Mapping[str, Any], legend: Mapping[str, Mapping[str, Any]]) -> str:
    """Write what templates lack, in the order of the legend; what only some lack comes last, with these."""
    always = [legend[name]["what"] for name in legend if name in row["lacks"]]
    sometimes = [
        f"{legend[name]['what']} (in {_templates(row['lacks_in'][name])})" for name in legend if name in row["lacks_in"]
    ]
    return ", ".join([*always, *sometimes])


def _templates(numbers: list[int]) -> str:
    if not numbers:
        return "some templates"
    shown = ", ".join(map(str, numbers[:3])) + (f" and {len(numbers) - 3} more" if len(numbers) > 3 else "")
    return f"template{'s' if len(numbers) > 1 else ''} {shown}"


def elements(lack: Mapping[str, Any]) -> str:
    """Write which elements say it: one of each part is needed."""
    return "; and ".join(" or ".join(each.replace(" ", " with ") for each in part) for part in lack["elements"])
