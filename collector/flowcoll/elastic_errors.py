"""What errors between us and Elasticsearch mean to a person."""

import ssl
from collections.abc import Iterator

from elastic_transport import ApiError, ConnectionTimeout, SerializationError, TlsError, TransportError
from elasticsearch import UnsupportedProductError
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from flowcoll.errors import FlowcollError

_LONGEST = 400
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_CREDENTIALS = "check EF_OUTPUT_ELASTICSEARCH_USERNAME and _PASSWORD, or _API_KEY"
_AUTHORITY = "EF_OUTPUT_ELASTICSEARCH_TLS_CA_CERT_FILEPATH"
_TLS_REASONS = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS there; check EF_OUTPUT_ELASTICSEARCH_TLS_ENABLE and the port",
    "CERTIFICATE_REQUIRED": "it asks for a certificate of ours; set EF_OUTPUT_ELASTICSEARCH_CLIENT_CERT_FILEPATH",
    "BAD_CERTIFICATE": "it does not take our certificate; check EF_OUTPUT_ELASTICSEARCH_CLIENT_CERT_FILEPATH",
    "UNKNOWN_CA": "it does not know the authority behind our certificate; EF_OUTPUT_ELASTICSEARCH_CLIENT_CA_CERT_FILEPATH "
    "may name one that it knows",
    "CERTIFICATE_EXPIRED": "our certificate has expired; renew EF_OUTPUT_ELASTICSEARCH_CLIENT_CERT_FILEPATH",
}


def why(error: Exception) -> str:
    """Say in one line what went wrong between us and Elasticsearch, and where to look; no secret is in it."""
    match error:
        case UnsupportedProductError():
            text = "the server is not Elasticsearch; check EF_OUTPUT_ELASTICSEARCH_ADDRESSES"
        case ApiError():
            text = _about_answer(error)
        case TlsError():
            text = f"TLS to {_place(error)} failed: {_about_tls(error)}"
        case ConnectionTimeout():
            text = f"no answer in time from {_place(error)}"
        case SerializationError():
            text = "the answer cannot be read; check whether EF_OUTPUT_ELASTICSEARCH_ADDRESSES names Elasticsearch"
        case TransportError():
            text = f"no connection to {_place(error)}: {_about_connection(error)}"
        case _:
            text = str(error) or type(error).__name__
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _about_answer(error: ApiError) -> str:
    status = error.meta.status
    detail = error.body.get("error") if isinstance(error.body, dict) else None
    kind, reason = (detail.get("type"), detail.get("reason")) if isinstance(detail, dict) else ("", "")
    match status, kind:
        case 401, _:
            return f"401, it does not accept who we say we are{f' ({reason})' if reason else ''}; {_CREDENTIALS}"
        case 403, "security_exception":
            return f"403, the user or key lacks a right: {reason}"
        case 413, _:
            return "413, the request is too large for it or for a proxy before it"
    return f"status {status}{f': {kind}: {reason}' if kind else ''}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and what led to it, the outermost first."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__ or (at.args[0] if at.args and isinstance(at.args[0], Exception) else None)


def _place(error: Exception) -> str:
    return next(iter(getattr(error, "__notes__", ())), "Elasticsearch")


def _about_tls(error: Exception) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            said = cause.verify_message
            if "valid for" in said:  # a host name or an address that is not in the certificate
                return f"{said}; give the name that is in the server's certificate in EF_OUTPUT_ELASTICSEARCH_ADDRESSES"
            return f"its certificate is not trusted ({said}); {_AUTHORITY} is to name the authority behind it"
        if isinstance(cause, ssl.SSLEOFError):
            return _closed(error)
        if isinstance(cause, ssl.SSLError):
            reason = cause.reason or ""
            told = (text for word, text in _TLS_REASONS.items() if word in reason)
            return next(told, reason.replace("_", " ").lower() or str(cause))
    return str(error)


def _about_connection(error: Exception) -> str:
    root = [cause for cause in _causes(error) if isinstance(cause, OSError)]
    if root:
        last = root[-1]
        if isinstance(last, ConnectionResetError | BrokenPipeError | ssl.SSLEOFError):
            return _closed(error)
        return last.strerror or str(last)
    if any("closed connection" in str(cause) for cause in _causes(error)):
        return _closed(error)
    return str(list(_causes(error))[-1])


def _closed(error: Exception) -> str:
    if _place(error).startswith("https"):  # how some servers refuse who shows no certificate, or not the right one
        return (
            "it closed the connection; if it asks for a certificate, check EF_OUTPUT_ELASTICSEARCH_CLIENT_CERT_FILEPATH"
        )
    return "it closed the connection; if it speaks TLS there, set EF_OUTPUT_ELASTICSEARCH_TLS_ENABLE"


def category(error: Exception) -> str:
    """Give the kind of an error for a counter: an HTTP status, or what failed."""
    match error:
        case ApiError():
            return str(error.meta.status)
        case TlsError():
            return "tls"
        case ConnectionTimeout():
            return "timeout"
        case SerializationError() | FlowcollError():
            return "answer"
    return "connection"


def uncertain(error: Exception) -> bool:
    """Whether a request may have been carried out all the same: only its answer did not come, or could not be read."""
    if isinstance(error, ApiError):
        return not _CLIENT_ERROR <= error.meta.status < _SERVER_ERROR
    return not any(isinstance(each, NewConnectionError | ConnectTimeoutError) for each in _causes(error))
