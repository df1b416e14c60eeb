"""Names of what documents go to: data streams, or an index per day, week or month.

Data streams are named by Elastic's scheme, type-dataset-namespace, so that what looks at `logs-*` sees them. The parts of
such a name hold no `-`; an index suffix therefore joins the namespace with `_`.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from flowcoll.errors import ConfigError

ROLLOVER = "rollover"
"""The value of INDEX_PERIOD that means data streams."""

DATED = "flowcoll-flow"
"""How the names of dated indices begin."""

_DATES = {"daily": "%Y.%m.%d", "weekly": "%G.w%V", "monthly": "%Y.%m"}


class Stream(NamedTuple):
    """A family of data streams: one for each namespace."""

    type: str
    dataset: str

    def name(self, namespace: str) -> str:
        """Give the name of the data stream: `logs-flowcoll.flow-default`."""
        return f"{self.type}-{self.dataset}-{namespace}"

    @property
    def pattern(self) -> str:
        """What matches all of them."""
        return self.name("*")


FLOW = Stream("logs", "flowcoll.flow")


@lru_cache(maxsize=1024)
def dated(namespace: str, period: str, suffix: str, day: str) -> str:
    """Give the name of the index that holds a day, written 2026-11-21: `flowcoll-flow-default-2026.11.21`.

    A week is that of ISO 8601 and stands with its own year: 2027-01-01 is in 2026.w53.
    """
    return f"{dated_prefix(namespace, suffix)}{date.fromisoformat(day).strftime(_DATES[period])}"


def dated_prefix(namespace: str, suffix: str) -> str:
    """Give how the names of an output's dated indices begin, the last `-` included."""
    return "-".join(filter(None, (DATED, namespace, suffix))) + "-"


def namespace_of(values: Mapping[str, Any], option: str = "EF_OUTPUT_ELASTICSEARCH") -> str:
    """Give the namespace that an Elasticsearch output's documents and its data stream carry.

    It is NAMESPACE, with `_` and INDEX_SUFFIX behind it where there is one; dated indices have the suffix elsewhere.
    Raises ConfigError for a suffix that cannot be part of a name; `option` is how the names of its options begin.
    """
    namespace, suffix = str(values["NAMESPACE"]), str(values["INDEX_SUFFIX"])
    if not re.fullmatch(r"[a-z0-9_.]{0,100}", suffix):
        raise ConfigError(
            f"{option}_INDEX_SUFFIX = {suffix!r}: must be lower-case letters, digits, '_' and '.', at most 100"
        )
    if values["INDEX_PERIOD"] != ROLLOVER or not suffix:
        return namespace
    joined = f"{namespace}_{suffix}"
    if len(joined) > 100:
        raise ConfigError(f"{option}_INDEX_SUFFIX = {suffix!r}: NAMESPACE and this may not be longer than 99 together")
    return joined
