"""What a source is asked with: its account and its own header; who may see them, and how they are kept out of words."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from urllib.parse import quote, unquote, urlsplit

import requests
from requests.auth import HTTPBasicAuth

from flowcoll.options.types import SHOWN_SECRET
from flowcoll.threat.keeping.source import Source

Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]

_PORTS = {"http": 80, "https": 443}


def basic(source: Source) -> Auth:
    """Give what adds user and key to a request, from the options or else from the address; without either, nothing.

    An account that lies in a file of the host (`.netrc`) is not used: nobody has given it to this list.
    """
    user, key = _pair(source)
    if not user and not key:
        return nobody
    # requests writes text as Latin-1; this way the octets sent are UTF-8 (RFC 7617 section 2.1)
    return HTTPBasicAuth(_octets(user), _octets(key))


def own_header(source: Source) -> dict[str, str]:
    """Give the source's own header, if it has one."""
    name, _, value = source.header.partition(": ")
    return {name: _octets(value)} if name else {}


def may_see(source: Source, url: str) -> bool:
    """Tell whether an address to which the server sends us may be told who asks: the same server, as safe as before."""
    old, new = urlsplit(source.url), urlsplit(url)
    if old.hostname != new.hostname:
        return False
    if (old.scheme, new.scheme) == ("http", "https"):
        return (_port(url), _port(source.url)) == (443, 80)
    return old.scheme == new.scheme and _port(url) == _port(source.url)


def gives_away(source: Source, url: str) -> bool:
    """Tell whether an address holds the key of a source."""
    return source.key_in_url and bool(source.key) and (source.key in url or quote(source.key, safe="") in url)


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port or _PORTS.get(parts.scheme)


def censored(text: str, source: Source) -> str:
    """Give a text without the secrets of a source: some servers repeat what they were sent."""
    for secret in sorted(set(_secrets(source)), key=len, reverse=True):
        text = text.replace(secret, SHOWN_SECRET)
    return text


def _secrets(source: Source) -> Iterator[str]:
    user, key = _pair(source)
    proxy = urlsplit(source.proxy)
    if key:
        yield b64encode(f"{user}:{key}".encode()).decode()
    header = source.header.partition(": ")[2]
    for secret in (key, source.key, header, header.rpartition(" ")[2], unquote(proxy.password or "")):
        if secret:
            yield from (secret, quote(secret, safe=""))


def _pair(source: Source) -> tuple[str, str]:
    if (source.user or source.key) and not source.key_in_url:
        return source.user, source.key
    parts = urlsplit(source.url)
    return unquote(parts.username or ""), unquote(parts.password or "")


def _octets(text: str) -> str:
    return text.encode().decode("latin-1")


def nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request as it is."""
    return request
