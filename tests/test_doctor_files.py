"""Databases."""

from pathlib import Path
from typing import Any

import pytest

from flowcoll import config
from flowcoll.doctor.files import DATABASE, databases
from flowcoll.doctor.findings import Verdict

GEO = Path(__file__).parent / "data/geo"
MAXMIND = "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_"
OK, WARN, FAIL, SKIP = Verdict
((_, _, judge_database),) = DATABASE
DAY = 86_400


def database(name: str, file: Path, now: float) -> Any:
    """What is found of a database at a time."""
    options = config.defaults(**{f"{MAXMIND}{name}_ENABLE": True, f"{MAXMIND}{name}_PATH": file})
    ((found_name, opened),) = databases(options, lambda: now).items()
    assert found_name == name
    return opened()


@pytest.mark.parametrize(("name", "file"), [("ASN", "GeoLite2-ASN-Test.mmdb"), ("GEOIP", "GeoLite2-City-Test.mmdb")])
def test_a_database_has_type_and_age(name: str, file: str) -> None:
    """Up to a month is young; one that is from the future is young too."""
    built = -database(name, GEO / file, 0).age_s
    assert built == 0
    now = 1_893_456_000.0
    age = database(name, GEO / file, now).age_s
    for days, verdict in ((29, OK), (31, WARN)):
        found = judge_database(database(name, GEO / file, now - age + days * DAY))
        assert (found.verdict, f"{days} d old" in found.text) == (verdict, True)


@pytest.mark.parametrize("file", ["none.mmdb", "libmaxminddb-corrupt-search-tree.mmdb", "GeoLite2-City-Test.mmdb"])
def test_a_database_that_does_not_do(file: str) -> None:
    """Missing, corrupt, or of another type."""
    found = judge_database(database("ASN", GEO / file, 0))
    assert found.verdict is FAIL
    assert file in found.text


def test_only_what_is_switched_on_is_opened() -> None:
    """By default nothing is."""
    assert databases(config.defaults(), lambda: 0.0) == {}
