"""Whether what was set can be carried out: standings, switches, and options that must agree with each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowcoll.options.groups import NO_EFFECT, NOT_YET, OUTPUT, REFUSED, SUPPORTED, THREAT, Option
from flowcoll.options.names import instance
from flowcoll.options.sources import exists
from flowcoll.options.table import OUTPUTS
from flowcoll.options.types import boolean, path
from flowcoll.options.values import Said
from flowcoll.threat.keeping.kinds import KINDS, owner_of
from flowcoll.threat.keeping.source import KEY_PLACE

SHORTEST_REFRESH = 60  # minutes; ElastiFlow does not start with less either
_RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_ENABLE"
_RISKIQ_ASN = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_ASN_ENABLE"
_RISKIQ_ACCOUNT = ("EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_API_USER", "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_API_KEY")
_RISKIQ_NAMESAKE = THREAT + "RISKIQ_ENABLE"
_API_NEEDS = {
    "EF_API_TLS_ENABLE": ("EF_API_TLS_CERT_FILEPATH", "EF_API_TLS_KEY_FILEPATH"),
    "EF_API_BASIC_AUTH_ENABLE": ("EF_API_BASIC_AUTH_USERNAME", "EF_API_BASIC_AUTH_PASSWORD"),
}
_API_USER = "EF_API_BASIC_AUTH_USERNAME"


@dataclass
class Checks:
    """Judges values of options; what is found is in `problems` and `notices`."""

    options: Mapping[str, Option]
    values: Mapping[str, Any]
    said: Mapping[str, Said]
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    _together: dict[str, list[str]] = field(default_factory=dict)  # one notice for many names

    def run(self) -> None:
        """Judge everything that was said."""
        for name, said in self.said.items():
            if self.counts(name):
                self._judge(name, said)
            else:
                self._idle(name, said)
        self.problems += self._disagreements()
        self.notices += self._halves()
        self.notices += [f"{', '.join(names)}: {why}" for why, names in self._together.items()]

    def counts(self, name: str) -> bool:
        """Whether an option belongs to something that is switched on."""
        switches = self.options[name].switches
        return not switches or any(self.values[switch] and self.counts(switch) for switch in switches)

    def off(self, name: str) -> list[str]:
        """Give the switches that would have to be turned on for an option to count."""
        above = self.options[name].switches
        return [off for switch in above for off in (self.off(switch) if self.values[switch] else [switch])]

    def _covered(self, name: str) -> bool:
        """Whether a switch above an option is itself a problem; that one says enough."""
        return any(
            self.values[switch] and (self.options[switch].standing in {NOT_YET, REFUSED} or self._covered(switch))
            for switch in self.options[name].switches
        )

    def _judge(self, name: str, said: Said) -> None:
        option, value = said.option, self.values[name]
        if said.wrong:
            self.problems.append(said.problem(said.wrong))
        elif option.standing is SUPPORTED or value in option.defaults:
            return
        elif option.standing is NO_EFFECT:
            self._together.setdefault(f"without effect, {option.hint}", []).append(said.given.name)
        elif not self._covered(name):
            self.problems.append(said.problem(_refusal(option)))

    def _idle(self, name: str, said: Said) -> None:
        """Note what is said about something that is switched off; it does no harm."""
        switches = self.off(name)
        off = f"{' and '.join(switches)} {'is' if len(switches) == 1 else 'are'} off"
        if said.wrong:
            self.notices.append(said.problem(f"{said.wrong}; not used while {off}"))
        elif said.option.standing is not SUPPORTED and self.values[name] not in said.option.defaults:
            self._together.setdefault(f"not used while {off}", []).append(said.given.name)

    def find_files(self, root: Path) -> dict[str, Path]:
        """Look below `root` for files that defaults name: give those used from ElastiFlow's directory, note the unread."""
        found = {}
        for name, option in self.options.items():
            value = self.values[name]
            if (
                len(option.defaults) == 1
                or value not in option.defaults
                or not self.counts(name)
                or self._covered(name)
            ):
                continue
            ours, theirs = (root / str(default).lstrip("/") for default in option.defaults)
            if option.standing is NOT_YET:
                there = [str(file) for file in (ours, theirs) if exists(file)]
                self.notices += [f"{file} is not read: {name} is not carried out yet" for file in there]
            elif name not in self.said and exists(theirs) and not exists(ours):
                found[name] = theirs
                self.notices.append(f"{name}: {ours} does not exist, {theirs} is used")
        return found

    def _disagreements(self) -> Iterator[str]:
        for name in self.values:
            if name.endswith("_REFRESH_INTERVAL") and "_RISKIQ_" in name and self.values[name] < SHORTEST_REFRESH:
                yield self.said[name].problem(f"must be at least {SHORTEST_REFRESH} minutes")
            if self.values[name] and name.startswith(THREAT) and name.endswith("_ENABLE"):
                yield from self._threat_list(name)
            needed = _needed_path(name)
            if needed and self.values[name] and self.values[needed] is None and not self._wrong(needed):
                yield self.said[name].problem(f"needs {needed}, which is empty; set it")
        yield from self._api()
        yield from self._passivetotal()
        for switch in self._enabled("RISKIQ"):
            yield from self._riskiq_output(switch)
        for output in OUTPUTS:
            first, *others = self._enabled(output) or [""]
            if first.startswith(OUTPUT) and others:
                yield self.said[first].problem(
                    f"cannot be used together with {', '.join(others)}; give this one a namespace too"
                )

    def _api(self) -> Iterator[str]:
        """What the switches of the API need."""
        for switch, needed in _API_NEEDS.items():
            missing = [name for name in needed if not self.values[name] and not self._wrong(name)]
            if self.values[switch] and missing:
                yield self.said[switch].problem(f"needs {' and '.join(missing)} to be set")
        if ":" in self.values[_API_USER] and self.values["EF_API_BASIC_AUTH_ENABLE"]:
            yield self.said[_API_USER].problem("a user name holds no colon; give another one")

    def _passivetotal(self) -> Iterator[str]:
        """What PassiveTotal's lists need: an account, and the name that one of them has among the lists."""
        switches = [switch for switch in (_RISKIQ, _RISKIQ_ASN) if self.values[switch]]
        missing = [name for name in _RISKIQ_ACCOUNT if not self.values[name] and not self._wrong(name)]
        if switches and missing:
            yield self.said[switches[0]].problem(
                f"needs {' and '.join(missing)} to be set: user and key of a PassiveTotal account"
            )
        if self.values[_RISKIQ] and self.values.get(_RISKIQ_NAMESAKE):
            yield self.said[_RISKIQ_NAMESAKE].problem(f"{_RISKIQ} has a list of this name; give yours another")

    def _halves(self) -> Iterator[str]:
        """PassiveTotal's list and the output to PassiveTotal: each can do without the other, but both are meant."""
        sending = self._enabled("RISKIQ")
        if self.values[_RISKIQ] and not sending:
            output = f"{OUTPUT}RISKIQ"
            yield (
                f"{_RISKIQ} is on, but no flows are sent to PassiveTotal: for the full function of both switch on "
                f"{output}_ENABLE too, with {output}_CUSTOMER_UUID and {output}_CUSTOMER_ENCRYPTION_KEY"
            )
        elif sending and not self.values[_RISKIQ]:
            yield (
                f"{sending[0]} is on, but PassiveTotal's list of threats is not used: for the full function of both "
                f"switch on {_RISKIQ} too, with {' and '.join(_RISKIQ_ACCOUNT)}"
            )

    def _riskiq_output(self, switch: str) -> Iterator[str]:
        """What an output to RiskIQ needs, both of it from the same page."""
        needed = [switch.removesuffix("ENABLE") + suffix for suffix in ("CUSTOMER_UUID", "CUSTOMER_ENCRYPTION_KEY")]
        missing = [name for name in needed if not self.values[name] and not self._wrong(name)]
        if missing:
            yield self.said[switch].problem(
                f"needs {' and '.join(missing)} to be set, as PassiveTotal's page of integrations shows them, or of your own"
            )

    def _threat_list(self, switch: str) -> Iterator[str]:
        """What a list of one's own needs: one place, and to be asked for no more often than its owner allows."""
        start = switch.removesuffix("ENABLE")
        if any(self._wrong(start + suffix) for suffix in ("TYPE", "PATH", "URL", "REFRESH_INTERVAL")):
            return
        path, url, minutes = (self.values[start + suffix] for suffix in ("PATH", "URL", "REFRESH_INTERVAL"))
        kind = KINDS[self.values[start + "TYPE"]]
        if path is not None and url:
            yield self.said[start + "URL"].problem(f"{start}PATH is set too; remove one of the two")
        elif path is None and not url and not kind.urls:
            yield self.said[switch].problem(
                f"needs {start}PATH or {start}URL; set one, or a {start}TYPE that is a feed"
            )
        if path is not None:
            return
        if url and KEY_PLACE in url and not self.values[start + "PASSWORD"] and not self._wrong(start + "PASSWORD"):
            yield self.said[start + "URL"].problem(f"needs {start}PASSWORD, which goes into the place of {KEY_PLACE}")
        owners = {owner for each in ((url,) if url else kind.urls) if (owner := owner_of(each))}
        for owner in sorted(owners):
            if minutes < owner.shortest_minutes:
                yield self.said[start + "REFRESH_INTERVAL"].problem(
                    f"must be at least {owner.shortest_minutes} minutes for this list: {owner.rule}"
                )

    def _enabled(self, output: str) -> list[str]:
        """Switches of an output type that are on, the global one first."""
        own = f"{OUTPUT}{output}_ENABLE"
        switches = [name for name in self.values if name == own or _is_switch(name, output)]
        return [name for name in sorted(switches, key=lambda name: name != own) if self.values[name]]

    def _wrong(self, name: str) -> bool:
        return name in self.said and bool(self.said[name].wrong)


def _is_switch(name: str, output: str) -> bool:
    place = instance(name)
    return place is not None and place.group.output == output and name == f"{place.place}_ENABLE"


def _needed_path(name: str) -> str:
    """The path without which a switch makes no sense, or an empty text."""
    file_output = name.endswith("OUTPUT_FILE_ENABLE")
    maxmind = "_MAXMIND_" in name and name.endswith("_ENABLE")
    return name.removesuffix("ENABLE") + "PATH" if file_output or maxmind else ""


def _refusal(option: Option) -> str:
    """What to do about an option that is set, but cannot be."""
    default = option.type.show(option.default)
    off = option.type is boolean and not option.default
    if option.standing is REFUSED:
        return f"{option.hint}; set it to false or remove it" if off else f"{option.hint}; remove it"
    if off:
        return "flowcoll cannot do this yet; set it to false or remove it"
    if option.type.secret or not default:
        return "flowcoll cannot do this yet; remove it"
    kept = "its default" if option.type is path else "it at"
    return f"flowcoll cannot change this yet; remove it or leave {kept} {default!r}"
