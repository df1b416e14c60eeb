"""Rules on which addresses may match: an include/exclude file for a list, and false positives, which expire.

Each worker reads these files by itself, since they are small, and again once they have changed. What a file says that
cannot be used is told; what it said before counts on.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from flowcoll.config import Options
from flowcoll.enrich.locality import Address, unmapped
from flowcoll.errors import ConfigError, ListError
from flowcoll.threat.keeping.feed import RISKIQ, option_of
from flowcoll.threat.matching.blocks import Blocks
from flowcoll.threat.matching.scope import LARGEST, FalsePositive, Scope, false_positives, scope
from flowcoll.threat.reading.times import iso
from flowcoll.threat.reading.unwrap import at_once, taken

_RISKIQ_SCOPE = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_INCLEXCL_"
_FALSE_POSITIVES = "EF_PROCESSOR_ENRICH_IPADDR_FALSE_POSITIVES_"
_NEVER = float("inf")

Stamp = tuple[int, ...]
_Said = TypeVar("_Said")


@dataclass
class _File(Generic[_Said]):
    """A file of rules, what it said when it could last be used, and what is wrong with it now."""

    option: str
    path: Path
    named: bool  # by somebody: then it is a fault if it is not there
    every_s: float
    read: Callable[[Path, bytes], _Said]
    said: _Said
    nothing: _Said
    stamp: Stamp | None = None
    looked: float = -_NEVER
    error: str = ""

    def due(self, now: float) -> bool:
        """Tell whether it is time to look at it; a clock that was put back does not stop that."""
        return abs(now - self.looked) >= self.every_s

    def look(self, now: float) -> bool:
        """Read it if it is another one than at the last look, and tell whether it may say something else."""
        self.looked = now
        stamp = _stamp(self.path)
        if stamp == self.stamp:
            return False
        self.stamp, self.error = stamp, ""
        if stamp and not self.path.is_file():  # whoever opens a pipe waits for ever
            self.error = f"{self.option}: {self.path} is no file; give the path of one"
            return False
        try:
            with self.path.open("rb") as file:
                self.said = self.read(self.path, taken(file, at_once, LARGEST))
        except (FileNotFoundError, NotADirectoryError):
            if self.named:
                self.error = f"{self.option}: {self.path} is not there; create it, or take the option away"
                return False
            self.said = self.nothing
        except OSError as exc:
            self.stamp = None
            self.error = f"{self.option}: cannot read {self.path} ({exc.strerror}); let the service read it"
        except ListError as exc:
            self.error = f"{self.option}: {self.path} {exc}; name networks instead of single addresses"
        except ConfigError as exc:
            self.error = f"{self.option}: {exc}"
        return not self.error


class Rules:
    """What may match now. `look` is to be called often; a cache that holds what matched has to forget when it says so."""

    def __init__(
        self,
        scopes: Mapping[str, _File[Scope]],
        positives: _File[tuple[FalsePositive, ...]] | None,
        names: Iterable[str],
    ) -> None:
        self._scopes = scopes
        self._positives = positives
        self._names = frozenset(names)
        self._everywhere = Blocks()
        self._by_list: dict[str, Blocks] = {}
        self._next_expiry = self._flattened = _NEVER
        self._expired = 0
        self._untold: list[str] = []

    @classmethod
    def load(cls, options: Options, now: float, *, strict: bool = False) -> Self:
        """Read the files that options name. ConfigError for one that cannot be used, if strict.

        A file that is not there is no reason to stop, even if it was named: a configuration that came from elsewhere
        may name it. now: seconds since 1970.
        """
        rules = cls(dict(_scope_files(options)), _positives_file(options), _names(options))
        rules.look(now)
        if strict:
            for file in rules._files:
                if file.error and file.stamp != ():
                    raise ConfigError(file.error)
        return rules

    def allowed(self, name: str, address: Address) -> bool:
        """Tell whether the list of this name may match an address."""
        address = unmapped(address)
        file = self._scopes.get(name)
        if file is not None and file.said.why_not(address):
            return False
        return address not in self._everywhere and address not in self._by_list.get(name, ())

    def why_not(self, name: str, address: Address) -> str:
        """Give in words why the list of this name does not match an address; empty if it may."""
        address = unmapped(address)
        file = self._scopes.get(name)
        if file is not None and (why := file.said.why_not(address)):
            line = file.said.line_of(address)
            return f"{why} by {file.path}" + (f", line {line}" if line else "")
        for each in self._said:
            if self._counts(each) and name in (each.lists or (name,)) and address in Blocks([each.span]):
                until = f" until {iso(each.until)}" if each.until != _NEVER else ""
                return f"a false positive{until}: {each.reason}"
        return ""

    def look(self, now: float, *, all_files: bool = False) -> bool:
        """Read files that have changed, and tell whether something else is allowed now, be it by expiry.

        A file is looked at when its time has come; `all_files` is for a reload, which does not wait for that.
        """
        changed = False
        for file in self._files:
            if all_files or file.due(now):
                before = file.error
                changed |= file.look(now)
                if file.error and file.error != before:
                    self._untold.append(file.error)
        if changed or now >= self._next_expiry or now < self._flattened:
            changed = True
            self._flatten(now)
        return changed

    def errors(self) -> list[str]:
        """Give the lines about files that were not told yet, for the log."""
        untold, self._untold = self._untold, []
        return untold

    def state(self) -> dict[str, Any]:
        """Tell how many false positives count, which have expired, what is included, and what is wrong."""
        said = self._said
        problems = [file.error for file in self._files if file.error]
        scopes = {
            name: {"include": file.said.included, "exclude": file.said.excluded}
            for name, file in self._scopes.items()
            if file.said.included or file.said.excluded
        }
        unknown = sorted({name for each in said for name in each.lists} - self._names)
        expiry = self._next_expiry
        return {
            "state": "failed" if problems else "on" if said or scopes else "off",
            "entries": len(said) - self._expired,
            "expired": self._expired,
            **({"next_expiry": iso(expiry)} if expiry != _NEVER else {}),
            **({"scopes": scopes} if scopes else {}),
            **({"unknown_lists": unknown} if unknown else {}),
            **({"last_error": problems[0]} if problems else {}),
        }

    @property
    def _files(self) -> list[_File[Any]]:
        return [*self._scopes.values(), *([self._positives] if self._positives else [])]

    @property
    def _said(self) -> tuple[FalsePositive, ...]:
        return self._positives.said if self._positives else ()

    def _counts(self, each: FalsePositive) -> bool:
        return self._flattened < each.until

    def _flatten(self, now: float) -> None:
        """Make what look-ups use of the false positives that count now."""
        self._flattened = now
        counting = [each for each in self._said if self._counts(each)]
        self._expired = len(self._said) - len(counting)
        self._next_expiry = min((each.until for each in counting), default=_NEVER)
        named: dict[str, list[FalsePositive]] = {"": []}
        for each in counting:
            for name in each.lists or ("",):
                named.setdefault(name, []).append(each)
        self._by_list = {name: Blocks(each.span for each in some) for name, some in named.items()}
        self._everywhere = self._by_list.pop("")


def _scope_files(options: Options) -> Iterable[tuple[str, _File[Scope]]]:
    every_s = 60.0 * options[_RISKIQ_SCOPE + "REFRESH_RATE"]
    own = [(each.name, option_of(each.name, "INCLEXCL_PATH")) for each in options.threat_lists]
    for name, option in [(RISKIQ, _RISKIQ_SCOPE + "PATH"), *own]:
        if options[option] is not None:
            file = _File(option, options[option], _named(options, option), every_s, scope, Scope(), Scope())
            yield name, file


def _positives_file(options: Options) -> _File[tuple[FalsePositive, ...]] | None:
    option = _FALSE_POSITIVES + "PATH"
    if options[option] is None:
        return None
    every_s = 60.0 * options[_FALSE_POSITIVES + "REFRESH_RATE"]
    return _File(option, options[option], _named(options, option), every_s, false_positives, (), ())


def _named(options: Options, option: str) -> bool:
    return options.origin(option) != "default"


def _names(options: Options) -> Iterable[str]:
    return (RISKIQ, *(each.name for each in options.threat_lists))


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
