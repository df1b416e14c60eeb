"""The API is asked as the options say, and what goes wrong is told in one line."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from socket import SOCK_STREAM

import pytest

from answering import Server, serving
from elastic_node.certificates import Authority
from flowcoll.config import defaults
from flowcoll.errors import SetupError
from flowcoll.exporters.asking import Api, NoAnswerError
from service import free_port


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def of(server: Server, **values: object) -> Api:
    """The API that options name."""
    return Api.of(defaults(EF_API_PORT=server.server_port, **values))


def test_a_page(server: Server) -> None:
    """A page is asked for at the address that the options name, and its JSON is given."""
    api = of(server)
    assert api.json("/exporters") == {"exporters": []}
    assert server.asked == [("/exporters", None)]
    assert api.name == f"http://127.0.0.1:{server.server_port}"


def test_everywhere_is_here(server: Server) -> None:
    """An API that is served on every address is asked on this host."""
    assert of(server, EF_API_IP="0.0.0.0").text("/metrics")
    assert Api.of(defaults(EF_API_IP="::", EF_API_PORT=81)).name == "http://[::1]:81"


def test_user_and_password(server: Server) -> None:
    """User and password of the options are said, in UTF-8."""
    given = {"EF_API_BASIC_AUTH_USERNAME": "jane", "EF_API_BASIC_AUTH_PASSWORD": "pässword"}
    of(server, EF_API_BASIC_AUTH_ENABLE=True, **given).text("/readyz")
    assert server.asked == [("/readyz", "Basic amFuZTpww6Rzc3dvcmQ=")]


def test_another_place(server: Server) -> None:
    """A URL is asked as it stands; a password in it is said and not shown."""
    api = Api.at(f"http://jane:secret@127.0.0.1:{server.server_port}/flowcoll/")
    api.text("/readyz")
    assert server.asked == [("/flowcoll/readyz", "Basic amFuZTpzZWNyZXQ=")]
    assert api.name == f"http://127.0.0.1:{server.server_port}/flowcoll"


def test_not_ready_is_an_answer(server: Server) -> None:
    """A collector that is not ready yet answers all the same."""
    server.status = 503
    assert of(server).json("/readyz")


def test_nobody_answers() -> None:
    """When nobody is there, it is said where, and why."""
    port = free_port(SOCK_STREAM)
    with pytest.raises(NoAnswerError, match=rf"^http://127\.0\.0\.1:{port} does not answer \(Connection refused\)$"):
        Api.of(defaults(EF_API_PORT=port)).json("/exporters")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, b"{}", "answers HTTP 404: is this the API of flowcoll?"),
        (401, b"{}", "asks for a user name and a password: EF_API_BASIC_AUTH_USERNAME"),
        (200, b"<html>", "is no JSON object: is this the API of flowcoll?"),
        (200, b"[]", "is no JSON object"),
    ],
)
def test_strange_answers(server: Server, status: int, body: bytes, expected: str) -> None:
    """What is no answer of ours is told with what to look at; it does not count as no answer."""
    server.status, server.body = status, body
    with pytest.raises(SetupError) as caught:
        of(server).json("/exporters")
    assert expected in str(caught.value)
    assert not isinstance(caught.value, NoAnswerError)
    assert "\n" not in str(caught.value)


def test_no_url() -> None:
    """What is no URL is told with one that is."""
    with pytest.raises(SetupError, match="--api localhost:8080: give a URL such as http"):
        Api.at("localhost:8080")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_tls(authority: Authority) -> None:
    """Over TLS the certificate of the options is trusted, whichever name it is for; another is not."""
    own, other = authority.issue("collector.example.org"), authority.issue("another.example.org")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    tls = {"EF_API_TLS_ENABLE": True, "EF_API_TLS_KEY_FILEPATH": own.key}
    with serving(context) as server:
        assert of(server, EF_API_TLS_CERT_FILEPATH=own.certificate, **tls).json("/exporters") == {"exporters": []}
        with pytest.raises(SetupError, match=r"its certificate is not trusted here \([a-z ]+\)$"):
            of(server, EF_API_TLS_CERT_FILEPATH=other.certificate, **tls).json("/exporters")


def test_a_certificate_that_cannot_be_read(tmp_path: Path) -> None:
    """A certificate that only the service may read is told with another way to ask."""
    missing = tmp_path / "nothing.pem"
    with pytest.raises(SetupError, match=r"EF_API_TLS_CERT_FILEPATH: cannot read .*nothing\.pem \(No such file"):
        Api.of(defaults(EF_API_TLS_ENABLE=True, EF_API_TLS_CERT_FILEPATH=missing, EF_API_TLS_KEY_FILEPATH=missing))
