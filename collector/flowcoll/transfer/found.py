"""What a configuration file gave: options, and what is wrong with the file or worth a word."""

from dataclasses import dataclass, field
from pathlib import Path

from flowcoll.options.names import meaning
from flowcoll.options.sources import PREFIXES, Given


@dataclass
class Found:
    """Options of one file in rising precedence; problems and notices are lines for a person."""

    form: str
    given: list[Given] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    _others: list[str] = field(default_factory=list)

    def add(self, path: Path, line: int, name: str, text: str) -> None:
        """Take a variable, or note that it is none of ours."""
        name = name if name.isprintable() else ascii(name)
        if name.startswith(PREFIXES) or meaning(name) is not None:
            self.given.append(Given(f"file {path}", f"{path}:{line}", name, text))
        elif name not in self._others:
            self._others.append(name)

    def drop(self) -> None:
        """Forget what was given so far."""
        self.given.clear()
        self._others.clear()

    def close(self) -> "Found":
        """Say what was passed over, and give this."""
        if self._others:
            self.notices.append(f"{', '.join(self._others)}: no option of flowcoll; passed over")
        return self
