"""What there is to know of each exporter: `flowcoll exporters`, `flowcoll top`, and the page /exporters."""

from typing import Any

Row = dict[str, Any]
"""One domain of an exporter, as JSON can hold it."""
