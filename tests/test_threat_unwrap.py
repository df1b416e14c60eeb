"""The text of a list out of its wrapping."""

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest
import zstandard

from flowcoll.errors import ListError
from flowcoll.threat.reading.unwrap import unwrapped

TEXT = b"8.8.8.8\n" * 200_000
zstd = zstandard.ZstdCompressor(write_checksum=True).compress
SKIPPED = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
UNSIZED = zstandard.ZstdCompressor(write_content_size=False).compress(TEXT)
WIDE = zstandard.ZstdCompressor(
    compression_params=zstandard.ZstdCompressionParameters(window_log=28, write_content_size=False)
).compressobj()
TOO_WIDE = WIDE.compress(TEXT) + WIDE.flush()


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, octets in files.items():
            zipped.writestr(name.replace("_", "/"), octets)
    return packed.getvalue()


WRAPS: list[Callable[[bytes], bytes]] = [gzip.compress, lambda octets: archive(list=octets), zstd]


@pytest.mark.parametrize(
    "octets",
    [
        TEXT,
        b"\xef\xbb\xbf" + TEXT,
        gzip.compress(TEXT),
        gzip.compress(TEXT[:800]) + gzip.compress(TEXT[800:]),
        gzip.compress(b"\xef\xbb\xbf" + TEXT),
        gzip.compress(TEXT) + bytes(600),
        archive(folder_=b"", list=TEXT, other=b"x"),
        zstd(TEXT),
        UNSIZED,
        zstd(TEXT[:800]) + zstd(b"") + SKIPPED + zstd(TEXT[800:]),
    ],
    ids=["plain", "byte order mark", "gzip", "two members", "both", "padded", "zip", "zstd", "unsized", "three frames"],
)
def test_wrappings(octets: bytes) -> None:
    """However it is wrapped, the text is the same."""
    assert unwrapped(octets, lambda: None) == TEXT


def test_others_may_work_meanwhile() -> None:
    """A large text is expanded with pauses."""
    text = b"".join(b"%d\n" % (number * number) for number in range(200_000))
    for wrap in WRAPS:
        pauses: list[int] = []
        unwrapped(wrap(text), lambda: pauses.append(1))  # noqa: B023
        assert len(pauses) >= len(text) // 1_000_000, wrap


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (gzip.compress(TEXT)[:-200], "its gzip data end too early"),
        (gzip.compress(TEXT)[:-8] + b"xxxxxxxx", "its gzip data are wrong"),
        (b"\x1f\x8b\x08", "its gzip data end too early"),
        (archive(list=TEXT)[:-30], "its zip data are wrong"),
        (b"PK\x03\x04" + b"x" * 99, "its zip data are wrong"),
        (archive(folder_=b""), "is a zip archive without a file"),
        (gzip.compress(TEXT) + b"x", "its gzip data end too early"),
        (gzip.compress(TEXT) + b"xxx", "its gzip data are wrong"),
        (gzip.compress(b"") * 100_002, "is in more than 100,000 pieces of gzip; compress it as one"),
        (zstd(TEXT)[:-9], "its zstd data end too early"),
        (zstd(TEXT)[:-1] + b"x", "its zstd data are wrong"),
        (zstd(TEXT) + b"xxxxx", "its zstd data are wrong"),
        (zstd(TEXT) + zstd(TEXT)[:9], "its zstd data end too early"),
        (b"\x28\xb5\x2f\xfd", "its zstd data end too early"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 20, "its zstd data are wrong"),
        (TOO_WIDE, "or need more than 128 MiB to expand"),
        (zstd(b"") * 100_002, "is in more than 100,000 pieces of zstd; compress it as one"),
        (b"\n  <!DOCTYPE html><html>", "is an HTML or XML page, not a list"),
        (gzip.compress(b"<html>"), "is an HTML or XML page, not a list"),
    ],
    ids=range(19),
)
def test_what_is_no_list_is_refused(octets: bytes, words: str) -> None:
    """What is damaged, or a page for people, is an error that says so."""
    with pytest.raises(ListError) as caught:
        unwrapped(octets, lambda: None)
    assert words in str(caught.value)


def test_any_damage() -> None:
    """Any damage gives octets or a ListError."""
    for octets in (gzip.compress(TEXT[:800]), archive(list=TEXT[:800]), zstd(TEXT[:800]) + zstd(TEXT[:800])):
        for place in range(len(octets)):
            for damaged in (octets[:place], octets[:place] + b"\xff" + octets[place + 1 :]):
                try:
                    unwrapped(damaged, lambda: None)
                except ListError:
                    continue


@pytest.mark.parametrize("wrap", WRAPS, ids=["gzip", "zip", "zstd"])
def test_a_bomb_is_refused(wrap: Callable[[bytes], bytes]) -> None:
    """What would expand beyond the limit is refused before it has."""
    bomb = wrap(bytes(64 << 20))
    tracemalloc.start()
    with pytest.raises(ListError, match="has more than 1 MiB"):
        unwrapped(bomb, lambda: None, largest=1 << 20)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 24 << 20, "it was not expanded as a whole"
    size = 4 << 20
    assert len(unwrapped(wrap(bytes(size)), lambda: None, largest=size)) == size
