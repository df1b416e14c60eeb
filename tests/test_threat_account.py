"""Who may see the secrets of a source."""

import pytest

from flowcoll.threat.keeping.account import censored, gives_away, may_see
from flowcoll.threat.keeping.source import Source
from test_threat_source import NAMES


@pytest.mark.parametrize(
    ("url", "there", "may"),
    [
        ("https://x.example/a", "https://x.example/b", True),
        ("https://x.example/a", "https://X.EXAMPLE:443/b", True),
        ("http://x.example/a", "https://x.example/a", True),
        ("http://x.example:8080/a", "https://x.example/a", False),
        ("https://x.example/a", "http://x.example/a", False),
        ("https://x.example/a", "https://x.example:8443/a", False),
        ("https://x.example/a", "https://cdn.x.example/a", False),
        ("https://x.example/a", "https://x.example.evil.example/a", False),
        ("https://x.example/a", "https://x.example@evil.example/a", False),
    ],
)
def test_who_may_see_them(url: str, there: str, may: bool) -> None:
    """Only the server they are for, no less safe than it was asked."""
    assert may_see(Source(url, NAMES, user="u", key="k"), there) is may


def test_a_key_in_an_address() -> None:
    """An address that holds our key is known, however it is written."""
    source = Source("https://x.example/{password}/list", NAMES, key="a/k3y")
    assert source.asked == "https://x.example/a%2Fk3y/list"
    assert gives_away(source, "https://cdn.example/a%2Fk3y/list") is True
    assert gives_away(source, "https://cdn.example/list?key=a/k3y") is True
    assert gives_away(source, "https://cdn.example/list") is False
    assert gives_away(Source("https://x.example/", NAMES, key="list"), "https://cdn.example/list") is False


def test_words_without_secrets() -> None:
    """A secret is taken out of words however it is written: alone, in a header, quoted, or as a client sends it."""
    source = Source(
        "https://u:w0rd@x.example/", NAMES, header="Authorization: Bearer t/k", proxy="http://me:s3cret@p.example"
    )
    text = "w0rd, Bearer t/k, t/k, t%2Fk, s3cret and dTp3MHJk"
    assert censored(text, source) == "****, ****, ****, ****, **** and ****"
