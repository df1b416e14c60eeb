"""Types of option values: text to value and back, and the words a reader is told about them with."""

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SHOWN_SECRET = "****"  # noqa: S105  what is shown instead of a secret
_LARGEST = 2**63 - 1
_LAST_PORT = 65535
_KEYS = re.compile(
    r"([?&][^=&]*(?:key|token|secret|passw|auth)[^=&]*=)[^&]+|(?<=[^:/]/)()[0-9a-f]{32,}(?=[/?]|$)", re.IGNORECASE
)
"""Feeds take keys in their addresses, as a parameter or as a part of the path."""


@dataclass(frozen=True)
class Type:
    """One kind of value: `read` turns text into it, or raises ValueError with the words after "must be"; `show` turns it back."""

    name: str
    read: Callable[[str], Any]
    show: Callable[[Any], str] = str
    empty: bool = False  # an empty text is a value of its own; for any other type it means "not set"
    secret: bool = False
    many: bool = False  # several values, comma separated


def shown(kind: Type, value: Any) -> str:
    """Value as a person may see it: secrets masked, and so are credentials inside an address."""
    if kind.secret:
        return SHOWN_SECRET if value else ""
    return without_credentials(kind.show(value))


def without_credentials(text: str) -> str:
    """Text with `user:password@` of any address in it masked, and so is what looks like a key within an address."""
    text = re.sub(r"(?<![^\s,])((?:[\w+.-]+:)?//)?[^\s,]*:[^\s,]*@", rf"\g<1>{SHOWN_SECRET}@", text)
    return re.sub(r"\w+://[^\s,]+", lambda found: _KEYS.sub(rf"\g<1>{SHOWN_SECRET}", found[0]), text)


def _boolean(text: str) -> bool:
    match text.lower():
        case "true" | "t" | "yes" | "on" | "1":
            return True
        case "false" | "f" | "no" | "off" | "0":
            return False
    raise ValueError("true or false")


boolean = Type("true or false", _boolean, lambda value: "true" if value else "false")


def integer(low: int = 0, high: int = _LARGEST, unit: str = "") -> Type:
    """Whole number between two bounds, both included."""
    bounds = "" if low == 0 and high == _LARGEST else f"at least {low}" if high == _LARGEST else f"{low} to {high}"
    expected = ", ".join(filter(None, ["a whole number" + (f" of {unit}" if unit else ""), bounds]))

    def read(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,19}", text) or not low <= int(text) <= high:
            raise ValueError(expected)
        return int(text)

    return Type(", ".join(filter(None, [unit or "integer", bounds])), read)


def octets(low: int = 0) -> Type:
    """Size in octets."""
    return integer(low, unit="octets")


def seconds(low: int = 0) -> Type:
    """Length of time in seconds."""
    return integer(low, unit="seconds")


def minutes(low: int = 0) -> Type:
    """Length of time in minutes."""
    return integer(low, unit="minutes")


def milliseconds(low: int = 0) -> Type:
    """Length of time in milliseconds."""
    return integer(low, unit="milliseconds")


port = integer(1, _LAST_PORT)


def _or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: read(text) if text else None


def optional(kind: Type) -> Type:
    """The same type, or nothing at all (None), written as an empty text."""
    return replace(
        kind,
        name=f"{kind.name}, or empty",
        read=_or_none(kind.read),
        show=lambda value: "" if value is None else kind.show(value),
        empty=True,
    )


text = Type("text", str, empty=True)
secret = Type("secret", str, empty=True, secret=True)
path = Type("path", _or_none(Path), lambda value: "" if value is None else str(value), empty=True)
our_path = replace(path)
"""A file that ElastiFlow does not have: it is not looked for among ElastiFlow's."""


def pattern(name: str, expression: str, expected: str) -> Type:
    """Text that a regular expression describes."""

    def read(text: str) -> str:
        if not re.fullmatch(expression, text):
            raise ValueError(expected)
        return text

    return Type(name, read)


def enum(*values: str, **older: str) -> Type:
    """One of some words, in upper or lower case; `older` spellings are taken for their new word."""
    words = {value.lower(): value for value in values} | older

    def read(text: str) -> str:
        try:
            return words[text.lower()]
        except KeyError:
            raise ValueError("one of " + ", ".join(values)) from None

    return Type("one of " + ", ".join(values), read)


def _host(text: str) -> str:
    """Host name or IP address."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}", text):
        raise ValueError("a host name or an IP address")
    return text


def _host_port(text: str) -> str:
    """`host:port`, where an IPv6 address stands in brackets."""
    found = re.fullmatch(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})", text)
    if not found or not 0 < int(found[2]) <= _LAST_PORT:
        raise ValueError("host:port, without http:// or https://")
    return text


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("an IPv4 or IPv6 address") from None


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError("an IP address or a network such as 192.0.2.0/24") from None


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() for c in text):
        raise ValueError("an address that starts with http:// or https://")
    return text


def _pivot(text: str) -> str:
    """Address template of the page that a click opens, or a preset's name."""
    if re.fullmatch(r"[a-z][a-z0-9_-]*", text):
        return text
    if text.count("{{value}}") != 1:
        raise ValueError("an address that holds {{value}} exactly once, or the name of a preset")
    return _url(text)


def _header(text: str) -> str:
    """A line of a request (RFC 9110 section 5.1), or nothing."""
    if not text:
        return ""
    name, colon, value = text.partition(":")
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not colon or not value.strip():
        raise ValueError("name: value, such as Auth-Key: and the key")
    if not value.strip().isprintable():
        raise ValueError("one line without control characters, name: value")
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"another header than {name}, which the request has anyway")
    return f"{name}: {value.strip()}"


_OWN_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "proxy-authorization"}


host = Type("host", _host)
host_port = Type("host:port", _host_port)
ip = Type("IP address", _ip)
network = Type("network", _network)
url = Type("URL", _url)
secret_url = Type(
    "secret URL, or empty", lambda text: _url(text.strip()) if text.strip() else "", empty=True, secret=True
)
header = Type("secret name: value, or empty", lambda text: _header(text.strip()), empty=True, secret=True)
pivot = Type("URL with {{value}}, or a preset's name", _pivot)
namespace = pattern("name", r"[a-z0-9_.]{1,100}", "a name of lower-case letters, digits, '_' and '.', at most 100")
age = pattern("age", r"[1-9][0-9]{0,8}(ms|s|m|h|d)", "a number and a unit, such as 12h or 30d")
word = pattern("name", r"\S{1,255}", "a name without blanks")


def several(kind: Type, name: str, *, at_least: int = 0, distinct: bool = False) -> Type:
    """List of values, comma separated."""

    def read(text: str) -> list[Any]:
        values = [kind.read(item.strip()) for item in text.split(",") if item.strip()]
        if len(values) < at_least:
            raise ValueError("at least one value")
        if distinct and len(set(values)) < len(values):
            raise ValueError("a list that names nothing twice")
        return values

    def show(values: Iterable[Any]) -> str:
        return ",".join(kind.show(value) for value in values)

    return Type(name, read, show, empty=at_least == 0, secret=kind.secret, many=True)


def enums(*values: str) -> Type:
    """List of words out of some."""
    return several(enum(*values), "list of " + ", ".join(values))


ports = several(port, "list of ports", at_least=1, distinct=True)
networks = several(network, "list of networks")
hosts = several(host_port, "list of host:port", at_least=1)
hosts_or_none = several(host_port, "list of host:port, or empty")
names = several(word, "list of names")
secrets = several(replace(word, secret=True), "list of secrets")
record_kinds = enums("as_path_hop", "flow_option", "flow", "ifa_hop", "telemetry")
time_source = enum("start", "end", "export", "collect")
