import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowcoll.enrich.locality import parse
from flowcoll.errors import ConfigError
from flowcoll.threat.readers import COLUMNS, Entry, Refused, interval, read


def rows(tmp_path: Path, kind: str, octets: str | bytes) -> list[Entry | Refused]:
    path = tmp_path / "list"
    path.write_bytes(octets.encode() if isinstance(octets, str) else octets)
    return list(read("EF_X_PATH", path, kind))


def entry(first: str, last: str, prefix: str, *said: object) -> Entry:
    return Entry(parse(first), parse(last), prefix, *said)  # type: ignore[arg-type]


def test_plain(tmp_path: Path) -> None:
    """An address, a network or a range in each line; comments, blank lines, a BOM and CRLF do not count."""
    listed = rows(
        tmp_path,
        "plain",
        "\ufeff# a list\r\n\r\n8.8.8.8\r\n 9.9.9.0/24 ; SBL1\r\n9.9.9.129/24# bits beyond the length\n"
        "1.1.1.1 - 1.1.1.9\n1.1.1.0-1.1.1.255\n2a00::/32\n2a00::1-2a00::3\n::ffff:8.8.4.4\n;\n8.8.8.8:443\n[2a00::1]:443\n",
    )
    assert listed == [
        entry("8.8.8.8", "8.8.8.8", "8.8.8.8/32"),
        entry("9.9.9.0", "9.9.9.255", "9.9.9.0/24"),
        entry("9.9.9.0", "9.9.9.255", "9.9.9.0/24"),
        entry("1.1.1.1", "1.1.1.9", "1.1.1.1-1.1.1.9"),
        entry("1.1.1.0", "1.1.1.255", "1.1.1.0/24"),
        entry("2a00::", "2a00:0:ffff:ffff:ffff:ffff:ffff:ffff", "2a00::/32"),
        entry("2a00::1", "2a00::3", "2a00::1-2a00::3"),
        entry("8.8.4.4", "8.8.4.4", "8.8.4.4/32"),
        entry("8.8.8.8", "8.8.8.8", "8.8.8.8/32"),
        entry("2a00::1", "2a00::1", "2a00::1/128"),
    ]


@pytest.mark.parametrize(
    "row",
    [
        *("word", "1.2.3", "1.2.3.4/33", "1.2.3.9-1.2.3.4", "1.2.3.4-2a00::1", "1.2.3.4-", "-1.2.3.4", "1.2.3.4,x"),
        *("0.0.0.0/0", "::/0", "0.0.0.0-255.255.255.255", "<html>", "1.2.3.4:port", "\0"),
    ],
)
def test_a_bad_row_is_handed_on_with_its_line(tmp_path: Path, row: str) -> None:
    """A row without an address is refused with line and reason, and the next one is read; so is one that names everything."""
    listed = rows(tmp_path, "plain", f"# first\n{row}\n8.8.8.8\n")
    assert isinstance(listed[0], Refused)
    assert listed[0].line == 2
    assert listed[0].why
    assert listed[1] == entry("8.8.8.8", "8.8.8.8", "8.8.8.8/32")


@given(
    st.sampled_from([4, 16]).flatmap(
        lambda size: st.lists(st.binary(min_size=size, max_size=size), min_size=2, max_size=2)
    )
)
def test_any_range(ends: list[bytes]) -> None:
    """A range of any two addresses is read with exactly these ends, and its prefix says them again."""
    words = [str(ipaddress.ip_address(end)) for end in sorted(ends)]
    low, high, prefix = interval("-".join(words))
    assert (low, high) == (parse(words[0]), parse(words[1]))
    assert interval(prefix)[:2] == (low, high)


def test_csv(tmp_path: Path) -> None:
    """Columns are found by name; what a row does not say is empty."""
    listed = rows(
        tmp_path,
        "csv",
        '# made by hand\n"First Seen",IP-Address,Threat_Name,Feed,Confidence_Level,Description\n'
        '2026-01-01,8.8.8.8,"Botnet, C2",abc,75,"says ""hello"""\n\n2026-01-01,9.9.9.0/24,Scanner\n,1.1.1.1:80,,,high,\r\n',
    )
    assert listed == [
        entry("8.8.8.8", "8.8.8.8", "8.8.8.8/32", "Botnet, C2", "abc", 75, 'says "hello"'),
        entry("9.9.9.0", "9.9.9.255", "9.9.9.0/24", "Scanner"),
        entry("1.1.1.1", "1.1.1.1", "1.1.1.1/32", "", "", 85),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_of_ranges(tmp_path: Path, separator: str) -> None:
    """Two columns start and end are a range; comma, semicolon and tabulator separate."""
    listed = rows(tmp_path, "csv", "Start|End|Category\n1.1.1.0|1.1.1.255|Scanner\n".replace("|", separator))
    assert listed == [entry("1.1.1.0", "1.1.1.255", "1.1.1.0/24", "Scanner")]


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, names in COLUMNS.items() for name in names])
def test_every_name_of_a_column(tmp_path: Path, part: str, name: str) -> None:
    """A column is found under each of its names, in capitals, too."""
    cells = {"address": "8.8.8.8", "start": "8.8.8.8", "end": "8.8.8.8", "confidence": "30"}
    others = {"start": "end", "end": "start"}.get(part, "" if part == "address" else "ip")
    where = cells.get(others, "8.8.8.8")
    (found,) = rows(tmp_path, "csv", f"{name.upper()},{others}\n{cells.get(part, 'word')},{where}\n")
    assert isinstance(found, Entry)
    assert found.first == parse("8.8.8.8")
    said = {"label": found.label, "feed": found.feed, "description": found.description, "confidence": found.confidence}
    assert said.get(part) == {"confidence": 30}.get(part, "word" if part in said else None)


def test_the_first_of_several_names_counts(tmp_path: Path) -> None:
    """Where several columns would do, the one that stands first in COLUMNS is taken."""
    (found,) = rows(tmp_path, "csv", "type,threat,ip\nip,Botnet,8.8.8.8\n")
    assert isinstance(found, Entry)
    assert found.label == "Botnet"


@pytest.mark.parametrize(
    ("word", "value"), [("0", 0), ("100", 100), ("101", None), ("LOW", 15), ("?", None), ("", None)]
)
def test_confidence(tmp_path: Path, word: str, value: int | None) -> None:
    """Confidence is 0 to 100 or a word of ECS; anything else is as if it were not said."""
    (found,) = rows(tmp_path, "csv", f"ip,score\n8.8.8.8,{word}\n")
    assert isinstance(found, Entry)
    assert found.confidence == value


@pytest.mark.parametrize("octets", ["", "# nothing\n", "8.8.8.8\n9.9.9.9\n", "start,name\n1.1.1.1,x\n"])
def test_a_csv_without_addresses_is_refused(tmp_path: Path, octets: str) -> None:
    """A header that names no column of addresses is an error that says which names would do."""
    with pytest.raises(ConfigError, match=r"^EF_X_PATH: line \d+ of .*/list names no column of addresses; call one"):
        rows(tmp_path, "csv", octets)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """A path that cannot be read is an error that names option, path and reason."""
    with pytest.raises(ConfigError, match=r"^EF_X_PATH: cannot read .*/none \(No such file or directory\); give"):
        list(read("EF_X_PATH", tmp_path / "none", "plain"))
    with pytest.raises(ConfigError, match="Is a directory"):
        list(read("EF_X_PATH", tmp_path, "csv"))


@pytest.mark.parametrize("kind", ["plain", "csv"])
@given(octets=st.binary(max_size=200))
def test_any_octets(tmp_path_factory: pytest.TempPathFactory, kind: str, octets: bytes) -> None:
    """Whatever a file holds, it is entries, refused rows, or a ConfigError."""
    path = tmp_path_factory.getbasetemp() / f"any-{kind}"
    path.write_bytes((b"ip,name\n" if kind == "csv" else b"") + octets)
    for row in read("EF_X_PATH", path, kind):
        assert isinstance(row, Entry | Refused)
