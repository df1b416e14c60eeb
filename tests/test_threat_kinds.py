"""Kinds of lists: every row of the table can be carried out, and owners are known by their addresses."""

import re
from urllib.parse import urlsplit

import pytest

from flowcoll.errors import ListError
from flowcoll.options.names import meaning
from flowcoll.threat.keeping.kinds import KINDS, Kind, owner_of
from flowcoll.threat.reading.readers import read

MINE = "EF_PROCESSOR_ENRICH_IPADDR_THREAT_MINE_"


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_row_makes_sense(kind: Kind) -> None:
    """Addresses are https, an interval has a reason, a confidence is one, and a feed says under what licence it is."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", kind.name)
    assert all(urlsplit(url).scheme == "https" for url in kind.urls)
    assert kind.shortest_minutes >= 1
    assert bool(kind.urls) == bool(kind.rule) == bool(kind.licence)
    assert kind.confidence is None or 0 <= kind.confidence <= 100
    assert kind.about.endswith(".")
    assert not any("|" in text or "\n" in text for text in (kind.rule, kind.licence, kind.about, kind.label))


@pytest.mark.parametrize("form", sorted({kind.form for kind in KINDS.values()}))
def test_every_form_is_read(form: str) -> None:
    """A form that the table names is one that lists are read in; nonsense in it is an error, never another form."""
    try:
        rows = list(read(b"\x00\n", form))
    except ListError:
        rows = []
    assert all(type(row).__name__ == "Refused" for row in rows)


def test_a_type_is_a_row() -> None:
    """TYPE takes the names of the table, and no others."""
    known = meaning(MINE + "TYPE")
    assert known is not None
    assert known.option is not None
    assert [known.option.type.read(name) for name in KINDS] == list(KINDS)
    with pytest.raises(ValueError, match="one of auto, plain, csv"):
        known.option.type.read("urlhaus")


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.urls], ids=lambda kind: kind.name)
def test_an_owner_is_known_by_an_address(kind: Kind) -> None:
    """An owner's rule counts for its addresses, and for other lists in the same folder."""
    for url in kind.urls:
        assert owner_of(url) is kind
        assert owner_of(url.replace("https://", "HTTPS://") + "?x=1") is kind
        assert owner_of("https://mirror.example/" + url.rpartition("/")[2]) is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://spamhaus.org/drop/asndrop.json", "spamhaus_drop"),
        ("https://raw.githubusercontent.com/firehol/blocklist-ipsets/master/firehol_level2.netset", "firehol_level1"),
        ("https://raw.githubusercontent.com/somebody/list", ""),
        ("https://www.spamhaus.org", ""),
        ("http://127.0.0.1:1234/drop/x", ""),
    ],
)
def test_whose_a_list_is(url: str, name: str) -> None:
    """Host and first folder tell."""
    owner = owner_of(url)
    assert (owner.name if owner else "") == name
