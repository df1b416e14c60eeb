"""The API of a running collector, asked over HTTP."""

import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
import requests

from flowcoll import trust
from flowcoll.errors import SetupError

_TIMEOUT_S = (3.0, 30.0)  # to connect, and between octets of an answer
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  what is served everywhere is asked for here


class NoAnswerError(SetupError):
    """Nobody is there."""


class Api:
    """Pages of the API as JSON or text; SetupError, NoAnswerError when nobody answers."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url.rstrip("/")
        self._session = session
        self.name = _without_password(self._url)

    @classmethod
    def at(cls, url: str) -> "Api":
        """Ask at a URL; who needs a user name and a password has them in .netrc, as other programs do."""
        if urlsplit(url).scheme not in {"http", "https"}:
            raise SetupError(f"--api {url}: give a URL such as http://127.0.0.1:8080")
        return cls(url, requests.Session())

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Api":
        """Ask the collector that runs here with these options."""
        session = requests.Session()
        session.trust_env = False  # this host is not asked through a proxy
        scheme = "http"
        if options["EF_API_TLS_ENABLE"]:
            scheme = "https"
            _trust(session, options["EF_API_TLS_CERT_FILEPATH"])
        if options["EF_API_BASIC_AUTH_ENABLE"]:
            names = ("EF_API_BASIC_AUTH_USERNAME", "EF_API_BASIC_AUTH_PASSWORD")
            user, password = (options[name].encode() for name in names)
            session.auth = (user, password)
        host = _LOOPBACK.get(options["EF_API_IP"], options["EF_API_IP"])
        bracketed = f"[{host}]" if ip_address(host).version == 6 else host
        return cls(f"{scheme}://{bracketed}:{options['EF_API_PORT']}", session)

    def json(self, page: str) -> dict[str, Any]:
        """Give a page that holds a JSON object."""
        try:
            found = orjson.loads(self.text(page))
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise SetupError(f"{self.name}{page} is no JSON object: is this the API of flowcoll?")
        return found

    def text(self, page: str) -> str:
        """Give a page as it is."""
        try:
            answer = self._session.get(self._url + page, timeout=_TIMEOUT_S)
        except requests.exceptions.SSLError as exc:
            raise SetupError(f"{self.name}: its certificate is not trusted here ({_cause(exc)})") from None
        except requests.RequestException as exc:
            raise NoAnswerError(f"{self.name} does not answer ({_cause(exc)})") from None
        if answer.status_code == requests.codes.unauthorized:
            raise SetupError(
                f"{self.name} asks for a user name and a password: EF_API_BASIC_AUTH_USERNAME and _PASSWORD, with --api .netrc"
            )
        if answer.status_code not in {requests.codes.ok, requests.codes.unavailable}:  # the latter: not ready yet
            raise SetupError(f"{self.name}{page} answers HTTP {answer.status_code}: is this the API of flowcoll?")
        return answer.text


def _trust(session: requests.Session, certificate: Path | None) -> None:
    if certificate is None:
        return
    try:
        trusting = trust.context(certificate)
    except (OSError, ssl.SSLError) as exc:
        reason = exc.strerror or type(exc).__name__
        raise SetupError(f"EF_API_TLS_CERT_FILEPATH: cannot read {certificate} ({reason}); or use --api URL") from None
    trusting.check_hostname = False  # whichever name it holds: the collector is asked by its address
    session.mount("https://", trust.Adapter(trusting, assert_hostname=False))
    session.verify = str(certificate)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _cause(exc: BaseException) -> str:
    """Give what is at the bottom of an error, in a few words."""
    found = exc
    while (below := found.__cause__ or found.__context__ or getattr(found, "reason", None)) is not None:
        if not isinstance(below, BaseException):
            break
        found = below
    if isinstance(found, ssl.SSLCertVerificationError):
        return found.verify_message
    if isinstance(found, OSError) and found.strerror:
        return found.strerror
    return str(found).rsplit(": ", 1)[-1] or type(found).__name__
