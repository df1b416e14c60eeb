"""What the bench measures of lists of threats."""

import io
from pathlib import Path

from rich.console import Console

from bench.report import Report
from bench.threats import PROCESSES, Size, threats


def test_a_list_is_made_a_table_and_shared(tmp_path: Path) -> None:
    """The list has as many entries as it is to have, the table is mapped by all processes, and the report shows both."""
    verdict = threats(tmp_path, Size(rows=3_000, hosts=80_000, networks=500, lookups=5_000, rounds=1))
    (made,) = verdict.made
    assert (made.entries, made.octets, made.table_octets > 30_000) == (
        3_000,
        (tmp_path / "passivetotal.json").stat().st_size,
        True,
    )
    assert made.cpu_s > 0
    assert made.octets < made.peak_octets < 200_000_000
    assert verdict.ready_s == made.seconds > 0
    assert verdict.shared.octets > 640_000
    assert verdict.shared.mapped < verdict.shared.octets * (PROCESSES - 1)
    assert verdict.shared.per_second > 0
    shown = io.StringIO()
    Report(Console(file=shown, width=150), {}).listed(verdict)
    assert "3000 entries" in shown.getvalue()
    assert "80000 addresses, 500 networks" in shown.getvalue()
