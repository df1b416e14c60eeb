"""The Elasticsearch client of an output.

elasticsearch-py does the speaking: addresses in turn with a rest for dead ones, connections kept, TLS, authentication.
It neither retries nor sniffs here, and bytes pass through it untouched; when to try again is the caller's to decide.
"""

import re
import ssl
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import urllib3
from elastic_transport import (
    NodeConfig,
    Serializer,
    TransportError,
    Urllib3HttpNode,
)
from elastic_transport.client_utils import parse_cloud_id, url_to_node_config
from elasticsearch import Elasticsearch
from elasticsearch.serializer import OrjsonSerializer

from flowcoll import trust
from flowcoll.config import OutputOptions
from flowcoll.elastic_errors import why
from flowcoll.errors import ConfigError

__all__ = ["CONNECTIONS", "connect", "why"]

CONNECTIONS = 8
"""Connections kept per node, for as many requests in flight."""

_CONNECT_TIMEOUT_S = 10.0
_KIND = "ELASTICSEARCH"


# How the answer begins to a bulk request that asked for errors and statuses only, when all of it was stored.
_ALL_STORED = re.compile(
    rb'\{(?:"errors":false,"took":\d+|"took":\d+,"errors":false)(?:,"ingest_took":\d+)?,"items":\[\{"create":\{"status":201\}'
)


class _Json(OrjsonSerializer):
    """Reads answers, but not what they say of thousands of documents without an error: that took 1.8 us a document."""

    def loads(self, data: bytes) -> Any:
        return {"errors": False} if _ALL_STORED.match(data) else super().loads(data)


class _Bytes(Serializer):
    """Gives bodies of bulk requests to the transport as they are: they are compressed already."""

    mimetype = "application/x-ndjson"

    def dumps(self, data: bytes) -> bytes:
        return data


class _Node(Urllib3HttpNode):
    """The transport's node, with connections that trust what our own context trusts, and nobody besides.

    The transport would add certifi's authorities to it; and its only timeout would hold for connecting, too.
    """

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        kind: type[urllib3.HTTPConnectionPool] = urllib3.HTTPConnectionPool
        tls: dict[str, Any] = {}
        if config.ssl_context is not None:
            kind, tls = urllib3.HTTPSConnectionPool, {"ssl_context": config.ssl_context}
        self.pool = kind(
            config.host,
            port=config.port,
            timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=config.request_timeout),
            maxsize=config.connections_per_node,
            block=True,
            **tls,
        )

    def perform_request(self, *args: Any, **kwargs: Any) -> Any:
        """Do as the transport's node, and note on an error which node it was."""
        try:
            return super().perform_request(*args, **kwargs)
        except TransportError as exc:
            exc.add_note(self.base_url)
            raise


def connect(output: OutputOptions, *, request_timeout_s: float = 60) -> Elasticsearch:
    """Make the client of an output; nothing is sent yet. ConfigError: a certificate that cannot be read, a bad cloud id."""
    tls = _tls(output) if output.values["TLS_ENABLE"] or output.values["CLOUD_ID"] else None
    nodes = [
        NodeConfig(
            scheme="https" if tls else "http",
            host=host,
            port=port,
            connections_per_node=CONNECTIONS,
            request_timeout=request_timeout_s,
            http_compress=False,
            ssl_context=tls,
            ssl_show_warn=False,
        )
        for host, port in dict.fromkeys(_addresses(output))
    ]
    return Elasticsearch(
        nodes,
        node_class=_Node,
        max_retries=0,
        retry_on_status=(),
        retry_on_timeout=False,
        serializers={"application/json": _Json(), _Bytes.mimetype: _Bytes()},
        opaque_id="flowcoll",
        **_credentials(output),
    )


def _addresses(output: OutputOptions) -> Iterator[tuple[str, int]]:
    cloud_id = output.values["CLOUD_ID"]
    if not cloud_id:
        for address in output.values["ADDRESSES"]:
            node = url_to_node_config(f"http://{address}")
            yield node.host, node.port
        return
    try:
        host, port = parse_cloud_id(cloud_id).es_address or ("", 0)
    except ValueError:
        host, port = "", 0
    if not host or port is None:
        raise ConfigError(
            f"{output.option(_KIND)}_CLOUD_ID names no deployment; copy it from its page at Elastic Cloud"
        )
    yield host, port


def _credentials(output: OutputOptions) -> dict[str, Any]:
    values = output.values
    if key := values["API_KEY"].strip():
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise ConfigError(
                f"{output.option(_KIND)}_API_KEY is no API key; give it as Elasticsearch shows it, base64"
            )
        ident, colon, secret = key.partition(":")
        return {"api_key": (ident, secret) if colon else key}  # also taken as id:key, which base64 never looks like
    if not values["USERNAME"]:
        return {}
    pair = f"{values['USERNAME']}:{values['PASSWORD']}"  # the client itself would take ASCII only
    return {"basic_auth": b64encode(pair.encode()).decode()}


def _tls(output: OutputOptions) -> ssl.SSLContext:
    values = output.values
    authorities: Path | None = values["TLS_CA_CERT_FILEPATH"]
    try:
        context = trust.context(authorities, verify=not values["TLS_SKIP_VERIFICATION"])
    except (OSError, ValueError) as exc:  # an SSLError is an OSError
        raise _unusable(output, "TLS_CA_CERT_FILEPATH", authorities, exc) from exc
    if values["TLS_SKIP_VERIFICATION"]:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the log has said it, once is enough
    if values["CLIENT_CERT_FILEPATH"]:
        _show_certificate(output, context)
    return context


def _show_certificate(output: OutputOptions, context: ssl.SSLContext) -> None:
    """Load our own certificate, with that of its authority behind it, and its key."""
    texts = {}
    for suffix in ("CLIENT_CERT_FILEPATH", "CLIENT_CA_CERT_FILEPATH", "CLIENT_KEY_FILEPATH"):
        if path := output.values[suffix]:
            try:
                texts[suffix] = path.read_bytes()
            except OSError as exc:
                raise _unusable(output, suffix, path, exc) from exc
    key = texts.pop("CLIENT_KEY_FILEPATH", None)
    own = output.values["CLIENT_CERT_FILEPATH"]
    with tempfile.NamedTemporaryFile(prefix="flowcoll-") as chain:  # OpenSSL reads a chain from one file only
        chain.write(b"\n".join(texts.values()))
        chain.flush()
        try:
            # never ask a terminal for the passphrase of a key
            context.load_cert_chain(chain.name, key and output.values["CLIENT_KEY_FILEPATH"], password=lambda: "")
        except (OSError, ValueError) as exc:
            raise _unusable(output, "CLIENT_CERT_FILEPATH", own, exc) from exc


def _unusable(output: OutputOptions, suffix: str, path: Path | None, exc: Exception) -> ConfigError:
    reason = getattr(exc, "reason", None) or getattr(exc, "strerror", None) or str(exc)
    advice = "give certificates, and a key without passphrase that belongs to them, as PEM"
    if not isinstance(exc, ssl.SSLError) and isinstance(exc, OSError):
        advice = "check the path and its permissions"
    return ConfigError(f"{output.option(_KIND)}_{suffix} = {path}: cannot be used ({reason}); {advice}")
