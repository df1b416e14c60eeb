"""What lists say of one address, or why they cannot match it."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from flowcoll.config import Options
from flowcoll.enrich.locality import Address, is_private, parse, text
from flowcoll.errors import SetupError
from flowcoll.logs import Log
from flowcoll.threat.hits.blocklist import Allowed
from flowcoll.threat.matching.feeds import use
from flowcoll.threat.matching.lists import Lists, Threat, ThreatList
from flowcoll.threat.matching.rules import Rules
from flowcoll.threat.reading.unwrap import Pause
from flowcoll.threat.showing.trial import said

Why = Callable[[str, Address], str]
"""Tells why a list may not match an address: which rule excludes it; empty when none does."""

_WIDE = 64  # characters of a wrong address that are repeated


class Named(NamedTuple):
    """What one list says; `excluded` says why it does not count nevertheless."""

    name: str
    threats: tuple[Threat, ...]
    excluded: str


class Found(NamedTuple):
    """What there is to say of an address."""

    address: str
    private: bool
    named: tuple[Named, ...]
    others: tuple[str, ...]  # lists that do not name it

    @property
    def matches(self) -> bool:
        """Whether a flow with this address would match."""
        return not self.private and any(not each.excluded for each in self.named)

    @property
    def verdict(self) -> str:
        """Whether it would match, and if not why, in words."""
        if self.private:
            return "never matches: it is private or reserved"
        if self.matches:
            return "matches"
        if self.named:
            return "does not match: rules exclude it"
        if not self.others:
            return "does not match: no list is in use; flowcoll threats status says why"
        return "does not match: no list names it"

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "address": self.address,
            "matches": self.matches,
            "verdict": self.verdict,
            "lists": [
                {
                    "name": each.name,
                    "matches": not self.private and not each.excluded,
                    **({"excluded": each.excluded} if each.excluded else {}),
                    "threats": [said(threat) for threat in each.threats],
                }
                for each in self.named
            ],
            "others": list(self.others),
        }


class _Taken(Lists):
    """Lists in use, each to be asked by itself."""

    def each(self) -> Mapping[str, ThreatList]:
        return self._lists

    def forget(self, pause: Pause) -> None:
        """Forget nothing: nobody remembers."""


def address(written: str) -> Address:
    """Read an address. SetupError."""
    try:
        return parse(written.strip())
    except ValueError:
        raise SetupError(f"{written[:_WIDE]!r} is no IP address; give one such as 198.51.100.7") from None


def look_up(options: Options, addresses: Iterable[Address], log: Log) -> list[Found]:
    """Look addresses up in all lists that these options ask for. ConfigError."""
    lists = _Taken({})
    use(options, lists, log)
    why = excluding(options)
    return [found(lists.each(), each, why) for each in addresses]


def found(lists: Mapping[str, ThreatList], wanted: Address, why: Why) -> Found:
    """Look one address up."""
    named: list[Named] = []
    others: list[str] = []
    for name, each in lists.items():
        threats = tuple(each.match(wanted))
        if threats:
            named.append(Named(name, threats, why(name, wanted)))
        else:
            others.append(name)
    return Found(text(wanted), is_private(wanted), tuple(named), tuple(others))


def allowing(options: Options) -> Allowed:
    """Give what tells whether rules let a list match an address now. ConfigError."""
    return Rules.load(options, time.time()).allowed


def excluding(options: Options) -> Why:
    """Give what tells which rule keeps a list from an address now. ConfigError."""
    return Rules.load(options, time.time()).why_not
