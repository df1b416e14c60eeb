"""Why is my Threats page empty? The state of each list in words: for the log, /readyz, `flowcoll threats` and doctor."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flowcoll.options.groups import THREAT

PREFIX = "threat_"
"""How the names of lists begin among enrichers."""

_RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_THREAT_ENABLE"
_OFF, _ON, _WAITING, _FAILED = "off", "on", "waiting", "failed"
_LOADING = {"loading", "downloading", "reading"}
_SETTLED = {_OFF, _ON, _FAILED, "stopped"}

WHY: Mapping[str, str] = {
    "unauthorized": "credentials refused",
    "quota": "quota used up",
    "forbidden": "quota or licence refused",
    "too_many_requests": "too many requests",
    "timeout": "timeout",
    "connection": "no connection",
    "incomplete": "no whole answer",
    "cut": "cut off",
    "damaged": "damaged",
    "dns": "name not resolved",
    "tls": "TLS refused",
    "proxy": "proxy unusable",
    "server_error": "fault of the server",
    "not_found": "no list at its address",
    "redirect": "sent elsewhere",
    "request": "no request possible",
    "html": "a web page instead of a list",
    "message": "a message instead of a list",
    "unexpected_status": "no list in the answer",
    "empty": "empty",
    "bad_rows": "mostly unreadable",
    "shrunken": "much shorter than before",
    "too_large": "too large",
    "state_path": "cannot be kept",
    "unreadable": "cannot be read",
    "unusable": "unusable",
}
"""Reason, as counters have it -> the words for it."""

_ADVICE: Mapping[str, str] = {
    "unauthorized": "user and API key of the account are in docs/passivetotal.md; the API key is not the web password",
    "quota": "the quota is renewed by the server; PassiveTotal's account page tells when",
    "forbidden": "ask whose service it is about licence and quota",
    "timeout": "raise the timeout, or see what is slow on the way to the server",
}


class Told(NamedTuple):
    """One list: `kind` is its state in one word, `text` tells it in words, `advice` is what to do next, if anything.

    matches: flows that it has matched, None where nobody knows.
    """

    name: str
    kind: str
    text: str
    advice: str
    state: Mapping[str, Any]
    matches: int | None

    @property
    def failed(self) -> bool:
        """Whether something is wrong."""
        return self.kind not in {_OFF, _ON, _WAITING}

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "text": self.text,
            **({"advice": self.advice} if self.advice else {}),
            "entries": self.state.get("entries", 0),
            **({} if self.matches is None else {"matches": self.matches}),
        }


class Summary(NamedTuple):
    """All lists, and how many flows they have matched, None where nobody knows."""

    lists: tuple[Told, ...]
    matches: int | None

    @property
    def used(self) -> bool:
        """Whether any list is switched on."""
        return any(each.kind != _OFF for each in self.lists)

    @property
    def failed(self) -> bool:
        """Whether something is wrong with any."""
        return any(each.failed for each in self.lists)

    @property
    def text(self) -> str:
        """The whole answer in one line."""
        if not self.used:
            return f"off: no list of threats is switched on; {off('')}"
        several = self.matches is not None and sum(each.kind != _OFF for each in self.lists) > 1
        together = [matched(self.matches or 0)] if several else []
        return "; ".join([*(f"{each.name} {each.text}" for each in self.lists), *together])

    @property
    def turns(self) -> tuple[Any, ...]:
        """What has changed when the answer is another one, and not only its figures."""
        return tuple((each.name, each.kind) for each in self.lists), bool(self.matches)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        matches = {} if self.matches is None else {"matches": self.matches}
        return {"text": self.text, **matches, "lists": [each.as_dict() for each in self.lists]}


def summary(enrichers: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int] | None) -> Summary:
    """Tell of the lists among enrichers, as /readyz has them; `counts` are those of the service, None where none runs."""

    def count(key: str) -> int | None:
        return None if counts is None else counts.get(key, 0)

    names = (name.removeprefix(PREFIX) for name in enrichers if name.startswith(PREFIX))
    lists = (told(name, enrichers[PREFIX + name], count(f"threats.list_matches.{name}")) for name in names)
    return Summary(tuple(lists), count("threats.matches"))


def told(name: str, state: Mapping[str, Any], matches: int | None = 0) -> Told:
    """Tell of one list."""
    kind = kind_of(state)
    if kind == _OFF:
        return Told(name, kind, "off", off(name), state, matches)
    serving, so_far = served(state), "" if matches is None else f", {matched(matches)}"
    if kind == _ON:
        advice = "see whether an address would match: flowcoll threats lookup ADDRESS" if matches == 0 else ""
        return Told(name, kind, f"{serving}{so_far}", advice, state, matches)
    if kind == _WAITING:
        doing = "is being loaded" if state.get("state") in _LOADING else "is not loaded yet"
        advice = "`flowcoll run` loads it" if matches is None else "look again in a minute"
        return Told(name, kind, f"{doing}, nothing is matched yet", advice, state, matches)
    why = WHY.get(kind, _FAILED)
    since = f" since {state['failed_since']}" if state.get("failed_since") else ""
    cause = f" ({state['last_error']})" if state.get("last_error") else ""
    serves = f"{serving} before serve on{so_far}" if state.get("entries") else "nothing is matched"
    return Told(name, kind, f"{why}{since}{cause}, {serves}", _ADVICE.get(kind, ""), state, matches)


def kind_of(state: Mapping[str, Any]) -> str:
    """Give the state of a list in one word: off, waiting, on, or why it has failed."""
    said = state.get("state", _ON)
    if said in {_FAILED, "stopped"}:
        return str(state.get("reason") or said)
    return said if said in _SETTLED else _WAITING


def served(state: Mapping[str, Any]) -> str:
    """Tell how many entries are in use, and since when."""
    entries = state.get("entries", 0)
    loaded = state.get("received") or state.get("listed")
    return f"{entries} {'entry' if entries == 1 else 'entries'}" + (f" loaded {loaded}" if loaded else "")


def matched(flows: int) -> str:
    """Tell how many flows have matched."""
    return f"{flows} flow{'' if flows == 1 else 's'} matched so far"


def off(name: str) -> str:
    """Tell how to switch a list on; the empty name is any."""
    if name == "riskiq":
        return f"switch it on by {_RISKIQ}"
    if name:
        return f"switch it on by {THREAT}{name.upper()}_ENABLE"
    return f"{THREAT}<NAME>_ENABLE has lists of your own, {_RISKIQ} PassiveTotal's; docs/threats.md"
