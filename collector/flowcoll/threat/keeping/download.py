"""The download of a list: bounded in time and size, conditional, and with secrets for nobody but the server they are of."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from flowcoll import __version__, trust
from flowcoll.threat.keeping import refusals
from flowcoll.threat.keeping.account import basic, gives_away, may_see, nobody, own_header
from flowcoll.threat.keeping.body import CodingError, pieces
from flowcoll.threat.keeping.source import Source, is_here
from flowcoll.threat.reading.unwrap import LARGEST

Limit = Callable[[float], AbstractContextManager[object]]
"""Makes a block that ends with TimeUpError after so many seconds."""

_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}


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


class _Adapter(trust.Adapter):
    """Looks at the certificate of a proxy that speaks TLS also where the list itself comes without."""

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        over_tls = conn.proxy is not None and conn.proxy.scheme == "https"
        library: Any = super()
        library.cert_verify(conn, "https://" if over_tls else url, verify, cert)


class _Asking(requests.Session):
    """Trusts whom a source trusts, and reads what that takes when it is needed.

    It follows no redirect by itself: it would read the whole of what comes with it, and take our own header along.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._trusting = False

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002  the library's signature
        return None

    def get_adapter(self, url: Any) -> Any:
        if not self._trusting and (urlsplit(url).scheme == "https" or not is_here(url)):
            self._trust()
        return super().get_adapter(url)

    def _trust(self) -> None:
        source = self._source
        try:
            adapter = _Adapter(trust.context(source.ca_file, verify=not source.skip_verification))
        except OSError as exc:
            raise refusals.no_authorities(source, exc) from None
        for scheme in ("https://", "http://"):  # a proxy may speak TLS too
            self.mount(scheme, adapter)
        self._trusting = True
        if source.skip_verification:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the log has said it, once is enough


def session(source: Source) -> requests.Session:
    """Make what a source is asked with."""
    return _Asking(source)


def fetch(source: Source, known: Validators, target: BinaryIO, asking: requests.Session, limit: Limit) -> Answer:
    """Write the list to a file; DownloadError says why not, in words for a person. OSError when it cannot be written."""
    begun = False
    try:
        with limit(source.timeout_s):  # of the whole; requests knows limits of each step alone
            response = _asked(source, _conditions(known), asking, source.timeout_s)
            begun = True
            with response:
                return _taken(source, known, target, response)
    except TimeUpError:
        raise refusals.timed_out(source, incomplete=begun) from None


def refused(source: Source, timeout_s: float) -> str:
    """Ask for the list, but take only the status; give why it is not to be had, or nothing."""
    try:
        with session(source) as asking, _asked(source, {}, asking, timeout_s) as response:
            return "" if response.status_code == HTTPStatus.OK else str(refusals.refused(source, response))
    except refusals.DownloadError as exc:
        return str(exc)


def _conditions(known: Validators) -> dict[str, str]:
    return {
        **({"If-None-Match": known.etag} if known.etag else {}),
        **({"If-Modified-Since": known.last_modified} if known.last_modified else {}),
    }


def _asked(source: Source, headers: Mapping[str, str], asking: requests.Session, timeout_s: float) -> requests.Response:
    """Ask for the list, wherever the server sends us; what comes is not read yet."""
    common = {
        "User-Agent": f"flowcoll/{__version__}",
        "Accept": "application/json, text/csv, text/plain, */*;q=0.5",
        "Accept-Encoding": "gzip",
        **headers,
    }
    url, trusted = source.asked, True
    for _ in range(_MAX_REDIRECTS + 1):
        trusted = trusted and may_see(source, url)
        if not trusted and gives_away(source, url):
            raise refusals.astray(source, "sends us to another server, with our key in the address")
        settings: dict[str, Any] = {"timeout": timeout_s, "stream": True, "allow_redirects": False}
        response = _get(source, url, asking, settings | _secrets(source, common, trusted=trusted))
        if response.status_code not in _REDIRECTS or "Location" not in response.headers:
            return response
        response.close()
        url = _next(source, url, response.headers["Location"])
    raise refusals.astray(source, f"sends us on more than {_MAX_REDIRECTS} times")


def _secrets(source: Source, headers: Mapping[str, str], *, trusted: bool) -> dict[str, Any]:
    if not trusted:
        return {"headers": headers, "auth": nobody}
    return {"headers": {**headers, **own_header(source)}, "auth": basic(source)}


def _get(source: Source, url: str, asking: requests.Session, settings: Mapping[str, Any]) -> requests.Response:
    proxies = {}
    if is_here(url):  # no proxy leads to this machine
        proxies = {"http": "", "https": ""}
    elif source.proxy:
        proxies = {"http": source.proxy, "https": source.proxy}
    try:
        return asking.get(url, proxies=proxies, verify=_verify(source), **settings)
    except (*refusals.NETWORK_ERRORS, ValueError) as exc:  # an address may be one that libraries cannot deal with
        raise refusals.no_answer(source, exc, urlsplit(url).hostname or "") from None


def _verify(source: Source) -> bool | str:
    """Give what the library is to trust; it is told with each request, where the environment does not count for more."""
    if source.skip_verification:
        return False
    return str(source.ca_file) if source.ca_file is not None else True


def _next(source: Source, url: str, location: str) -> str:
    """Give where the server sends us."""
    try:
        there = urljoin(url, location.encode("latin-1").decode())  # as it was sent, mostly UTF-8
        parts = urlsplit(there)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return there
    except ValueError:
        pass
    raise refusals.astray(source, "sends us to what is no address")


def _taken(source: Source, known: Validators, target: BinaryIO, response: requests.Response) -> Answer:
    """Take what the server answers."""
    if response.status_code == HTTPStatus.NOT_MODIFIED and any(known):
        return Answer(0, known, not_modified=True)
    if response.status_code != HTTPStatus.OK:
        raise refusals.refused(source, response)
    octets = 0
    try:
        for piece in pieces(response):
            octets += target.write(piece)
            if octets > LARGEST:
                raise refusals.too_large(source)
    except (*refusals.NETWORK_ERRORS, CodingError) as exc:
        raise refusals.broken(source, response, exc) from None
    target.flush()
    return Answer(octets, Validators(response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")))
