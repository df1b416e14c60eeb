"""Why a list could not be downloaded and what to do about it, each in one line that shows no secret."""

import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import orjson
import requests
import urllib3

from flowcoll.errors import ListError
from flowcoll.threat.keeping.account import censored, may_see
from flowcoll.threat.keeping.body import CodingError
from flowcoll.threat.keeping.source import Source
from flowcoll.threat.reading.times import http_date
from flowcoll.threat.reading.unwrap import LARGEST

NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)
"""What the library raises."""

_TIMEOUTS = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
_HEAD = 65_536
_QUOTA = "quota"
_QUOTA_WAIT_S = 3600.0  # it comes back after hours or days; asking meanwhile only costs


class DownloadError(ListError):
    """The list could not be had; `incomplete`: an answer came, but not the whole of it."""

    def __init__(self, why: str, reason: str, *, incomplete: bool = False, retry_after_s: float = 0) -> None:
        super().__init__(why, reason)
        self.incomplete = incomplete
        self.retry_after_s = retry_after_s


def timed_out(source: Source, *, incomplete: bool) -> DownloadError:
    """Give the error of a download that took too long."""
    why = f"it took longer than {source.timeout_s:g} s; raise {source.names.timeout}"
    return DownloadError(why, "timeout", incomplete=incomplete)


def too_large(source: Source) -> DownloadError:
    """Give the error of an answer that is no list by its size."""
    why = f"the answer has more than {LARGEST >> 20} MiB; check {source.names.url}"
    return DownloadError(why, "too_large", incomplete=True)


def astray(source: Source, why: str) -> DownloadError:
    """Give the error of an address that leads nowhere."""
    return DownloadError(f"{source.place} {why}; check {source.names.url}", "redirect")


def no_authorities(source: Source, exc: OSError) -> DownloadError:
    """Give the error of a file of authorities that cannot be used."""
    missing = isinstance(exc, ssl.SSLError) or not exc.strerror
    why = f"{source.ca_file} cannot be used ({'it holds no certificate' if missing else exc.strerror})"
    return DownloadError(f"{why}; give certificates, PEM, in {source.names.ca_file}", "tls")


def broken(source: Source, response: requests.Response, exc: Exception) -> DownloadError:
    """Say why the rest of an answer did not come."""
    causes = list(_causes(exc))
    if isinstance(exc, CodingError):
        return DownloadError(f"{exc}; it is tried again", "incomplete", incomplete=True)
    if any(isinstance(cause, _TIMEOUTS) for cause in causes):
        return timed_out(source, incomplete=True)
    size = response.headers.get("Content-Length", "") if "Content-Encoding" not in response.headers else ""
    place = f"after {response.raw.tell()} of {size} bytes" if size else "before the whole answer had come"
    why = f"the connection ended {place}; it is tried again"
    if any(isinstance(cause, requests.exceptions.ContentDecodingError) for cause in causes):
        why = "its compression is damaged; it is tried again"
    return DownloadError(why, "incomplete", incomplete=True)


def unusable(exc: ListError, source: Source) -> ListError:
    """Say of an answer that came whole why it is of no use; `exc` says it so as to follow a name."""
    said = censored(str(exc), source)
    if exc.reason == "message" and _QUOTA in said:
        return DownloadError(f"the answer {said}; {_quota(source)}", _QUOTA, retry_after_s=_QUOTA_WAIT_S)
    advice = f"; check {source.names.url}"
    if exc.reason == "html":
        advice += ": a proxy or a sign-in page may answer in its place"
    elif exc.reason == "message" and source.owner:
        advice = f"; check the account's licence and quota at {source.owner}"
    elif exc.reason == "shrunken":
        advice = "; it is used if the next one says the same"
    return ListError(f"the answer {said}{advice}", exc.reason)


def refused(source: Source, response: requests.Response) -> DownloadError:
    """Say what a status other than 200 means."""
    status = response.status_code
    message = _said(source, response)
    said = f"{status} {message}".strip()
    wait_s = _retry_after(response.headers.get("Retry-After", ""))
    if status in {401, 403, 407} and not may_see(source, response.url):
        why, reason = _sent_on(source, response.url, said), "redirect"
    elif status == 401:
        why, reason = _unauthorized(source, said), "unauthorized"
    elif message.startswith(_QUOTA) or status == 402 or (status == 403 and source.owner):
        why, reason = f"{source.owner or 'the server'} does not give the list ({said}); {_quota(source)}", _QUOTA
        wait_s = max(wait_s, _QUOTA_WAIT_S)
    elif status == 403:
        why, reason = f"the server does not give the list ({said}); {_check_account(source)}", "forbidden"
    elif status in {404, 410}:
        why, reason = f"there is no list at this address ({said}); check {source.names.url}", "not_found"
    elif status == 407:
        why, reason = f"the proxy asks for a user ({said}); give it in {source.names.proxy}", "proxy"
    elif status == 429:
        who = source.owner or "the server"
        why, reason = f"{who} asks for fewer requests ({said}); it is tried again later", "too_many_requests"
    elif status >= 500:
        why, reason = f"the server has a fault ({said}); it is tried again", "server_error"
    else:
        why, reason = f"the answer is no list ({said}); check {source.names.url}", "unexpected_status"
    return DownloadError(why, reason, retry_after_s=wait_s)


def _sent_on(source: Source, url: str, said: str) -> str:
    """Say of another server why it does not know us: no secret was sent there."""
    parts = urlsplit(url)
    there = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    why = f"{source.place} sends us on to {there}, which is told no secret and refuses us ({said})"
    return f"{why}; check {source.names.url}, and put the new address there if it is right"


def _unauthorized(source: Source, said: str) -> str:
    names = source.names
    if source.owner:
        why = f"{source.owner} refuses user and key ({said}); check {names.user} and {names.key}: "
        return why + "the key is the one shown under API Access, not the password of the web site"
    if source.header and not source.user:
        return f"the server refuses the key ({said}); check {names.header}"
    if source.user or source.key:
        return f"the server refuses user and password ({said}); check {names.user} and {names.key}"
    return f"the server wants to know who asks ({said}); set {names.user} and {names.key}, or {names.header}"


def _quota(source: Source) -> str:
    if source.owner:
        return f"check the account's licence and quota at {source.owner}; it is tried again in an hour or later"
    return f"see what its owner allows, and ask less often: {source.names.url.removesuffix('URL')}REFRESH_INTERVAL"


def _check_account(source: Source) -> str:
    names = source.names
    if source.user or source.key:
        return f"check {names.user} and {names.key}, and what its owner asks for"
    return f"check {names.header if source.header else names.url}, and what its owner asks for"


def no_answer(source: Source, exc: Exception, place: str = "") -> DownloadError:
    """Say why there is no answer at all, of the host that was asked; the library's own words may hold what must not be shown."""
    place = place or source.place
    names = source.names
    causes = list(_causes(exc))

    def among(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    untrusted = [cause.verify_message for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)]
    if untrusted:
        place = "the proxy" if among(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError) else place
        why = f"the certificate of {place} is not trusted ({untrusted[0]})"
        return DownloadError(f"{why}; give its authority in {names.ca_file}, or let this host trust it", "tls")
    if among(requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL):
        return DownloadError(_proxy(source, causes), "proxy")
    if among(socket.gaierror):
        why, reason = f"the name {place} cannot be resolved; check {names.url} and DNS", "dns"
    elif among(ConnectionRefusedError):
        why, reason = f"{place} refuses connections; check {names.url} and the firewall", "connection"
    elif among(*_TIMEOUTS):
        return timed_out(source, incomplete=False)
    elif among(ssl.SSLError, requests.exceptions.SSLError):
        why, reason = f"{place} and this host do not agree on TLS; check {names.url}", "tls"
    elif isinstance(exc, requests.ConnectionError):
        why, reason = f"the connection to {place} fails; it is tried again", "connection"
    else:
        why, reason = f"the request cannot be made ({type(exc).__name__}); check {names.url}", "request"
    return DownloadError(why, reason)


def _proxy(source: Source, causes: list[BaseException]) -> str:
    """Say why a proxy leads nowhere."""
    option = source.names.proxy
    where = option if source.proxy else f"HTTPS_PROXY and HTTP_PROXY in the environment, or set {option}"
    if any("407" in str(cause) for cause in causes if isinstance(cause, OSError)):
        return f"the proxy asks for a user; give it in {option}, http://user:password@host:port"
    return f"the proxy cannot be used; check {where}"


def _retry_after(value: str) -> float:
    """Give the seconds a server asks to wait (RFC 9110 section 10.2.3); 0 when it does not say."""
    if value.isdecimal():
        return float(value[:9])
    when = http_date(value)
    return max(when - time.time(), 0.0) if when else 0.0


def _said(source: Source, response: requests.Response) -> str:
    """Give what the body of an error says, on one line, or the words of the status."""
    try:
        body = orjson.loads(next(response.iter_content(_HEAD), b""))
    except (*NETWORK_ERRORS, orjson.JSONDecodeError):
        body = None
    error = (body.get("error") or body.get("message")) if isinstance(body, dict) else None
    if isinstance(error, dict):
        error = error.get("message") or error.get("developer_message")
    text = error if isinstance(error, str) and error else response.reason or ""
    return censored(" ".join(text.split()), source)[:200]


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Give an error and all that it wraps: libraries pass it as cause, context, argument or attribute."""
    waiting, seen = [exc], {id(exc)}
    while waiting:
        each = waiting.pop(0)
        yield each
        for inner in (each.__cause__, each.__context__, *each.args, getattr(each, "reason", None)):
            if isinstance(inner, BaseException) and id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)
