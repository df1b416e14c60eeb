"""Where an output writes to, and how everything that belongs to it is called.

What options say is kept for each namespace by itself, so that outputs with different options get on in one cluster. The
namespace `default` has the plain names, and its template takes what no other one claims.
"""

from dataclasses import dataclass

from flowcoll.config import OutputOptions
from flowcoll.setup.plan import OWNER, Thing
from flowcoll.streams import DATED, FLOW, ROLLOVER, dated_prefix, namespace_of

KIND = "ELASTICSEARCH"
MAPPINGS = Thing("component template", f"{DATED}@mappings")
CODEX = Thing("component template", f"{DATED}@codex")

_DEFAULT = "default"
_PRIORITY = 250
"""Elastic's own template for logs-*-* has 100, those of its packages 200."""


@dataclass(frozen=True)
class Target:
    """Data stream, or dated indices, of one namespace."""

    namespace: str
    suffix: str = ""
    dated: bool = False

    @classmethod
    def of(cls, output: OutputOptions) -> "Target":
        """Give the target of an output; raises ConfigError for a suffix that no name can hold."""
        namespace = namespace_of(output.values, output.option(KIND))
        if output.values["INDEX_PERIOD"] == ROLLOVER:
            return cls(namespace)
        return cls(namespace, output.values["INDEX_SUFFIX"], dated=True)

    @property
    def written(self) -> str:
        """What documents are written to: the data stream, or what matches all of its dated indices."""
        return dated_prefix(self.namespace, self.suffix) + "*" if self.dated else FLOW.name(self.namespace)

    @property
    def template(self) -> Thing:
        """Index template."""
        return Thing("index template", self._family + self._own)

    @property
    def settings(self) -> Thing:
        """Component template of what options say."""
        return Thing("component template", f"{DATED}{self._own}@{'dated-' if self.dated else ''}settings")

    @property
    def policy(self) -> Thing:
        """Lifecycle policy."""
        return Thing("lifecycle policy", f"{OWNER}{self._own}{'@dated' if self.dated else ''}")

    @property
    def custom(self) -> list[str]:
        """Component templates of the user's; the later one wins."""
        return [f"{name}@custom" for name in dict.fromkeys((self._family, self.template.name))]

    @property
    def pattern(self) -> str:
        """What the index template matches."""
        if self._own:
            return self.written
        return f"{DATED}-*" if self.dated else FLOW.pattern

    @property
    def priority(self) -> int:
        """Higher the more precise the pattern is; servers refuse equal ones that overlap."""
        return _PRIORITY + 10 * len(self._parts)

    @property
    def example(self) -> str:
        """A name that documents may go to."""
        return self.written.replace("*", "2026.01.01")

    @property
    def _family(self) -> str:
        return DATED if self.dated else f"{FLOW.type}-{FLOW.dataset}"

    @property
    def _parts(self) -> list[str]:
        """What tells its names from those of the default namespace."""
        if self.suffix:
            return [self.namespace, self.suffix]
        return [] if self.namespace == _DEFAULT else [self.namespace]

    @property
    def _own(self) -> str:
        return "".join(f"-{part}" for part in self._parts)
