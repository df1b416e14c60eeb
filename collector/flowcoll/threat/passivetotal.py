"""The download of PassiveTotal's list of threats."""

import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any, BinaryIO, NamedTuple

import requests
from requests.adapters import HTTPAdapter

from flowcoll import __version__
from flowcoll.threat import refusals
from flowcoll.threat.source import Source
from flowcoll.threat.unwrap import LARGEST

Limit = Callable[[float], AbstractContextManager[object]]
"""Makes a block that ends with TimeUpError after so many seconds."""

_PIECE = 65_536
_MAX_REDIRECTS = 5


class TimeUpError(Exception):
    """A block took longer than it may."""


class Validators(NamedTuple):
    """What the server calls the list that is here already; it need not send it again."""

    etag: str = ""
    last_modified: str = ""


class Answer(NamedTuple):
    """What came of a download: octets written, or nothing new."""

    octets: int
    validators: Validators
    not_modified: bool = False


class _HostTrust(HTTPAdapter):
    """Trusts the authorities that this host trusts, besides those that come with requests."""

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **settings)

    def proxy_manager_for(self, *args: Any, **settings: Any) -> Any:
        return super().proxy_manager_for(*args, ssl_context=ssl.create_default_context(), **settings)


def session() -> requests.Session:
    """Make what `fetch` asks with; proxies and a file of authorities come from the environment."""
    made = requests.Session()
    made.mount("https://", _HostTrust())
    made.max_redirects = _MAX_REDIRECTS
    return made


def fetch(source: Source, known: Validators, target: BinaryIO, asking: requests.Session, limit: Limit) -> Answer:
    """Write the list to a file; DownloadError says why not, in words for a person. OSError when it cannot be written."""
    headers = {
        "User-Agent": f"flowcoll/{__version__}",
        "Accept": "application/json, text/csv, text/plain, */*;q=0.5",
        **({"If-None-Match": known.etag} if known.etag else {}),
        **({"If-Modified-Since": known.last_modified} if known.last_modified else {}),
    }
    # requests writes text as Latin-1; this way the octets sent are UTF-8 (RFC 7617 section 2.1)
    account = source.user.encode().decode("latin-1"), source.key.encode().decode("latin-1")
    settings: dict[str, Any] = {"timeout": source.timeout_s, "stream": True}
    if source.here:  # no proxy leads to this machine
        settings["proxies"] = {"http": "", "https": ""}
    begun = False
    try:
        with limit(source.timeout_s):  # of the whole; requests knows limits of each step alone
            response = asking.get(source.url, auth=account, headers=headers, **settings)
            begun = True
            with response:
                return _taken(source, known, target, response)
    except TimeUpError:
        raise refusals.timed_out(source, incomplete=begun) from None
    except refusals.NETWORK_ERRORS as exc:
        raise refusals.no_answer(source, exc) from None


def _taken(source: Source, known: Validators, target: BinaryIO, response: requests.Response) -> Answer:
    """Take what the server answers."""
    if response.status_code == HTTPStatus.NOT_MODIFIED and any(known):
        return Answer(0, known, not_modified=True)
    if response.status_code != HTTPStatus.OK:
        raise refusals.refused(source, response)
    octets = 0
    try:
        for piece in response.iter_content(_PIECE):
            octets += target.write(piece)
            if octets > LARGEST:
                raise refusals.too_large()
    except refusals.NETWORK_ERRORS as exc:
        raise refusals.broken(source, response, exc) from None
    target.flush()
    return Answer(octets, Validators(response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")))
