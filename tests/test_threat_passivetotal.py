"""The download of PassiveTotal's list, and what a person reads when it fails."""

import io
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fakes.passivetotal import FORMS, KEY, USER, PassiveTotal
from flowcoll.config import defaults
from flowcoll.threat.passivetotal import Answer, TimeUpError, Validators, fetch, session
from flowcoll.threat.refusals import DownloadError
from flowcoll.threat.source import Source
from service import free_port

OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


def source(url: str, *, user: str = USER, key: str = KEY, timeout_s: float = 20) -> Source:
    return Source(url, user, key, timeout_s, 86_400)


def ask(url: str, known: Validators = Validators(), **account: object) -> tuple[Answer, bytes]:  # noqa: B008
    target = io.BytesIO()
    with session() as asking:
        answer = fetch(source(url, **account), known, target, asking, lambda _: nullcontext())  # type: ignore[arg-type]
    return answer, target.getvalue()


def refused(url: str, **account: object) -> DownloadError:
    with pytest.raises(DownloadError) as caught:
        ask(url, **account)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize("compressed", [False, True])
def test_the_list_is_written(fake: PassiveTotal, compressed: bool) -> None:
    """The list is written as it is, compressed on its way or not; the answer says how long it is and what it is called."""
    fake.compressed = compressed
    answer, octets = ask(fake.blocklist_url)
    assert octets == FORMS["object"](fake.rows)
    assert answer.octets == len(octets)
    assert answer.validators.etag.startswith('"')
    assert answer.validators.last_modified == "Sun, 15 Jun 2025 00:00:00 GMT"


def test_the_request(fake: PassiveTotal) -> None:
    """It is made as the user, says who asks, and asks for nothing that is here already."""
    first, _ = ask(fake.blocklist_url)
    again, octets = ask(fake.blocklist_url, first.validators)
    assert (again, octets) == (Answer(0, first.validators, not_modified=True), b"")
    one, two = fake.requests
    assert one.user == USER
    assert one.headers["User-Agent"].startswith("flowcoll/")
    assert "If-None-Match" not in one.headers
    assert two.headers["If-None-Match"] == first.validators.etag
    assert two.headers["If-Modified-Since"] == first.validators.last_modified


def test_any_user_and_key() -> None:
    """User and key reach the server whatever characters they have."""
    with PassiveTotal(user="jürgen@example.org", key="schlüssel:雪") as fake:
        assert ask(fake.blocklist_url, user="jürgen@example.org", key="schlüssel:雪")[0].octets


@pytest.mark.parametrize(
    ("fault", "reason", "words", "option"),
    [
        ("401", "unauthorized", "PassiveTotal refuses user and key (401 invalid credentials)", "API_KEY"),
        ("402", "forbidden", "(402 quota_exceeded: 1000 of 1000 searches used); check its licence and quota", ""),
        ("403", "forbidden", "(403 your licence does not include this); check its licence and quota", ""),
        ("404", "not_found", "there is no list at this address (404 no such resource)", "THREAT_ENDPOINT"),
        ("202", "unexpected_status", "the answer is no list (202 Accepted)", "THREAT_ENDPOINT"),
        ("204", "unexpected_status", "the answer is no list (204 No Content)", "THREAT_ENDPOINT"),
        ("429", "too_many_requests", "asks for fewer requests (429 slow down)", ""),
        ("500", "server_error", "the server has a fault (500 internal error); it is tried again", ""),
        ("502", "server_error", "the server has a fault (502 Bad Gateway); it is tried again", ""),
        ("504", "server_error", "the server has a fault (504 Gateway Timeout); it is tried again", ""),
    ],
)
def test_a_refusal_says_what_to_do(fake: PassiveTotal, fault: str, reason: str, words: str, option: str) -> None:
    """Every status is told in one line, with the server's own words, and the option to look at where there is one."""
    fake.fail(fault)
    exc = refused(fake.blocklist_url)
    assert (exc.reason, exc.incomplete) == (reason, False)
    assert words in str(exc)
    assert not option or OPTION + option in str(exc)


def test_the_wrong_key(fake: PassiveTotal) -> None:
    """A wrong key is told with both options, and that the password of the web site will not do."""
    exc = refused(fake.blocklist_url, key="wrong")
    assert exc.reason == "unauthorized"
    for words in (OPTION + "API_USER", OPTION + "API_KEY", "not the password of the web site"):
        assert words in str(exc)


def test_a_key_that_the_server_repeats_is_not_told() -> None:
    """What an error shows of the server's words holds no key, however it is written."""
    with PassiveTotal(user="elsewhere") as fake:
        key = "no such resource"  # the words of the fake's 404
        with PassiveTotal(key=key) as other:
            other.fail("404")
            assert key not in str(refused(other.blocklist_url, key=key))
        assert refused(fake.blocklist_url).reason == "unauthorized"


@pytest.mark.parametrize(("fault", "least", "most"), [("429", 1, 1), ("429-date", 0, 2), ("500", 0, 0), ("503", 1, 1)])
def test_when_to_ask_again(fake: PassiveTotal, fault: str, least: float, most: float) -> None:
    """Retry-After is obeyed as seconds and as a date."""
    fake.fail(fault)
    assert least <= refused(fake.blocklist_url).retry_after_s <= most


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("cut-body", "the connection ended after 409 of 819 bytes; it is tried again"),
        ("cut-chunked", "the connection ended before the whole answer had come; it is tried again"),
        ("bad-gzip", "its compression is damaged; it is tried again"),
    ],
)
def test_half_an_answer(fake: PassiveTotal, fault: str, words: str) -> None:
    """An answer that is not whole is known as such."""
    fake.fail(fault)
    exc = refused(fake.blocklist_url)
    assert (exc.reason, exc.incomplete) == ("incomplete", True)
    assert str(exc) == words.replace("409 of 819", _half(fake))


def _half(fake: PassiveTotal) -> str:
    size = len(FORMS["object"](fake.rows))
    return f"{size // 2} of {size}"


@pytest.mark.parametrize(("fault", "incomplete"), [("slow-start", False), ("slow-body", True)])
def test_a_step_that_takes_too_long(fake: PassiveTotal, fault: str, incomplete: bool) -> None:
    """Without anything to read for the whole time allowed, the option to raise is named."""
    fake.fail(fault)
    exc = refused(fake.blocklist_url, timeout_s=0.2)
    assert (exc.reason, exc.incomplete) == ("timeout", incomplete)
    assert str(exc) == f"it took longer than 0.2 s; raise {OPTION}API_TIMEOUT"


@pytest.mark.parametrize("begun", [False, True])
def test_a_whole_that_takes_too_long(fake: PassiveTotal, begun: bool) -> None:
    """The limit is put round the whole of the download; when it strikes is told apart."""

    @contextmanager
    def limit(seconds: float) -> Iterator[None]:
        assert seconds == 7
        if begun:
            yield
        raise TimeUpError

    with session() as asking, pytest.raises(DownloadError) as caught:
        fetch(source(fake.blocklist_url, timeout_s=7), Validators(), io.BytesIO(), asking, limit)
    assert (caught.value.reason, caught.value.incomplete) == ("timeout", begun)


def test_an_answer_without_end(fake: PassiveTotal) -> None:
    """An answer that grows beyond all lists is given up; what is said of it names the address's option."""

    class Endless(io.BytesIO):
        def write(self, _: object, /) -> int:
            return 300_000_000

    with session() as asking, pytest.raises(DownloadError, match=f"more than 256 MiB; check {OPTION}") as caught:
        fetch(source(fake.blocklist_url), Validators(), Endless(), asking, lambda _: nullcontext())
    assert (caught.value.reason, caught.value.incomplete) == ("too_large", True)


def test_a_full_disk_is_not_the_servers_fault(fake: PassiveTotal) -> None:
    """An error of the file is passed on as it is."""

    class Full(io.BytesIO):
        def write(self, _: object, /) -> int:
            raise OSError(28, "No space left on device")

    with session() as asking, pytest.raises(OSError, match="No space left"):
        fetch(source(fake.blocklist_url), Validators(), Full(), asking, lambda _: nullcontext())


def test_no_connection(fake: PassiveTotal) -> None:
    """A connection that is refused, or torn, is told with the host."""
    exc = refused(f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}/list")
    assert str(exc) == f"127.0.0.1 refuses connections; check {OPTION}THREAT_ENDPOINT and the firewall"
    fake.fail("reset")
    assert str(refused(fake.blocklist_url)) == "the connection to 127.0.0.1 fails; it is tried again"


def test_a_proxy_is_not_asked_for_this_machine(fake: PassiveTotal) -> None:
    """A proxy of the environment serves the Internet; what is on this machine is asked without it."""
    dead = f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    with session() as asking:
        asking.proxies = {"http": dead}
        answer = fetch(source(fake.blocklist_url), Validators(), io.BytesIO(), asking, lambda _: nullcontext())
        assert answer.octets
        with pytest.raises(DownloadError, match="the proxy cannot be used; check HTTPS_PROXY and HTTP_PROXY"):
            fetch(source("http://x.example/"), Validators(), io.BytesIO(), asking, lambda _: nullcontext())


def test_a_name_that_nobody_knows() -> None:
    """A name that cannot be resolved is told as such."""
    exc = refused("http://user:secret@no-such-host.invalid/list")
    assert str(exc) == f"the name no-such-host.invalid cannot be resolved; check {OPTION}THREAT_ENDPOINT and DNS"


@pytest.mark.parametrize("url", ["http://[::1/list", "http://\u0378.example/", "http://exa mple/"])
def test_an_address_that_is_none(url: str) -> None:
    """An address that cannot be asked is an error, not a crash."""
    with pytest.raises((DownloadError, ValueError)):
        ask(url)


def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    """A certificate of an authority nobody knows is refused, with the reason and what to do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))
    with PassiveTotal(tls=context) as fake:
        exc = refused(fake.blocklist_url)
        assert exc.reason == "tls"
        assert "the certificate of 127.0.0.1 is not trusted (self-signed certificate)" in str(exc)
        with session() as asking:
            asking.trust_env = False  # the environment may name other authorities
            asking.verify = str(tmp_path / "server.pem")
            answer = fetch(source(fake.blocklist_url), Validators(), io.BytesIO(), asking, lambda _: nullcontext())
        assert answer.octets


def test_no_tls_at_all(fake: PassiveTotal) -> None:
    """A server that does not speak TLS is told as such."""
    exc = refused(fake.blocklist_url.replace("http:", "https:"))
    assert exc.reason == "tls"
    assert "do not agree on TLS" in str(exc)


def _certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that has signed itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def test_the_source() -> None:
    """The options say where and as whom; nothing shows the key, or a password within the address."""
    assert Source.of(defaults()) is None
    options = defaults(
        **{
            OPTION + "THREAT_ENABLE": True,
            OPTION + "THREAT_ENDPOINT": "https://a:b@x.example/list",
            OPTION + "API_USER": "jane",
            OPTION + "API_KEY": "s3cret",
        }
    )
    found = Source.of(options)
    assert found == Source("https://a:b@x.example/list", "jane", "s3cret", 30, 86_400)
    assert found.shown == "https://****@x.example/list"
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("https://x.example/", False),
        ("http://x.example/", True),
        ("http://127.0.0.1:80/", False),
        ("http://[::1]/", False),
        ("http://localhost/", False),
        ("http://127.example/", True),
    ],
)
def test_a_key_in_clear(url: str, clear: bool) -> None:
    """Only on this machine may the key travel unencrypted without a word."""
    assert source(url).in_clear is clear
