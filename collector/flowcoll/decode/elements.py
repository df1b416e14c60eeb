"""Table 2: information elements, and what each is called in the generated code.

`elements.csv` holds IANA's registry (RFC 7012, RFC 5102 names unchanged), enterprise elements, and the types that only
NetFlow v9 exporters use (`netflow9` in the column `pen`). The name is the name of the local variable; an enterprise
element has its vendor before it: `netscaler_flowFlags`.
"""

import csv
from importlib.resources import files
from typing import NamedTuple

REVERSE = 29_305  # RFC 5103 section 6.1: the element of this number, of the opposite direction
NETFLOW9 = -1  # stands where an enterprise number stands, for types outside IANA's registry


class Element(NamedTuple):
    """An information element: its local name, abstract data type (RFC 7012 section 3.1) and units."""

    name: str
    type: str
    units: str


class Elements:
    """Enterprise number and element id -> Element; an unknown one is None."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Element] = {}
        with files(__package__).joinpath("elements.csv").open(encoding="utf-8") as table:
            for row in csv.DictReader(table):
                vendor = row["vendor"]
                pen = NETFLOW9 if row["pen"] == "netflow9" else int(row["pen"])
                name = row["name"] if pen in (0, NETFLOW9) else f"{vendor}_{row['name']}".replace("-", "_")
                self._known[pen, int(row["id"])] = Element(name, row["type"], row["units"])

    def names(self) -> set[str]:
        """Give every local name."""
        known = {element.name for element in self._known.values()}
        return known | {f"rev_{element.name}" for (pen, _), element in self._known.items() if pen == 0}

    def ipfix(self, pen: int, number: int) -> Element | None:
        """Give the element of an IPFIX template (RFC 7011 section 3.2)."""
        if pen != REVERSE:
            return self._known.get((pen, number))
        forward = self._known.get((0, number))
        return forward and forward._replace(name=f"rev_{forward.name}")

    def netflow9(self, number: int, scope: int = 0) -> Element | None:
        """Give the element of a NetFlow v9 field type; its own types come before IANA's (RFC 3954 section 8)."""
        if scope:  # scope types are numbers of their own (RFC 3954 section 6.1)
            return None
        return self._known.get((NETFLOW9, number)) or self._known.get((0, number))
