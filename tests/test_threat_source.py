"""What a source says of itself."""

import pytest

from flowcoll.threat.keeping.feed import option_of
from flowcoll.threat.keeping.source import Names, Source

NAMES = Names(*(option_of("mine", field.upper()) for field in Names._fields))


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
    """Only on this machine may a key travel unencrypted without a word; where there is none it is all the same."""
    assert Source(url, NAMES, user="jane", key="k").in_clear is clear
    assert Source(url, NAMES, header="Auth-Key: k").in_clear is clear
    assert Source(url.replace("://", "://u:p@"), NAMES).in_clear is clear
    assert Source(url, NAMES).in_clear is False


def test_whoever_answers() -> None:
    """Certificates that are not looked at are worth a word, but where there are none."""
    assert Source("https://x.example/", NAMES, skip_verification=True).unverified is True
    assert Source("http://x.example/", NAMES, skip_verification=True).unverified is False


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a:b@x.example/list", "https://****@x.example/list"),
        ("https://x.example/list?apikey=k3y&day=1", "https://x.example/list?apikey=****&day=1"),
        ("https://x.example/v2/0123456789abcdef0123456789abcdef/list", "https://x.example/v2/****/list"),
        ("https://x.example/list?day=1", "https://x.example/list?day=1"),
    ],
)
def test_an_address_is_shown_without_secrets(url: str, shown: str) -> None:
    """Neither an account nor what looks like a key within an address is shown."""
    assert Source(url, NAMES).shown == shown
