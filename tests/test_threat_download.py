"""The download of a list: what is asked, what is written, and who gets to know a secret."""

import gzip
import io
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from downloading import ask, mine, passivetotal, refused
from elastic_node.certificates import Authority
from fakes.passivetotal import BLOCKLIST, FORMS, KEY, USER, PassiveTotal
from fakes.proxy import Proxy
from flowcoll.threat.keeping import download
from flowcoll.threat.keeping.download import Answer, TimeUpError, Validators, fetch, session
from flowcoll.threat.keeping.refusals import DownloadError

ELSEWHERE = "list.example"


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def server(authority: Authority, *hosts: str) -> ssl.SSLContext:
    issued = authority.issue("server", *hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    return context


@pytest.mark.parametrize("compressed", [False, True])
def test_the_list_is_written(fake: PassiveTotal, compressed: bool) -> None:
    """The list is written as it is, compressed on its way or not; the answer says how long it is and what it is called."""
    fake.compressed = compressed
    answer, octets = ask(passivetotal(fake.blocklist_url))
    assert octets == FORMS["object"](fake.rows)
    assert answer.octets == len(octets)
    assert answer.validators.etag.startswith('"')
    assert answer.validators.last_modified == "Sun, 15 Jun 2025 00:00:00 GMT"


def test_a_packed_list_stays_packed(fake: PassiveTotal) -> None:
    """What is compressed by itself, not for the way, is written as it is."""
    fake.form = "gzip"
    _, octets = ask(passivetotal(fake.blocklist_url))
    assert gzip.decompress(octets).startswith(b"[{")


def test_the_request(fake: PassiveTotal) -> None:
    """It is made as the user, says who asks, and asks for nothing that is here already."""
    source = passivetotal(fake.blocklist_url)
    first, _ = ask(source)
    again, octets = ask(source, first.validators)
    assert (again, octets) == (Answer(0, first.validators, not_modified=True), b"")
    one, two = fake.requests
    assert one.user == USER
    assert one.headers["User-Agent"].startswith("flowcoll/")
    assert "If-None-Match" not in one.headers
    assert two.headers["If-None-Match"] == first.validators.etag
    assert two.headers["If-Modified-Since"] == first.validators.last_modified


def test_any_user_and_key() -> None:
    """User and key reach the server whatever characters they have, by options or within the address."""
    user, key = "jürgen@example.org", "schlüssel:雪"
    with PassiveTotal(user=user, key=key) as fake:
        assert ask(mine(fake.blocklist_url, USERNAME=user, PASSWORD=key))[0].octets
        within = "http://j%C3%BCrgen%40example.org:schl%C3%BCssel%3A%E9%9B%AA@"
        assert ask(mine(fake.blocklist_url.replace("http://", within)))[0].octets


def test_an_own_header(fake: PassiveTotal) -> None:
    """A header of one's own goes with the request, beside user and password or without them."""
    refused(mine(fake.blocklist_url, HEADER="Auth-Key: schlüssel"))
    ask(mine(fake.blocklist_url, HEADER="Auth-Key:k3y ", USERNAME=USER, PASSWORD=KEY))
    assert [(request.headers["Auth-Key"], request.user) for request in fake.requests] == [
        ("schlüssel".encode().decode("latin-1"), ""),
        ("k3y", USER),
    ]


def test_an_own_header_replaces_ours(fake: PassiveTotal) -> None:
    """Who wants to be known by another name says so in the header."""
    ask(mine(fake.blocklist_url, HEADER="user-agent: you@example.org", USERNAME=USER, PASSWORD=KEY))
    assert fake.requests[0].headers["User-Agent"] == "you@example.org"


def test_nobody_asks_as_nobody(fake: PassiveTotal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an account none is sent, not even one that lies on this host for that server."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {KEY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    refused(mine(fake.blocklist_url))
    assert fake.requests[0].user == ""


def test_a_key_within_the_address(fake: PassiveTotal) -> None:
    """It is put in its place, and sent nowhere else; what is told of the address does not show it."""
    source = mine(f"{fake.url}/v2/{{password}}/list", PASSWORD="a/k3y")
    exc = refused(source)
    assert (fake.requests[0].path, fake.requests[0].user) == ("/v2/a%2Fk3y/list", "")
    assert "a%2Fk3y" not in f"{exc}{source.shown}{source!r}"
    fake.fail("302")
    fake.moved_to = "http://localhost:9/a%2Fk3y/list"
    exc = refused(source)
    assert exc.reason == "redirect"
    assert str(exc).startswith("127.0.0.1 sends us to another server, with our key in the address; check EF_")


# -- redirects ---------------------------------------------------------------------------------------------------------


def test_a_list_that_has_moved(fake: PassiveTotal) -> None:
    """On the same server account and header go along."""
    fake.fail("302")
    ask(mine(fake.blocklist_url, HEADER="Auth-Key: k3y", USERNAME=USER, PASSWORD=KEY))
    assert [(request.user, request.headers["Auth-Key"]) for request in fake.requests] == [(USER, "k3y")] * 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_another_server_gets_no_secret(fake: PassiveTotal, host: str) -> None:
    """Neither user and key nor the header are told to another host or port, on no later step either."""
    with PassiveTotal() as other:
        fake.fail("302", "", "302")
        other.fail("302")
        fake.moved_to = other.blocklist_url.replace("127.0.0.1", host)
        other.moved_to = fake.blocklist_url
        source = mine(fake.blocklist_url, HEADER="Auth-Key: k3y", USERNAME=USER, PASSWORD=KEY)
        assert refused(source).reason == "unauthorized"  # by our own server, which is not told them again either
        exc = refused(source)
        assert exc.reason == "redirect"
        assert f"sends us on to http://{host}:{other.port}, which is told no secret and refuses us (401 " in str(exc)
        told = [(request.user, request.headers.get("Auth-Key")) for request in other.requests]
    assert told == [("", None)] * 2
    told = [(request.user, request.headers.get("Auth-Key")) for request in fake.requests]
    assert told == [(USER, "k3y"), ("", None), (USER, "k3y")]


def test_no_secret_goes_from_https_to_http(fake: PassiveTotal, authority: Authority) -> None:
    """A server that sends us from https to http, itself, does not get them in clear."""
    with PassiveTotal(tls=server(authority, "127.0.0.1")) as safe:
        safe.fail("302")
        safe.moved_to = fake.blocklist_url
        said = {"USERNAME": USER, "PASSWORD": KEY, "TLS_CA_CERT_FILEPATH": authority.certificate}
        assert refused(mine(safe.blocklist_url, **said)).reason == "redirect"
    assert fake.requests[0].user == ""


@pytest.mark.parametrize(
    ("moved_to", "words"),
    [
        ("", "127.0.0.1 sends us on more than 5 times"),
        ("ftp://x.example/list", "127.0.0.1 sends us to what is no address"),
        ("http://[::1/list", "127.0.0.1 sends us to what is no address"),
        ("http://x.example:99999/list", "127.0.0.1 sends us to what is no address"),
    ],
)
def test_a_redirect_that_leads_nowhere(fake: PassiveTotal, moved_to: str, words: str) -> None:
    """In circles, or to no address: it is told as what it is."""
    fake.fault, fake.moved_to = "302", moved_to
    exc = refused(mine(fake.blocklist_url))
    assert (exc.reason, str(exc)) == ("redirect", f"{words}; check EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_URL")


# -- proxies -----------------------------------------------------------------------------------------------------------


def test_a_proxy(fake: PassiveTotal) -> None:
    """Everything goes through the proxy of the option, as its user."""
    with Proxy(fake.port, "me:s3cret") as proxy:
        url = f"http://{ELSEWHERE}{BLOCKLIST}"
        source = mine(url, PROXY=f"http://me:s3cret@{proxy.address}", USERNAME=USER, PASSWORD=KEY)
        assert ask(source)[0].octets
        assert proxy.asked == [("GET", url, "me:s3cret")]
        exc = refused(replace(source, proxy=f"http://me:wrong@{proxy.address}"))
        assert exc.reason == "proxy"
        assert "the proxy asks for a user (407 Proxy Authentication Required); give it in" in str(exc)


def test_a_proxy_sees_nothing_of_https(authority: Authority) -> None:
    """Over https a proxy is told the host, and no more."""
    with (
        PassiveTotal(tls=server(authority, ELSEWHERE)) as fake,
        Proxy(fake.port, "me:s3cret") as proxy,
    ):
        said = {"USERNAME": USER, "PASSWORD": KEY, "TLS_CA_CERT_FILEPATH": authority.certificate}
        source = mine(f"https://{ELSEWHERE}{BLOCKLIST}", PROXY=f"http://me:s3cret@{proxy.address}", **said)
        assert ask(source)[0].octets
        assert proxy.asked == [("CONNECT", f"{ELSEWHERE}:443", "me:s3cret")]
        exc = refused(replace(source, proxy=f"http://me:wrong@{proxy.address}"))
    assert exc.reason == "proxy"
    assert str(exc) == (
        "the proxy asks for a user; give it in EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_PROXY, http://user:password@host:port"
    )


@pytest.mark.parametrize("safe", [False, True])
def test_a_proxy_that_speaks_tls(authority: Authority, safe: bool) -> None:
    """The way to the proxy may be TLS, by the same authorities; that of the list goes within it."""
    tls = server(authority, "127.0.0.1", ELSEWHERE)
    with PassiveTotal(tls=tls if safe else None) as fake, Proxy(fake.port, tls=tls) as proxy:
        said = {"USERNAME": USER, "PASSWORD": KEY, "TLS_CA_CERT_FILEPATH": authority.certificate}
        source = mine(f"http{'s' * safe}://{ELSEWHERE}{BLOCKLIST}", PROXY=f"https://{proxy.address}", **said)
        assert ask(source)[0].octets
        exc = refused(replace(source, ca_file=None))
    assert exc.reason == "tls"
    assert "the certificate of the proxy is not trusted" in str(exc)
    assert "EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_TLS_CA_CERT_FILEPATH" in str(exc)


def test_a_proxy_of_the_environment(fake: PassiveTotal, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used where the option is empty; for what is on this machine there is none."""
    with Proxy(fake.port) as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert ask(passivetotal(fake.blocklist_url))[0].octets
        assert proxy.asked == []
        assert ask(passivetotal(f"http://{ELSEWHERE}{BLOCKLIST}"))[0].octets
        assert [command for command, *_ in proxy.asked] == ["GET"]


# -- certificates ------------------------------------------------------------------------------------------------------


def test_certificates(authority: Authority, tmp_path: Path) -> None:
    """An authority of one's own is trusted where the option names it; nobody is, unless; or everybody, if so asked."""
    with PassiveTotal(tls=server(authority, "127.0.0.1")) as fake:
        account = {"USERNAME": USER, "PASSWORD": KEY}
        exc = refused(mine(fake.blocklist_url, **account))
        assert exc.reason == "tls"
        assert "the certificate of 127.0.0.1 is not trusted (unable to get local issuer certificate)" in str(exc)
        assert "give its authority in EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_TLS_CA_CERT_FILEPATH" in str(exc)
        assert ask(mine(fake.blocklist_url, **account, TLS_CA_CERT_FILEPATH=authority.certificate))[0].octets
        assert ask(mine(fake.blocklist_url, **account, TLS_SKIP_VERIFICATION=True))[0].octets
        (tmp_path / "other").mkdir()
        other = Authority(tmp_path / "other", "others").certificate
        assert refused(mine(fake.blocklist_url, **account, TLS_CA_CERT_FILEPATH=other)).reason == "tls"


def test_a_certificate_of_another_name(authority: Authority) -> None:
    """A certificate that is trusted, but not this server's, is refused."""
    with PassiveTotal(tls=server(authority, ELSEWHERE)) as fake:
        exc = refused(mine(fake.blocklist_url, TLS_CA_CERT_FILEPATH=authority.certificate))
    assert exc.reason == "tls"
    assert "is not trusted (IP address mismatch" in str(exc)


@pytest.mark.parametrize(("text", "why"), [(None, "No such file or directory"), ("none\n", "it holds no certificate")])
def test_authorities_that_cannot_be_used(tmp_path: Path, text: str | None, why: str) -> None:
    """A file of authorities that is none is told with its option, and nobody is asked."""
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    exc = refused(mine("https://list.example/", TLS_CA_CERT_FILEPATH=path))
    option = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_TLS_CA_CERT_FILEPATH"
    assert (exc.reason, str(exc)) == ("tls", f"{path} cannot be used ({why}); give certificates, PEM, in {option}")


def test_no_tls_at_all(fake: PassiveTotal) -> None:
    """A server that does not speak TLS is told as such."""
    exc = refused(passivetotal(fake.blocklist_url.replace("http:", "https:")))
    assert exc.reason == "tls"
    assert "do not agree on TLS" in str(exc)


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [False, True])
def test_a_whole_that_takes_too_long(fake: PassiveTotal, begun: bool) -> None:
    """The limit is put round the whole of the download; when it strikes is told apart."""

    @contextmanager
    def limit(seconds: float) -> Iterator[None]:
        assert seconds == 7
        if begun:
            yield
        raise TimeUpError

    source = passivetotal(fake.blocklist_url, API_TIMEOUT=7)
    with session(source) as asking, pytest.raises(DownloadError) as caught:
        fetch(source, Validators(), io.BytesIO(), asking, limit)
    assert (caught.value.reason, caught.value.incomplete) == ("timeout", begun)


def test_an_answer_without_end(fake: PassiveTotal) -> None:
    """An answer that grows beyond all lists is given up; what is said of it names the address's option."""

    class Endless(io.BytesIO):
        def write(self, _: object, /) -> int:
            return 300_000_000

    source = passivetotal(fake.blocklist_url)
    words = f"more than 256 MiB; check {source.names.url}"
    with session(source) as asking, pytest.raises(DownloadError, match=words) as caught:
        fetch(source, Validators(), Endless(), asking, lambda _: nullcontext())
    assert (caught.value.reason, caught.value.incomplete) == ("too_large", True)


def test_a_full_disk_is_not_the_servers_fault(fake: PassiveTotal) -> None:
    """An error of the file is passed on as it is."""

    class Full(io.BytesIO):
        def write(self, _: object, /) -> int:
            raise OSError(28, "No space left on device")

    source = passivetotal(fake.blocklist_url)
    with session(source) as asking, pytest.raises(OSError, match="No space left"):
        fetch(source, Validators(), Full(), asking, lambda _: nullcontext())


def test_only_the_status(fake: PassiveTotal) -> None:
    """Whether a list is to be had is found out without taking it; why not is said as a download would."""
    assert download.refused(passivetotal(fake.blocklist_url), 5) == ""
    fake.fail("404", "302")
    assert "there is no list at this address" in download.refused(passivetotal(fake.blocklist_url), 5)
    assert download.refused(passivetotal(fake.blocklist_url), 5) == ""
    assert "refuses connections" in download.refused(passivetotal("http://127.0.0.1:9/"), 5)
