"""The text of a list out of its wrapping."""

import gzip
import io
import zipfile
from collections.abc import Callable

import pytest

from flowcoll.errors import ListError
from flowcoll.threat.unwrap import unwrapped

TEXT = b"8.8.8.8\n" * 200_000


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, octets in files.items():
            zipped.writestr(name.replace("_", "/"), octets)
    return packed.getvalue()


@pytest.mark.parametrize(
    "octets",
    [
        TEXT,
        b"\xef\xbb\xbf" + TEXT,
        gzip.compress(TEXT),
        gzip.compress(TEXT[:800]) + gzip.compress(TEXT[800:]),
        gzip.compress(b"\xef\xbb\xbf" + TEXT),
        archive(folder_=b"", list=TEXT, other=b"x"),
    ],
    ids=["plain", "byte order mark", "gzip", "two members", "both", "zip"],
)
def test_wrappings(octets: bytes) -> None:
    """However it is wrapped, the text is the same."""
    assert unwrapped(octets, lambda: None) == TEXT


def test_others_may_work_meanwhile() -> None:
    """A large text is expanded with pauses."""
    pauses: list[int] = []
    unwrapped(gzip.compress(TEXT), lambda: pauses.append(1))
    assert len(pauses) >= len(TEXT) // 262_144


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (gzip.compress(TEXT)[:-200], "its gzip data end too early"),
        (gzip.compress(TEXT)[:-8] + b"xxxxxxxx", "its gzip data are wrong"),
        (b"\x1f\x8b\x08", "its gzip data end too early"),
        (archive(list=TEXT)[:-30], "its zip data are wrong"),
        (b"PK\x03\x04" + b"x" * 99, "its zip data are wrong"),
        (archive(folder_=b""), "is a zip archive without a file"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "is compressed by zstd"),
        (b"\n  <!DOCTYPE html><html>", "is an HTML or XML page, not a list"),
        (gzip.compress(b"<html>"), "is an HTML or XML page, not a list"),
    ],
)
def test_what_is_no_list_is_refused(octets: bytes, words: str) -> None:
    """What is damaged, or a page for people, is an error that says so."""
    with pytest.raises(ListError) as caught:
        unwrapped(octets, lambda: None)
    assert words in str(caught.value)


def test_any_damage() -> None:
    """Any damage gives octets or a ListError."""
    for octets in (gzip.compress(TEXT[:800]), archive(list=TEXT[:800])):
        for place in range(len(octets)):
            for damaged in (octets[:place], octets[:place] + b"\xff" + octets[place + 1 :]):
                try:
                    unwrapped(damaged, lambda: None)
                except ListError:
                    continue


@pytest.mark.parametrize("wrap", [gzip.compress, lambda octets: archive(list=octets)])
def test_a_bomb_is_refused(wrap: Callable[[bytes], bytes]) -> None:
    """What would expand beyond the limit is refused before it has."""
    size = 4 << 20
    pauses: list[int] = []
    with pytest.raises(ListError, match="has more than 1 MiB"):
        unwrapped(wrap(bytes(size)), lambda: pauses.append(1), largest=1 << 20)
    assert len(pauses) == 4, "a quarter of it was expanded"
    assert len(unwrapped(wrap(bytes(size)), lambda: None, largest=size)) == size
