"""What a person reads when a download fails: what happened, and which option to look at; never a secret."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from downloading import MINE, RISKIQ, ask, mine, passivetotal, refused, secrets_of
from fakes.passivetotal import FAULTS, FORMS, KEY, USER, PassiveTotal
from flowcoll.errors import ListError
from flowcoll.reasons import REASONS
from flowcoll.threat.keeping import refusals
from flowcoll.threat.keeping.refusals import DownloadError
from flowcoll.threat.keeping.source import Source
from service import free_port


@pytest.fixture
def fake() -> Iterator[PassiveTotal]:
    with PassiveTotal() as fake:
        yield fake


@pytest.mark.parametrize(
    ("fault", "reason", "words", "option"),
    [
        ("401", "unauthorized", "PassiveTotal refuses user and key (401 invalid credentials)", "API_KEY"),
        ("402", "quota", "PassiveTotal does not give the list (402 quota_exceeded: 1000 of 1000 searches used)", ""),
        ("403", "quota", "(403 your licence does not include this); check the account's licence and quota", ""),
        ("404", "not_found", "there is no list at this address (404 no such resource)", "THREAT_ENDPOINT"),
        ("202", "unexpected_status", "the answer is no list (202 Accepted)", "THREAT_ENDPOINT"),
        ("204", "unexpected_status", "the answer is no list (204 No Content)", "THREAT_ENDPOINT"),
        ("429", "too_many_requests", "PassiveTotal asks for fewer requests (429 slow down)", ""),
        ("500", "server_error", "the server has a fault (500 internal error); it is tried again", ""),
        ("502", "server_error", "the server has a fault (502 Bad Gateway); it is tried again", ""),
        ("504", "server_error", "the server has a fault (504 Gateway Timeout); it is tried again", ""),
    ],
)
def test_a_refusal_says_what_to_do(fake: PassiveTotal, fault: str, reason: str, words: str, option: str) -> None:
    """Every status is told in one line, with the server's own words, and the option to look at where there is one."""
    fake.fail(fault)
    exc = refused(passivetotal(fake.blocklist_url))
    assert (exc.reason, exc.incomplete) == (reason, False)
    assert words in str(exc)
    assert not option or RISKIQ + option in str(exc)


@pytest.mark.parametrize(
    ("fault", "said", "reason", "line"),
    [
        ("401", {}, "unauthorized", f"the server wants to know who asks ({{}}); set {MINE}USERNAME and {MINE}PASSWORD, or"),
        ("401", {"USERNAME": "u"}, "unauthorized", f"the server refuses user and password ({{}}); check {MINE}USERNAME and"),
        ("401", {"HEADER": "Auth-Key: k3y-7"}, "unauthorized", f"the server refuses the key ({{}}); check {MINE}HEADER"),
        ("402", {}, "quota", f"the server does not give the list ({{}}); see what its owner allows, and ask less often: {MINE}"),
        ("403", {}, "forbidden", f"the server does not give the list ({{}}); check {MINE}URL, and what its owner asks for"),
        ("403", {"HEADER": "Auth-Key: k3y-7"}, "forbidden", f"; check {MINE}HEADER, and what its owner asks for"),
        ("403", {"USERNAME": "u"}, "forbidden", f"; check {MINE}USERNAME and {MINE}PASSWORD, and what its owner asks for"),
        ("429", {}, "too_many_requests", "the server asks for fewer requests ({}); it is tried again later"),
        ("404", {}, "not_found", f"there is no list at this address ({{}}); check {MINE}URL"),
    ],
)  # fmt: skip
def test_a_list_of_ones_own_names_its_own_options(
    fake: PassiveTotal, fault: str, said: dict[str, str], reason: str, line: str
) -> None:
    """What is said of another server than PassiveTotal's names the options of that list, and nothing of PassiveTotal."""
    fake.fail(fault)
    exc = refused(mine(fake.blocklist_url, **said))
    words = {
        "401": "401 invalid credentials",
        "402": "402 quota_exceeded: 1000 of 1000 searches used",
        "403": "403 your licence does not include this",
        "404": "404 no such resource",
        "429": "429 slow down",
    }
    assert exc.reason == reason
    assert line.format(words[fault]) in str(exc)
    assert "PassiveTotal" not in str(exc)
    assert "RISKIQ" not in str(exc)


def test_the_wrong_key(fake: PassiveTotal) -> None:
    """A wrong key is told with both options, and that the password of the web site will not do."""
    exc = refused(passivetotal(fake.blocklist_url, API_KEY="wrong-key"))
    assert exc.reason == "unauthorized"
    for words in (RISKIQ + "API_USER", RISKIQ + "API_KEY", "not the password of the web site"):
        assert words in str(exc)


@pytest.mark.parametrize(
    ("fault", "least", "most"), [("429", 1, 1), ("429-date", 0, 2), ("500", 0, 0), ("503", 1, 1), ("402", 3600, 3600)]
)
def test_when_to_ask_again(fake: PassiveTotal, fault: str, least: float, most: float) -> None:
    """Retry-After is obeyed as seconds and as a date; a quota does not come back within an hour."""
    fake.fail(fault)
    assert least <= refused(passivetotal(fake.blocklist_url)).retry_after_s <= most


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("cut-body", "the connection ended after 409 of 819 bytes; it is tried again"),
        ("cut-chunked", "the connection ended before the whole answer had come; it is tried again"),
        ("bad-gzip", "its compression is damaged; it is tried again"),
        ("cut-gzip", "its compression ends too early; it is tried again"),
    ],
)
def test_half_an_answer(fake: PassiveTotal, fault: str, words: str) -> None:
    """An answer that is not whole is known as such, one that the server has packed only in part among them."""
    size = len(FORMS["object"](fake.rows))
    fake.fail(fault)
    exc = refused(passivetotal(fake.blocklist_url))
    assert (exc.reason, exc.incomplete) == ("incomplete", True)
    assert str(exc) == words.replace("409 of 819", f"{size // 2} of {size}")


@pytest.mark.parametrize(("fault", "incomplete"), [("slow-start", False), ("slow-body", True)])
def test_a_step_that_takes_too_long(fake: PassiveTotal, fault: str, incomplete: bool) -> None:
    """Without anything to read for the whole time allowed, the option to raise is named."""
    fake.fail(fault)
    exc = refused(replace(passivetotal(fake.blocklist_url), timeout_s=0.2))
    assert (exc.reason, exc.incomplete) == ("timeout", incomplete)
    assert str(exc) == f"it took longer than 0.2 s; raise {RISKIQ}API_TIMEOUT"


def test_no_connection(fake: PassiveTotal) -> None:
    """A connection that is refused, or torn, is told with the host."""
    exc = refused(passivetotal(f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}/list"))
    assert str(exc) == f"127.0.0.1 refuses connections; check {RISKIQ}THREAT_ENDPOINT and the firewall"
    fake.fail("reset")
    assert str(refused(passivetotal(fake.blocklist_url))) == "the connection to 127.0.0.1 fails; it is tried again"


def test_a_dead_proxy() -> None:
    """A proxy that does not answer is told with the option that names it, or could."""
    dead = f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    assert str(refused(mine("http://x.example/", PROXY=dead))) == f"the proxy cannot be used; check {MINE}PROXY"
    exc = refusals.no_answer(mine("http://x.example/"), refusals.requests.exceptions.ProxyError())
    words = f"check HTTPS_PROXY and HTTP_PROXY in the environment, or set {MINE}PROXY"
    assert (exc.reason, str(exc)) == ("proxy", f"the proxy cannot be used; {words}")


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be resolved is told as such."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    exc = refused(mine("http://user:secret@no-such-host.invalid/list"))
    assert str(exc) == f"the name no-such-host.invalid cannot be resolved; check {MINE}URL and DNS"


@pytest.mark.parametrize("url", ["http://\u0378.example/", "http://[fe80::1%25none]/"])
def test_an_address_that_cannot_be_asked(url: str) -> None:
    """An address that cannot be asked is an error, not a crash."""
    assert refused(mine(url)).reason in {"request", "dns", "connection"}


@pytest.mark.parametrize(
    ("source", "reason", "said", "words"),
    [
        (passivetotal, "message", "is a message, not a list: quota_exceeded: come back", "check the account's licence and"),
        (passivetotal, "message", "is a message, not a list: success is false", "check the account's licence and quota at"),
        (mine, "message", "is a message, not a list: query_status: no_key", f"; check {MINE}URL"),
        (mine, "html", "is an HTML or XML page, not a list", f"; check {MINE}URL: a proxy or a sign-in page may answer in"),
        (mine, "shrunken", "has only 1 entries", "; it is used if the next one says the same"),
        (passivetotal, "empty", "holds no address", f"; check {RISKIQ}THREAT_ENDPOINT"),
    ],
)  # fmt: skip
def test_an_answer_that_is_of_no_use(source: Callable[[str], Source], reason: str, said: str, words: str) -> None:
    """An answer that came whole, but is no list, is told with what to do about it; a quota has a reason of its own."""
    exc = refusals.unusable(ListError(said, reason), source("https://x.example/"))
    assert str(exc).startswith(f"the answer {said}")
    assert words in str(exc)
    assert exc.reason == ("quota" if "quota_" in said else reason)
    assert exc.reason != "quota" or (isinstance(exc, DownloadError) and exc.retry_after_s == 3600)


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"slow-start", "slow-body", "many"}))
def test_no_fault_tells_a_secret(fault: str) -> None:
    """Whatever goes wrong, and if the server repeats what it was sent: no secret is in what is said or shown of it."""
    account = {
        "USERNAME": USER,
        "PASSWORD": KEY,
        "HEADER": "X-Auth: Bearer t0ken",
        "PROXY": "http://me:s3cret@p.example",
    }
    with PassiveTotal() as fake:
        source = mine(fake.blocklist_url, **account)
        assert len(secrets_of(source)) == 3
        fake.fault = fault
        try:
            _, octets = ask(source)
        except DownloadError as exc:
            told = f"{exc} {exc!r}"
        else:
            told = str(refusals.unusable(ListError(octets.decode("latin-1")[:300], "message"), source))
        for secret in secrets_of(source):
            assert secret not in told + repr(source) + source.shown
        assert "t0ken" not in told + repr(source)


def test_what_a_server_repeats_is_not_told() -> None:
    """What an error shows of the server's words holds no secret, however it is written."""
    key = "no such resource"  # the words of the fake's 404
    with PassiveTotal(key=key) as fake:
        fake.fault = "404"
        assert key not in str(refused(passivetotal(fake.blocklist_url, API_KEY=key)))
        assert key not in str(refused(mine(fake.blocklist_url, HEADER=f"Authorization: Bearer {key}")))
        assert key not in str(
            refusals.unusable(ListError(f"is a message: {key}", "message"), mine("http://x/", PASSWORD=key))
        )


def test_every_reason_has_words() -> None:
    """Each reason that a refusal gives is counted in words."""
    reasons = {"quota", "redirect", "forbidden", "proxy", "tls", "dns", "unauthorized", "too_many_requests"}
    assert {f"threats.refreshes.{reason}" for reason in reasons} <= set(REASONS)
