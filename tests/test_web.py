import base64
import contextlib
import io
import json
import socket
import ssl
import urllib.error
from wsgiref.util import setup_testing_defaults

import gevent
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from asking import fetch
from elastic_node.certificates import Authority
from flowcoll.collect.web import Certificate, encryption, guarded, serve
from flowcoll.errors import ConfigError, SetupError
from flowcoll.logs import Log


def hello(_environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"hi"]


@pytest.fixture
def stream():
    return io.StringIO()


@contextlib.contextmanager
def serving(stream, ip="127.0.0.1", tls=None):
    server = serve(ip, 0, hello, Log(stream), tls)
    try:
        yield server.address[1]
    finally:
        server.stop(timeout=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def issued(authority):
    return authority.issue("api", "127.0.0.1", "::1", "localhost")


# the port


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_it_is_served(stream, ip):
    """Pages are served over HTTP, on IPv4 and IPv6, and requests leave no line in the log."""
    with serving(stream, ip) as port:
        host = f"[{ip}]" if ":" in ip else ip
        assert fetch(f"http://{host}:{port}/")[:2] == (200, b"hi")
    assert stream.getvalue() == ""


def test_nonsense_is_logged_once(stream):
    """What is no HTTP is refused, and told in our log at most once a minute."""
    with serving(stream) as port:
        for _ in range(3):
            with gevent.socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(b"\x00\x01nonsense\r\n\r\n")
                assert b"400" in sock.recv(1000)
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["level"], line["caller"].split(":")[0]) == ("warn", "collect/web.py")


def test_a_taken_port_is_one_line(stream):
    """A taken port is a SetupError that names the place and the options."""
    with serving(stream) as port, pytest.raises(SetupError) as caught:
        serve("127.0.0.1", port, hello, Log(stream))
    words = str(caught.value)
    assert f"127.0.0.1 port {port} is taken" in words
    assert "EF_API_PORT" in words
    assert "\n" not in words


# user name and password


def asked(header, path="/metrics", free=()):
    """The status that a request with this Authorization header gets."""
    environ = {}
    setup_testing_defaults(environ)
    environ["PATH_INFO"] = path
    if header is not None:
        environ["HTTP_AUTHORIZATION"] = header
    heard = {}
    answer = guarded(hello, "jane", "s3cret:\u00fc", free)
    body = b"".join(answer(environ, lambda status, headers: heard.update(status=status, headers=dict(headers))))
    assert heard["headers"]["Content-Length"] == str(len(body))
    return int(heard["status"].split()[0]), heard["headers"].get("WWW-Authenticate", "")


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_who_knows_the_password_is_let_in():
    """Name and password as RFC 7617 writes them open the page, whatever the case of the scheme."""
    right = basic("jane:s3cret:\u00fc")
    assert asked(right) == (200, "")
    assert asked(right.replace("Basic", "bASIC")) == (200, "")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic \u00e4\u00f6",
        "Bearer x",
        basic(""),
        basic(":"),
        basic("jane"),
        basic("jane:s3cret"),
        basic("joe:s3cret:\u00fc"),
        basic("jane:s3cret:\u00fcx"),
    ],
)
def test_who_does_not_is_asked(header):
    """Without, or with anything wrong or malformed, the answer is 401 and asks for both."""
    status, asks = asked(header)
    assert status == 401
    assert asks.startswith('Basic realm="flowcoll"')


@given(st.text(st.characters(max_codepoint=255)))
def test_any_header_is_refused(header):
    """No header makes the guard fail or lets anybody in who does not know the password."""
    assert asked(header)[0] == 401


def test_a_free_page_needs_no_password():
    """A page that is for everybody is there with and without name and password, and no other is."""
    assert asked(None, "/livez", {"/livez"})[0] == 200
    assert asked(basic("a:b"), "/livez", {"/livez"})[0] == 200
    assert asked(None, "/livez/", {"/livez"})[0] == 401


# TLS


def test_tls(stream, authority, issued):
    """A client that trusts the authority gets the page over TLS, one that does not gets none."""
    with serving(stream, tls=Certificate(*issued, Log(stream))) as port:
        url = f"https://127.0.0.1:{port}/"
        assert fetch(url, authority.certificate)[:2] == (200, b"hi")
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            fetch(url)


def test_what_is_no_tls_is_logged_once(stream, issued):
    """Plain HTTP on a TLS port is told in one line, without a traceback; a probe that only connects is not told."""
    with serving(stream, tls=Certificate(*issued, Log(stream))) as port:
        for said in (b"", b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"):
            with gevent.socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(said)
                sock.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionResetError):
                    while sock.recv(1000):
                        pass
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line["level"] == "warn"
    assert "no TLS with 127.0.0.1" in line["reason"]


def test_a_new_certificate_needs_no_restart(stream, tmp_path, authority):
    """When the files are replaced, one after the other, connections go on: with the old ones until the new ones fit."""
    first, second = (authority.issue(name, "127.0.0.1") for name in ("first", "second"))
    files = tmp_path / "api.pem", tmp_path / "api.key"

    def served(port):
        def ask():
            with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
                context = ssl.create_default_context(cafile=authority.certificate)
                with context.wrap_socket(sock, server_hostname="127.0.0.1") as tls:
                    return dict(part[0] for part in tls.getpeercert()["subject"])["commonName"]

        return gevent.get_hub().threadpool.spawn(ask).get(timeout=10)

    for path, source in zip(files, first, strict=True):
        path.write_bytes(source.read_bytes())
    with serving(stream, tls=Certificate(*files, Log(stream))) as port:
        names = [served(port)]
        for path, source in zip(files, second, strict=True):
            path.write_bytes(source.read_bytes())
            names.append(served(port))
        files[0].unlink()
        names.append(served(port))
    assert names == ["first", "first", "second", "second"]
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["level"] for line in lines] == ["warn", "info", "warn"]


def test_no_old_tls(issued):
    """TLS 1.1 and older are not spoken."""
    assert encryption(issued.certificate, issued.key).minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_file_that_cannot_be_read(tmp_path, issued):
    """A missing file is a ConfigError that names option, path and reason in one line."""
    missing = tmp_path / "missing.pem"
    for option, files in (("CERT", (missing, issued.key)), ("KEY", (issued.certificate, missing))):
        with pytest.raises(ConfigError) as caught:
            encryption(*files)
        assert str(caught.value).startswith(f"EF_API_TLS_{option}_FILEPATH: cannot read {missing} (No such file")


def test_files_that_do_not_belong_together(authority, issued, tmp_path):
    """Nonsense, a wrong key, or one with a password are refused in one line, and nobody is asked for a password."""
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    locked = tmp_path / "locked.key"
    key = load_pem_private_key(issued.key.read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    other = authority.issue("other", "127.0.0.1").key
    for files, words in (
        ((nonsense, issued.key), "are not a certificate and its key"),
        ((issued.certificate, nonsense), "are not a certificate and its key"),
        ((issued.certificate, locked), "without a password"),
        ((issued.certificate, other), f"{other} is not the key of the certificate"),
    ):
        with pytest.raises(ConfigError, match=words) as caught:
            encryption(*files)
        assert "\n" not in str(caught.value)
