"""Why a list could not be downloaded and what to do about it, each in one line that shows no secret."""

import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import urlsplit

import orjson
import requests
import urllib3

from flowcoll.errors import ListError
from flowcoll.options.types import SHOWN_SECRET
from flowcoll.threat.source import API_KEY, API_TIMEOUT, API_USER, ENDPOINT, Source
from flowcoll.threat.times import http_date
from flowcoll.threat.unwrap import LARGEST

NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)
"""What the library raises."""

_TIMEOUTS = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
_HEAD = 65_536


class DownloadError(ListError):
    """The list could not be had; `incomplete`: an answer came, but not the whole of it."""

    def __init__(self, why: str, reason: str, *, incomplete: bool = False, retry_after_s: float = 0) -> None:
        super().__init__(why, reason)
        self.incomplete = incomplete
        self.retry_after_s = retry_after_s


def timed_out(source: Source, *, incomplete: bool) -> DownloadError:
    """Give the error of a download that took too long."""
    why = f"it took longer than {source.timeout_s:g} s; raise {API_TIMEOUT}"
    return DownloadError(why, "timeout", incomplete=incomplete)


def too_large() -> DownloadError:
    """Give the error of an answer that is no list by its size."""
    why = f"the answer has more than {LARGEST >> 20} MiB; check {ENDPOINT}"
    return DownloadError(why, "too_large", incomplete=True)


def broken(source: Source, response: requests.Response, exc: Exception) -> DownloadError:
    """Say why the rest of an answer did not come."""
    causes = list(_causes(exc))
    if any(isinstance(cause, _TIMEOUTS) for cause in causes):
        return timed_out(source, incomplete=True)
    size = response.headers.get("Content-Length", "") if "Content-Encoding" not in response.headers else ""
    place = f"after {response.raw.tell()} of {size} bytes" if size else "before the whole answer had come"
    why = f"the connection ended {place}; it is tried again"
    if any(isinstance(cause, requests.exceptions.ContentDecodingError) for cause in causes):
        why = "its compression is damaged; it is tried again"
    return DownloadError(why, "incomplete", incomplete=True)


def unusable(exc: ListError) -> ListError:
    """Say of an answer that came whole why it is of no use; `exc` says it so as to follow a name."""
    advice = f"; check {ENDPOINT}"
    if exc.reason == "html":
        advice += ": a proxy or a sign-in page may answer in its place"
    elif exc.reason == "message":
        advice = "; check the account's licence and quota at PassiveTotal"
    elif exc.reason == "shrunken":
        advice = "; it is used if the next one says the same"
    return ListError(f"the answer {exc}{advice}", exc.reason)


def refused(source: Source, response: requests.Response) -> DownloadError:
    """Say what a status other than 200 means."""
    status = response.status_code
    said = f"{status}{_said(source, response)}"
    if status == 401:
        why, reason = (
            (
                f"PassiveTotal refuses user and key ({said}); check {API_USER} and {API_KEY}: "
                "the key is the one shown under API Access, not the password of the web site"
            ),
            "unauthorized",
        )
    elif status in {402, 403}:
        why = f"the account may not have the list ({said}); check its licence and quota at PassiveTotal"
        reason = "forbidden"
    elif status in {404, 410}:
        why, reason = f"there is no list at this address ({said}); check {ENDPOINT}", "not_found"
    elif status == 429:
        why, reason = f"PassiveTotal asks for fewer requests ({said}); it is tried again later", "too_many_requests"
    elif status >= 500:
        why, reason = f"the server has a fault ({said}); it is tried again", "server_error"
    else:
        why, reason = f"the answer is no list ({said}); check {ENDPOINT}", "unexpected_status"
    return DownloadError(why, reason, retry_after_s=_retry_after(response.headers.get("Retry-After", "")))


def no_answer(source: Source, exc: Exception) -> DownloadError:
    """Say why there is no answer at all; the library's own words may hold what must not be shown."""
    place = urlsplit(source.url).hostname or ""
    causes = list(_causes(exc))

    def among(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    untrusted = [cause.verify_message for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)]
    if untrusted:
        why, reason = (
            (
                f"the certificate of {place} is not trusted ({untrusted[0]}); let this host trust its authority, "
                "or name a file of authorities in the environment as REQUESTS_CA_BUNDLE"
            ),
            "tls",
        )
    elif among(requests.exceptions.ProxyError):
        why, reason = "the proxy cannot be used; check HTTPS_PROXY and HTTP_PROXY in the environment", "proxy"
    elif among(socket.gaierror):
        why, reason = f"the name {place} cannot be resolved; check {ENDPOINT} and DNS", "dns"
    elif among(ConnectionRefusedError):
        why, reason = f"{place} refuses connections; check {ENDPOINT} and the firewall", "connection"
    elif among(*_TIMEOUTS):
        return timed_out(source, incomplete=False)
    elif among(ssl.SSLError, requests.exceptions.SSLError):
        why, reason = f"{place} and this host do not agree on TLS; check {ENDPOINT}", "tls"
    elif isinstance(exc, requests.ConnectionError):
        why, reason = f"the connection to {place} fails; it is tried again", "connection"
    else:
        why, reason = f"the request cannot be made ({type(exc).__name__}); check {ENDPOINT}", "request"
    return DownloadError(why, reason)


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
    text = " ".join((error if isinstance(error, str) and error else response.reason or "").split())[:200]
    for secret in (b64encode(f"{source.user}:{source.key}".encode()).decode(), source.key):
        text = text.replace(secret, SHOWN_SECRET)  # some servers repeat what they were sent
    return f" {text}" if text else ""


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
