"""What is used of a list without a network."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from fakes.passivetotal import FORMS, data
from flowcoll.config import Options, defaults
from flowcoll.enrich.locality import parse
from flowcoll.errors import ConfigError
from flowcoll.logs import Log
from flowcoll.threat.feeds import copy_of, use_copy
from flowcoll.threat.last_good import LastGood, Meta
from flowcoll.threat.lists import Lists

OPTION = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"
URL = "https://x.example/list"
LISTED = parse("67.43.156.20")


def options(folder: Path | None, *, on: bool = True) -> Options:
    said: dict[str, Any] = {OPTION + "THREAT_ENABLE": on, OPTION + "THREAT_ENDPOINT": URL}
    return defaults(**said, EF_STATE_PATH=folder, **{OPTION + "API_USER": "jane", OPTION + "API_KEY": "k"})


def keep(folder: Path, octets: bytes, url: str = URL) -> None:
    copy = LastGood(folder / "threat", "riskiq")
    with copy.part() as part:
        part.write(octets)
        part.flush()
        copy.keep(Meta(url, len(octets), 1_750_000_000, 1_750_000_000, "", "", 5))


def used(options: Options) -> tuple[Lists, list[str]]:
    lists, stream = Lists({}), io.StringIO()
    use_copy(options, lists, Log(stream))
    return lists, [json.loads(line)["msg"] for line in stream.getvalue().splitlines()]


def test_what_is_off_is_not_read(tmp_path: Path) -> None:
    """A list that is not asked for is not used, copy or not."""
    keep(tmp_path, FORMS["array"](data("blocklist")))
    lists, told = used(options(tmp_path, on=False))
    assert (lists.listed(LISTED), told) == (False, [])


def test_a_copy_needs_a_place() -> None:
    """Without a directory for what is kept the list cannot be had, and that is told before anything starts."""
    with pytest.raises(ConfigError, match=r"^EF_STATE_PATH is empty; give a directory"):
        copy_of(options(None))


def test_the_copy_is_used_without_a_network(tmp_path: Path) -> None:
    """Where nothing is downloaded the last good copy serves, without a word."""
    keep(tmp_path, FORMS["array"](data("blocklist")))
    lists, told = used(options(tmp_path))
    assert (lists.listed(LISTED), told) == (True, [])


@pytest.mark.parametrize("other", ["", "https://y.example/list"])
def test_no_copy_is_one_notice(tmp_path: Path, other: str) -> None:
    """Without a copy from this address nothing is matched, and that is told once."""
    if other:
        keep(tmp_path, FORMS["array"](data("blocklist")), other)
    lists, (told,) = used(options(tmp_path))
    assert not lists.listed(LISTED)
    assert told.startswith(f"RiskIQ Threats: no copy in {tmp_path}/threat, so that nothing is matched")


@pytest.mark.parametrize("octets", [b"", b"<html>", b"word\n"])
def test_a_copy_that_is_no_list_is_one_notice(tmp_path: Path, octets: bytes) -> None:
    """A copy that cannot be used is told and stays where it is: reading captures changes nothing."""
    keep(tmp_path, octets)
    lists, (told,) = used(options(tmp_path))
    assert not lists.listed(LISTED)
    assert told.startswith(f"RiskIQ Threats: the last good copy in {tmp_path}/threat ")
    assert told.endswith("; nothing is matched against it")
    assert (tmp_path / "threat" / "riskiq.list").read_bytes() == octets


def test_a_copy_that_may_not_be_read_is_one_notice(tmp_path: Path) -> None:
    """A copy that cannot be opened is told with the reason."""
    (tmp_path / "threat" / "riskiq.json").mkdir(parents=True)
    _, (told,) = used(options(tmp_path))
    assert told == f"RiskIQ Threats: the last good copy in {tmp_path}/threat cannot be read (Is a directory)"
