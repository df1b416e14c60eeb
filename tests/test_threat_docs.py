"""docs/feeds.md: what it shows can be used as it is."""

import re
from pathlib import Path

import pytest

from flowcoll import config
from flowcoll.threat.keeping.feed import feeds_of
from flowcoll.threat.keeping.kinds import KINDS
from flowcoll.threat.reading.readers import read
from flowcoll.threat.showing.docs import examples, page

SECRETS = {"abuse.ch.key": "k3y", "partner.password": "s3cret", "partner.header": "Auth-Key: k3y"}


def test_every_kind_is_on_the_page() -> None:
    """Each kind has its line, and each feed its addresses, how often it may be asked, and its terms."""
    lines = page().splitlines()
    for kind in KINDS.values():
        first = next(line for line in lines if line.startswith(f"| `{kind.name}` |"))
        assert kind.about in first
        assert all(text in first for text in (*kind.urls, kind.rule, kind.licence))


@pytest.mark.parametrize("number", range(len(list(examples()))))
def test_an_example_can_be_used(tmp_path: Path, number: int) -> None:
    """A collector starts with every example; only files that it names are yours to write."""
    text = list(examples())[number]
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(secret + "\n")
        text = text.replace(f"/etc/flowcoll/{name}", str(tmp_path / name))
    file = tmp_path / "flowcoll.yml"
    file.write_text(text)
    options = config.load(file, {}, [], root=tmp_path)
    feeds = feeds_of(options)
    assert len(feeds) == text.count("_ENABLE: true")
    for feed in feeds:
        assert not any(secret in f"{feed}{[each.shown for each in feed.sources]}" for secret in ("k3y", "s3cret"))


def test_the_key_goes_into_the_address(tmp_path: Path) -> None:
    """ThreatFox's key is where its owner wants it, and nowhere else."""
    text = next(text for text in examples() if "THREATFOX" in text)
    key = tmp_path / "key"
    key.write_text("a/k3y\n")
    file = tmp_path / "flowcoll.yml"
    file.write_text(text.replace("/etc/flowcoll/abuse.ch.key", str(key)))
    (feed,) = feeds_of(config.load(file, {}, [], root=tmp_path))
    (source,) = feed.sources
    assert source.asked == "https://threatfox-api.abuse.ch/v2/files/exports/a%2Fk3y/recent.json"
    assert source.shown == "https://threatfox-api.abuse.ch/v2/files/exports/{password}/recent.json"
    assert feed.shortest_s == 300


def test_the_files_that_it_shows_can_be_read() -> None:
    """Each row of the examples of one's own files is an entry."""
    columns, tags = (text.encode() for text in re.findall(r"\n\n```\n(.*?)```", page(), re.DOTALL))
    assert [type(row).__name__ for row in read(columns, "csv")] == ["Entry"] * 2
    assert [type(row).__name__ for row in read(tags, "yaml")] == ["Entry"] * 2
    assert [type(row).__name__ for row in read(tags, "auto")] == ["Entry"] * 2
