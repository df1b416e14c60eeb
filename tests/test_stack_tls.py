"""TLS between the collector and a real Elasticsearch whose certificates are of a private authority."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus import goldens
from elastic_node import Authority, Node
from service import Service
from stored import PREFIX, Stored, lost, output, settled

pytestmark = pytest.mark.stack

CLIENTS = "xpack.security.http.ssl.client_authentication"


class Secured:
    """A node with TLS, restarted when a test wants it to ask clients for certificates, or not to."""

    def __init__(self, node: Node, authority: Authority) -> None:
        self.authority = authority
        self._node = node

    def node(self, clients: str) -> Node:
        """Give the node running with this value of `client_authentication`."""
        if not self._node.running or self._node.settings.get(CLIENTS) != clients:
            self._node.stop()
            self._node.settings[CLIENTS] = clients
            self._node.start()
        return self._node


@pytest.fixture(scope="module")
def secured(server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:  # noqa: ARG001  it must be there
    """A node with a certificate of a private authority."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Node(authority=authority) as node:
        yield Secured(node, authority)


def send(service: Service) -> int:
    """Send a capture; give how many documents came of it."""
    service.send(next(golden for golden in goldens() if golden.name == "cisco-1941").payloads)
    return service.count("documents_written")


def arrive(service: Service, node: Node, namespace: str) -> None:
    """Documents arrive over TLS, none is lost."""
    written = send(service)
    assert settled(service) == written > 0
    assert lost(service) == {}
    assert Stored(node, namespace).count() == written


def complaint(service: Service) -> str:
    """The one line in which the collector says why it cannot deliver."""
    service.until("a complaint", lambda: service.lines("warn"))
    (line,) = service.lines("warn")
    return str(line["reason"])


def test_the_right_authority(secured: Secured, tmp_path: Path) -> None:
    """With the authority's certificate, documents arrive."""
    node = secured.node("none")
    tls = {"TLS_ENABLE": True, "TLS_CA_CERT_FILEPATH": secured.authority.certificate}
    with Service(tmp_path, **output(node, "tls_ca", **tls)) as service:
        arrive(service, node, "tls_ca")


@pytest.mark.parametrize("other", [False, True], ids=["none", "another"])
def test_an_unknown_authority(other: bool, secured: Secured, tmp_path: Path) -> None:
    """Without the authority's certificate, or with another's, one line names the option, and documents wait."""
    node = secured.node("none")
    tls: dict[str, object] = {"TLS_ENABLE": True}
    if other:
        tls["TLS_CA_CERT_FILEPATH"] = Authority(tmp_path, "somebody else").certificate
    with Service(tmp_path, **output(node, "tls_unknown", **tls)) as service:
        send(service)
        assert PREFIX + "TLS_CA_CERT_FILEPATH" in complaint(service)
        assert service.count("documents_delivered") == service.count("documents_dropped") == 0
        service.kill()


def test_skipped_verification(secured: Secured, tmp_path: Path) -> None:
    """With verification off, documents arrive whoever the server is."""
    node = secured.node("none")
    tls = {"TLS_ENABLE": True, "TLS_SKIP_VERIFICATION": True}
    with Service(tmp_path, **output(node, "tls_skip", **tls)) as service:
        arrive(service, node, "tls_skip")


def test_a_client_certificate(secured: Secured, tmp_path: Path) -> None:
    """A server that asks for a certificate gets ours, and documents arrive; where there is none, one line names the option."""
    node = secured.node("required")
    tls: dict[str, object] = {"TLS_ENABLE": True, "TLS_CA_CERT_FILEPATH": secured.authority.certificate}
    with Service(tmp_path, **output(node, "tls_client", **tls)) as service:
        assert PREFIX + "CLIENT_CERT_FILEPATH" in complaint(service)
        service.kill()
    own = secured.authority.issue("collector")
    tls |= {"CLIENT_CERT_FILEPATH": own.certificate, "CLIENT_KEY_FILEPATH": own.key}
    with Service(tmp_path, **output(node, "tls_client", **tls)) as service:
        arrive(service, node, "tls_client")


def test_plain_http_to_a_tls_port(secured: Secured, tmp_path: Path) -> None:
    """Whoever forgets to switch TLS on is told which option does it."""
    node = secured.node("none")
    with Service(tmp_path, **output(node, "tls_off")) as service:
        assert PREFIX + "TLS_ENABLE" in complaint(service)
        service.kill()
